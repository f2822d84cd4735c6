//! The entries of the flat tree.
//!
//! They hold positions instead of references, so they have no lifetime.

use super::scope::Scope;
use super::text::Span;

/// One entry of the flat tree. An element's attributes and declarations directly follow the
/// element, then its content in document order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Element {
        name: Name,
        ns: Ns,
        /// The first node after the element; while the element is open, its parent.
        next: u32,
    },
    Attribute {
        name: Name,
        ns: Ns,
        value: Span,
    },
    Declaration {
        prefix: Span,
        uri: Span,
        /// The declaration in force before this one.
        outer: u32,
    },
    Text(Span),
}

/// A name as written: `prefix:local`, where `local` is the position after the colon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) start: u32,
    pub(super) local: u32,
    pub(super) end: u32,
}

impl Name {
    pub(super) fn new(start: usize, local: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            local: local as u32,
            end: end as u32,
        }
    }

    pub(super) fn local(self) -> Span {
        Span {
            start: self.local,
            end: self.end,
        }
    }

    /// Returns whether the local name, which is in `source`, equals `local`.
    #[inline]
    pub(super) fn is(self, local: &str, source: &str) -> bool {
        let (start, end) = (self.local as usize, self.end as usize);
        let own = source.as_bytes().get(start..end).unwrap_or_default();
        // Most names are short and differ in the first byte, so a call to `memcmp` costs more.
        own.len() == local.len() && own.iter().zip(local.as_bytes()).all(|(a, b)| a == b)
    }

    pub(super) fn prefix(self) -> Span {
        Span {
            start: self.start,
            end: self.local.saturating_sub(1).max(self.start),
        }
    }

    pub(super) fn is_prefixed(self) -> bool {
        self.local != self.start
    }

    pub(super) fn raw(self) -> Span {
        Span {
            start: self.start,
            end: self.end,
        }
    }
}

/// A namespace: bound in the scope, or declared by the node at this index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ns(u32);

impl Ns {
    const DECLARED: u32 = 1 << 31;
    pub(super) const NONE: Self = Self(Scope::NONE);

    /// Returns the namespace bound in the scope at this index.
    pub(super) fn bound(index: u32) -> Self {
        Self(index)
    }

    /// Returns the namespace declared by the node at this index.
    pub(super) fn declared(index: u32) -> Self {
        Self(index | Self::DECLARED)
    }

    /// Returns the index in the scope if the namespace is bound there.
    #[inline]
    pub(super) fn in_scope(self) -> Option<u32> {
        (self.0 & Self::DECLARED == 0).then_some(self.0)
    }

    pub(super) fn uri<'a>(
        self,
        source: &'a str,
        annex: &'a str,
        nodes: &[Node],
        scope: &'a Scope,
    ) -> &'a str {
        if self.0 & Self::DECLARED == 0 {
            return scope.uri(self.0);
        }
        match nodes.get((self.0 & !Self::DECLARED) as usize) {
            Some(Node::Declaration { uri, .. }) => uri.of(source, annex),
            _ => "",
        }
    }
}
