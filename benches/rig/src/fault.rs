//! Why a run does not count.
//! One text, because nobody decides by it: it is printed beside the run and the rig exits with 1.

use std::fmt;
use std::io;

/// What went wrong in a run, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Fault {
        Fault(text.into())
    }

    /// A fault about bytes that came from the component, quoted as far as a line shows them.
    pub(crate) fn quoting(text: &str, bytes: &[u8]) -> Fault {
        let shown = bytes.get(..300).unwrap_or(bytes);
        Fault(format!("{text}: {}", String::from_utf8_lossy(shown)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault(format!("the component's stream: {error}"))
    }
}
