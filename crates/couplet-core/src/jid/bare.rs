//! Addresses without a resource.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{InvalidJid, Jid};

/// A [`Jid`] without a resource: an account, a room, or a domain. (RFC 7622, 3.1)
///
/// It has all methods of [`Jid`] and compares like one.
///
/// # Examples
///
/// ```
/// use couplet_core::jid::{BareJid, Jid};
///
/// let alice = BareJid::new("alice@example.org")?;
/// assert_eq!(Jid::new("Alice@example.org/phone")?.to_bare(), alice);
/// assert_eq!(alice.with_resource("tablet")?.as_str(), "alice@example.org/tablet");
/// # Ok::<(), couplet_core::jid::InvalidJid>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BareJid(pub(super) Jid);

impl BareJid {
    /// Reads an address that has no resource.
    ///
    /// # Errors
    ///
    /// The errors of [`Jid::new`], and [`InvalidJid::Resource`] if there is a resource.
    pub fn new(text: &str) -> Result<BareJid, InvalidJid> {
        let jid = Jid::new(text)?;
        if jid.is_bare() {
            Ok(BareJid(jid))
        } else {
            Err(InvalidJid::Resource)
        }
    }

    /// Returns the form to store addresses in that are later written to; see [`Jid::normalized`].
    #[must_use]
    pub fn normalized(&self) -> BareJid {
        BareJid(self.0.normalized())
    }

    /// Returns this address with a resource.
    ///
    /// # Errors
    ///
    /// The resource is empty, too long, or contains a control character.
    pub fn with_resource(&self, resource: &str) -> Result<Jid, InvalidJid> {
        Jid::new(&[self.as_str(), "/", resource].concat())
    }
}

impl Deref for BareJid {
    type Target = Jid;

    fn deref(&self) -> &Jid {
        &self.0
    }
}

impl Borrow<Jid> for BareJid {
    fn borrow(&self) -> &Jid {
        &self.0
    }
}

impl From<BareJid> for Jid {
    fn from(bare: BareJid) -> Jid {
        bare.0
    }
}

impl PartialEq<Jid> for BareJid {
    fn eq(&self, other: &Jid) -> bool {
        self.0 == *other
    }
}

impl PartialEq<BareJid> for Jid {
    fn eq(&self, other: &BareJid) -> bool {
        *self == other.0
    }
}

impl fmt::Display for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BareJid").field(&self.as_str()).finish()
    }
}

impl FromStr for BareJid {
    type Err = InvalidJid;

    fn from_str(text: &str) -> Result<BareJid, InvalidJid> {
        BareJid::new(text)
    }
}

impl From<&::jid::BareJid> for BareJid {
    fn from(other: &::jid::BareJid) -> BareJid {
        let jid: &::jid::Jid = other;
        Jid::from(jid).to_bare()
    }
}

impl From<::jid::BareJid> for BareJid {
    fn from(other: ::jid::BareJid) -> BareJid {
        BareJid::from(&other)
    }
}

/// Normalises with stringprep. Fails for addresses that the crate `jid` cannot represent.
impl TryFrom<&BareJid> for ::jid::BareJid {
    type Error = ::jid::Error;

    fn try_from(jid: &BareJid) -> Result<::jid::BareJid, ::jid::Error> {
        ::jid::BareJid::new(jid.as_str())
    }
}

impl Serialize for BareJid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for BareJid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<BareJid, D::Error> {
        let text = String::deserialize(from)?;
        BareJid::new(&text).map_err(de::Error::custom)
    }
}
