//! A borrowed, read-only view of one element of a tree.
//!
//! To edit an element, convert it with [`Element::to_minidom`].

use std::borrow::Cow;
use std::fmt;

use super::Tree;
use super::node::{Name, Node, Ns};
use super::text::Span;

/// One element of a [`Tree`], with its content. Cheap to copy; `Debug` shows only its name.
///
/// # Examples
///
/// ```
/// use couplet_core::element::{Scope, Tree};
///
/// let tree = Tree::parse(b"<a x='1'><b/>c</a>", &Scope::client())?;
/// let element = tree.root();
/// assert_eq!(element.attr("x").as_deref(), Some("1"));
/// assert_eq!(element.children().count(), 1);
/// # Ok::<(), couplet_core::element::Malformed>(())
/// ```
#[derive(Clone, Copy)]
pub struct Element<'a> {
    pub(super) tree: &'a Tree,
    pub(super) index: usize,
}

impl<'a> Element<'a> {
    /// Returns the local name, without a prefix.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<x:a xmlns:x='urn:x'/>", &Scope::client())?;
    /// assert_eq!(tree.root().name(), "a");
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn name(self) -> &'a str {
        match self.tree.node(self.index) {
            Some(Node::Element { name, .. }) => self.tree.slice(name.local()),
            _ => "",
        }
    }

    /// Returns the namespace; empty if the element has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<x:a xmlns:x='urn:x'/>", &Scope::client())?;
    /// assert_eq!(tree.root().ns(), "urn:x");
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn ns(self) -> &'a str {
        match self.tree.node(self.index) {
            Some(Node::Element { ns, .. }) => self.tree.uri(ns),
            _ => "",
        }
    }

    /// Returns whether the element has this local name and this namespace.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{NS_CLIENT, Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<iq/>", &Scope::client())?;
    /// assert!(tree.root().is("iq", NS_CLIENT));
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn is(self, name: &str, ns: &str) -> bool {
        match self.tree.nodes.get(self.index) {
            Some(Node::Element {
                name: own, ns: uri, ..
            }) => own.is(name, &self.tree.source) && self.tree.uri(*uri) == ns,
            _ => false,
        }
    }

    /// Returns the unescaped value of the attribute with this name in no namespace.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<iq id='&lt;7'/>", &Scope::client())?;
    /// assert_eq!(tree.root().attr("id").as_deref(), Some("<7"));
    /// assert!(tree.root().attr("to").is_none());
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn attr(self, name: &str) -> Option<Cow<'a, str>> {
        self.attr_ns("", name)
    }

    /// Returns the unescaped value of the attribute with this name in this namespace, such as
    /// `xml:lang`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<a xml:lang='de'/>", &Scope::client())?;
    /// let lang = tree.root().attr_ns(couplet_core::element::NS_XML, "lang");
    /// assert_eq!(lang.as_deref(), Some("de"));
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn attr_ns(self, ns: &str, name: &str) -> Option<Cow<'a, str>> {
        let tree = self.tree;
        self.head().find_map(|node| match node {
            Node::Attribute {
                name: own,
                ns: uri,
                value,
            } if own.is(name, &tree.source) && same(tree.uri(*uri), ns) => {
                Some(tree.slice(*value).into())
            }
            _ => None,
        })
    }

    /// Returns the attributes in document order as namespace, local name and value, without
    /// namespace declarations.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<a b='1' xmlns='urn:a'/>", &Scope::client())?;
    /// assert_eq!(tree.root().attrs().next(), Some(("", "b", "1".into())));
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    pub fn attrs(self) -> impl Iterator<Item = (&'a str, &'a str, Cow<'a, str>)> {
        self.attributes().map(|attribute| {
            let tree = attribute.tree;
            let name = tree.slice(attribute.name.local());
            (attribute.ns(), name, attribute.value().into())
        })
    }

    /// Returns the attributes as [`Attribute`]s, which decode name and value on demand.
    #[inline]
    pub(crate) fn attributes(self) -> impl Iterator<Item = Attribute<'a>> {
        let tree = self.tree;
        self.head().filter_map(move |node| match *node {
            Node::Attribute { name, ns, value } => Some(Attribute {
                tree,
                name,
                ns,
                value,
            }),
            _ => None,
        })
    }

    /// Returns the nodes of the attributes and namespace declarations.
    #[inline]
    pub(super) fn head(self) -> impl Iterator<Item = &'a Node> {
        let nodes = self.tree.nodes.get(self.index + 1..).unwrap_or_default();
        nodes
            .iter()
            .take_while(|node| matches!(node, Node::Attribute { .. } | Node::Declaration { .. }))
    }

    /// Returns the child elements, in document order.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<a>1<b/>2<c/></a>", &Scope::client())?;
    /// let names: Vec<_> = tree.root().children().map(|child| child.name()).collect();
    /// assert_eq!(names, ["b", "c"]);
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    pub fn children(self) -> impl Iterator<Item = Element<'a>> {
        self.content().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            Content::Text(_) => None,
        })
    }

    /// Returns the first child element with this local name and this namespace.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{NS_CLIENT, Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<message><body/></message>", &Scope::client())?;
    /// assert!(tree.root().child("body", NS_CLIENT).is_some());
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn child(self, name: &str, ns: &str) -> Option<Element<'a>> {
        self.children().find(|child| child.is(name, ns))
    }

    /// Returns the text directly in the element, without the text of its children.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// let tree = Tree::parse(b"<a>1<b>2</b>&amp;</a>", &Scope::client())?;
    /// assert_eq!(tree.root().text(), "1&");
    /// # Ok::<(), couplet_core::element::Malformed>(())
    /// ```
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        let mut text = Cow::Borrowed("");
        for content in self.content() {
            if let Content::Text(more) = content {
                text += more;
            }
        }
        text
    }

    /// Returns whether [`text`](Element::text) is not empty.
    pub(crate) fn has_text(self) -> bool {
        self.content()
            .any(|content| matches!(content, Content::Text(text) if !text.is_empty()))
    }

    fn content(self) -> impl Iterator<Item = Content<'a>> {
        let (tree, end) = (self.tree, self.end());
        let mut at = self.index + 1;
        std::iter::from_fn(move || {
            while at < end {
                let index = at;
                at += 1;
                match tree.node(index)? {
                    Node::Text(span) => return Some(Content::Text(tree.slice(span))),
                    Node::Element { next, .. } => {
                        at = next as usize;
                        return Some(Content::Element(Element { tree, index }));
                    }
                    Node::Attribute { .. } | Node::Declaration { .. } => {}
                }
            }
            None
        })
    }

    pub(super) fn end(self) -> usize {
        match self.tree.node(self.index) {
            Some(Node::Element { next, .. }) => next as usize,
            _ => self.index,
        }
    }
}

/// Returns whether two namespaces are equal. Checks for the common empty ones first: for two empty
/// slices `==` calls `memcmp` with dangling pointers, where implementations with masked loads take
/// a quarter of a microsecond.
#[inline]
pub(super) fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{{{}}}{}>", self.ns(), self.name())
    }
}

/// One attribute of an element.
#[derive(Clone, Copy)]
pub(crate) struct Attribute<'a> {
    tree: &'a Tree,
    name: Name,
    ns: Ns,
    value: Span,
}

impl<'a> Attribute<'a> {
    /// Returns the local name, in bytes.
    #[inline]
    pub(crate) fn name(self) -> &'a [u8] {
        let local = self.name.local();
        let source = self.tree.source.as_bytes();
        source
            .get(local.start as usize..local.end as usize)
            .unwrap_or_default()
    }

    /// Returns the namespace; empty for most attributes.
    #[inline]
    pub(crate) fn ns(self) -> &'a str {
        if self.ns == Ns::NONE {
            return "";
        }
        self.tree.uri(self.ns)
    }

    #[inline]
    pub(crate) fn value(self) -> &'a str {
        self.tree.slice(self.value)
    }
}

enum Content<'a> {
    Element(Element<'a>),
    Text(&'a str),
}
