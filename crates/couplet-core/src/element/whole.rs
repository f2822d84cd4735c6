//! Cuts an element out of its stanza as XML that is complete in itself.
//!
//! Quotes, references, prefixes and white space stay as received.

use std::collections::HashMap;

use memchr::{memchr, memchr_iter, memchr3, memmem};

use super::{
    Element,
    node::Node,
    scope::{NS_CLIENT, NS_COMPONENT, NS_XML},
};
use crate::xml_writer::XmlWriter;

impl<'a> Element<'a> {
    /// Returns the element as XML that has the same meaning in any context: its own characters,
    /// with the namespace declarations and the language in force around it. Declarations of
    /// `jabber:component:accept` become `jabber:client`.
    ///
    /// Use it to store a payload and send it later. (Namespaces in XML, 6; XML 1.0, 2.12)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<a xmlns='urn:a'><b  c=\"1\"/></a>", &Scope::client())?;
    /// let b = tree.root().children().next().expect("a child");
    /// assert_eq!(b.to_xml(), "<b xmlns='urn:a'  c=\"1\"/>");
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn to_xml(self) -> String {
        let Some(Node::Element { name, .. }) = self.tree.node(self.index) else {
            return String::new();
        };
        let source = self.tree.as_str();
        let (start, head) = (name.start as usize - 1, name.end as usize);
        let end = start + length(source.as_bytes().get(start..).unwrap_or_default());
        let own = source.get(start..end).unwrap_or_default();
        let mut out = Vec::with_capacity(own.len() + 64);
        let mut xml = XmlWriter::new(&mut out);
        xml.raw(source.get(start..head).unwrap_or_default());
        self.declare_what_is_in_force(own, &mut xml);
        if self.tree.languages
            && self.attr_ns(NS_XML, "lang").is_none()
            && let Some(language) = self.inherited_language()
        {
            xml.attribute("xml:lang", language);
        }
        let mut copied = head;
        for (from, to) in self.wire_namespaces() {
            xml.raw(source.get(copied..from).unwrap_or_default());
            xml.raw(NS_CLIENT);
            copied = to;
        }
        xml.raw(source.get(copied..end).unwrap_or_default());
        String::from_utf8(out).unwrap_or_default()
    }

    /// Declares the default namespace, and each prefix that occurs in the element or in a value.
    fn declare_what_is_in_force(self, own: &str, xml: &mut XmlWriter<'_>) {
        let tree = self.tree;
        let mut around: Vec<_> = self.around().flat_map(Element::declared).collect();
        if !around.iter().any(|(prefix, _)| prefix.is_empty()) {
            around.push(("", tree.uri(tree.scope.default_ns())));
        }
        // The map declares each prefix once, however many the sender used. A prefix that is
        // declared in the element or occurs nowhere is left out.
        let mut due: HashMap<&str, bool> = HashMap::new();
        due.extend(
            around
                .iter()
                .map(|(prefix, _)| (*prefix, prefix.is_empty())),
        );
        due.extend(tree.scope.prefixes().map(|(prefix, _)| (prefix, false)));
        for prefix in mentioned(own) {
            due.entry(prefix).and_modify(|due| *due = true);
        }
        for (prefix, _) in self.declared() {
            due.remove(prefix);
        }
        // The innermost declaration wins, and the last of several in one tag.
        let outermost = tree.scope.prefixes().rev();
        for (prefix, uri) in around.into_iter().rev().chain(outermost) {
            if due.remove(prefix) != Some(true) {
                continue;
            }
            let uri = if uri == NS_COMPONENT { NS_CLIENT } else { uri };
            if prefix.is_empty() {
                xml.attribute("xmlns", uri);
            } else {
                xml.attribute(&format!("xmlns:{prefix}"), uri);
            }
        }
    }

    /// Returns the prefixes and namespaces that the element's own tag declares.
    fn declared(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let tree = self.tree;
        self.head().filter_map(move |node| match node {
            Node::Declaration { prefix, uri, .. } => Some((tree.slice(*prefix), tree.slice(*uri))),
            _ => None,
        })
    }

