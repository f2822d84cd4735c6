//! Why a command ends badly: words for a person and a code for a script.
//!
//! Deliberately absent: a backtrace or the names of our types, which tell a person nothing.

use std::fmt;
use std::process::ExitCode;

use couplet::config::ConfigError;
use couplet_test::TestServerError;

/// The words and the code.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// What was wanted did not happen.
    pub(crate) fn new(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            code: 1,
        }
    }

    /// What was asked for makes no sense: a person has to change it.
    pub(crate) fn misuse(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            code: 2,
        }
    }

    /// A signal came first. By convention 128 and the number of SIGINT.
    pub(crate) fn interrupted() -> Failure {
        Failure {
            text: "interrupted".to_owned(),
            code: 130,
        }
    }

    /// Everything has been said already; only the code is left.
    pub(crate) fn told(code: u8) -> Failure {
        Failure {
            text: String::new(),
            code,
        }
    }

    /// Whether there are words to be said.
    pub(crate) fn is_untold(&self) -> bool {
        !self.text.is_empty()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<couplet::Error> for Failure {
    fn from(error: couplet::Error) -> Failure {
        Failure {
            text: error.to_string(),
            code: error.exit_code(),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        couplet::Error::from(error).into()
    }
}

impl From<TestServerError> for Failure {
    fn from(error: TestServerError) -> Failure {
        match error {
            TestServerError::Missing { program, package } => Failure::misuse(format!(
                "{program} is not installed. On Debian and Ubuntu:\n\n    \
                 apt-get install {package}\n\n  \
                 On other systems install the package {package} so that {program} is on PATH. \
                 The script\n  deploy/quickstart.sh of the repository does this where it can."
            )),
            error => Failure::new(error.to_string()),
        }
    }
}

/// Says what was being done when the operating system refused.
pub(crate) fn doing(what: &str) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Failure::new(format!("{what}: {error}"))
}
