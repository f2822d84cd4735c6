//! One checked pass over the bytes of a complete stanza.
//!
//! Never recurses: open elements are linked through the nodes themselves. Deliberately without
//! limits: the framer has applied them, and nothing here grows faster than its input.

use std::collections::HashMap;

use super::malformed::Malformed;
use super::scope::{NS_XML, Scope};
use super::text::{Decoder, Span};

/// Above this many declarations in force, prefixes are looked up in a map: a stranger chooses
/// how many there are.
const SEARCHED: usize = 16;
/// Above this many attributes, doubles are found by sorting.
const COMPARED: usize = 16;
const NOBODY: u32 = u32::MAX;

/// One entry of the flat tree. An element's attributes and declarations follow it directly, then
/// its content in document order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Element {
        name: Name,
        ns: Ns,
        /// The first node behind the element; while it is open, its parent.
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

/// A name as written: `prefix:local`, where `local` is the position behind the colon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    start: u32,
    local: u32,
    end: u32,
}

impl Name {
    pub(super) fn local(self) -> Span {
        Span {
            start: self.local,
            end: self.end,
        }
    }

    fn prefix(self) -> Span {
        Span {
            start: self.start,
            end: self.local.saturating_sub(1).max(self.start),
        }
    }

    fn is_prefixed(self) -> bool {
        self.local != self.start
    }

    fn raw(self) -> Span {
        Span {
            start: self.start,
            end: self.end,
        }
    }
}

/// A namespace: bound in the scope, or by the declaration that is this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ns(u32);

impl Ns {
    const DECLARED: u32 = 1 << 31;
    const NONE: Self = Self(Scope::NONE);

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

/// The nodes of the one element in `source`, and the characters that are not in it as such.
pub(super) fn build(
    source: &str,
    returns: bool,
    scope: &Scope,
) -> Result<(Vec<Node>, String), Malformed> {
    let mut builder = Builder {
        source,
        bytes: source.as_bytes(),
        decoder: Decoder::new(source, returns),
        nodes: Vec::with_capacity(8 + (source.len() / 24).min(512)),
        scope,
        open: NOBODY,
        live: NOBODY,
        live_count: 0,
        index: None,
    };
    builder.run()?;
    Ok((builder.nodes, builder.decoder.into_annex()))
}

struct Builder<'s> {
    source: &'s str,
    bytes: &'s [u8],
    decoder: Decoder<'s>,
    nodes: Vec<Node>,
    scope: &'s Scope,
    /// The innermost open element.
    open: u32,
    /// The latest declaration in force.
    live: u32,
    live_count: usize,
    index: Option<HashMap<&'s str, Vec<u32>>>,
}

impl<'s> Builder<'s> {
    fn run(&mut self) -> Result<(), Malformed> {
        let mut at = match self.bytes {
            [b'<', b'!' | b'/', ..] => return Err(Malformed::NotWellFormed("not an element")),
            [b'<', ..] => self.markup(0)?,
            _ => return Err(Malformed::NotWellFormed("not an element")),
        };
        while self.open != NOBODY {
            at = match self.byte(at) {
                Some(b'<') => self.markup(at)?,
                Some(_) => {
                    let (text, next) = self.decoder.text(at)?;
                    self.nodes.push(Node::Text(text));
                    next
                }
                None => return Err(Malformed::NotWellFormed("an unfinished element")),
            };
        }
        if at != self.bytes.len() {
            return Err(Malformed::NotWellFormed("more than one element"));
        }
        Ok(())
    }

    /// Whatever begins with the `<` at `at`.
    #[inline]
    fn markup(&mut self, at: usize) -> Result<usize, Malformed> {
        match self.byte(at + 1) {
            Some(b'/') => self.end_tag(at + 2),
            Some(b'!') => self.cdata(at),
            Some(b'?') => Err(Malformed::RestrictedXml("a processing instruction")),
            _ => self.start_tag(at + 1),
        }
    }

