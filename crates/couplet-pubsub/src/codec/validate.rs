//! Validates stored XML before it is written to the stream.
//!
//! A disk, an import or an operator may have changed it since the service stored it, and XML that
//! is not well-formed ends the stream for all users.

use couplet_core::element::{Scope, Tree};

use super::wire_name::WireName;
use crate::node::Affiliation;

/// Validates the payload of an item: one element, with all its namespaces declared.
///
/// # Errors
///
/// Why it is invalid.
pub(crate) fn check_payload(xml: &str) -> Result<(), String> {
    parse(xml.to_owned())
}

/// Validates the content of an announcement: children of a message, each with all its namespaces
/// declared.
///
/// # Errors
///
/// Why it is invalid.
pub(crate) fn check_content(xml: &str) -> Result<(), String> {
    parse(format!("<message>{xml}</message>"))
}

/// Validates a text that is written escaped: characters that XML does not allow would be lost. (XML
/// 1.0, 2.2)
///
/// # Errors
///
/// The first invalid character.
pub(crate) fn check_text(text: &str) -> Result<(), String> {
    let is_xml = |one: char| matches!(one, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    match text.chars().find(|one| !is_xml(*one)) {
        None => Ok(()),
        Some(one) => Err(format!("the character {one:?} is not allowed in XML")),
    }
}

/// Returns whether this is a valid address of a message. A scan of the bytes usually decides.
pub(crate) fn is_address(text: &str) -> bool {
    let (bare, resource) = match text.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (text, None),
    };
    let plain = |part: &str| {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(is_plain)
    };
    let (local, domain) = bare.split_once('@').unwrap_or(("a", bare));
    let is_plain = plain(local)
        && domain.split('.').all(plain)
        && resource.is_none_or(|resource| plain(resource) && resource.len() < 1_024)
        && bare.len() < 1_024;
    is_plain || couplet::Jid::new(text).is_ok()
}

fn parse(xml: String) -> Result<(), String> {
    let scope = Scope::bind([]);
    let parsed = Tree::parse(xml, &scope);
    parsed.map(drop).map_err(|why| why.to_string())
}

/// Returns the name of an affiliation in XEP-0060, 4.1.
pub(crate) fn affiliation_word(affiliation: Affiliation) -> &'static str {
    affiliation.wire_name()
}

/// Parses the name of an affiliation.
pub(crate) fn affiliation(word: &str) -> Option<Affiliation> {
    Affiliation::from_wire_name(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_one_whole_element() {
        assert_eq!(check_payload("<a xmlns='urn:a'><b/>&lt;</a>"), Ok(()));
        for broken in [
            "",
            "text",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "<a><b></a>",
            "<a>\0</a>",
            "<a>&nbsp;</a>",
            "<p:a/>",
            "<a><!-- --></a>",
            "</stream:stream>",
            "</item></items></event></message><message to='evil@l'/>",
        ] {
            assert!(check_payload(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn content_does_not_break_out_of_its_message() {
        assert_eq!(
            check_content("<event xmlns='urn:e'/><delay xmlns='urn:d'/>"),
            Ok(())
        );
        for broken in [
            "</message><message>",
            "<event>",
            "<event></evdnt>",
            "</message><message to='evil@l'/><message>",
            "<stream:error/>",
            "\u{1}",
        ] {
            assert!(check_content(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_text_has_no_control_characters() {
        assert_eq!(check_text("a\tb\nc\r\u{1F600}\u{FFFD}<&'"), Ok(()));
        for broken in ["\0", "a\u{1}", "\u{FFFE}", "\u{1F}"] {
            assert!(check_text(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn an_address_is_a_jid() {
        for address in [
            "a@b.example",
            "b.example",
            "a@b/r",
            "\u{f6}@b/Anna's",
            "a.b@c",
        ] {
            assert!(is_address(address), "{address}");
        }
        for broken in ["", "@", "a@", "@b", "a@@b", "a@b/", "/r", "a\0@b", "a@b@c"] {
            assert!(!is_address(broken), "{broken:?}");
        }
    }
}
