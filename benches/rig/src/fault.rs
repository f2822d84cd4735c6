//! Why a run does not count, as a text to print. The variant only distinguishes a wrong component
//! from a slow one.

use std::fmt;
use std::io;

/// Why a run does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A lost, duplicated or wrong response; a component that ended; a wrong setting.
    Wrong(String),
    /// A correct component that is slower than required.
    TooSlow(String),
}

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Fault {
        Fault::Wrong(text.into())
    }

    /// Creates a fault about bytes from the component, quoted up to the length of a line.
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
