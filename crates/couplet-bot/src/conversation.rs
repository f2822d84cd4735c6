//! [`Conversation`]: what state, jobs and order belong to.

use std::fmt;

use couplet::{BareJid, InvalidJid, Jid};

use crate::table::Cell;

/// A conversation of a bot: with one person, on all of that person's devices.
///
/// State and jobs belong to a conversation, and its turns run in order.
///
/// # Examples
///
/// ```
/// use couplet_bot::Conversation;
///
/// let phone = Conversation::with(&"alice@example.org/phone".parse()?);
/// assert_eq!(phone, Conversation::with(&"alice@example.org/desk".parse()?));
/// assert_eq!(phone.to_string(), "alice@example.org");
/// # Ok::<(), couplet::InvalidJid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conversation(BareJid);

impl Conversation {
    /// Returns the conversation with a person.
    #[must_use]
    pub fn with(person: &Jid) -> Conversation {
        Conversation(person.to_bare())
    }

    /// Returns the address that messages of this conversation go to.
    #[must_use]
    pub fn address(&self) -> &BareJid {
        &self.0
    }

    /// Returns the key in the store: equal for all spellings of an address.
    pub(crate) fn key(&self) -> String {
        format!("{PERSON}{}", self.0.prepared())
    }

    /// Returns the conversation with this key in the store.
    pub(crate) fn of_key(key: &str) -> Result<Conversation, InvalidJid> {
        BareJid::new(key.strip_prefix(PERSON).unwrap_or(key)).map(Conversation)
    }
}

/// The kind of a key, for other kinds to come: rooms, and persons in a room.
const PERSON: &str = "person:";

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Cell for Conversation {
    fn cell(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_back_to_its_conversation() {
        let alice = Conversation::with(&"Alice@Example.org/phone".parse().unwrap());
        assert_eq!(alice.key(), "person:alice@example.org");
        assert_eq!(Conversation::of_key(&alice.key()).unwrap(), alice);
    }
}