    fn cdata(&mut self, at: usize) -> Result<usize, Malformed> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        if rest.starts_with(b"<!--") {
            return Err(Malformed::RestrictedXml("a comment"));
        }
        if !rest.starts_with(b"<![CDATA[") {
            return Err(Malformed::RestrictedXml("a document type"));
        }
        let (text, next) = self.decoder.cdata(at + 9)?;
        if text.len() > 0 {
            self.nodes.push(Node::Text(text));
        }
        Ok(next)
    }

    fn start_tag(&mut self, at: usize) -> Result<usize, Malformed> {
        let (name, mut at) = self.name(at)?;
        let element = self.nodes.len();
        self.nodes.push(Node::Element {
            name,
            ns: Ns::NONE,
            next: self.open,
        });
        self.open = element as u32;
        let mut prefixed = false;
        loop {
            let blank = self.skip_space(at);
            match self.byte(blank) {
                Some(b'>') => {
                    self.resolve(element, name, prefixed)?;
                    return Ok(blank + 1);
                }
                Some(b'/') if self.byte(blank + 1) == Some(b'>') => {
                    self.resolve(element, name, prefixed)?;
                    self.close(element);
                    return Ok(blank + 2);
                }
                Some(_) if blank > at => {}
                _ => return Err(Malformed::NotWellFormed("a broken start tag")),
            }
            at = self.attribute(blank, element, &mut prefixed)?;
        }
    }

    #[inline]
    fn attribute(
        &mut self,
        at: usize,
        element: usize,
        prefixed: &mut bool,
    ) -> Result<usize, Malformed> {
        let (name, at) = self.name(at)?;
        let at = self.skip_space(at);
        if self.byte(at) != Some(b'=') {
            return Err(Malformed::NotWellFormed("an attribute without a value"));
        }
        let at = self.skip_space(at + 1);
        let (value, next) = match self.byte(at) {
            Some(quote @ (b'\'' | b'"')) => self.decoder.attribute(at + 1, quote)?,
            _ => {
                return Err(Malformed::NotWellFormed(
                    "an attribute value without quotes",
                ));
            }
        };
        if !name.is_prefixed() {
            if self.source(name.raw()) == "xmlns" {
                self.declare(element, Span::EMPTY, value)?;
            } else {
                self.nodes.push(Node::Attribute {
                    name,
                    ns: Ns::NONE,
                    value,
                });
            }
        } else if self.source(name.prefix()) == "xmlns" {
            self.declare(element, name.local(), value)?;
        } else {
            *prefixed = true;
            self.nodes.push(Node::Attribute {
                name,
                ns: Ns::NONE,
                value,
            });
        }
        Ok(next)
    }

    /// Namespaces in XML 1.0, 3 and 5.
    fn declare(&mut self, element: usize, prefix: Span, uri: Span) -> Result<(), Malformed> {
        let name = self.source(prefix);
        let value = uri.of(self.source, self.decoder.annex());
        if (name == "xml") != (value == NS_XML) || name == "xmlns" {
            return Err(Malformed::NotWellFormed("a reserved prefix or namespace"));
        }
        if !name.is_empty() {
            if value.is_empty() {
                return Err(Malformed::NotWellFormed("a prefix bound to nothing"));
            }
            // rxml 0.14 lets the default namespace be declared twice; the last one counts.
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

    /// The declaration of this prefix that is in force.
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
            if self.source(name) == prefix {
                return Some(at);
            }
            at = outer;
        }
        None
    }

    fn lookup(&self, prefix: &str) -> Result<Ns, Malformed> {
        if prefix != "xml"
            && let Some(declared) = self.declaration(prefix)
        {
            return Ok(Ns(declared | Ns::DECLARED));
        }
        self.scope
            .lookup(prefix)
            .map(Ns)
            .ok_or(Malformed::NotWellFormed("an unbound prefix"))
    }

    /// Gives names their namespaces, once all declarations of the tag are known.
    #[inline]
    fn resolve(&mut self, element: usize, name: Name, prefixed: bool) -> Result<(), Malformed> {
        let resolved = self.lookup(self.source(name.prefix()))?;
        if let Some(Node::Element { ns, .. }) = self.nodes.get_mut(element) {
            *ns = resolved;
        }
        if prefixed {
            for at in element + 1..self.nodes.len() {
                let Some(&Node::Attribute { name, .. }) = self.nodes.get(at) else {
                    continue;
                };
                if name.is_prefixed() {
                    let resolved = self.lookup(self.source(name.prefix()))?;
                    if let Some(Node::Attribute { ns, .. }) = self.nodes.get_mut(at) {
                        *ns = resolved;
                    }
                }
            }
        }
        self.check_doubles(element + 1)
    }

    /// No two attributes of an element have the same expanded name (Namespaces in XML 1.0, 6.3).
    #[inline]
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

    #[inline]
    fn end_tag(&mut self, at: usize) -> Result<usize, Malformed> {
        const MISMATCH: Malformed = Malformed::NotWellFormed("an end tag that closes nothing");
        let element = self.open as usize;
        let Some(Node::Element { name, .. }) = self.nodes.get(element) else {
            return Err(MISMATCH);
        };
        let expected = self.source(name.raw()).as_bytes();
        let rest = self.bytes.get(at..).unwrap_or_default();
        if !rest.starts_with(expected) {
            return Err(MISMATCH);
        }
        let blank = self.skip_space(at + expected.len());
        if self.byte(blank) != Some(b'>') {
            return Err(MISMATCH);
        }
        self.close(element);
        Ok(blank + 1)
    }

    #[inline]
    fn close(&mut self, element: usize) {
        let end = self.nodes.len() as u32;
        if let Some(Node::Element { next, .. }) = self.nodes.get_mut(element) {
            self.open = std::mem::replace(next, end);
        }
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
        }
    }

    #[inline]
    fn name(&self, at: usize) -> Result<(Name, usize), Malformed> {
        const REFUSED: Malformed = Malformed::NotWellFormed("a broken name");
        let rest = self.bytes.get(at..).unwrap_or_default();
        let (mut length, mut colon, mut colons, mut wide) = (0, 0, 0, false);
        for &byte in rest {
            if !in_name(byte) {
                break;
            }
            if byte == b':' {
                (colon, colons) = (length, colons + 1);
            }
            wide |= byte >= 0x80;
            length += 1;
        }
        let end = at + length;
        let local = match colons {
            0 => at,
            1 if colon > 0 => at + colon + 1,
            _ => return Err(REFUSED),
        };
        let starts = |at: usize| at < end && self.byte(at).is_some_and(|byte| byte >= b'A');
        if !starts(at) || !starts(local) {
            return Err(REFUSED);
        }
        if wide {
            let checked = |from: usize| {
                let name = self.source.get(from..end).unwrap_or_default();
                rxml::strings::validate_name(name).map_err(|_| REFUSED)
            };
            checked(at)?;
            checked(local)?;
        }
        Ok((
            Name {
                start: at as u32,
                local: local as u32,
                end: end as u32,
            },
            end,
        ))
    }

    #[inline]
    fn skip_space(&self, at: usize) -> usize {
        let mut at = at;
        while matches!(self.byte(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            at += 1;
        }
        at
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    fn source(&self, span: Span) -> &'s str {
        self.source
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}

/// Whether the byte may be part of a name, as far as a byte can tell.
fn in_name(byte: u8) -> bool {
    const LOW: u64 = 0x07FF_6000_0000_0000;
    const HIGH: u64 = 0x07FF_FFFE_87FF_FFFE;
    match byte {
        0..64 => LOW >> byte & 1 != 0,
        64..128 => HIGH >> (byte - 64) & 1 != 0,
        _ => true,
    }
}
