//! A light, checked tree over the bytes of one stanza.
//!
//! It accepts exactly what rxml 0.14 accepts inside the same stream, in a few hundred nanoseconds
//! and two allocations. Reading, copying and dropping a tree never recurse. The tree is read-only
//! and has no limits of its own: the framer has applied them to everything that a server sends.

use std::fmt;

mod build;
mod malformed;
mod node;
mod scope;
mod steps;
mod text;
mod view;
mod whole;

pub(crate) use malformed::MISMATCHED_END_TAG;
pub use malformed::Malformed;
pub use scope::{NS_CLIENT, NS_COMPONENT, NS_STREAM, NS_XML, Scope};
pub use steps::{DEEPEST, Step, Steps};
pub(crate) use text::{check_between, check_characters, lenient_value};
pub use view::Element;

use node::{Node, Ns};

/// An XML element with all its content, which owns its bytes.
///
/// Elements in `jabber:component:accept`, the namespace of a component's stream, are reported as
/// `jabber:client`. `Debug` does not show the content.
///
/// # Examples
///
/// ```
/// use couplet_core::element::{NS_CLIENT, Scope, Tree};
///
/// let bytes = b"<message to='a@b'><body>5 &gt; 4</body></message>";
/// let tree = Tree::parse(bytes, &Scope::component())?;
/// let body = tree.root().child("body", NS_CLIENT).expect("a body");
/// assert_eq!(body.text(), "5 > 4");
/// # Ok::<(), couplet_core::element::Malformed>(())
/// ```
#[derive(Clone)]
pub struct Tree {
    source: String,
    /// Values that are not in the source as such, because they contain references or line ends.
    annex: String,
    nodes: Vec<Node>,
    scope: Scope,
    /// Whether any element may have an `xml:lang`.
    languages: bool,
}

impl Tree {
    /// Parses `bytes` as one element. Takes over a `Vec` or a `String` and copies anything else.
    ///
    /// # Errors
    ///
    /// [`Malformed`] unless `bytes` are exactly one namespace-well-formed element without comments,
    /// processing instructions and document types, with all prefixes bound in `scope` or by the
    /// element.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// assert!(Tree::parse(b"<a><b/></a>", &Scope::client()).is_ok());
    /// assert!(Tree::parse(b"<a><b></a>", &Scope::client()).is_err());
    /// ```
    pub fn parse(bytes: impl Into<Vec<u8>>, scope: &Scope) -> Result<Self, Malformed> {
        let bytes = bytes.into();
        // Positions have 32 bits, and the annex is at most as long as the source.
        if bytes.len() > (u32::MAX / 4) as usize {
            return Err(Malformed::PolicyViolation(
                "an element of more than a gigabyte",
            ));
        }
        let survey = text::survey(&bytes)?;
        let source =
            String::from_utf8(bytes).map_err(|_| Malformed::NotWellFormed("broken UTF-8"))?;
        let (nodes, annex, languages) = build::build(&source, survey, scope)?;
        Ok(Self {
            source,
            annex,
            nodes,
            scope: scope.clone(),
            languages,
        })
    }

