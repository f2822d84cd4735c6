//! Finds the end of one top-level element; can resume at any byte.
//!
//! The scan tracks tags, quotes and CDATA, and counts. It checks nothing else, because the tree
//! reads every byte again; this keeps the cost at a nanosecond per byte. Names are compared only in
//! an element whose end has not arrived: the tree would never get to check it.

use memchr::memchr;

use super::{LimitKind, Limits};
use crate::element::{MISMATCHED_END_TAG, Malformed};
use crate::octets::find;

const CDATA: &[u8] = b"<![CDATA[";

#[derive(Clone, Copy, Debug)]
enum State {
    Content,
    /// After a `<`.
    Open,
    /// In the name of a start tag, with its hash so far; only used while names are compared.
    StartName(u64),
    /// In a start tag, inside a value in these quotes or outside of values.
    StartTag(Option<u8>),
    /// In the name of an end tag, with its hash so far; only used while names are compared.
    EndName(u64),
    EndTag,
    /// After this number of bytes of `<![CDATA[`.
    Bang(usize),
    /// In a CDATA section, after this number of `]`, at most two.
    Cdata(u8),
}

/// The state of the scan of one element.
#[derive(Debug)]
pub(super) struct Scan {
    state: State,
    depth: usize,
    elements: usize,
    attributes: usize,
    /// Whether the bytes so far end with a `/` in a start tag.
    slash: bool,
    /// Hashes of the names of the open elements, outermost first, down to the depth limit; `None`
    /// while names are not compared.
    names: Option<Vec<u64>>,
    /// The first limit that was exceeded. The other limits are not checked after that.
    pub(super) over: Option<LimitKind>,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self {
            state: State::Content,
            depth: 0,
            elements: 0,
            attributes: 0,
            slash: false,
            names: None,
            over: None,
        }
    }

    /// Creates a scan that also compares the names of tags. For an element whose end has not
    /// arrived: after a mismatched end tag it would never end, and all later stanzas would count as
    /// its content.
    pub(super) fn comparing_names() -> Self {
        Self {
            names: Some(Vec::new()),
            ..Self::new()
        }
    }

    /// Returns whether names are compared.
    pub(super) fn compares_names(&self) -> bool {
        self.names.is_some()
    }

    /// Returns whether the bytes so far end within a quoted attribute value.
    pub(super) fn is_quoted(&self) -> bool {
        matches!(self.state, State::StartTag(Some(_)))
    }

    /// Scans from `at` in an element that began at `start`. Returns the position after the element,
    /// if found.
    pub(super) fn run(
        &mut self,
        bytes: &[u8],
        start: usize,
        mut at: usize,
        limits: &Limits,
    ) -> Result<Option<usize>, Malformed> {
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(&first) = rest.first() else {
                self.starved(at.saturating_sub(start), limits);
                return Ok(None);
            };
            match self.state {
                State::Content => match rest {
                    [b'<', next, ..] => {
                        at += 1;
                        self.open(*next, limits)?;
                    }
                    [b'<'] => {
                        at += 1;
                        self.state = State::Open;
                    }
                    _ => at += memchr(b'<', rest).unwrap_or(rest.len()),
                },
                State::Open => self.open(first, limits)?,
                State::StartName(hash) => {
                    let (length, hash) = read_name(rest, hash);
                    at += length;
                    self.state = match rest.get(length..).unwrap_or_default() {
                        [] => State::StartName(hash),
                        // An empty element has no end tag to compare its name with.
                        [b'/', b'>', ..] if self.depth > 0 => {
                            at += 2;
                            State::Content
                        }
                        _ => {
                            self.note_name(hash, limits);
                            State::StartTag(None)
                        }
                    };
                }
                State::StartTag(quote) => match self.start_tag(rest, quote, limits) {
                    Some(length) => {
                        at += length;
                        // A `/` before the `>` means an empty element; a quote cannot be mistaken
                        // for it.
                        let empty = match length.checked_sub(2) {
                            Some(before) => rest.get(before) == Some(&b'/'),
                            None => self.slash,
                        };
                        self.depth += usize::from(!empty);
                        if self.depth == 0 {
                            return Ok(Some(self.done(at, start, limits)));
                        }
                        self.state = State::Content;
                    }
                    None => at = bytes.len(),
                },
                State::EndName(hash) if first == b'/' => {
                    at += 1;
                    self.state = State::EndName(hash);
                }
                State::EndName(hash) => {
                    let (length, hash) = read_name(rest, hash);
                    at += length;
                    self.state = State::EndName(hash);
                    if length < rest.len() {
                        self.compare_name(hash)?;
                        self.state = State::EndTag;
                    }
                }
                State::EndTag => match find(rest, [b'>']) {
                    Some(offset) => {
                        at += offset + 1;
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Ok(Some(self.done(at, start, limits)));
                        }
                        self.state = State::Content;
                    }
                    None => at = bytes.len(),
                },
                State::Bang(seen) => {
                    self.state = bang(seen, first)?;
                    at += 1;
                }
                State::Cdata(0) => match memchr(b']', rest) {
                    Some(offset) => {
                        at += offset + 1;
                        self.state = State::Cdata(1);
                    }
                    None => at = bytes.len(),
                },
                State::Cdata(brackets) => {
                    at += 1;
                    self.state = match first {
                        b']' => State::Cdata(2),
                        b'>' if brackets == 2 && self.depth == 0 => {
                            return Ok(Some(self.done(at, start, limits)));
                        }
                        b'>' if brackets == 2 => State::Content,
                        _ => State::Cdata(0),
                    };
                }
            }
        }
    }

    /// Handles the byte after a `<` without consuming it: the next state reads it again.
    #[inline]
    fn open(&mut self, first: u8, limits: &Limits) -> Result<(), Malformed> {
        self.state = match first {
            b'/' if self.compares_names() => State::EndName(0),
            b'/' => State::EndTag,
            b'!' => State::Bang(1),
            b'?' => return Err(Malformed::RestrictedXml("a processing instruction")),
            _ => {
                if self.depth >= limits.depth {
                    self.exceeded(LimitKind::Depth);
                }
                self.elements += 1;
                if self.elements > limits.elements {
                    self.exceeded(LimitKind::Elements);
                }
                self.attributes = 0;
                self.slash = false;
                match self.names {
                    Some(_) => State::StartName(0),
                    None => State::StartTag(None),
                }
            }
        };
        Ok(())
    }

    /// Scans a start tag. Returns its remaining length, if its end has arrived.
    #[inline]
    fn start_tag(&mut self, bytes: &[u8], quote: Option<u8>, limits: &Limits) -> Option<usize> {
        let (mut quote, mut rest) = (quote, bytes);
        loop {
            if let Some(open) = quote {
                let Some(behind) = find(rest, [open]).and_then(|at| rest.get(at + 1..)) else {
                    break;
                };
                (quote, rest) = (None, behind);
            }
            let Some([stop, behind @ ..]) =
                find(rest, [b'\'', b'"', b'>']).and_then(|at| rest.get(at..))
            else {
                break;
            };
            if *stop == b'>' {
                return Some(bytes.len() - behind.len());
            }
            self.attributes += 1;
            if self.attributes > limits.attributes {
                self.exceeded(LimitKind::Attributes);
            }
            (quote, rest) = (Some(*stop), behind);
        }
        self.state = State::StartTag(quote);
        self.slash = quote.is_none() && bytes.last() == Some(&b'/');
        None
    }

    fn note_name(&mut self, hash: u64, limits: &Limits) {
        let Some(names) = &mut self.names else {
            return;
        };
        match names.get_mut(self.depth) {
            Some(name) => *name = hash,
            None if self.depth < limits.depth => names.push(hash),
            None => {}
        }
    }

    /// Elements deeper than the limit are counted without comparing their names.
    fn compare_name(&self, hash: u64) -> Result<(), Malformed> {
        let level = self.depth.checked_sub(1);
        let names = self.names.as_deref().unwrap_or_default();
        match level.and_then(|level| names.get(level)) {
            Some(open) if *open != hash => Err(MISMATCHED_END_TAG),
            _ => Ok(()),
        }
    }

    fn starved(&mut self, length: usize, limits: &Limits) {
        if length > limits.stanza_bytes {
            self.exceeded(LimitKind::StanzaBytes);
        }
    }

    fn done(&mut self, at: usize, start: usize, limits: &Limits) -> usize {
        if at - start > limits.stanza_bytes {
            self.exceeded(LimitKind::StanzaBytes);
        }
        at
    }

    fn exceeded(&mut self, limit: LimitKind) {
        self.over.get_or_insert(limit);
    }
}

fn bang(seen: usize, byte: u8) -> Result<State, Malformed> {
    match (CDATA.get(seen) == Some(&byte), seen, byte) {
        (true, 8, _) => Ok(State::Cdata(0)),
        (true, ..) => Ok(State::Bang(seen + 1)),
        (false, 2, b'-') => Err(Malformed::RestrictedXml("a comment")),
        (false, 2, _) => Err(Malformed::RestrictedXml("a document type")),
        _ => Err(Malformed::NotWellFormed("a broken CDATA section")),
    }
}

/// Scans a name. Returns how many of the bytes belong to it, and its hash so far.
fn read_name(bytes: &[u8], mut hash: u64) -> (usize, u64) {
    for (length, byte) in bytes.iter().enumerate() {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>') {
            return (length, hash);
        }
        hash = (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (bytes.len(), hash)
}
