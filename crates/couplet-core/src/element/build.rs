//! Builds the tree in one checked pass over the bytes of a complete stanza.
//!
//! It never recurses: open elements are linked through the nodes. It has no limits of its own: the
//! framer has applied them, and the memory used here is linear in the input.

use std::collections::HashMap;

use memchr::{memchr, memrchr};

mod bind;

use super::malformed::{MISMATCHED_END_TAG, Malformed};
use super::node::{Name, Node, Ns};
use super::scope::Scope;
use super::text::{Decoder, Span, Survey};
use crate::octets::Octets;

const NOBODY: u32 = u32::MAX;

/// Returns the nodes of the one element in `source`, the decoded characters that are not in it as
/// such, and whether there may be an `xml:lang`.
pub(super) fn build(
    source: &str,
    survey: Survey,
    scope: &Scope,
) -> Result<(Vec<Node>, String, bool), Malformed> {
    let mut builder = Builder {
        source,
        bytes: source.as_bytes(),
        decoder: Decoder::new(source, survey),
        nodes: Vec::with_capacity(8 + (source.len() / 24).min(512)),
        scope,
        open: NOBODY,
        live: NOBODY,
        live_count: 0,
        default: scope.default_ns(),
        languages: false,
        index: None,
    };
    builder.run()?;
    let annex = builder.decoder.into_annex();
    Ok((builder.nodes, annex, builder.languages))
}

struct Builder<'s> {
    source: &'s str,
    bytes: &'s [u8],
    decoder: Decoder<'s>,
    nodes: Vec<Node>,
    scope: &'s Scope,
    /// The innermost open element.
    open: u32,
    /// The latest namespace declaration in force.
    live: u32,
    live_count: usize,
    /// The default namespace in force.
    default: Ns,
    /// Whether there is an attribute that may be `xml:lang`.
    languages: bool,
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

    /// Reads the tag, CDATA section or other markup whose `<` is at `at`.
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
        let mut head = Head {
            prefixed: name.is_prefixed(),
            ..Head::default()
        };
        loop {
            let blank = self.skip_space(at);
            match self.byte(blank) {
                Some(b'>') => {
                    self.resolve(element, name, &head)?;
                    return Ok(blank + 1);
                }
                Some(b'/') if self.byte(blank + 1) == Some(b'>') => {
                    self.resolve(element, name, &head)?;
                    self.close(element);
                    return Ok(blank + 2);
                }
                Some(_) if blank > at => {}
                _ => return Err(Malformed::NotWellFormed("a broken start tag")),
            }
            at = self.attribute(blank, element, &mut head)?;
        }
    }

    #[inline]
    fn attribute(
        &mut self,
        at: usize,
        element: usize,
        head: &mut Head,
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
            if self.written(name.local()) == b"xmlns" {
                self.declare(element, Span::EMPTY, value)?;
                return Ok(next);
            }
        } else if self.written(name.prefix()) == b"xmlns" {
            self.declare(element, name.local(), value)?;
            return Ok(next);
        }
        head.see(self.written(name.local()), name.is_prefixed());
        self.nodes.push(Node::Attribute {
            name,
            ns: Ns::NONE,
            value,
        });
        Ok(next)
    }

    #[inline]
    fn end_tag(&mut self, at: usize) -> Result<usize, Malformed> {
        let element = self.open as usize;
        let Some(Node::Element { name, .. }) = self.nodes.get(element) else {
            return Err(MISMATCHED_END_TAG);
        };
        let expected = self.written(name.raw());
        let rest = self.bytes.get(at..).unwrap_or_default();
        if !rest.starts_with(expected) {
            return Err(MISMATCHED_END_TAG);
        }
        let blank = self.skip_space(at + expected.len());
        if self.byte(blank) != Some(b'>') {
            return Err(MISMATCHED_END_TAG);
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
        if self.live != NOBODY {
            self.undeclare(element);
        }
    }

    #[inline]
    fn name(&self, at: usize) -> Result<(Name, usize), Malformed> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = at + PLAIN_NAME.find_other(rest);
        let plain = !self.byte(end).is_some_and(|byte| NAME.has(byte));
        if plain && self.starts_name(at, end) {
            let name = Name::new(at, at, end);
            return Ok((name, end));
        }
        self.prefixed_or_wide_name(at)
    }

    #[cold]
    fn prefixed_or_wide_name(&self, at: usize) -> Result<(Name, usize), Malformed> {
        const REFUSED: Malformed = Malformed::NotWellFormed("a broken name");
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = at + NAME.find_other(rest);
        let name = rest.get(..end - at).unwrap_or_default();
        let local = match memchr(b':', name) {
            Some(colon) => at + colon + 1,
            None => at,
        };
        let one_colon = memrchr(b':', name).is_none_or(|colon| at + colon + 1 == local);
        if !one_colon || !self.starts_name(at, end) || !self.starts_name(local, end) {
            return Err(REFUSED);
        }
        if !name.is_ascii() {
            let checked = |from: usize| {
                let name = self.source.get(from..end).unwrap_or_default();
                rxml::strings::validate_name(name).map_err(|_| REFUSED)
            };
            checked(at)?;
            checked(local)?;
        }
        Ok((Name::new(at, local, end), end))
    }

    /// Returns whether a name that ends at `end` may begin here, judging by the first byte only.
    #[inline]
    fn starts_name(&self, at: usize, end: usize) -> bool {
        at < end && self.byte(at).is_some_and(|byte| byte >= b'A')
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
    fn written(&self, span: Span) -> &'s [u8] {
        self.bytes
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    #[inline]
    fn source(&self, span: Span) -> &'s str {
        self.source
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }
}

/// Facts about the names in a start tag, collected before any of them is resolved.
#[derive(Default)]
struct Head {
    prefixed: bool,
    /// Whether two attributes may have the same name.
    alike: bool,
    /// One bit for each name; common attribute names have different bits.
    seen: u64,
}

impl Head {
    #[inline]
    fn see(&mut self, local: &[u8], prefixed: bool) {
        if let [first, ..] = local
            && let [.., last] = local
        {
            let bit = 1 << ((2 * u32::from(*first) + u32::from(*last)) % 64);
            self.alike |= self.seen & bit != 0;
            self.seen |= bit;
        }
        self.prefixed |= prefixed;
    }
}

/// Bytes that a name may contain.
const NAME: Octets = PLAIN_NAME.with(b":").with_wide();
/// Bytes that an ASCII name without a prefix may contain.
const PLAIN_NAME: Octets =
    Octets::new(b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
