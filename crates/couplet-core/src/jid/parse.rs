//! Splits an address into parts and validates them. (RFC 7622, 3)

use std::{error::Error, fmt, net::Ipv6Addr, num::NonZeroU16};

use crate::octets::{Octets, find};

/// Maximum length of a part in bytes. (RFC 7622, 3.2 to 3.4)
const PART_BYTES: usize = 1023;

/// Why a text is not a JID.
///
/// # Examples
///
/// ```
/// use couplet_core::jid::{InvalidJid, Jid};
///
/// let error = Jid::new("alice@example.org/").unwrap_err();
/// assert_eq!(error, InvalidJid::EmptyResource);
/// assert_eq!(error.to_string(), "the resource after the / is empty");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidJid {
    /// The localpart before the `@` is empty.
    EmptyLocalpart,
    /// There is no domain, or a label of it is empty.
    EmptyDomain,
    /// The resource after the `/` is empty.
    EmptyResource,
    /// A part is longer than 1023 bytes.
    TooLong,
    /// The localpart contains a space, a control character, or one of `"&'/:<>@`.
    /// (RFC 7622, 3.3.1)
    Localpart(char),
    /// The domain contains a space, a control character, or one of `"&'/:<>@[\]`.
    Domain(char),
    /// The resource contains a control character.
    ControlCharacter(char),
    /// There is a resource where a bare address is required.
    Resource,
}

impl fmt::Display for InvalidJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidJid::EmptyLocalpart => f.write_str("the localpart before the @ is empty"),
            InvalidJid::EmptyDomain => f.write_str("the domain, or a label of it, is empty"),
            InvalidJid::EmptyResource => f.write_str("the resource after the / is empty"),
            InvalidJid::TooLong => write!(f, "a part is longer than {PART_BYTES} bytes"),
            InvalidJid::Localpart(c) => write!(f, "the localpart must not contain {c:?}"),
            InvalidJid::Domain(c) => write!(f, "the domain must not contain {c:?}"),
            InvalidJid::ControlCharacter(c) => write!(f, "the resource must not contain {c:?}"),
            InvalidJid::Resource => f.write_str("it has a resource; use a bare address"),
        }
    }
}

impl Error for InvalidJid {}

/// The parts of an address, as written.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) localpart: Option<&'a str>,
    pub(super) domain: &'a str,
    pub(super) resource: Option<&'a str>,
}

impl Parts<'_> {
    pub(super) fn at(&self) -> Option<NonZeroU16> {
        offset(self.localpart?.len())
    }

    pub(super) fn slash(&self) -> Option<NonZeroU16> {
        self.resource?;
        offset(self.localpart.map_or(0, |part| part.len() + 1) + self.domain.len())
    }
}

/// Returns an offset as a non-zero `u16`: parts are short enough, and none of them is empty.
pub(super) fn offset(of: usize) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(of).ok()?)
}

/// Splits an address and checks its parts.
pub(super) fn parts(text: &str) -> Result<Parts<'_>, InvalidJid> {
    let (bare, resource) = match text.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (text, None),
    };
    let (localpart, domain) = match bare.split_once('@') {
        Some((localpart, domain)) => (Some(localpart), domain),
        None => (None, bare),
    };
    let all = [localpart, Some(domain), resource];
    if all
        .into_iter()
        .flatten()
        .any(|part| part.len() > PART_BYTES)
    {
        return Err(InvalidJid::TooLong);
    }
    if let Some(localpart) = localpart {
        check_localpart(localpart)?;
    }
    check_domain(domain)?;
    match resource {
        Some("") => return Err(InvalidJid::EmptyResource),
        Some(resource) => {
            if let Some(c) = resource.chars().find(|c| c.is_control()) {
                return Err(InvalidJid::ControlCharacter(c));
            }
        }
        None => {}
    }
    Ok(Parts {
        localpart,
        domain,
        resource,
    })
}

/// Returns whether no localpart may contain this character, regardless of its profile. (RFC 7622,
/// 3.3.1)
pub(super) fn forbidden_in_localpart(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '"' | '&' | '\'' | '/' | ':' | '<' | '>' | '@')
}

fn check_localpart(localpart: &str) -> Result<(), InvalidJid> {
    if localpart.is_empty() {
        return Err(InvalidJid::EmptyLocalpart);
    }
    match localpart.chars().find(|c| forbidden_in_localpart(*c)) {
        Some(c) => Err(InvalidJid::Localpart(c)),
        None => Ok(()),
    }
}

fn check_domain(domain: &str) -> Result<(), InvalidJid> {
    if ipv6(domain).is_some() {
        return Ok(());
    }
    if domain.is_empty() || without_root_dot(domain).split('.').any(str::is_empty) {
        return Err(InvalidJid::EmptyDomain);
    }
    let forbidden = |c: &char| forbidden_in_localpart(*c) || matches!(c, '[' | '\\' | ']');
    match domain.chars().find(forbidden) {
        Some(c) => Err(InvalidJid::Domain(c)),
        None => Ok(()),
    }
}

/// Parses an IPv6 literal. (RFC 7622, 3.2; RFC 3986, 3.2.2)
pub(super) fn ipv6(domain: &str) -> Option<Ipv6Addr> {
    domain.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Removes a final dot, which does not count in comparisons. (RFC 7622, 3.2)
pub(super) fn without_root_dot(domain: &str) -> &str {
    domain.strip_suffix('.').unwrap_or(domain)
}

/// Returns the characters of an address before the first `/`.
pub(crate) fn bare_of(jid: &str) -> &str {
    let end = find(jid.as_bytes(), [b'/']).unwrap_or(jid.len());
    jid.get(..end).unwrap_or_default()
}

/// Returns the domain in the characters of a JID. (RFC 7622, 3.2: after the first `@` before any
/// `/`)
pub(crate) fn domain_of(jid: &str) -> &str {
    let bare = bare_of(jid);
    let start = find(bare.as_bytes(), [b'@']).map_or(0, |at| at + 1);
    bare.get(start..).unwrap_or_default()
}

/// Returns the address with another domain.
pub(super) fn with_domain(jid: &str, domain: &str) -> String {
    let (bare, before) = (bare_of(jid), domain_of(jid));
    let (node, resource) = (
        bare.strip_suffix(before).unwrap_or_default(),
        jid.strip_prefix(bare).unwrap_or_default(),
    );
    [node, domain, resource].concat()
}

/// Returns the range of the domain if preparing the address would neither change nor reject it:
/// common lower-case ASCII. May return `None` for a valid address, never a range for an invalid
/// one.
pub(crate) fn plain_domain(address: &str) -> Option<(usize, usize)> {
    if address.len() > PART_BYTES {
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

/// Returns the length of a domain of letters, digits, single hyphens and dots, whose labels begin
/// with a letter.
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
            // If the domain has at most 63 bytes, so has each label (RFC 1035, 2.3.4).
            _ => return (at <= 63).then_some(at),
        }
        at += 1;
    }
}

const LETTERS_AND_DIGITS: Octets = Octets::new(b"0123456789abcdefghijklmnopqrstuvwxyz");
const NODE: Octets = LETTERS_AND_DIGITS.with(b"+-._");
const GRAPHIC: Octets = NODE.with(b"!\"#$%&'()*,/:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^`{|}~");
