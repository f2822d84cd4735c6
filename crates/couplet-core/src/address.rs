//! An address of a stanza, made a JID only when somebody asks for one.
//!
//! Most stanzas are routed and answered by the characters of their addresses. What servers write
//! is normalised already (RFC 7622, 3); where that can be seen at a glance, nothing is prepared
//! again.

use std::sync::OnceLock;

use jid::Jid;

/// A valid address.
pub(crate) enum Address {
    /// These bytes of the stanza are a JID as they stand.
    Plain {
        start: usize,
        end: usize,
        jid: OnceLock<Jid>,
    },
    /// It had to be prepared to know.
    Prepared(Jid),
}

impl Address {
    /// Takes the value of an attribute of `stanza`; `None` where it is no JID.
    pub(crate) fn read(stanza: &str, value: &str) -> Option<Address> {
        match position(stanza, value) {
            Some((start, end)) if is_plain(value) => Some(Address::Plain {
                start,
                end,
                jid: OnceLock::new(),
            }),
            _ => Jid::new(value).ok().map(Address::Prepared),
        }
    }

    /// The JID's characters.
    pub(crate) fn as_str<'a>(&'a self, stanza: &'a str) -> &'a str {
        match self {
            Address::Plain { start, end, .. } => stanza.get(*start..*end).unwrap_or_default(),
            Address::Prepared(jid) => jid.as_str(),
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

/// The domain in the characters of a JID. (RFC 7622, 3.2: after the first `@` before any `/`)
pub(crate) fn domain_of(jid: &str) -> &str {
    let bare = jid.split('/').next().unwrap_or_default();
    bare.split_once('@').map_or(bare, |(_, domain)| domain)
}

/// Where in `whole` its part `part` lies; `None` where it is none.
fn position(whole: &str, part: &str) -> Option<(usize, usize)> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start + part.len();
    (whole.get(start..end) == Some(part)).then_some((start, end))
}

/// Whether preparing would change nothing and refuse nothing: lower-case ASCII of the most common
/// kind. It may say no to a valid address, never yes to an invalid one.
fn is_plain(address: &str) -> bool {
    let (bare, resource) = match address.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (address, None),
    };
    let (node, domain) = match bare.split_once('@') {
        Some((node, domain)) => (Some(node), domain),
        None => (None, bare),
    };
    is_plain_domain(domain)
        && node.is_none_or(|node| is_part(node, is_node_byte))
        && resource.is_none_or(|resource| is_part(resource, |byte| byte.is_ascii_graphic()))
}

/// Letters, digits and single hyphens inside of labels.
fn is_plain_domain(domain: &str) -> bool {
    domain.len() <= 253
        && domain.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.len() <= 63
                && bytes.first().is_some_and(u8::is_ascii_lowercase)
                && bytes.last() != Some(&b'-')
                && !label.contains("--")
                && bytes
                    .iter()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        })
}

fn is_node_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'+')
}

fn is_part(part: &str, is_byte: impl Fn(u8) -> bool) -> bool {
    (1..=1023).contains(&part.len()) && part.bytes().all(is_byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unchanged(address: &str) -> bool {
        Jid::new(address).is_ok_and(|jid| jid.as_str() == address)
    }

    #[test]
    fn usual_addresses_are_plain() {
        for address in [
            "localhost",
            "alice@localhost/phone",
            "bot@echo.example.org",
            "a.b-c_d+e@x1.example/Conversations.aB/c@d",
        ] {
            assert!(is_plain(address), "{address}");
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
            assert!(!is_plain(address), "{address}");
        }
        assert!(!is_plain(&format!("{}@b", "x".repeat(1024))));
        assert!(!is_plain(&format!("a@{}", "x".repeat(64))));
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
            prop_assert!(!is_plain(&address) || unchanged(&address), "{}", address);
        }

        #[test]
        fn so_is_one_of_any_characters(address in "[ -~éß@/.]{0,12}") {
            prop_assert!(!is_plain(&address) || unchanged(&address), "{}", address);
        }
    }
}
