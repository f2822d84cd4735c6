//! Writes XML into a shared buffer: escaping, replacement of forbidden characters, namespaces.
//!
//! Addresses and sizes are checked by the stanza writer, which calls this.

use std::borrow::Cow;

use rxml::{Namespace, NcNameStr};
use xso::{AsXml, Item, error::Error};

use crate::octets::{Octets, any};

/// The namespace of stanzas inside Couplet. A component's stream uses `jabber:component:accept` in
/// its place. (XEP-0114, 3)
///
/// # Examples
///
/// ```
/// assert_eq!(couplet_core::xml_writer::NS_CLIENT, "jabber:client");
/// ```
pub const NS_CLIENT: &str = "jabber:client";

/// The namespace of stanzas in a component's stream. (XEP-0114, 3)
///
/// # Examples
///
/// ```
/// assert_eq!(couplet_core::xml_writer::NS_COMPONENT, "jabber:component:accept");
/// ```
pub const NS_COMPONENT: &str = "jabber:component:accept";

/// The namespace of `xml:lang`; every document binds the prefix `xml` to it. (Namespaces in XML, 3)
///
/// # Examples
///
/// ```
/// assert_eq!(couplet_core::xml_writer::NS_XML, "http://www.w3.org/XML/1998/namespace");
/// ```
pub const NS_XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Appends XML to a buffer that many stanzas share.
///
/// # Examples
///
/// ```
/// use couplet_core::xml_writer::XmlWriter;
///
/// let mut out = Vec::new();
/// let mut xml = XmlWriter::new(&mut out);
/// xml.raw("<body>");
/// xml.text("1 < 2\u{0}");
/// xml.raw("</body>");
/// assert_eq!(xml.replaced(), 1);
/// assert_eq!(out, "<body>1 &lt; 2\u{FFFD}</body>".as_bytes());
/// ```
#[derive(Debug)]
pub struct XmlWriter<'a> {
    out: &'a mut Vec<u8>,
    replaced: usize,
}

