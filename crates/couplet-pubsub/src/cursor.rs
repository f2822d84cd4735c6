//! A position in the subscriptions to a node.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The key of a subscription, or the position before or after it: subscriptions are ordered by JID,
/// then subid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) jid: String,
    pub(crate) subid: String,
}

impl Cursor {
    /// Parses what `Display` writes. A subid has no space in it.
    pub(crate) fn parse(text: &str) -> Option<Cursor> {
        let (subid, jid) = text.split_once(' ')?;
        Some(Cursor {
            jid: jid.to_owned(),
            subid: subid.to_owned(),
        })
    }
}

/// Writes the cursor as in a page. (XEP-0059)
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subid, self.jid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor {
            jid: "a@b/with a space".to_owned(),
            subid: "7".to_owned(),
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        assert_eq!(Cursor::parse("7"), None);
    }
}
