//! The `<body/>` of a notification with `pubsub#include_body`. (XEP-0060, 12.7)
//!
//! Only payloads of known meaning have one: the text of any other payload may be base64 or JSON,
//! which clients would show as a chat message.

use couplet_core::element::{Element, Scope, Step, Tree};

use crate::node::NodeConfig;

/// The namespace of Atom entries. (RFC 4287)
const NS_ATOM: &str = "http://www.w3.org/2005/Atom";

/// Maximum length of a text from a payload, in bytes.
const TEXT_BYTES: usize = 4_096;

/// Returns the text of a payload: the title of an Atom entry, or its summary. (RFC 4287, 4.2.13 and
/// 4.2.14)
pub(super) fn text(payload: Element<'_>) -> Option<String> {
    if !payload.is("entry", NS_ATOM) {
        return None;
    }
    ["title", "summary"].into_iter().find_map(|name| {
        let mut parts = payload.children().filter(|part| part.is(name, NS_ATOM));
        parts.find_map(plain)
    })
}

/// Returns the text of a stored payload.
pub(crate) fn text_of(payload: &str) -> Option<String> {
    text(Tree::parse(payload, &Scope::client()).ok()?.root())
}

/// Returns the body of a notification about an item with this text. It names the node, because
/// clients show only the address of the service.
pub(crate) fn of_item(name: &str, config: &NodeConfig, text: &str) -> String {
    format!("{}: {text}", label(name, config))
}

/// Returns the title of a node, or its name.
pub(crate) fn label<'a>(name: &'a str, config: &'a NodeConfig) -> &'a str {
    let title = config.title.as_deref().map(str::trim);
    title.filter(|title| !title.is_empty()).unwrap_or(name)
}

/// Returns the text of an Atom text construct without markup, with white space collapsed. HTML is
/// used only if it has no markup. (RFC 4287, 3.1)
fn plain(construct: Element<'_>) -> Option<String> {
    let kind = construct.attr("type");
    let text = match kind.as_deref() {
        None | Some("" | "text") => construct.text(),
        Some("html") => Some(construct.text()).filter(|text| !text.contains(['<', '&']))?,
        Some("xhtml") => deep_text(construct).into(),
        Some(_) => return None,
    };
    let end = text.floor_char_boundary(TEXT_BYTES);
    let words: Vec<&str> = text.get(..end)?.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn deep_text(construct: Element<'_>) -> String {
    let mut text = String::new();
    for step in construct.steps() {
        match step {
            Step::Text(more) => text.push_str(more),
            Step::Open(_) | Step::Close if text.len() > TEXT_BYTES => break,
            Step::Open(_) | Step::Close => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(inside: &str) -> Option<String> {
        text_of(&format!("<entry xmlns='{NS_ATOM}'>{inside}</entry>"))
    }

    #[test]
    fn the_title_of_an_atom_entry_is_the_text_or_its_summary() {
        for (inside, expected) in [
            ("<title>It rains</title>", Some("It rains")),
            ("<summary>s</summary><title> t </title>", Some("t")),
            ("<title> </title><summary>s</summary>", Some("s")),
            ("<title>two\n  lines</title>", Some("two lines")),
            ("<title type='html'>no markup</title>", Some("no markup")),
            (
                "<title type='html'>&lt;b>bold&lt;/b></title><summary>s</summary>",
                Some("s"),
            ),
            (
                "<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>less <b>is</b> more</div></title>",
                Some("less is more"),
            ),
            ("<title type='image/png'>QUJD</title>", None),
            ("<title xmlns='urn:x'>t</title>", None),
            ("<content>c</content>", None),
            ("text", None),
        ] {
            assert_eq!(entry(inside).as_deref(), expected, "{inside}");
        }
    }

    #[test]
    fn a_payload_of_unknown_meaning_has_no_text() {
        for payload in [
            "<data xmlns='urn:xmpp:avatar:data'>QUJDREVGRw==</data>",
            "<json xmlns='urn:xmpp:json:0'>{\"a\":1}</json>",
            "<entry xmlns='urn:e'><title>t</title></entry>",
            "<a xmlns='u'><body>b</body><title>t</title></a>",
        ] {
            assert_eq!(text_of(payload), None, "{payload}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "\u{e9}".repeat(TEXT_BYTES);
        let text = entry(&format!("<title>{long}</title>"));
        assert_eq!(text.unwrap(), "\u{e9}".repeat(TEXT_BYTES / 2));
    }

    #[test]
    fn a_body_names_the_node_by_its_title_or_its_name() {
        let titled = NodeConfig {
            title: Some("Weather news".into()),
            ..NodeConfig::default()
        };
        assert_eq!(of_item("n", &titled, "It rains"), "Weather news: It rains");
        assert_eq!(
            of_item("n", &NodeConfig::default(), "It rains"),
            "n: It rains"
        );
    }
}