impl<'a> XmlWriter<'a> {
    /// Creates a writer that appends to `out`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// XmlWriter::new(&mut out).raw("<a/>");
    /// XmlWriter::new(&mut out).raw("<b/>");
    /// assert_eq!(out, b"<a/><b/>");
    /// ```
    pub fn new(out: &'a mut Vec<u8>) -> XmlWriter<'a> {
        XmlWriter { out, replaced: 0 }
    }

    /// Returns how many characters that XML 1.0 forbids were replaced by U+FFFD. (XML 1.0, 2.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// let mut xml = XmlWriter::new(&mut out);
    /// xml.text("a\u{1}b");
    /// assert_eq!(xml.replaced(), 1);
    /// ```
    #[must_use]
    pub fn replaced(&self) -> usize {
        self.replaced
    }

    /// Writes markup without escaping.
    ///
    /// Never pass text that comes from a peer or a user.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// XmlWriter::new(&mut out).raw("<body>");
    /// assert_eq!(out, b"<body>");
    /// ```
    #[inline]
    pub fn raw(&mut self, markup: &str) {
        self.out.extend_from_slice(markup.as_bytes());
    }

    /// Writes the output of another `XmlWriter`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// XmlWriter::new(&mut out).written(b"<body/>");
    /// assert_eq!(out, b"<body/>");
    /// ```
    #[inline]
    pub fn written(&mut self, markup: &[u8]) {
        self.out.extend_from_slice(markup);
    }

    /// Writes escaped character data.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// XmlWriter::new(&mut out).text("1 < 2");
    /// assert_eq!(out, b"1 &lt; 2");
    /// ```
    pub fn text(&mut self, text: &str) {
        self.escape(text, &TEXT);
    }

    /// Writes `<name>text</name>` with the text escaped.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// XmlWriter::new(&mut out).element("body", "1 < 2");
    /// assert_eq!(out, b"<body>1 &lt; 2</body>");
    /// ```
    #[inline]
    pub fn element(&mut self, name: &str, text: &str) {
        self.raw("<");
        self.raw(name);
        self.raw(">");
        self.text(text);
        self.raw("</");
        self.raw(name);
        self.raw(">");
    }

    /// Writes ` name='value'` with the value escaped.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// XmlWriter::new(&mut out).attribute("to", "o'hara@b");
    /// assert_eq!(out, b" to='o&apos;hara@b'");
    /// ```
    pub fn attribute(&mut self, name: &str, value: &str) {
        self.out.reserve(name.len() + value.len() + 4);
        self.raw(" ");
        self.raw(name);
        self.raw("='");
        self.escape(value, &VALUE);
        self.raw("'");
    }

    /// Like [`XmlWriter::attribute`], with all that stands before the value: ` name='`.
    #[inline]
    pub(crate) fn known_attribute(&mut self, before: &'static str, value: &str) {
        self.raw(before);
        self.escape(value, &VALUE);
        self.raw("'");
    }

    /// Writes a typed payload or a raw element as a child of a stanza.
    ///
    /// An element of [`NS_CLIENT`] or [`NS_COMPONENT`] directly below the stanza is written without
    /// a namespace declaration; deeper, inside another namespace, it is declared as
    /// `jabber:client`, as XEP-0297 `<forwarded/>` needs and Prosody requires (servers.md, 3 and
    /// 11).
    ///
    /// # Errors
    ///
    /// The payload's serialiser failed. Its partial output is removed.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::xml_writer::XmlWriter;
    ///
    /// let mut out = Vec::new();
    /// XmlWriter::new(&mut out).payload(&xmpp_parsers::ping::Ping)?;
    /// assert_eq!(out, b"<ping xmlns='urn:xmpp:ping'/>");
    /// # Ok::<(), xso::error::Error>(())
    /// ```
    pub fn payload(&mut self, payload: &impl AsXml) -> Result<(), Error> {
        let (start, replaced) = (self.out.len(), self.replaced);
        let written = self.items(payload);
        if written.is_err() {
            self.out.truncate(start);
            self.replaced = replaced;
        }
        written
    }

    fn items(&mut self, payload: &impl AsXml) -> Result<(), Error> {
        let mut open: Vec<(Cow<'_, str>, Cow<'_, NcNameStr>)> = Vec::new();
        let mut head_is_open = false;
        let mut prefixes = 0;
        for item in payload.as_xml_iter()? {
            let item = item?;
            let content = match &item {
                Item::ElementHeadStart(..) => true,
                Item::Text(text) => !text.is_empty(),
                _ => false,
            };
            if content && std::mem::take(&mut head_is_open) {
                self.raw(">");
            }
            match item {
                Item::XmlDeclaration(_) | Item::ElementHeadEnd => {}
                Item::ElementHeadStart(namespace, name) => {
                    let ns = neutral(&namespace);
                    self.raw("<");
                    self.raw(&name);
                    if ns != open.last().map_or(NS_CLIENT, |(ns, _)| ns) {
                        self.attribute("xmlns", &ns);
                    }
                    open.push((ns, name));
                    (head_is_open, prefixes) = (true, 0);
                }
                Item::Attribute(namespace, name, value) => {
                    self.namespaced_attribute(&namespace, &name, &value, &mut prefixes);
                }
                Item::Text(text) => self.text(&text),
                Item::ElementFoot => match open.pop() {
                    Some(_) if std::mem::take(&mut head_is_open) => self.raw("/>"),
                    Some((_, name)) => {
                        self.raw("</");
                        self.raw(&name);
                        self.raw(">");
                    }
                    None => return Err(Error::Other("an element was closed twice")),
                },
            }
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err(Error::Other("an element was left open"))
        }
    }

    fn namespaced_attribute(&mut self, ns: &str, name: &str, value: &str, prefixes: &mut u32) {
        match ns {
            "" => self.attribute(name, value),
            NS_XML => self.attribute(&format!("xml:{name}"), value),
            _ => {
                self.attribute(&format!("xmlns:n{prefixes}"), ns);
                self.attribute(&format!("n{prefixes}:{name}"), value);
                *prefixes += 1;
            }
        }
    }

    fn escape(&mut self, text: &str, special: &Octets) {
        // One scan of the whole text is cheaper than a test of each byte, and usually suffices.
        if any(text.as_bytes(), may_be_special) {
            self.escape_runs(text, special);
        } else {
            self.raw(text);
        }
    }

    /// Copies `text` in runs, and stops only at bytes that may need escaping or replacement.
    fn escape_runs(&mut self, text: &str, special: &Octets) {
        let mut rest = text;
        while let Some((run, tail)) = rest.split_at_checked(special.find(rest.as_bytes())) {
            self.raw(run);
            let Some(first) = tail.chars().next() else {
                return;
            };
            match entity(first) {
                Some(entity) => self.raw(entity),
                None if is_xml(first) => self.raw(first.encode_utf8(&mut [0; 4])),
                None => {
                    self.raw("\u{FFFD}");
                    self.replaced += 1;
                }
            }
            rest = tail.get(first.len_utf8()..).unwrap_or_default();
        }
    }
}

/// Bytes that cannot be copied into text: markup, control characters, and 0xEF, the first byte of
/// the non-characters U+FFFE and U+FFFF. A bare CR would be read back as LF. (XML 1.0, 2.11)
const TEXT: Octets = Octets::new(b"&<>\r\xEF").with(CONTROLS);
/// The same for an attribute value, where white space would be read back as spaces. (XML 1.0,
/// 3.3.3)
const VALUE: Octets = TEXT.with(b"'\t\n");
/// Control characters except white space.
const CONTROLS: &[u8] = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0B\x0C\x0E\x0F\
    \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1A\x1B\x1C\x1D\x1E\x1F";

/// Returns whether the byte is in either set.
fn may_be_special(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == b'&')
        | (byte == b'\'')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == 0xEF)
}

