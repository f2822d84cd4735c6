//! An address of a stanza, made a JID only when somebody asks for one.
//!
//! Most stanzas are routed and answered by the characters of their addresses. What servers write
//! is normalised already (RFC 7622, 3); where that can be seen at a glance, nothing is prepared
//! again.

use std::sync::OnceLock;

use jid::Jid;

use crate::octets::{Octets, find};

/// A valid address.
pub(crate) enum Address {
    /// These bytes of the stanza are a JID as they stand.
    Plain {
        start: usize,
        end: usize,
        domain: (usize, usize),
        jid: OnceLock<Jid>,
    },
    /// It had to be prepared to know.
    Prepared(Jid),
}

impl Address {
    /// Takes the value of an attribute of `stanza`; `None` where it is no JID.
    pub(crate) fn read(stanza: &str, value: &str) -> Option<Address> {
        let plain = position(stanza, value).zip(plain_domain(value));
        match plain {
            Some((start, (from, to))) => Some(Address::Plain {
                start,
                end: start + value.len(),
                domain: (start + from, start + to),
                jid: OnceLock::new(),
            }),
            None => prepared(value).map(Address::Prepared),
        }
    }

    /// The JID's characters.
    pub(crate) fn as_str<'a>(&'a self, stanza: &'a str) -> &'a str {
        match self {
            Address::Plain { start, end, .. } => stanza.get(*start..*end).unwrap_or_default(),
            Address::Prepared(jid) => jid.as_str(),
        }
    }

    /// The characters of its domain.
    pub(crate) fn domain<'a>(&'a self, stanza: &'a str) -> &'a str {
        match self {
            Address::Plain { domain, .. } => stanza.get(domain.0..domain.1).unwrap_or_default(),
            Address::Prepared(jid) => jid.domain().as_str(),
        }
    }

    /// The JID.
    pub(crate) fn jid(&self, stanza: &str) -> &Jid {
        match self {
            #[expect(
                clippy::expect_used,
                reason = "what `is_plain` takes is a JID; a test tries"
            )]
            Address::Plain { jid, .. } => {
                jid.get_or_init(|| Jid::new(self.as_str(stanza)).expect("a plain address"))
            }
            Address::Prepared(jid) => jid,
        }
    }
}

/// The address in its normal form, without the root dot of its domain (RFC 7622, 3.2: it MUST be
/// stripped): jid 0.12 keeps that where nothing else has to change.
fn prepared(address: &str) -> Option<Jid> {
    let domain = domain_of(address);
    let Some(name) = domain.strip_suffix('.') else {
        return Jid::new(address).ok();
    };
    if name.ends_with('.') {
        return None;
    }
    let end = position(address, domain)? + name.len();
    let (head, rest) = (address.get(..end)?, address.get(end + 1..)?);
    Jid::new(&[head, rest].concat()).ok()
}

/// The domain in the characters of a JID. (RFC 7622, 3.2: after the first `@` before any `/`)
pub(crate) fn domain_of(jid: &str) -> &str {
    let end = find(jid.as_bytes(), [b'/']).unwrap_or(jid.len());
    let bare = jid.get(..end).unwrap_or_default();
    let start = find(bare.as_bytes(), [b'@']).map_or(0, |at| at + 1);
    bare.get(start..).unwrap_or_default()
}

/// Where in `whole` its part `part` lies; `None` where it is none.
pub(crate) fn position(whole: &str, part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    // What lies at the same place need not be compared.
    whole.get(start..start.checked_add(part.len())?)?;
    Some(start)
}

/// Where the domain of an address lies that preparing would neither change nor refuse: lower-case
/// ASCII of the most common kind. It may say no to a valid address, never yes to an invalid one.
fn plain_domain(address: &str) -> Option<(usize, usize)> {
    if address.len() > 1023 {
        return None;
    }
    let bytes = address.as_bytes();
    let node = NODE.find_other(bytes);
    let start = match bytes.get(node) {
        Some(b'@') if node == 0 => return None,
        Some(b'@') => node + 1,
        _ => 0,
    };
    let end = start + plain_domain_length(bytes.get(start..)?)?;
    let plain = match bytes.get(end..)? {
        [] => true,
        [b'/', resource @ ..] => {
            !resource.is_empty() && GRAPHIC.find_other(resource) == resource.len()
        }
        _ => false,
    };
    plain.then_some((start, end))
}

