//! Why a component ended, with advice.
//!
//! Failed requests and sends have types of their own. No error text contains the secret.

use std::fmt;

use crate::config::ConfigError;

mod snippet;
mod rejected;
mod software;
mod unreachable;

pub use rejected::{Reason, Rejected};
pub use snippet::{ejabberd_snippet, prosody_snippet};
pub use software::Software;
pub use unreachable::{Trouble, Unreachable};

/// Why `run` ended.
///
/// The first line of the text says what happened; further lines, if any, what to change, in the
/// syntax of the server's own configuration.
///
/// # Examples
///
/// ```
/// use couplet::config::Server;
/// use couplet::error::{Error, Rejected};
///
/// let rejected = Rejected::new("echo.localhost", Server::default(), "host-unknown", None);
/// let error = Error::from(rejected);
/// assert_eq!(
///     error.to_string().lines().next(),
///     Some(
///         "the server at localhost:5347 rejected echo.localhost: \
///          the server knows no component of this name (host-unknown)"
///     ),
/// );
/// assert_eq!(error.exit_code(), 2);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The configuration, or a file that it names, cannot be used.
    Config(ConfigError),
    /// The server rejected the first login.
    Rejected(Box<Rejected>),
    /// The server gave the domain to another instance.
    Replaced {
        /// The domain, which the other instance serves now.
        domain: String,
        /// The text of the stream error.
        text: Option<String>,
    },
    /// The server was unreachable for longer than the program retries.
    Unreachable(Box<Unreachable>),
    /// The server does not follow XEP-0114.
    Protocol(String),
    /// An operating system error.
    Io {
        /// The operation that failed.
        doing: String,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The program uses Couplet in a way that cannot work.
    Misuse(String),
    /// An error of the program or one of its extensions; see [`Error::app`].
    App(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps the program's own error, so that a function which returns `couplet::Error` can return it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Error;
    ///
    /// fn rooms() -> Result<String, Error> {
    ///     std::fs::read_to_string("/no/such/file").map_err(Error::app)
    /// }
    /// assert!(matches!(rooms(), Err(Error::App(_))));
    /// ```
    pub fn app(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::App(error.into())
    }

    /// Returns the exit code for a program that ends with this error.
    ///
    /// | code | when | what a supervisor should do |
    /// |---|---|---|
    /// | 2 | [`Error::Config`], [`Error::Rejected`], [`Error::Misuse`] | not restart: the configuration or the program must change |
    /// | 3 | [`Error::Replaced`] | not restart: another instance serves the domain |
    /// | 1 | every other error | restart |
    ///
    /// # Examples
    ///
    /// ```
    /// let error = couplet::error::Error::Replaced { domain: "echo.localhost".into(), text: None };
    /// assert_eq!(error.exit_code(), 3);
    /// ```
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Config(_) | Error::Rejected(_) | Error::Misuse(_) => 2,
            Error::Replaced { .. } => 3,
            Error::Unreachable(_) | Error::Protocol(_) | Error::Io { .. } | Error::App(_) => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(error) => error.fmt(f),
            Error::Rejected(rejected) => rejected.fmt(f),
            Error::Replaced { domain, text } => {
                write!(f, "another connection took {domain} over (conflict")?;
                if let Some(text) = text {
                    write!(f, ": {}", printable(text))?;
                }
                f.write_str(
                    ")\n  Prosody gives a domain to one connection only. Run one instance of this \
                     component,\n  or let the older one keep its place: \
                     component_conflict_resolve = \"kick_new\"",
                )
            }
            Error::Unreachable(unreachable) => unreachable.fmt(f),
            Error::Protocol(what) => write!(f, "the server does not speak XEP-0114: {what}"),
            Error::Io { doing, cause } => write!(f, "{doing}: {cause}"),
            Error::Misuse(what) => f.write_str(what),
            Error::App(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The texts of these variants are those of the wrapped errors; the source is the next
            // in the chain.
            Error::Config(error) => error.source(),
            Error::App(error) => error.source(),
            Error::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Error {
        Error::Config(error)
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Error {
        Error::Rejected(Box::new(rejected))
    }
}

impl From<Unreachable> for Error {
    fn from(unreachable: Unreachable) -> Error {
        Error::Unreachable(Box::new(unreachable))
    }
}

/// Returns the server's text without characters that a terminal would interpret.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::Error;
    use crate::config::Sources;

    #[test]
    fn every_end_has_its_exit_code_and_its_words() {
        let config = Sources::none().load().unwrap_err();
        let cause = std::io::Error::other("no space");
        for (error, code, line) in [
            (Error::from(config), 2, "domain is not set"),
            (
                Error::Replaced {
                    domain: "echo.localhost".to_owned(),
                    text: Some("Replaced by a new connection\x1b[2J".to_owned()),
                },
                3,
                "another connection took echo.localhost over (conflict: Replaced by a new connection[2J)",
            ),
            (
                Error::Protocol("no stream header".to_owned()),
                1,
                "the server does not speak XEP-0114: no stream header",
            ),
            (
                Error::Io {
                    doing: "writing the log".to_owned(),
                    cause,
                },
                1,
                "writing the log: no space",
            ),
            (Error::Misuse("no handler".to_owned()), 2, "no handler"),
        ] {
            assert_eq!(error.to_string().lines().next(), Some(line));
            assert_eq!(error.exit_code(), code);
        }
    }
}
