//! Prepares addresses for comparison. (RFC 7622, 3.2 to 3.4; RFC 8265)

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use precis_profiles::{
    OpaqueString, UsernameCaseMapped, precis_core::profile::PrecisFastInvocation,
};

use super::parse::{Parts, forbidden_in_localpart, ipv6, without_root_dot};

/// Returns the prepared form of an address. A part that cannot be prepared stays as it is: a server
/// that delivers such a part compares it unprepared too.
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
        // Fullwidth forms become ASCII, including characters that a localpart must not contain.
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
    // UTS 46 without transitional processing: ß stays, as in IDNA2008. Hyphens at the third and
    // fourth position pass, because servers serve such domains.
    let (unicode, checked) =
        Uts46::new().to_unicode(part.as_bytes(), AsciiDenyList::URL, Hyphens::Allow);
    let done = without_root_dot(&unicode);
    if checked.is_err() || done.split('.').any(str::is_empty) {
        return Cow::Borrowed(part);
    }
    Cow::Owned(done.to_owned())
}

/// Returns a domain that has A-labels, in lower case.
pub(super) fn a_labels(domain: &str) -> Option<Cow<'_, str>> {
    let domain = without_root_dot(domain);
    (domain.is_ascii() && has_a_label(domain)).then(|| lower(domain))
}

/// Returns whether a label may be an A-label. (RFC 5890, 2.3.2.1)
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

/// Returns a host name in the form that DNS and TLS use: with A-labels. (RFC 5890, 2.3.2.1)
///
/// Returns an IP address, or an invalid name, unchanged.
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

/// Returns a domain in the form in which Prosody and ejabberd name the domains they serve: prepared
/// by nameprep, the predecessor of the current rules. (RFC 3491)
///
/// Prosody prepares its own domain and compares it letter by letter with the `to` of the stream
/// header; both servers deliver to this form. An A-label stays one.
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
    // Servers accept characters newer than these tables unchanged.
    stringprep::nameprep(domain).unwrap_or(Cow::Borrowed(domain))
}
