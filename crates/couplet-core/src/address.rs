//! An address of a stanza, parsed into a [`Jid`] only when one is needed.
//!
//! Most stanzas are routed and answered by the characters of their addresses. Servers write
//! addresses normalised (RFC 7622, 3); an address that is visibly normalised is not prepared again.

use std::sync::OnceLock;

use crate::jid::{Jid, domain_of, plain_domain};

/// A valid address.
pub(crate) enum Address {
    /// A byte range of the stanza that is a JID in prepared form.
    Plain {
        start: usize,
        end: usize,
        domain: (usize, usize),
        jid: OnceLock<Jid>,
    },
    /// Any other address.
    Other(Jid),
}

impl Address {
    /// Reads the value of an attribute of `stanza`; returns `None` if it is not a JID.
    pub(crate) fn read(stanza: &str, value: &str) -> Option<Address> {
        let plain = position(stanza, value).zip(plain_domain(value));
        match plain {
            Some((start, (from, to))) => Some(Address::Plain {
                start,
                end: start + value.len(),
                domain: (start + from, start + to),
                jid: OnceLock::new(),
            }),
            None => Jid::new(value).ok().map(Address::Other),
        }
    }

    /// Returns the characters as received.
    pub(crate) fn as_str<'a>(&'a self, stanza: &'a str) -> &'a str {
        match self {
            Address::Plain { start, end, .. } => stanza.get(*start..*end).unwrap_or_default(),
            Address::Other(jid) => jid.as_str(),
        }
    }

    /// Returns the prepared form, for comparisons.
    pub(crate) fn prepared<'a>(&'a self, stanza: &'a str) -> &'a str {
        match self {
            Address::Plain { .. } => self.as_str(stanza),
            Address::Other(jid) => jid.prepared(),
        }
    }

    /// Returns the domain in prepared form, for comparisons.
    pub(crate) fn prepared_domain<'a>(&'a self, stanza: &'a str) -> &'a str {
        match self {
            Address::Plain { domain, .. } => stanza.get(domain.0..domain.1).unwrap_or_default(),
            Address::Other(jid) => domain_of(jid.prepared()),
        }
    }

    /// Returns the address as a [`Jid`], parsed on first use.
    pub(crate) fn jid(&self, stanza: &str) -> &Jid {
        match self {
            Address::Plain {
                start, domain, jid, ..
            } => jid.get_or_init(|| {
                Jid::plain(self.as_str(stanza), domain.0 - start, domain.1 - start)
            }),
            Address::Other(jid) => jid,
        }
    }
}

/// Returns the position of the slice `part` within `whole`, or `None` if it is not a slice of it.
pub(crate) fn position(whole: &str, part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    // The pointers are equal, so the characters need no comparison.
    whole.get(start..start.checked_add(part.len())?)?;
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_characters_and_is_compared_prepared() {
        for (written, compared, domain) in [
            ("a@b/c", "a@b/c", "b"),
            ("A@B./c", "a@b/c", "b"),
            ("u@xn--bdk.example/🐎", "u@ツ.example/🐎", "ツ.example"),
        ] {
            let address = Address::read("", written).unwrap();
            let seen = (address.as_str(""), address.jid("").as_str());
            assert_eq!(seen, (written, written));
            let seen = (address.prepared(""), address.prepared_domain(""));
            assert_eq!(seen, (compared, domain));
        }
        assert!(Address::read("", "@@").is_none());
    }

    #[test]
    fn a_value_that_is_not_in_the_stanza_is_read_on_its_own() {
        assert!(matches!(
            Address::read("<iq/>", "a@b"),
            Some(Address::Other(_))
        ));
        let stanza = "<iq from='a@b/c'/>";
        let Some(address) = stanza
            .get(10..15)
            .and_then(|from| Address::read(stanza, from))
        else {
            panic!("a JID");
        };
        assert!(matches!(address, Address::Plain { .. }));
        let jid = address.jid(stanza);
        assert_eq!((address.as_str(stanza), jid.as_str()), ("a@b/c", "a@b/c"));
        assert_eq!(
            (jid.node(), jid.domain(), jid.resource()),
            (Some("a"), "b", Some("c"))
        );
    }
}