    /// Returns the element itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<iq/>", &Scope::client())?;
    /// assert_eq!(tree.root().name(), "iq");
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        Element {
            tree: self,
            index: 0,
        }
    }

    /// Returns the bytes as received.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<iq >&#33;</iq>", &Scope::client())?;
    /// assert_eq!(tree.as_str(), "<iq >&#33;</iq>");
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Returns the memory that the tree holds, in bytes. Use it to bound the memory of queued
    /// stanzas.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<iq/>", &Scope::client())?;
    /// assert!(tree.memory() >= "<iq/>".len());
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.source.capacity()
            + self.annex.capacity()
            + self.nodes.capacity() * size_of::<Node>()
    }

    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.source.into_bytes()
    }

    fn node(&self, index: usize) -> Option<Node> {
        self.nodes.get(index).copied()
    }

    fn slice(&self, span: text::Span) -> &str {
        span.of(&self.source, &self.annex)
    }

    #[inline]
    fn uri(&self, ns: Ns) -> &str {
        if let Some(bound) = ns.in_scope() {
            return self.scope.neutral(bound);
        }
        match ns.uri(&self.source, &self.annex, &self.nodes, &self.scope) {
            NS_COMPONENT => NS_CLIENT,
            uri => uri,
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({:?}, {} bytes)", self.root(), self.source.len())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use xmpp_parsers::ping::Ping;

    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::parse(text.as_bytes(), &Scope::component()).unwrap()
    }

    fn refused(text: impl AsRef<[u8]>) -> bool {
        Tree::parse(text.as_ref(), &Scope::component()).is_err()
    }

    #[test]
    fn the_wire_s_namespace_is_reported_as_the_client_s() {
        let tree =
            tree("<message a='1' xmlns:c='jabber:component:accept' c:b='2'><c:body/></message>");
        let message = tree.root();
        assert!(message.is("message", NS_CLIENT));
        assert!(message.child("body", NS_CLIENT).is_some());
        assert_eq!(message.attr_ns(NS_CLIENT, "b").as_deref(), Some("2"));
        assert!(tree.as_str().contains(NS_COMPONENT));
    }

    #[test]
    fn a_forwarded_stanza_keeps_the_client_s_namespace() {
        let tree = tree(
            "<iq><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded></iq>",
        );
        let forwarded = tree
            .root()
            .child("forwarded", "urn:xmpp:forward:0")
            .unwrap();
        assert!(forwarded.child("message", NS_CLIENT).is_some());
    }

    #[test]
    fn attributes_are_found_by_name_and_namespace() {
        let tree = tree("<a xml:lang='de' lang='x' b='&lt;&#10;&gt;' c='1\n2'/>");
        let element = tree.root();
        assert_eq!(element.attr_ns(NS_XML, "lang").as_deref(), Some("de"));
        assert_eq!(element.attr("lang").as_deref(), Some("x"));
        assert_eq!(element.attr("b").as_deref(), Some("<\n>"));
        assert_eq!(element.attr("c").as_deref(), Some("1 2"));
        assert_eq!(element.attr("d"), None);
        assert_eq!(element.attrs().count(), 4);
    }

    #[test]
    fn text_is_that_of_the_element_itself() {
        let tree = tree("<a>1<b>2</b>&amp;<![CDATA[<3>]]>\r\n<c/>4</a>");
        assert_eq!(tree.root().text(), "1&<3>\n4");
        assert!(matches!(
            tree.root().children().next().unwrap().text(),
            Cow::Borrowed("2")
        ));
        assert_eq!(
            tree.root()
                .children()
                .map(Element::name)
                .collect::<Vec<_>>(),
            ["b", "c"]
        );
    }

    #[test]
    fn only_one_whole_element_is_accepted() {
        for text in [
            "",
            " ",
            "<a>",
            "<a/><b/>",
            "<a/> ",
            " <a/>",
            "a",
            "</a>",
            "<![CDATA[]]><a/>",
            "<",
        ] {
            assert!(refused(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "<a><b></a></b>",
            "<a b='1' b='2'/>",
            "<a b=1/>",
            "<a b/>",
            "<a b='<'/>",
            "<a b='1'c='2'/>",
            "<q:a/>",
            "<a q:b='1'/>",
            "<a xmlns:xmlns='x'/>",
            "<a xmlns:xml='x'/>",
            "<a xmlns:q=''/>",
            "<a xmlns:q='urn:q' xmlns:r='urn:q' q:b='1' r:b='2'/>",
            "<a>]]></a>",
            "<a>&nbsp;</a>",
            "<a>&#0;</a>",
            "<a>&#xFFFE;</a>",
            "<a>&</a>",
            "<a>\0</a>",
            "<a b='\x01'/>",
            "<a>\u{FFFF}</a>",
            "<1/>",
            "<a:b:c/>",
            "<:a/>",
            "<a:/>",
            "<a><!-- --></a>",
            "<a><?b?></a>",
            "<a/b>",
            "<a><q:b xmlns:q='urn:q'/><q:c/></a>",
        ] {
            assert!(refused(text), "{text}");
        }
        assert!(refused(b"<a>\xC0\x80</a>"));
        assert!(refused(b"<a b='\xFF'/>"));
    }

    #[test]
    fn a_deep_tree_neither_overflows_the_stack_nor_becomes_a_recursive_one() {
        let deep = tree(&["<a>".repeat(100_000), "</a>".repeat(100_000)].concat());
        assert_eq!(deep.clone().root().steps().count(), 200_000);
        assert!(deep.root().to_minidom().is_err());
        assert!(deep.root().parse::<minidom::Element>().is_err());
        assert_eq!(deep.root().text(), "");
    }

    #[test]
    fn the_deepest_tree_that_may_become_a_recursive_one_does() {
        let deep = |levels: usize| tree(&["<a>".repeat(levels), "</a>".repeat(levels)].concat());
        let deepest = deep(DEEPEST);
        assert!(deepest.root().to_minidom().is_ok());
        assert!(deepest.root().parse::<minidom::Element>().is_ok());
        let deeper = deep(DEEPEST + 1);
        assert!(deeper.root().to_minidom().is_err());
        assert!(deeper.root().parse::<minidom::Element>().is_err());
    }

    #[test]
    fn a_typed_payload_is_read_or_distinguished_from_another() {
        let tree =
            tree("<presence><ping xmlns='urn:xmpp:ping'/><priority>999</priority></presence>");
        assert!(
            tree.root()
                .children()
                .next()
                .unwrap()
                .parse::<Ping>()
                .is_ok()
        );
        let mismatch = tree.root().parse::<Ping>().unwrap_err();
        assert!(matches!(mismatch, xso::error::Error::TypeMismatch));
        let broken = tree
            .root()
            .parse::<xmpp_parsers::presence::Presence>()
            .unwrap_err();
        assert!(!matches!(broken, xso::error::Error::TypeMismatch));
    }

    #[test]
    fn a_minidom_element_has_the_same_content() {
        let text =
            "<a xmlns='jabber:client' b='1' xml:lang='de'>x &lt; y<c xmlns='urn:c'>z</c></a>";
        assert_eq!(
            tree(text).root().to_minidom().unwrap(),
            text.parse().unwrap()
        );
    }

    #[test]
    fn a_message_of_xmpp_parsers_keeps_its_languages() {
        let tree =
            tree("<message xml:lang='de'><body>a</body><body xml:lang='en'>b</body></message>");
        let message = tree
            .root()
            .parse::<xmpp_parsers::message::Message>()
            .unwrap();
        assert_eq!(
            message
                .bodies
                .keys()
                .map(|lang| lang.as_str())
                .collect::<Vec<_>>(),
            ["de", "en"]
        );
    }

    #[test]
    fn content_is_not_shown() {
        let tree = tree("<message b='secret'><body>secret</body></message>");
        let shown = format!("{tree:?} {:?}", tree.root().steps().collect::<Vec<_>>());
        assert!(
            shown.starts_with("Tree(<{jabber:client}message>, 49 bytes)"),
            "{shown}"
        );
    }

    #[test]
    fn bytes_that_are_given_away_are_not_copied() {
        let bytes = b"<iq/>".to_vec();
        let place = bytes.as_ptr();
        let tree = Tree::parse(bytes, &Scope::client()).unwrap();
        assert_eq!(tree.as_str().as_ptr(), place);
        assert!(tree.memory() < 2_048);
    }
}
