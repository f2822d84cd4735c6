//! One checked pass over the bytes of a complete stanza.
//!
//! Never recurses: open elements are linked through the nodes themselves. Deliberately without
//! limits: the framer has applied them, and nothing here grows faster than its input.

use std::collections::HashMap;

mod bind;

use super::malformed::Malformed;
use super::node::{Name, Node, Ns};
use super::scope::Scope;
use super::text::{Decoder, Span};

const NOBODY: u32 = u32::MAX;

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
        if self.live != NOBODY {
            self.undeclare(element);
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
