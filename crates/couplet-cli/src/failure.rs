//! [`Failure`]: why a command failed, as text for the user and as an exit code for scripts.
//!
//! The text contains no backtraces and no names of types.

use std::fmt;
use std::process::ExitCode;

use couplet::config::ConfigError;
use couplet_test::TestServerError;

/// An error text and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// Creates a failure of the command's operation.
    pub(crate) fn new(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            code: 1,
        }
    }

    /// Creates a failure due to the arguments or the configuration, which the user has to change.
    pub(crate) fn misuse(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            code: 2,
        }
    }

    /// Creates the failure for a signal. The code is 128 plus the number of SIGINT, as in shells.
    pub(crate) fn interrupted() -> Failure {
        Failure {
            text: "interrupted".to_owned(),
            code: 130,
        }
    }

    /// Creates a failure whose reason the command has printed already.
    pub(crate) fn already_reported(code: u8) -> Failure {
        Failure {
            text: String::new(),
            code,
        }
    }

    /// Returns whether the text is still to be printed.
    pub(crate) fn has_text(&self) -> bool {
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

/// Adds to an I/O error what the command was doing.
pub(crate) fn context(what: &str) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Failure::new(format!("{what}: {error}"))
}
