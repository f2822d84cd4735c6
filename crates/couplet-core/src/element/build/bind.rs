//! Resolves names: namespace declarations in force, expanded names, duplicate attributes.
//!
//! Uses no map while there are few declarations: most stanzas have one or none.

use std::collections::HashMap;

use super::{Builder, Head, NOBODY};
use crate::element::malformed::Malformed;
use crate::element::node::{Name, Node, Ns};
use crate::element::scope::NS_XML;
use crate::element::text::Span;
use crate::element::view::same;

/// Above this number of declarations in force, prefixes are looked up in a map, because the sender
/// of the stanza chooses the number.
const SEARCHED: usize = 16;
/// Above this number of attributes, duplicates are found by sorting.
const COMPARED: usize = 16;

impl<'s> Builder<'s> {
    /// Adds a declaration, checked by Namespaces in XML 1.0, 3 and 5.
    pub(super) fn declare(
        &mut self,
        element: usize,
        prefix: Span,
        uri: Span,
    ) -> Result<(), Malformed> {
        let name = self.source(prefix);
        let value = uri.of(self.source, self.decoder.annex());
        if (name == "xml") != (value == NS_XML) || name == "xmlns" {
            return Err(Malformed::NotWellFormed("a reserved prefix or namespace"));
        }
        if !name.is_empty() {
            if value.is_empty() {
                return Err(Malformed::NotWellFormed("a prefix bound to nothing"));
            }
            // rxml 0.14 accepts two declarations of the default namespace; the last one wins.
            if self
                .declaration(name)
                .is_some_and(|earlier| earlier as usize > element)
            {
                return Err(Malformed::NotWellFormed("a prefix declared twice"));
            }
        }
        let index = self.nodes.len() as u32;
        self.nodes.push(Node::Declaration {
            prefix,
            uri,
            outer: self.live,
        });
        self.live = index;
        self.live_count += 1;
        if name.is_empty() {
            self.default = Ns::declared(index);
        }
        match &mut self.index {
            Some(map) => map.entry(name).or_default().push(index),
            None if self.live_count > SEARCHED => self.index = Some(self.indexed()),
            None => {}
        }
        Ok(())
    }

    fn indexed(&self) -> HashMap<&'s str, Vec<u32>> {
        let mut map = HashMap::<_, Vec<u32>>::new();
        let mut at = self.live;
        while let Some(&Node::Declaration { prefix, outer, .. }) = self.nodes.get(at as usize) {
            map.entry(self.source(prefix)).or_default().push(at);
            at = outer;
        }
        map.values_mut().for_each(|declared| declared.reverse());
        map
    }

    /// Returns the declaration of this prefix that is in force.
    fn declaration(&self, prefix: &str) -> Option<u32> {
        if let Some(map) = &self.index {
            return map.get(prefix)?.last().copied();
        }
        let mut at = self.live;
        while let Some(&Node::Declaration {
            prefix: name,
            outer,
            ..
        }) = self.nodes.get(at as usize)
        {
            if same(self.source(name), prefix) {
                return Some(at);
            }
            at = outer;
        }
        None
    }

    fn lookup(&self, prefix: &str) -> Result<Ns, Malformed> {
        if prefix.is_empty() {
            return Ok(self.default);
        }
        if prefix != "xml"
            && let Some(declared) = self.declaration(prefix)
        {
            return Ok(Ns::declared(declared));
        }
        self.scope
            .lookup(prefix)
            .map(Ns::bound)
            .ok_or(Malformed::NotWellFormed("an unbound prefix"))
    }

    /// Resolves the names of a tag, after all its declarations are known.
    #[inline]
    pub(super) fn resolve(
        &mut self,
        element: usize,
        name: Name,
        head: &Head,
    ) -> Result<(), Malformed> {
        let resolved = if head.prefixed {
            self.resolve_attributes(element + 1)?;
            self.lookup(self.source(name.prefix()))?
        } else {
            self.default
        };
        if let Some(Node::Element { ns, .. }) = self.nodes.get_mut(element) {
            *ns = resolved;
        }
        if head.alike {
            self.check_doubles(element + 1)?;
        }
        Ok(())
    }

    fn resolve_attributes(&mut self, first: usize) -> Result<(), Malformed> {
        for at in first..self.nodes.len() {
            let Some(&Node::Attribute { name, .. }) = self.nodes.get(at) else {
                continue;
            };
            if name.is_prefixed() {
                self.languages |= self.written(name.local()) == b"lang";
                let resolved = self.lookup(self.source(name.prefix()))?;
                if let Some(Node::Attribute { ns, .. }) = self.nodes.get_mut(at) {
                    *ns = resolved;
                }
            }
        }
        Ok(())
    }

    /// Checks that no two attributes of an element have the same expanded name (Namespaces in XML
    /// 1.0, 6.3).
    fn check_doubles(&self, first: usize) -> Result<(), Malformed> {
        const DOUBLE: Malformed = Malformed::NotWellFormed("an attribute given twice");
        let nodes = self.nodes.get(first..).unwrap_or_default();
        if nodes.len() > COMPARED {
            let mut seen: Vec<_> = nodes
                .iter()
                .filter_map(|node| self.expanded(node))
                .collect();
            seen.sort_unstable();
            let given = seen.len();
            seen.dedup();
            return if seen.len() == given {
                Ok(())
            } else {
                Err(DOUBLE)
            };
        }
        for (count, one) in nodes.iter().enumerate() {
            let Node::Attribute { name, .. } = one else {
                continue;
            };
            let local = self.source(name.local());
            for other in nodes.iter().take(count) {
                if let Node::Attribute {
                    name: other_name, ..
                } = other
                    && self.source(other_name.local()) == local
                    && self.expanded(one) == self.expanded(other)
                {
                    return Err(DOUBLE);
                }
            }
        }
        Ok(())
    }

    fn expanded(&self, node: &Node) -> Option<(&str, &str)> {
        let Node::Attribute { name, ns, .. } = node else {
            return None;
        };
        let uri = ns.uri(self.source, self.decoder.annex(), &self.nodes, self.scope);
        Some((self.source(name.local()), uri))
    }

    /// Ends the declarations of this element and of its descendants.
    pub(super) fn undeclare(&mut self, element: usize) {
        while self.live != NOBODY && self.live as usize > element {
            let Some(&Node::Declaration { prefix, outer, .. }) = self.nodes.get(self.live as usize)
            else {
                return;
            };
            let name = self.source(prefix);
            if let Some(declared) = self.index.as_mut().and_then(|map| map.get_mut(name)) {
                declared.pop();
            }
            self.live = outer;
            self.live_count -= 1;
            if name.is_empty() {
                let outer = self.declaration("").map(Ns::declared);
                self.default = outer.unwrap_or(self.scope.default_ns());
            }
        }
    }
}
