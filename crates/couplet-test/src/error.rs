//! [`TestServerError`] and [`ClientError`]: why a server or its user failed, and what to do.
//!
//! Errors of the component under test are [`couplet::Error`].

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Timeout of a user's steps.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why a real server could not be started, stopped or used.
///
/// The text says what to do (for example which package to install) and ends with the last lines of
/// the server's own log, so that a failure in CI can be understood.
///
/// # Examples
///
/// ```
/// use couplet_test::TestServerError;
///
/// let error = TestServerError::Missing { program: "prosody", package: "prosody" };
/// assert!(error.to_string().contains("apt-get install prosody"));
/// ```
#[non_exhaustive]
pub enum TestServerError {
    /// The server's program is not installed.
    Missing {
        /// The program, which is not on `PATH`.
        program: &'static str,
        /// The Debian package that contains it.
        package: &'static str,
    },
    /// The root directory with the servers of Debian 13 is missing or incomplete.
    NoRoot {
        /// The path of the root directory.
        path: PathBuf,
    },
    /// A file or a process of the server could not be created.
    Io {
        /// The operation that failed.
        doing: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The server ended unexpectedly.
    Ended {
        /// The server.
        server: &'static str,
        /// Its exit status.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not complete an operation in time.
    TooSlow {
        /// The server.
        server: &'static str,
        /// The operation.
        awaiting: &'static str,
        /// The time limit.
        waited: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// Another program listens on one of the ports chosen for the server.
    PortTaken {
        /// The server.
        server: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// A user could not be registered or logged in.
    User(ClientError),
}

/// Why a [`Client`](crate::Client) failed.
///
/// # Examples
///
/// ```
/// let error = couplet_test::ClientError::Silent { awaiting: "the stream header" };
/// assert!(error.to_string().contains("the stream header"));
/// ```
#[non_exhaustive]
pub enum ClientError {
    /// The connection could not be opened, or failed.
    Io(io::Error),
    /// The server closed the stream.
    Ended {
        /// The stream error, or nothing.
        last_words: String,
    },
    /// The server rejected a step of the login.
    Refused {
        /// The step.
        asked: &'static str,
        /// The server's answer.
        answer: String,
    },
    /// The server did not answer a step of the login in time.
    Silent {
        /// The step.
        awaiting: &'static str,
    },
    /// The server sent malformed XML.
    Malformed(String),
}

impl fmt::Display for TestServerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { program, package } => write!(
                out,
                "the program `{program}` is not installed: run tests/install.sh, or install its \
                 package yourself (Debian, Ubuntu: apt-get install {package})"
            ),
            Self::NoRoot { path } => write!(
                out,
                "no root directory with the servers of Debian 13 at {}: run tests/debian13.sh, which \
                 makes it there once; the environment variable COUPLET_TRIXIE names another place",
                path.display()
            ),
            Self::Io { doing, source } => write!(out, "{doing}: {source}"),
            Self::Ended {
                server,
                status,
                log,
            } => write!(
                out,
                "{server} ended by itself ({status}); look for the first error in its log:\n{log}"
            ),
            Self::TooSlow {
                server,
                awaiting,
                waited,
                log,
            } => write!(
                out,
                "{server}: {awaiting} took more than {} s; if the machine is not merely \
                 overloaded, its log says why:\n{log}",
                waited.as_secs()
            ),
            Self::PortTaken { server, log } => write!(
                out,
                "{server} could not listen: another program took its port meanwhile; start the \
                 server again. Its log:\n{log}"
            ),
            Self::User(error) => write!(out, "{error}"),
        }
    }
}

impl std::error::Error for TestServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::User(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(out, "the user's connection: {error}"),
            Self::Ended { last_words } if last_words.is_empty() => {
                write!(out, "the server closed the user's stream without an error")
            }
            Self::Ended { last_words } => {
                write!(out, "the server closed the user's stream: {last_words}")
            }
            Self::Refused { asked, answer } => {
                write!(
                    out,
                    "the user asked for {asked}, and the server answered: {answer}"
                )
            }
            Self::Silent { awaiting } => {
                write!(
                    out,
                    "the user waited {} s for {awaiting}",
                    ANSWER_WITHIN.as_secs()
                )
            }
            Self::Malformed(what) => write!(out, "the server sent malformed XML: {what}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

// A test that returns an error prints its Debug form, which must show the log in several lines.
impl fmt::Debug for TestServerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Adds the operation to an error of the operating system.
pub(crate) fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> TestServerError {
    let doing = what.into();
    move |source| TestServerError::Io { doing, source }
}