    /// Returns the byte ranges that declare `jabber:component:accept`. A declaration written with
    /// character references is not found and stays; no known server writes one.
    fn wire_namespaces(self) -> impl Iterator<Item = (usize, usize)> {
        let tree = self.tree;
        let nodes = tree.nodes.get(self.index..self.end()).unwrap_or_default();
        let length = tree.as_str().len();
        nodes.iter().filter_map(move |node| match node {
            Node::Declaration { uri, .. }
                if uri.len() == NS_COMPONENT.len()
                    && (uri.start as usize) < length
                    && tree.slice(*uri) == NS_COMPONENT =>
            {
                Some((uri.start as usize, uri.end as usize))
            }
            _ => None,
        })
    }
}

/// Returns all text before colons that may be a prefix, in names and in values such as that of
/// `xsi:type`.
fn mentioned(own: &str) -> impl Iterator<Item = &str> {
    memchr_iter(b':', own.as_bytes()).filter_map(|colon| {
        let before = own.get(..colon)?;
        let of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.') || c > '\x7F';
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| of_a_name(*c))
            .last();
        let (start, _) = start?;
        let starts_none = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.');
        before
            .get(start..)
            .map(|word| word.trim_start_matches(starts_none))
    })
}

/// Returns the length of the element at the start of well-formed XML.
fn length(xml: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(next) = memchr(b'<', xml.get(at..).unwrap_or_default()) {
        at += next;
        let rest = xml.get(at..).unwrap_or_default();
        if rest.starts_with(b"<![CDATA[") {
            at += memmem::find(rest, b"]]>").map_or(rest.len(), |end| end + 3);
            continue;
        }
        let tag = tag_length(rest);
        at += tag;
        if rest.starts_with(b"</") {
            depth = depth.saturating_sub(1);
        } else if rest.get(tag.saturating_sub(2)) != Some(&b'/') {
            depth += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    xml.len()
}

/// Returns the length of the tag that begins here. A `>` between quotes does not end it.
fn tag_length(xml: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = memchr3(b'>', b'\'', b'"', xml.get(at..).unwrap_or_default()) {
        at += next + 1;
        let quote = match xml.get(at - 1) {
            Some(&quote @ (b'\'' | b'"')) => quote,
            _ => return at,
        };
        let rest = xml.get(at..).unwrap_or_default();
        at += memchr(quote, rest).map_or(rest.len(), |end| end + 1);
    }
    xml.len()
}

#[cfg(test)]
mod tests {
    use crate::element::{Element, NS_STREAM, Scope, Tree};

    fn tree(text: &str) -> Tree {
        Tree::parse(text.as_bytes(), &Scope::component()).unwrap()
    }

    /// Returns the innermost element `b` of the text.
    fn cut(text: &str) -> String {
        let tree = tree(text);
        let open = |step| match step {
            crate::element::Step::Open(element) => Some(element),
            _ => None,
        };
        let b = tree
            .root()
            .steps()
            .filter_map(open)
            .find(|e| e.name() == "b");
        let xml = b.unwrap().to_xml();
        assert_same(b.unwrap(), &xml);
        xml
    }

    /// Asserts that `xml`, parsed on its own, has the same content as `element`.
    fn assert_same(element: Element<'_>, xml: &str) {
        let alone = Tree::parse(xml.as_bytes(), &Scope::bind([])).unwrap();
        let (was, is) = (
            element.to_minidom().unwrap(),
            alone.root().to_minidom().unwrap(),
        );
        assert_eq!(was.name(), is.name());
        assert_eq!(was.ns(), is.ns());
        assert!(was.children().eq(is.children()), "{was:?} {is:?}");
        assert_eq!(element.text(), alone.root().text());
    }

    #[test]
    fn its_own_characters_are_kept() {
        let own = "<b  xmlns = \"urn:b\" a='>/>' c=\"'\"><c/>&#33;<![CDATA[</b>]]><b></b ><d e='/'></d></b >";
        assert_eq!(cut(&format!("<a>{own}<b xmlns='urn:c'/></a>")), own);
    }

    #[test]
    fn a_default_namespace_from_outside_is_declared() {
        assert_eq!(
            cut("<iq><a xmlns='urn:a&amp;'><b/></a></iq>"),
            "<b xmlns='urn:a&amp;'/>"
        );
        assert_eq!(cut("<iq><b>1</b></iq>"), "<b xmlns='jabber:client'>1</b>");
        assert_eq!(
            cut("<iq><q:a xmlns:q='u' xmlns=''><b/></q:a></iq>"),
            "<b xmlns=''/>"
        );
    }

    #[test]
    fn the_innermost_declaration_counts() {
        assert_eq!(
            cut(
                "<a xmlns:q='urn:1' xmlns='urn:3'><a xmlns:q='urn:2' xmlns='urn:4'><q:b q:c='1'/></a></a>"
            ),
            "<q:b xmlns='urn:4' xmlns:q='urn:2' q:c='1'/>"
        );
        assert_eq!(
            cut("<a xmlns:q='urn:1'><q:b xmlns:q='urn:2' xmlns='urn:5'/></a>"),
            "<q:b xmlns:q='urn:2' xmlns='urn:5'/>"
        );
    }

    #[test]
    fn a_prefix_in_a_value_is_declared_and_one_that_does_not_occur_is_not() {
        assert_eq!(
            cut(
                "<a xmlns:xs='urn:s' xmlns:i='urn:i' xmlns:o='urn:o'><b xmlns='' i:type='xs:string'/></a>"
            ),
            "<b xmlns:i='urn:i' xmlns:xs='urn:s' xmlns='' i:type='xs:string'/>"
        );
    }

    #[test]
    fn of_many_prefixes_around_those_that_are_used_are_declared() {
        let around: String = (0..400).map(|n| format!(" xmlns:p{n}='urn:{n}'")).collect();
        let xml = cut(&format!(
            "<a{around}><b xmlns='u' p7:c='1' d='(p8:e)'>http://x</b></a>"
        ));
        assert!(
            xml.starts_with("<b xmlns:p8='urn:8' xmlns:p7='urn:7' xmlns='u'"),
            "{xml}"
        );
    }

    #[test]
    fn a_prefix_of_the_stream_is_declared() {
        let xml = cut("<iq><b xmlns='u'><stream:error/></b></iq>");
        assert_eq!(
            xml,
            format!("<b xmlns:stream='{NS_STREAM}' xmlns='u'><stream:error/></b>")
        );
    }

    #[test]
    fn the_language_in_force_goes_with_it() {
        assert_eq!(
            cut("<iq xml:lang='de'><a xml:lang='en'><b xmlns='u'/></a></iq>"),
            "<b xml:lang='en' xmlns='u'/>"
        );
        assert_eq!(
            cut("<iq xml:lang='de'><b xmlns='u' xml:lang='fr'/></iq>"),
            "<b xmlns='u' xml:lang='fr'/>"
        );
    }

    #[test]
    fn the_wire_s_namespace_becomes_the_client_s() {
        assert_eq!(
            cut(
                "<iq><b xmlns='u'><message xmlns='jabber:component:accept'>jabber:component:accept<c:d xmlns:c=\"jabber:component:accept\"/></message></b></iq>"
            ),
            "<b xmlns='u'><message xmlns='jabber:client'>jabber:component:accept<c:d xmlns:c=\"jabber:client\"/></message></b>"
        );
    }

    #[test]
    fn a_whole_stanza_can_stand_alone_too() {
        assert_eq!(
            tree("<iq id='1'><a/></iq>").root().to_xml(),
            "<iq xmlns='jabber:client' id='1'><a/></iq>"
        );
    }
}