/// Letters, digits, and single hyphens and dots between them; labels begin with a letter.
fn plain_domain_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut before = b'.';
    loop {
        let rest = bytes.get(at..)?;
        let first = rest.first()?;
        let length = LETTERS_AND_DIGITS.find_other(rest);
        if length == 0 || before == b'.' && first.is_ascii_digit() {
            return None;
        }
        at += length;
        match bytes.get(at) {
            Some(separator @ (b'-' | b'.')) => before = *separator,
            // No label is longer than 63 bytes (RFC 1035, 2.3.4) if all of them together are not.
            _ => return (at <= 63).then_some(at),
        }
        at += 1;
    }
}

const LETTERS_AND_DIGITS: Octets = Octets::new(b"0123456789abcdefghijklmnopqrstuvwxyz");
const NODE: Octets = LETTERS_AND_DIGITS.with(b"+-._");
const GRAPHIC: Octets = NODE.with(b"!\"#$%&'()*,/:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^`{|}~");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unchanged(address: &str) -> bool {
        let domain = plain_domain(address).and_then(|(start, end)| address.get(start..end));
        Jid::new(address)
            .is_ok_and(|jid| jid.as_str() == address && Some(jid.domain().as_str()) == domain)
    }

    #[test]
    fn usual_addresses_are_plain() {
        for address in [
            "localhost",
            "alice@localhost/phone",
            "bot@echo.example.org",
            "a.b-c_d+e@x1.example/Conversations.aB/c@d",
        ] {
            assert!(plain_domain(address).is_some(), "{address}");
        }
    }

    #[test]
    fn what_needs_preparing_or_refusing_is_not_plain() {
        for address in [
            "",
            "@",
            "/",
            "a@",
            "@b",
            "a/",
            "A@b",
            "a@B",
            "a b@c",
            "é@b",
            "a@é",
            "a@b/é",
            "a@b@c",
            "a@-b",
            "a@b-",
            "a@b..c",
            "a@.",
            "a@xn--a",
            "a@b/ c",
            "a&b@c",
            "a@1.2.3.4",
            "a@[::1]",
        ] {
            assert!(plain_domain(address).is_none(), "{address}");
        }
        assert!(plain_domain(&format!("{}@b", "x".repeat(1024))).is_none());
        assert!(plain_domain(&format!("a@{}", "x".repeat(64))).is_none());
    }

    #[test]
    fn the_root_dot_of_a_domain_is_no_part_of_an_address() {
        for (written, meant) in [
            ("b.", "b"),
            ("b./c", "b/c"),
            ("a@b.", "a@b"),
            ("A@b./c.", "a@b/c."),
        ] {
            let address = Address::read("", written).unwrap();
            let seen = (address.as_str(""), address.jid("").as_str());
            assert_eq!(seen, (meant, meant), "{written}");
        }
        for nobody in [".", "a@.", "b..", "a@b../c"] {
            assert!(Address::read("", nobody).is_none(), "{nobody}");
        }
    }

    #[test]
    fn a_value_that_is_not_in_the_stanza_is_prepared() {
        assert!(matches!(
            Address::read("<iq/>", "a@b"),
            Some(Address::Prepared(_))
        ));
        let stanza = "<iq from='a@b'/>";
        let Some(address) = stanza
            .get(10..13)
            .and_then(|from| Address::read(stanza, from))
        else {
            panic!("a JID");
        };
        assert!(matches!(address, Address::Plain { .. }));
        assert_eq!(
            (address.as_str(stanza), address.jid(stanza).as_str()),
            ("a@b", "a@b")
        );
    }

    #[test]
    fn the_domain_stands_between_the_first_at_and_the_first_slash() {
        for (jid, domain) in [
            ("a@b/c", "b"),
            ("b", "b"),
            ("b/c@d", "b"),
            ("a@b/c@d/e", "b"),
        ] {
            assert_eq!(domain_of(jid), domain);
            assert_eq!(Jid::new(jid).unwrap().domain().as_str(), domain);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_plain_address_is_a_jid_as_it_stands(
            address in "([a-z0-9._+-]{1,8}@)?[a-z0-9.-]{1,12}(/[!-~]{1,8})?"
        ) {
            prop_assert!(plain_domain(&address).is_none() || unchanged(&address), "{}", address);
        }

        #[test]
        fn so_is_one_of_any_characters(address in "[ -~éß@/.]{0,12}") {
            prop_assert!(plain_domain(&address).is_none() || unchanged(&address), "{}", address);
        }
    }
}