fn entity(special: char) -> Option<&'static str> {
    match special {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\'' => Some("&apos;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    }
}

/// Returns whether XML 1.0 allows the character (2.2, `Char`). A `str` has no surrogates.
const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

fn neutral(namespace: &Namespace<'_>) -> Cow<'static, str> {
    if namespace.as_str() == NS_COMPONENT {
        Cow::Borrowed(NS_CLIENT)
    } else {
        Cow::Owned(namespace.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use minidom::Element;
    use xmpp_parsers::{
        delay::Delay, disco::DiscoInfoQuery, forwarding::Forwarded, message::Message, ping::Ping,
    };

    use super::*;

    fn payload(payload: &impl AsXml) -> String {
        let mut out = Vec::new();
        XmlWriter::new(&mut out).payload(payload).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn text(text: &str) -> (String, usize) {
        let mut out = Vec::new();
        let mut xml = XmlWriter::new(&mut out);
        xml.text(text);
        let replaced = xml.replaced();
        (String::from_utf8(out).unwrap(), replaced)
    }

    #[test]
    fn markup_in_text_is_escaped() {
        assert_eq!(
            text("a<b>&'\"\r\n"),
            ("a&lt;b&gt;&amp;'\"&#13;\n".into(), 0)
        );
    }

    #[test]
    fn characters_xml_forbids_become_replacement_characters_and_are_counted() {
        let (written, replaced) = text("\u{0}a\u{1}\u{FFFE}b\u{FFFF}\u{FFFD}\u{EF00}\u{1F600}\t");
        assert_eq!(
            written,
            "\u{FFFD}a\u{FFFD}\u{FFFD}b\u{FFFD}\u{FFFD}\u{EF00}\u{1F600}\t"
        );
        assert_eq!(replaced, 4);
    }

    #[test]
    fn white_space_in_an_attribute_survives_the_reader() {
        let mut out = Vec::new();
        XmlWriter::new(&mut out).attribute("a", "x'\n\t\"<");
        assert_eq!(out, b" a='x&apos;&#10;&#9;\"&lt;'");
    }

    #[test]
    fn a_payload_declares_its_namespace_once() {
        assert_eq!(payload(&Ping), "<ping xmlns='urn:xmpp:ping'/>");
        let query = DiscoInfoQuery {
            node: Some("a'b".into()),
        };
        assert_eq!(
            payload(&query),
            "<query xmlns='http://jabber.org/protocol/disco#info' node='a&apos;b'/>"
        );
    }

    #[test]
    fn a_child_of_the_stanzas_own_namespace_is_written_bare() {
        let body = Element::builder("body", NS_CLIENT).append("hi").build();
        assert_eq!(payload(&body), "<body>hi</body>");
        let accept = Element::builder("body", NS_COMPONENT).append("hi").build();
        assert_eq!(payload(&accept), "<body>hi</body>");
    }

    #[test]
    fn a_forwarded_message_is_declared_as_jabber_client() {
        let message = Message::chat(None).with_body("".into(), "hi".into());
        let forwarded = Forwarded {
            delay: None::<Delay>,
            message,
        };
        let written = payload(&forwarded);
        assert!(
            written.starts_with(
                "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'"
            ),
            "{written}"
        );
        assert!(written.contains("<body>hi</body>"), "{written}");
    }

    #[test]
    fn an_attribute_with_a_namespace_gets_a_prefix() {
        let element: Element = "<a xmlns='u:a' xmlns:o='u:o' o:x='1' xml:lang='de'/>"
            .parse()
            .unwrap();
        let written = payload(&element);
        assert!(written.contains("xml:lang='de'"), "{written}");
        assert!(written.contains(":x='1'"), "{written}");
        assert_eq!(written.parse::<Element>().unwrap(), element);
    }
}
