//! Why a run does not count.
//! A text in words, because it is printed beside the run; what decides is only whether the
//! component was wrong or merely too slow.

use std::fmt;
use std::io;

/// What went wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An answer lost, doubled, or not the right one; a component that ended; a wrong setting.
    Wrong(String),
    /// Nothing wrong, but less than was asked of it.
    TooSlow(String),
}

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Fault {
        Fault::Wrong(text.into())
    }

    /// Creates a fault about bytes that came from the component, quoted as far as a line shows
    /// them.
    pub(crate) fn quoting(text: &str, bytes: &[u8]) -> Fault {
        let shown = bytes.get(..300).unwrap_or(bytes);
        Fault::Wrong(format!("{text}: {}", String::from_utf8_lossy(shown)))
    }

    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self, Fault::Wrong(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Wrong(text) => write!(f, "FAILED: {text}"),
            Fault::TooSlow(text) => write!(f, "too slow: {text}"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Wrong(format!("the component's stream: {error}"))
    }
}
