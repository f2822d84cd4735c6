//! JIDs: the text as received, and the prepared form for comparisons. (RFC 7622)
//!
//! Received addresses are never rewritten. The server has checked and normalised every address that
//! reaches a component; sending it as prepared with different tables would misroute stanzas. The
//! prepared form is only used to compare.

mod bare;
mod parse;
mod prepare;

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    num::NonZeroU16,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use bare::BareJid;
pub use parse::InvalidJid;
pub use prepare::{dns_name, hosted_domain};

pub(crate) use parse::{bare_of, domain_of, plain_domain};

/// An XMPP address: `localpart@domain/resource`, where only the domain is required. (RFC 7622)
///
/// It keeps exactly the characters it was made from: [`as_str`](Jid::as_str) and `Display` return
/// them, and the stream writer sends them. Equality, order and hash use the
/// [`prepared`](Jid::prepared) form instead, so that `Alice@Example.org` equals
/// `alice@example.org`, and `ツ.example` equals `xn--bdk.example`.
///
/// Any address that a server delivers can be read, including one with letters or emoji that the
/// tables here do not contain. [`InvalidJid`] lists what is rejected.
///
/// # Relation to the crate `jid`
///
/// Payloads of `xmpp-parsers` contain addresses of the type `jid::Jid`. Those are normalised with
/// stringprep, the predecessor of RFC 7622: an emoji in a localpart or resource, for example, makes
/// such a payload unreadable. `From` converts such an address to this type, `TryFrom` to that one.
///
/// # Examples
///
/// ```
/// use couplet_core::jid::Jid;
///
/// let jid = Jid::new("room@chat.example.org/🐎")?;
/// assert_eq!(jid.node(), Some("room"));
/// assert_eq!(jid.domain(), "chat.example.org");
/// assert_eq!(jid.resource(), Some("🐎"));
///
/// let typed = Jid::new("Room@CHAT.example.org/🐎")?;
/// assert_eq!(typed, jid);
/// assert_eq!(typed.as_str(), "Room@CHAT.example.org/🐎");
/// # Ok::<(), couplet_core::jid::InvalidJid>(())
/// ```
#[derive(Clone)]
pub struct Jid {
    text: Box<str>,
    /// The prepared form, if it differs from the text.
    prepared: Option<Box<str>>,
    at: Option<NonZeroU16>,
    slash: Option<NonZeroU16>,
}

impl Jid {
    /// Reads an address and keeps its characters.
    ///
    /// # Errors
    ///
    /// [`InvalidJid`] names the part that is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::jid::{InvalidJid, Jid};
    ///
    /// assert!(Jid::new("alice@my--app.example/Anna's iPhone 😀").is_ok());
    /// assert_eq!(Jid::new("@example.org"), Err(InvalidJid::EmptyLocalpart));
    /// ```
    pub fn new(text: &str) -> Result<Jid, InvalidJid> {
        if let Some((start, end)) = plain_domain(text) {
            return Ok(Jid::plain(text, start, end));
        }
        let parts = parse::parts(text)?;
        let prepared = prepare::prepare(parts);
        Ok(Jid {
            at: parts.at(),
            slash: parts.slash(),
            prepared: (prepared != text).then(|| prepared.into()),
            text: text.into(),
        })
    }

    /// Creates an address that equals its prepared form and whose domain is at this range.
    pub(crate) fn plain(text: &str, domain_start: usize, domain_end: usize) -> Jid {
        Jid {
            at: parse::offset(domain_start.saturating_sub(1)),
            slash: parse::offset(domain_end).filter(|_| domain_end < text.len()),
            prepared: None,
            text: text.into(),
        }
    }

    /// Returns the characters that the address was made from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the form used for comparisons: the localpart by the profile UsernameCaseMapped and
    /// the resource by OpaqueString (RFC 8265), the domain in lower case with U-labels (RFC 5890).
    ///
    /// A part that its profile rejects is returned as received. Use this form as a key, for example
    /// in a database; send [`as_str`](Jid::as_str).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::jid::Jid;
    ///
    /// let jid = Jid::new("Alice@XN--bdk.Example/Phone")?;
    /// assert_eq!(jid.prepared(), "alice@ツ.example/Phone");
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    #[must_use]
    pub fn prepared(&self) -> &str {
        self.prepared.as_deref().unwrap_or(&self.text)
    }

