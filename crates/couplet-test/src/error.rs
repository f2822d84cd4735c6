//! [`TestServerError`] and [`ClientError`]: why a server or its user failed, and what to do about it.
//!
//! Deliberately absent: errors of the component under test. Those are its own.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long a user waits for anything.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why a real server could not be started, stopped or asked for something.
///
/// Its text names what to do (which package to install, say) and ends with the last lines of the
/// server's own log, so that a failure in a place nobody can log in to still explains itself.
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
    /// The server's program is not on this machine.
    Missing {
        /// The program that was looked for on `PATH`.
        program: &'static str,
        /// The Debian package that contains it.
        package: &'static str,
    },
    /// The root directory with the servers of Debian 13 is not there, or not complete.
    NoRoot {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file or a process of the server could not be made.
    Io {
        /// What was being done.
        doing: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The server ended although nobody asked it to.
    Ended {
        /// Which server.
        server: &'static str,
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not do what it was asked for in time.
    TooSlow {
        /// Which server.
        server: &'static str,
        /// What was waited for.
        awaiting: &'static str,
        /// How long.
        waited: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// Somebody else listens on one of the ports chosen for the server.
    PortTaken {
        /// Which server.
        server: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// A user could not be registered or logged in.
    User(ClientError),
}

/// Why a [`Client`](crate::Client) could not do what it was asked for.
///
/// # Examples
///
/// ```
/// let error = couplet_test::ClientError::Silent { awaiting: "the stream header" };
/// assert!(error.to_string().contains("the stream header"));
/// ```
#[non_exhaustive]
pub enum ClientError {
    /// The connection could not be made or broke.
    Io(io::Error),
    /// The server closed the stream; the last thing it said, if anything.
    Ended {
        /// The stream error, or nothing.
        last_words: String,
    },
    /// The server said something else than the login needs.
    Refused {
        /// What was asked for.
        asked: &'static str,
        /// What it said.
        answer: String,
    },
    /// The server did not answer a login step in time.
    Silent {
        /// What was waited for.
        awaiting: &'static str,
    },
    /// The server wrote something that is no XML stream.
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
                write!(out, "the server closed the user's stream without a word")
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
            Self::Malformed(what) => write!(out, "the server wrote no XML stream: {what}"),
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

// A test that returns an error prints its Debug form: a log in one escaped line helps nobody.
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

/// Says what was being done when the operating system refused.
pub(crate) fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> TestServerError {
    let doing = what.into();
    move |source| TestServerError::Io { doing, source }
}
