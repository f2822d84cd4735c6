//! [`AddressList`]: who is meant, by address or domain.

use std::str::FromStr;

use couplet::{BareJid, Jid};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Persons and domains; `*` means everyone.
///
/// # Examples
///
/// ```
/// use couplet_bot::settings::AddressList;
///
/// let admins: AddressList = ["alice@example.org", "ops.example.org"].map(|one| one.parse().unwrap()).into();
/// assert!(admins.contains(&"alice@example.org/phone".parse()?));
/// assert!(admins.contains(&"bob@ops.example.org".parse()?));
/// assert!(!admins.contains(&"bob@example.org".parse()?));
/// # Ok::<(), couplet::InvalidJid>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct AddressList(Vec<Entry>);

/// One entry of an [`AddressList`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Everyone, written `*`.
    Everyone,
    /// A person, or everyone of a domain.
    Address(BareJid),
}

impl AddressList {
    /// Returns a list of everyone.
    #[must_use]
    pub fn everyone() -> AddressList {
        AddressList(vec![Entry::Everyone])
    }

    /// Returns whether an address is of the list.
    #[must_use]
    pub fn contains(&self, jid: &Jid) -> bool {
        let [person, domain] = [jid.to_bare(), jid.to_domain()];
        self.0.iter().any(|entry| match entry {
            Entry::Everyone => true,
            Entry::Address(listed) => *listed == person || *listed == domain,
        })
    }
}

impl<const N: usize> From<[Entry; N]> for AddressList {
    fn from(entries: [Entry; N]) -> AddressList {
        AddressList(entries.into())
    }
}

impl FromStr for Entry {
    type Err = couplet::InvalidJid;

    fn from_str(text: &str) -> Result<Entry, couplet::InvalidJid> {
        match text {
            "*" => Ok(Entry::Everyone),
            _ => BareJid::new(text).map(Entry::Address),
        }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Entry::Everyone => to.serialize_str("*"),
            Entry::Address(jid) => jid.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Entry, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|why| {
            D::Error::custom(format_args!(
                "{text:?} is neither \"*\" nor an address or a domain: {why}"
            ))
        })
    }
}
