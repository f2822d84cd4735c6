//! [`SelfPing`]: pings to an address of our own domain, which come back through the server's router.
//!
//! The address has a resource: ejabberd since 24.10 with mod_privilege drops every IQ of a
//! component to an address without one (docs/servers.md, 5).

use std::sync::atomic::{AtomicU64, Ordering};

use couplet_core::{
    stanza::Kind,
    stanza_writer::{Head, InvalidStanza, StanzaWriter},
};

const RESOURCE: &str = "keepalive";

/// Self-pings for one purpose, recognised by their ids.
#[derive(Debug)]
pub(crate) struct SelfPing {
    address: String,
    /// The prepared form of the address; the server may have normalised it.
    prepared: String,
    /// The prefix of their ids.
    prefix: String,
    last: AtomicU64,
}

impl SelfPing {
    /// Creates self-pings. `seed` is random, so that no other instance of the component uses the
    /// same ids.
    pub(crate) fn new(purpose: &str, seed: u64, stanza_writer: &StanzaWriter) -> SelfPing {
        SelfPing {
            address: format!("{}/{RESOURCE}", stanza_writer.domain()),
            prepared: format!("{}/{RESOURCE}", stanza_writer.domain().prepared()),
            prefix: format!("{purpose}-{seed:x}-"),
            last: AtomicU64::new(0),
        }
    }

    /// Returns the address that they are sent to and from, in prepared form.
    pub(crate) fn prepared(&self) -> &str {
        &self.prepared
    }

    /// Returns the number of the next ping; each number is used once.
    pub(crate) fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns the number of the ping with this id, if it is one of these.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        let number = id.strip_prefix(&self.prefix)?;
        u64::from_str_radix(number, 16).ok()
    }

    /// Writes the ping with this number.
    pub(crate) fn write(
        &self,
        number: u64,
        stanza_writer: &StanzaWriter,
        out: &mut Vec<u8>,
    ) -> Result<usize, InvalidStanza> {
        let id = format!("{}{number:x}", self.prefix);
        let head = Head {
            type_: Some("get"),
            id: Some(&id),
            ..Head::new(Kind::Iq, &self.address, &self.address)
        };
        stanza_writer.write(out, &head, |xml| xml.raw("<ping xmlns='urn:xmpp:ping'/>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pings(purpose: &str, stanza_writer: &StanzaWriter) -> SelfPing {
        SelfPing::new(purpose, 7, stanza_writer)
    }

    #[test]
    fn goes_from_and_to_an_address_with_a_resource() {
        let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 1000);
        let mut out = Vec::new();
        pings("keepalive", &stanza_writer)
            .write(1, &stanza_writer, &mut out)
            .unwrap();
        let written = String::from_utf8(out).unwrap();
        assert!(written.contains("from='echo.test/keepalive'"), "{written}");
        assert!(written.contains("to='echo.test/keepalive'"), "{written}");
    }

    #[test]
    fn is_known_by_its_id_to_its_own_purpose_only() {
        let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 1000);
        let (one, other) = (pings("one", &stanza_writer), pings("other", &stanza_writer));
        assert_eq!((one.next(), one.next()), (1, 2));
        assert_eq!(one.number("one-7-1f"), Some(31));
        for id in ["one-8-1f", "one-7-", "one-7-z", "1f", ""] {
            assert_eq!(one.number(id), None, "{id}");
        }
        assert_eq!(other.number("one-7-1f"), None);
    }
}
