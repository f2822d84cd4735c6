//! The namespaces in force at the start of a stanza.
//!
//! Namespaces that a stanza declares itself are in its tree.

use std::sync::Arc;

use super::node::Ns;

pub use crate::xml_writer::{NS_CLIENT, NS_COMPONENT, NS_XML};

/// The namespace of streams (RFC 6120, 4.8.1).
///
/// # Examples
///
/// ```
/// assert_eq!(couplet_core::element::NS_STREAM, "http://etherx.jabber.org/streams");
/// ```
pub const NS_STREAM: &str = "http://etherx.jabber.org/streams";

/// Prefixes and their namespaces, as declared by a stream's header.
///
/// A stanza can only be read with the scope of its stream, which defines the prefixes that the
/// stanza uses and does not declare. Cheap to clone.
///
/// # Examples
///
/// ```
/// use couplet_core::element::{Scope, Tree};
///
/// let tree = Tree::parse(b"<iq/>", &Scope::component())?;
/// assert!(tree.root().is("iq", "jabber:client"));
/// # Ok::<(), couplet_core::element::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    bound: Arc<[Bound]>,
    default: u32,
}

#[derive(Debug, PartialEq, Eq)]
struct Bound {
    prefix: Box<str>,
    uri: Box<str>,
    /// The namespace as reported: `jabber:client` for `jabber:component:accept`.
    neutral: Box<str>,
}

impl Scope {
    /// Index of "no namespace".
    pub(super) const NONE: u32 = 0;
    /// Index of the namespace of `xml:lang`.
    pub(super) const XML: u32 = 1;

    /// Returns the scope of a component's stream with the usual header (XEP-0114, 3).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::Scope;
    ///
    /// assert_ne!(Scope::component(), Scope::client());
    /// ```
    #[must_use]
    pub fn component() -> Self {
        Self::bind([("", NS_COMPONENT), ("stream", NS_STREAM)])
    }

    /// Returns the scope of a client's stream with the usual header (RFC 6120, 4.8.2). Use it also
    /// for stanzas that were written inside Couplet.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{Scope, Tree};
    ///
    /// assert!(Tree::parse(b"<message/>", &Scope::client()).is_ok());
    /// ```
    #[must_use]
    pub fn client() -> Self {
        Self::bind([("", NS_CLIENT), ("stream", NS_STREAM)])
    }

    /// Creates a scope from declarations. The empty prefix stands for the default namespace; a
    /// later declaration of the same prefix wins.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::{NS_CLIENT, NS_STREAM, Scope};
    ///
    /// assert_eq!(Scope::bind([("", NS_CLIENT), ("stream", NS_STREAM)]), Scope::client());
    /// ```
    pub fn bind<'a>(declarations: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut bound = vec![Bound::new("\0", ""), Bound::new("xml", NS_XML)];
        let mut default = Self::NONE;
        for (prefix, uri) in declarations {
            if prefix.is_empty() {
                default = bound.len() as u32;
            }
            bound.push(Bound::new(prefix, uri));
        }
        Self {
            bound: bound.into(),
            default,
        }
    }

    pub(super) fn default_ns(&self) -> Ns {
        Ns::bound(self.default)
    }

    /// Returns prefixes and their namespaces in the order of declaration.
    pub(super) fn prefixes(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let declared = self.bound.get(Self::XML as usize + 1..).unwrap_or_default();
        let pairs = declared.iter().map(|bound| (&*bound.prefix, &*bound.uri));
        pairs.filter(|(prefix, _)| !prefix.is_empty())
    }

    pub(super) fn lookup(&self, prefix: &str) -> Option<u32> {
        if prefix == "xml" {
            return Some(Self::XML);
        }
        let found = self
            .bound
            .iter()
            .rposition(|bound| *bound.prefix == *prefix)?;
        Some(found as u32)
    }

    #[inline]
    pub(super) fn neutral(&self, index: u32) -> &str {
        self.bound
            .get(index as usize)
            .map_or("", |bound| &bound.neutral)
    }

    pub(super) fn uri(&self, index: u32) -> &str {
        self.bound
            .get(index as usize)
            .map_or("", |bound| &bound.uri)
    }
}

impl Bound {
    fn new(prefix: &str, uri: &str) -> Self {
        Self {
            prefix: prefix.into(),
            uri: uri.into(),
            neutral: match uri {
                NS_COMPONENT => NS_CLIENT.into(),
                _ => uri.into(),
            },
        }
    }
}
