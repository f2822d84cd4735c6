//! Reads the sender of a stanza over a limit from its start tag, while the stanza is skipped.
//!
//! It reads leniently, because the rest of such a stanza is not validated either, and never holds
//! more than a few kilobytes.

use memchr::memchr;

use super::LimitKind;
use crate::element::{check_characters, lenient_value};

/// Longest attribute value that is kept: a JID has at most 3,071 bytes (RFC 7622, 3.1).
const LONGEST: usize = 8192;

/// A stanza that exceeded a limit and was skipped without buffering it.
///
/// The fields hold the unescaped attributes without further checks, so that its sender can be
/// answered. `None` for a missing attribute, or one that is longer than any address.
///
/// # Examples
///
/// ```
/// use couplet_core::framer::{Frame, Framer, LimitKind, Limits};
///
/// let mut framer = Framer::new(Limits { depth: 2, ..Limits::default() });
/// framer.push(b"<stream:stream xmlns='jabber:component:accept' \
///     xmlns:stream='http://etherx.jabber.org/streams'>");
/// framer.push(b"<iq from='a@b' id='1'><x><y/></x></iq>");
/// assert!(matches!(framer.next()?, Some(Frame::Opened(_))));
/// let Some(Frame::Skipped(skipped)) = framer.next()? else { panic!("it is too deep") };
/// assert_eq!(skipped.limit, LimitKind::Depth);
/// assert_eq!(skipped.from.as_deref(), Some("a@b"));
/// # Ok::<(), couplet_core::framer::Malformed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The limit that was exceeded first.
    pub limit: LimitKind,
    /// The local name of the element, such as `message`.
    pub kind: Option<String>,
    /// The attribute `from`.
    pub from: Option<String>,
    /// The attribute `to`.
    pub to: Option<String>,
    /// The attribute `id`.
    pub id: Option<String>,
    /// The attribute `type`.
    pub type_: Option<String>,
}

#[derive(Debug)]
enum State {
    Name,
    Attributes,
    /// In a value that is too long; it ends at this quote.
    Lost(u8),
    Done,
}

/// Builds a [`Skipped`] from the bytes of a start tag.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) skipped: Skipped,
    state: State,
}

impl Head {
    pub(super) fn new(limit: LimitKind) -> Self {
        let (kind, from, to, id, type_) = (None, None, None, None, None);
        Self {
            skipped: Skipped {
                limit,
                kind,
                from,
                to,
                id,
                type_,
            },
            state: State::Name,
        }
    }

    /// Returns whether it needs no more bytes.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Returns whether to read now: at the end of an attribute, so that a value that arrives byte
    /// by byte is not read repeatedly, or when too many bytes are held.
    pub(super) fn is_due(held: &[u8], quoted: bool) -> bool {
        let ended = matches!(held, [.., b'\'' | b'"' | b'>']);
        ended && !quoted || held.len() > LONGEST
    }

    /// Reads bytes. Returns how many were used and need not be passed again.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let used = match self.state {
                State::Name => self.name(rest),
                State::Attributes => self.attribute(rest),
                State::Lost(quote) => match memchr(quote, rest) {
                    Some(offset) => {
                        self.state = State::Attributes;
                        Some(offset + 1)
                    }
                    None => return bytes.len(),
                },
                State::Done => return bytes.len(),
            };
            match used {
                Some(used) => at += used,
                None => return at,
            }
        }
    }

    fn name(&mut self, bytes: &[u8]) -> Option<usize> {
        let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>');
        let Some(end) = bytes.iter().position(ends) else {
            return self.starved(bytes);
        };
        let name = check_characters(bytes.get(1..end).unwrap_or_default()).ok();
        self.skipped.kind = name
            .and_then(|name| name.rsplit(':').next())
            .map(str::to_owned);
        self.state = State::Attributes;
        Some(end)
    }

    /// Reads one attribute with the space before it; returns its length if it is complete.
    fn attribute(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.is_empty() {
            return None;
        }
        let begin = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
        let Some(begin) = begin else {
            return Some(bytes.len());
        };
        let rest = bytes.get(begin..).unwrap_or_default();
        if matches!(rest, [b'>' | b'/', ..]) {
            self.state = State::Done;
            return Some(begin);
        }
        let quote_at = rest
            .iter()
            .position(|byte| matches!(byte, b'\'' | b'"' | b'>'));
        let Some(quote_at) = quote_at else {
            return self.starved(bytes);
        };
        let quote = rest.get(quote_at).copied().unwrap_or_default();
        if quote == b'>' {
            self.state = State::Done;
            return Some(begin);
        }
        let value = rest.get(quote_at + 1..).unwrap_or_default();
        let Some(length) = memchr(quote, value) else {
            if bytes.len() <= LONGEST {
                return None;
            }
            self.state = State::Lost(quote);
            return Some(bytes.len());
        };
        if length <= LONGEST {
            let name = rest.get(..quote_at).unwrap_or_default();
            self.keep(name, value.get(..=length).unwrap_or_default(), quote);
        }
        Some(begin + quote_at + 1 + length + 1)
    }

    fn keep(&mut self, name: &[u8], value: &[u8], quote: u8) {
        let name = name.trim_ascii_end();
        let slot = match name.strip_suffix(b"=").unwrap_or(name).trim_ascii() {
            b"from" => &mut self.skipped.from,
            b"to" => &mut self.skipped.to,
            b"id" => &mut self.skipped.id,
            b"type" => &mut self.skipped.type_,
            _ => return,
        };
        if slot.is_none() {
            *slot = lenient_value(value, quote);
        }
    }

    fn starved(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.len() > LONGEST {
            self.state = State::Done;
        }
        None
    }
}