    /// Returns the form to store addresses in that are later written to: prepared, except that
    /// A-labels stay.
    ///
    /// Servers compare their own domains letter by letter: a server whose domain is
    /// `xn--bdk.example` does not receive what is sent to `ツ.example`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::jid::Jid;
    ///
    /// let jid = Jid::new("Alice@XN--bdk.Example/Phone")?;
    /// assert_eq!(jid.normalized().as_str(), "alice@xn--bdk.example/Phone");
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    #[must_use]
    pub fn normalized(&self) -> Jid {
        let text = match prepare::a_labels(self.domain()) {
            Some(domain) => parse::with_domain(self.prepared(), &domain),
            None => self.prepared().to_owned(),
        };
        // Preparing can produce an address that is not valid; the address is then returned
        // unchanged.
        Jid::new(&text).unwrap_or_else(|_| self.clone())
    }

    /// Returns the localpart, the text before the `@`. (RFC 7622, 3.3)
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.text.get(..usize::from(self.at?.get()))
    }

    /// Returns the domain as received. (RFC 7622, 3.2)
    ///
    /// To compare the domains of two addresses, compare the values of
    /// [`to_domain`](Jid::to_domain).
    #[must_use]
    pub fn domain(&self) -> &str {
        let start = self.at.map_or(0, |at| usize::from(at.get()) + 1);
        self.text.get(start..self.bare_length()).unwrap_or_default()
    }

    /// Returns the resource, the text after the first `/`. (RFC 7622, 3.4)
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.text.get(usize::from(self.slash?.get()) + 1..)
    }

    /// Returns whether the address has no resource.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.slash.is_none()
    }

    /// Returns the address without its resource.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::jid::Jid;
    ///
    /// assert_eq!(Jid::new("a@example.org/b/c")?.to_bare().as_str(), "a@example.org");
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    #[must_use]
    pub fn to_bare(&self) -> BareJid {
        let text = self.text.get(..self.bare_length()).unwrap_or_default();
        let prepared = bare_of(self.prepared());
        BareJid(Jid {
            prepared: (prepared != text).then(|| prepared.into()),
            text: text.into(),
            at: self.at,
            slash: None,
        })
    }

    /// Returns the domain as an address.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::jid::Jid;
    ///
    /// let (one, other) = (Jid::new("a@ツ.example")?, Jid::new("b@xn--bdk.example/c")?);
    /// assert_eq!(one.to_domain().as_str(), "ツ.example");
    /// assert_eq!(one.to_domain(), other.to_domain());
    /// # Ok::<(), couplet_core::jid::InvalidJid>(())
    /// ```
    #[must_use]
    pub fn to_domain(&self) -> BareJid {
        let (text, prepared) = (self.domain(), self.prepared_domain());
        BareJid(Jid {
            prepared: (prepared != text).then(|| prepared.into()),
            text: text.into(),
            at: None,
            slash: None,
        })
    }

    /// Returns the domain in prepared form.
    pub(crate) fn prepared_domain(&self) -> &str {
        domain_of(self.prepared())
    }

    fn bare_length(&self) -> usize {
        self.slash
            .map_or(self.text.len(), |slash| usize::from(slash.get()))
    }
}

impl PartialEq for Jid {
    fn eq(&self, other: &Jid) -> bool {
        self.prepared() == other.prepared()
    }
}

impl Eq for Jid {}

impl PartialOrd for Jid {
    fn partial_cmp(&self, other: &Jid) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Jid {
    fn cmp(&self, other: &Jid) -> Ordering {
        self.prepared().cmp(other.prepared())
    }
}

impl Hash for Jid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.prepared().hash(state);
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jid").field(&self.text).finish()
    }
}

impl FromStr for Jid {
    type Err = InvalidJid;

    fn from_str(text: &str) -> Result<Jid, InvalidJid> {
        Jid::new(text)
    }
}

impl From<::jid::Jid> for Jid {
    fn from(other: ::jid::Jid) -> Jid {
        Jid::from(&other)
    }
}

impl From<&::jid::Jid> for Jid {
    fn from(other: &::jid::Jid) -> Jid {
        // The crate `jid` accepts a few invalid domains, such as `&`; they are kept as they are.
        Jid::new(other.as_str()).unwrap_or_else(|_| Jid {
            at: parse::offset(other.node().map_or(0, |node| node.as_str().len())),
            slash: other.resource().and_then(|resource| {
                parse::offset(other.as_str().len() - resource.as_str().len() - 1)
            }),
            prepared: None,
            text: other.as_str().into(),
        })
    }
}

/// Normalises with stringprep. Fails for addresses that the crate `jid` cannot represent.
impl TryFrom<&Jid> for ::jid::Jid {
    type Error = ::jid::Error;

    fn try_from(jid: &Jid) -> Result<::jid::Jid, ::jid::Error> {
        ::jid::Jid::new(&jid.text)
    }
}

impl Serialize for Jid {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Jid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Jid, D::Error> {
        let text = String::deserialize(from)?;
        Jid::new(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
