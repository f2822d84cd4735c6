//! The form in which addresses are compared. (RFC 7622, 3.2 to 3.4; RFC 8265)

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use precis_profiles::{
    OpaqueString, UsernameCaseMapped, precis_core::profile::PrecisFastInvocation,
};

use super::parse::{Parts, forbidden_in_localpart, ipv6, without_root_dot};

/// The prepared form of a whole address. A part that cannot be prepared stays as it is: a server
/// that delivers it compares it that way too.
pub(super) fn prepare(parts: Parts<'_>) -> String {
    let mut prepared = String::new();
    if let Some(part) = parts.localpart {
        prepared.push_str(&localpart(part));
        prepared.push('@');
    }
    prepared.push_str(&domain(parts.domain));
    if let Some(part) = parts.resource {
        prepared.push('/');
        prepared.push_str(&resource(part));
    }
    prepared
}

fn localpart(part: &str) -> Cow<'_, str> {
    if part.is_ascii() {
        return lower(part);
    }
    match UsernameCaseMapped::enforce(part) {
        // Fullwidth forms become ASCII, also those of characters that no localpart contains.
        Ok(done) if !done.contains(forbidden_in_localpart) => done,
        Ok(_) | Err(_) => Cow::Borrowed(part),
    }
}

fn resource(part: &str) -> Cow<'_, str> {
    if part.is_ascii() {
        return Cow::Borrowed(part);
    }
    OpaqueString::enforce(part).unwrap_or(Cow::Borrowed(part))
}

fn domain(part: &str) -> Cow<'_, str> {
    if let Some(address) = ipv6(part) {
        return Cow::Owned(format!("[{address}]"));
    }
    let part = without_root_dot(part);
    if part.is_ascii() && !has_a_label(part) {
        return lower(part);
    }
    // UTS 46 is non-transitional here: ß stays, as in IDNA2008. Hyphens at the third and fourth
    // place pass, because servers serve such domains.
    let (unicode, checked) =
        Uts46::new().to_unicode(part.as_bytes(), AsciiDenyList::URL, Hyphens::Allow);
    let done = without_root_dot(&unicode);
    if checked.is_err() || done.split('.').any(str::is_empty) {
        return Cow::Borrowed(part);
    }
    Cow::Owned(done.to_owned())
}

/// A domain that has A-labels, in lower case.
pub(super) fn a_labels(domain: &str) -> Option<Cow<'_, str>> {
    let domain = without_root_dot(domain);
    (domain.is_ascii() && has_a_label(domain)).then(|| lower(domain))
}

/// Whether a label may be an A-label. (RFC 5890, 2.3.2.1)
fn has_a_label(domain: &str) -> bool {
    domain.split('.').any(|label| {
        label
            .get(..4)
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
    })
}

fn lower(part: &str) -> Cow<'_, str> {
    if part.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(part.to_ascii_lowercase())
    } else {
        Cow::Borrowed(part)
    }
}

/// Returns a host name as DNS and TLS know it: with A-labels. (RFC 5890, 2.3.2.1)
///
/// An address, and what is not a valid name, is returned as it is.
///
/// # Examples
///
/// ```
/// use couplet_core::jid::dns_name;
///
/// assert_eq!(dns_name("ツ.example"), "xn--bdk.example");
/// assert_eq!(dns_name("xmpp.example"), "xmpp.example");
/// assert_eq!(dns_name("::1"), "::1");
/// ```
#[must_use]
pub fn dns_name(host: &str) -> Cow<'_, str> {
    if host.is_ascii() {
        return Cow::Borrowed(host);
    }
    Uts46::new()
        .to_ascii(
            host.as_bytes(),
            AsciiDenyList::URL,
            Hyphens::Allow,
            DnsLength::Ignore,
        )
        .unwrap_or(Cow::Borrowed(host))
}

/// Returns a domain in the form in which Prosody and ejabberd name the domains they serve: by
/// nameprep, the predecessor of today's rules. (RFC 3491)
///
/// Prosody compares the `to` of a stream header with its own letter by letter, after it has
/// prepared its own; and both deliver to it in this form. An A-label stays one.
///
/// # Examples
///
/// ```
/// use couplet_core::jid::hosted_domain;
///
/// assert_eq!(hosted_domain("Echo.LocalHost"), "echo.localhost");
/// assert_eq!(hosted_domain("straße.example"), "strasse.example");
/// assert_eq!(hosted_domain("my--bot.example"), "my--bot.example");
/// ```
#[must_use]
pub fn hosted_domain(domain: &str) -> Cow<'_, str> {
    let domain = without_root_dot(domain);
    if domain.is_ascii() {
        return lower(domain);
    }
    // What is newer than these tables, servers take as it is.
    stringprep::nameprep(domain).unwrap_or(Cow::Borrowed(domain))
}
