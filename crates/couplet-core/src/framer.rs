//! Splits the bytes of a stream into whole stanzas, within limits.
//!
//! The framer can resume at any byte, takes linear time and never recurses. It does not parse: it
//! finds the end of a stanza, and [`Tree::parse`](crate::element::Tree::parse) validates the
//! content. Together they accept what rxml accepts.

use bytes::{Buf, BytesMut};
use memchr::memchr;

mod frame;
mod header;
mod scan;
mod skipped;

pub use crate::element::Malformed;
pub use frame::{Frame, LimitKind, Limits, Opened};
pub use skipped::Skipped;

use crate::element::{Scope, check_between};
use header::Header;
use scan::Scan;
use skipped::Head;

/// Size of one read, and of the buffer that stays allocated on an idle stream. Bytes.
const READ: usize = 64 * 1024;
/// Largest capacity of a used stanza buffer that is kept for the next stanza. Bytes.
const SPARE: usize = 4096;
/// Largest stream header, independent of the limits for stanzas. Bytes.
const HEADER: usize = 64 * 1024;

/// Splits the bytes of one stream into frames.
///
/// Use one per session: [`push`](Self::push) received bytes, in pieces of any size, then call
/// [`next`](Self::next) until it returns `None`.
///
/// # Examples
///
/// ```
/// use couplet_core::framer::{Frame, Framer, Limits};
///
/// let mut framer = Framer::new(Limits::default());
/// framer.push(b"<stream:stream xmlns='jabber:component:accept' id='7' \
///     xmlns:stream='http://etherx.jabber.org/streams'> <iq/><messa");
/// let Some(Frame::Opened(opened)) = framer.next()? else { panic!("the header is whole") };
/// assert_eq!(opened.id(), Some("7"));
/// let Some(Frame::Stanza(stanza)) = framer.next()? else { panic!("the iq is whole") };
/// assert_eq!(stanza, b"<iq/>");
/// assert!(framer.next()?.is_none());
/// # Ok::<(), couplet_core::framer::Malformed>(())
/// ```
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: BytesMut,
    /// The first byte that has not been returned.
    start: usize,
    /// The first byte that has not been scanned.
    at: usize,
    state: State,
    scope: Scope,
    /// The name of the stream element, which its end tag must repeat.
    tag: String,
    /// A buffer for the next stanza.
    spare: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Header(Box<Header>),
    /// Between two top-level elements, where white space serves as a keepalive.
    Between,
    Element(Scan),
    Skipping(Box<(Scan, Head)>),
    /// The next frame is `Closed`.
    Closing,
    Closed,
    Failed(Malformed),
}

impl Framer {
    /// Creates a framer for a new stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// assert!(framer.next()?.is_none());
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: BytesMut::new(),
            start: 0,
            at: 0,
            state: State::Header(Box::default()),
            scope: Scope::component(),
            tag: String::new(),
            spare: Vec::new(),
        }
    }

    /// Appends received bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<stream:str");
    /// framer.push(b"");
    /// assert!(framer.next()?.is_none());
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the buffer to read into, with up to 64 KiB of spare capacity. Callers may only
    /// append.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.space().extend_from_slice(b"<stream:stream ");
    /// assert!(framer.next()?.is_none());
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    pub fn space(&mut self) -> &mut BytesMut {
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * READ {
            self.buffer = BytesMut::new();
        }
        if self.buffer.capacity() - self.buffer.len() < READ / 8 {
            self.buffer.reserve(READ);
        }
        &mut self.buffer
    }

    /// Takes back the buffer of a stanza for reuse, if it has at most 4096 bytes; frees a larger
    /// one.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.reuse(Vec::with_capacity(512));
    /// ```
    pub fn reuse(&mut self, memory: Vec<u8>) {
        if memory.capacity() <= SPARE {
            self.spare = memory;
        }
    }

    /// Returns the namespaces declared by the stream's header, which are needed to parse its
    /// stanzas; before the header, those of a usual component stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Framer, Limits};
    ///
    /// let framer = Framer::new(Limits::default());
    /// assert_eq!(framer.scope(), &couplet_core::element::Scope::component());
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Returns the next frame, or `None` if it needs more bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the bytes violate XML or XMPP in a way that shows without parsing the
    /// stanzas. All later calls return the same error.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<!-- no -->");
    /// assert_eq!(framer.next().unwrap_err().condition(), "restricted-xml");
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[expect(clippy::should_implement_trait, reason = "it resumes after `None`")]
    pub fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        let frame = self.advance();
        match frame {
            Ok(None) => {
                self.buffer.advance(self.start);
                self.at -= self.start;
                self.start = 0;
            }
            Err(malformed) => self.state = State::Failed(malformed),
            Ok(Some(_)) => {}
        }
        frame
    }

    fn advance(&mut self) -> Result<Option<Frame>, Malformed> {
        loop {
            let found = match &mut self.state {
                State::Header(_) => return self.header(),
                State::Between => match self.between()? {
                    true => continue,
                    false => return Ok(None),
                },
                State::Element(scan) => {
                    let mut found = scan.run(&self.buffer, self.start, self.at, &self.limits)?;
                    let never_a_tree = found.is_none() || scan.over.is_some();
                    if never_a_tree && !scan.compares_names() {
                        *scan = Scan::comparing_names();
                        found = scan.run(&self.buffer, self.start, self.start, &self.limits)?;
                    }
                    if let Some(limit) = scan.over {
                        if let Some(b'!' | b'/') = self.buffer.get(self.start + 1) {
                            return Err(Malformed::PolicyViolation("markup between stanzas"));
                        }
                        let scan = std::mem::replace(scan, Scan::new());
                        self.state = State::Skipping(Box::new((scan, Head::new(limit))));
                    }
                    found
                }
                State::Skipping(skipping) => {
                    skipping
                        .0
                        .run(&self.buffer, self.start, self.at, &self.limits)?
                }
                State::Closing => {
                    self.state = State::Closed;
                    return Ok(Some(Frame::Closed));
                }
                // RFC 6120, 4.4: data after the end of the stream is ignored.
                State::Closed => {
                    (self.start, self.at) = (self.buffer.len(), self.buffer.len());
                    return Ok(None);
                }
                State::Failed(malformed) => return Err(*malformed),
            };
            match found {
                Some(end) => {
                    if let Some(frame) = self.element(end)? {
                        return Ok(Some(frame));
                    }
                }
                None => {
                    self.at = self.buffer.len();
                    self.forget_skipped();
                    return Ok(None);
                }
            }
        }
    }

    fn header(&mut self) -> Result<Option<Frame>, Malformed> {
        let State::Header(header) = &mut self.state else {
            return Ok(None);
        };
        let (used, started) = header.feed(&self.buffer, HEADER)?;
        (self.start, self.at) = (used, used);
        let Some(started) = started else {
            return Ok(None);
        };
        (self.scope, self.tag) = (started.scope, started.tag);
        self.state = if started.closed {
            State::Closing
        } else {
            State::Between
        };
        Ok(Some(Frame::Opened(started.opened)))
    }

    /// Advances to the next element; returns whether there is one.
    fn between(&mut self) -> Result<bool, Malformed> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let blank = rest
            .iter()
            .position(|byte| !is_space(byte))
            .unwrap_or(rest.len());
        self.start += blank;
        self.at = self.at.max(self.start);
        match rest.get(blank) {
            None => return Ok(false),
            Some(b'<') => {}
            // Both servers forward text between stanzas (servers.md, 3). It is ignored.
            Some(_) => {
                let new = self.buffer.get(self.at..).unwrap_or_default();
                let end = memchr(b'<', new).map(|offset| self.at + offset);
                self.at = end.unwrap_or(self.buffer.len());
                if self.at - self.start > self.limits.stanza_bytes {
                    return Err(Malformed::PolicyViolation("text between stanzas"));
                }
                let Some(end) = end else { return Ok(false) };
                check_between(self.buffer.get(self.start..end).unwrap_or_default())?;
                self.start = end;
            }
        }
        self.at = self.start;
        self.state = State::Element(Scan::new());
        Ok(true)
    }

    /// Returns the frame that ends at `end`, or `None` if it is only text.
    fn element(&mut self, end: usize) -> Result<Option<Frame>, Malformed> {
        let bytes = self.buffer.get(self.start..end).unwrap_or_default();
        let state = std::mem::replace(&mut self.state, State::Between);
        let frame = match state {
            State::Skipping(mut skipping) => {
                skipping.1.feed(bytes);
                Some(Frame::Skipped(skipping.1.skipped))
            }
            _ => match bytes {
                [b'<', b'/', name @ .., b'>'] => {
                    let blank = name.strip_prefix(self.tag.as_bytes());
                    if !blank.is_some_and(|blank| blank.iter().all(is_space)) {
                        return Err(Malformed::NotWellFormed("an end tag that closes nothing"));
                    }
                    self.state = State::Closing;
                    None
                }
                [b'<', b'!', ..] => {
                    check_between(bytes)?;
                    None
                }
                _ => {
                    let mut stanza = std::mem::take(&mut self.spare);
                    stanza.clear();
                    stanza.extend_from_slice(bytes);
                    Some(Frame::Stanza(stanza))
                }
            },
        };
        (self.start, self.at) = (end, end);
        Ok(frame)
    }

    /// Drops the bytes of a stanza that is being skipped.
    fn forget_skipped(&mut self) {
        let State::Skipping(skipping) = &mut self.state else {
            return;
        };
        let (scan, head) = skipping.as_mut();
        let held = self.buffer.get(self.start..).unwrap_or_default();
        if !head.is_done() && Head::is_due(held, scan.is_quoted()) {
            self.start += head.feed(held);
        }
        if head.is_done() {
            self.start = self.buffer.len();
        }
    }
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::{DEEPEST, MISMATCHED_END_TAG, Tree};

    const OPENING: &[u8] = b"<stream:stream xmlns='jabber:component:accept' \
        xmlns:stream='http://etherx.jabber.org/streams' from='echo.localhost' id='&#x37;'>";

    fn opened(limits: Limits) -> Framer {
        let mut framer = Framer::new(limits);
        framer.push(OPENING);
        assert!(matches!(framer.next(), Ok(Some(Frame::Opened(_)))));
        framer
    }

    fn framer() -> Framer {
        opened(Limits::default())
    }

    /// Pushes the pieces one by one, as a socket would. Asserts that no skipped bytes are kept.
    fn frames(framer: &mut Framer, pieces: &[&[u8]]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for chunk in pieces.iter().flat_map(|piece| piece.chunks(16 * 1024)) {
            framer.push(chunk);
            while let Some(frame) = framer.next().expect("well-formed") {
                frames.push(frame);
            }
            assert!(
                framer.buffer.len() <= 544 * 1024,
                "{} bytes are held",
                framer.buffer.len()
            );
        }
        frames
    }

    fn skipped_then_ping(pieces: &[&[u8]]) -> Skipped {
        let mut framer = framer();
        let mut frames = frames(&mut framer, &[pieces, &[b"<iq id='after'/>"]].concat());
        assert!(matches!(&frames[..], [_, Frame::Stanza(iq)] if iq == b"<iq id='after'/>"));
        match frames.remove(0) {
            Frame::Skipped(skipped) => skipped,
            other => panic!("{other:?}"),
        }
    }

    fn from_alice(limit: LimitKind) -> Skipped {
        Skipped {
            limit,
            kind: Some("message".into()),
            from: Some("alice@localhost/<>".into()),
            to: Some("bot@echo".into()),
            id: Some("1".into()),
            type_: Some("chat".into()),
        }
    }

    const ALICE: &[u8] =
        b"<message from='alice@localhost/&lt;>' to=\"bot@echo\" type='chat' id='1'>";

    fn failure(bytes: &[u8]) -> &'static str {
        let mut framer = framer();
        framer.push(bytes);
        let refused = loop {
            match framer.next() {
                Ok(Some(_)) => {}
                Ok(None) => return "none",
                Err(malformed) => break malformed,
            }
        };
        assert_eq!(framer.next().unwrap_err(), refused);
        refused.condition()
    }

    #[test]
    fn a_header_is_read_with_its_declaration_and_its_namespaces() {
        let mut framer = Framer::new(Limits::default());
        framer.push(b"<?xml version='1.0'?> <stream:stream xmlns='jabber:client' id='a&amp;b' \
            version='1.0' from='x' to='y' xml:lang='de' xmlns:stream='http://etherx.jabber.org/streams'>");
        let Ok(Some(Frame::Opened(opened))) = framer.next() else {
            panic!("the header is whole")
        };
        assert_eq!((opened.id(), opened.version()), (Some("a&b"), Some("1.0")));
        assert_eq!((opened.from(), opened.to()), (Some("x"), Some("y")));
        assert_eq!(
            (opened.attr("xml:lang"), opened.xmlns()),
            (Some("de"), "jabber:client")
        );
        assert_eq!(framer.scope(), &Scope::client());
    }

    #[test]
    fn a_header_closed_by_itself_is_opened_and_closed() {
        let mut framer = Framer::new(Limits::default());
        framer.push(b"<s:stream xmlns:s='http://etherx.jabber.org/streams'/>");
        assert!(matches!(framer.next(), Ok(Some(Frame::Opened(_)))));
        assert!(matches!(framer.next(), Ok(Some(Frame::Closed))));
        assert!(matches!(framer.next(), Ok(None)));
    }

    #[test]
    fn an_invalid_header_is_rejected_with_its_fault() {
        let failure = |header: &[u8]| {
            let mut framer = Framer::new(Limits::default());
            framer.push(header);
            framer.next().unwrap_err().condition()
        };
        assert_eq!(
            failure(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>"),
            "not-well-formed"
        );
        assert_eq!(failure(b"<html>"), "invalid-namespace");
        assert_eq!(
            failure(b"<x xmlns='http://etherx.jabber.org/streams'>"),
            "bad-format"
        );
        assert_eq!(
            failure(b"<?xml version='1.0' encoding='latin1'?>"),
            "unsupported-encoding"
        );
        assert_eq!(failure(b"<!-- x -->"), "restricted-xml");
        assert_eq!(
            failure(&[b"<a".as_slice(), &[b' '; 70_000]].concat()),
            "policy-violation"
        );
    }

    #[test]
    fn faults_are_named_as_rfc_6120_names_them() {
        assert_eq!(failure(b"<a/><!-- x -->"), "restricted-xml");
        assert_eq!(failure(b"<a><!-- x --></a>"), "restricted-xml");
        assert_eq!(failure(b"<a><?php ?></a>"), "restricted-xml");
        assert_eq!(failure(b"<!DOCTYPE a [<!ENTITY b 'c'>]>"), "restricted-xml");
        assert_eq!(failure(b"<![CDAT[x]]>"), "not-well-formed");
        assert_eq!(failure(b"&nbsp;<a/>"), "not-well-formed");
        assert_eq!(failure(b"</stream>"), "not-well-formed");
        assert_eq!(failure(b"</stream:streams>"), "not-well-formed");
        assert_eq!(failure(&[b'x'; 600_000]), "policy-violation");
        assert_eq!(
            failure(&[b"<![CDATA[".as_slice(), &[b'x'; 600_000]].concat()),
            "policy-violation"
        );
        assert_eq!(failure(b"</stream:stream >trailing \0 garbage"), "none");
    }

    #[test]
    fn text_between_stanzas_means_nothing() {
        let mut framer = framer();
        let frames = frames(
            &mut framer,
            &[b" \n<a/>x &amp; y<![CDATA[<b/>]]> z<c/>\t</stream:stream\n>"],
        );
        assert!(
            matches!(&frames[..], [Frame::Stanza(a), Frame::Stanza(c), Frame::Closed]
            if a == b"<a/>" && c == b"<c/>")
        );
    }

    #[test]
    fn white_space_is_forgotten_at_once() {
        let mut framer = framer();
        assert!(frames(&mut framer, &[&[b' '; 10_000]]).is_empty());
        assert_eq!(framer.buffer.len(), 0);
    }

    #[test]
    fn a_body_of_64_mebibytes_is_skipped_and_its_sender_reported() {
        let body = vec![b'x'; 64 * 1024 * 1024];
        let skipped = skipped_then_ping(&[ALICE, b"<body>", &body, b"</body></message>"]);
        assert_eq!(skipped, from_alice(LimitKind::StanzaBytes));
    }

    #[test]
    fn thirty_thousand_levels_are_skipped_and_their_sender_reported() {
        let (open, close) = ("<x>".repeat(30_000), "</x>".repeat(30_000));
        let skipped = skipped_then_ping(&[ALICE, open.as_bytes(), close.as_bytes(), b"</message>"]);
        assert_eq!(skipped, from_alice(LimitKind::Depth));
    }

    #[test]
    fn ten_thousand_attributes_are_skipped_and_their_sender_reported() {
        let attrs: String = (0..10_000).map(|n| format!(" a{n}='{n}'")).collect();
        let skipped = skipped_then_ping(&[ALICE, b"<x", attrs.as_bytes(), b"/></message>"]);
        assert_eq!(skipped, from_alice(LimitKind::Attributes));
        let own = skipped_then_ping(&[b"<message", attrs.as_bytes(), &ALICE[8..], b"</message>"]);
        assert_eq!(own, from_alice(LimitKind::Attributes));
    }

    #[test]
    fn a_hundred_thousand_elements_are_skipped_and_their_sender_reported() {
        let many = "<a/>".repeat(100_000);
        let skipped = skipped_then_ping(&[ALICE, many.as_bytes(), b"</message>"]);
        assert_eq!(skipped, from_alice(LimitKind::Elements));
    }

    #[test]
    fn an_attribute_of_5_mebibytes_is_skipped_and_its_sender_reported() {
        let value = vec![b'>'; 5 * 1024 * 1024];
        let limit = LimitKind::StanzaBytes;
        let skipped = skipped_then_ping(&[ALICE, b"<x a='", &value, b"'/></message>"]);
        assert_eq!(skipped, from_alice(limit));
        let before =
            skipped_then_ping(&[b"<message a = '", &value, b"'", &ALICE[8..], b"</message>"]);
        assert_eq!(before, from_alice(limit));
        let behind = skipped_then_ping(&[&ALICE[..ALICE.len() - 1], b" a=\"", &value, b"\"/>"]);
        assert_eq!(behind, from_alice(limit));
        let space = vec![b' '; 5 * 1024 * 1024];
        let blank = skipped_then_ping(&[b"<message", &space, &ALICE[8..], b"</message>"]);
        assert_eq!(blank, from_alice(limit));
        let name = vec![b'a'; 5 * 1024 * 1024];
        let unknown =
            skipped_then_ping(&[b"<message ", &name, b"='1'", &ALICE[8..], b"</message>"]);
        assert_eq!(
            (unknown.kind.as_deref(), unknown.from),
            (Some("message"), None)
        );
        assert_eq!(skipped_then_ping(&[b"<", &name, b" from='x'/>"]).kind, None);
    }

    #[test]
    fn markup_in_quotes_and_cdata_of_a_skipped_stanza_is_none() {
        let text = vec![b'x'; 600_000];
        let skipped = skipped_then_ping(&[
            ALICE,
            &text,
            b"<a b='</message>' c=\"'>/>\"/><![CDATA[</message>]] > ]]]]><d e='/'></d></message>",
        ]);
        assert_eq!(skipped, from_alice(LimitKind::StanzaBytes));
    }

    #[test]
    fn a_skipped_stanza_that_comes_byte_by_byte_is_known_as_well() {
        let mut framer = opened(Limits {
            depth: 2,
            attributes: 5,
            ..Limits::default()
        });
        let deep = [ALICE, b"<a><b c='/'/></a></message>"].concat();
        let wide = [
            b"<message a='' b=''",
            &ALICE[8..ALICE.len() - 1],
            b" c=''/>",
        ]
        .concat();
        let stream = [&deep[..], &wide, b"<iq/>"].concat();
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let frames = frames(&mut framer, &bytes);
        assert!(
            matches!(&frames[..], [Frame::Skipped(deep), Frame::Skipped(wide), Frame::Stanza(_)]
            if *deep == from_alice(LimitKind::Depth) && *wide == from_alice(LimitKind::Attributes))
        );
    }

    #[test]
    fn a_stanza_exactly_at_its_limits_is_delivered() {
        let limits = Limits {
            stanza_bytes: 39,
            elements: 2,
            depth: 2,
            attributes: 3,
        };
        let stanza = b"<message a='1' b='2' c='3'><b/></message>";
        let fits = |limits| {
            let mut framer = opened(limits);
            framer.push(stanza);
            matches!(framer.next(), Ok(Some(Frame::Stanza(_))))
        };
        let limits = Limits {
            stanza_bytes: stanza.len(),
            ..limits
        };
        assert!(fits(limits));
        assert!(!fits(Limits {
            stanza_bytes: stanza.len() - 1,
            ..limits
        }));
        assert!(!fits(Limits { depth: 1, ..limits }));
        assert!(!fits(Limits {
            attributes: 2,
            ..limits
        }));
        assert!(!fits(Limits {
            elements: 1,
            ..limits
        }));
    }

    #[test]
    fn a_picture_in_an_attribute_and_deep_quotations_are_within_the_default_limits() {
        let picture = format!(
            "<img alt='x' src='data:image/jpeg;base64,{}'/>",
            "A".repeat(400_000)
        );
        let quoted = ["<blockquote>".repeat(100), "</blockquote>".repeat(100)].concat();
        let attributes: String = (0..400).map(|n| format!(" a{n}='{n}'")).collect();
        let wide = format!("<x{attributes}/>");
        for content in [picture, quoted, wide] {
            let mut framer = framer();
            let stanza = [ALICE, content.as_bytes(), b"</message>"].concat();
            let frames = frames(&mut framer, &[&stanza]);
            assert!(matches!(&frames[..], [Frame::Stanza(whole)] if *whole == stanza));
        }
    }

    /// Returns the error of a framer that gets these bytes, and what follows them, in pieces of
    /// this size.
    fn refusal_in_pieces(bytes: &[u8], size: usize) -> Option<Malformed> {
        let mut framer = framer();
        let after = b"<iq id='after'/>".repeat(3);
        for piece in bytes.chunks(size).chain([&after[..]]) {
            framer.push(piece);
            loop {
                match framer.next() {
                    Ok(Some(Frame::Stanza(bytes))) => {
                        if let Err(malformed) = Tree::parse(bytes, framer.scope()) {
                            return Some(malformed);
                        }
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(malformed) => return Some(malformed),
                }
            }
        }
        None
    }

    fn pieces_of(text: &str) -> &'static [usize] {
        if text.len() < 1_000 {
            return &[1, 2, 3, 7, usize::MAX];
        }
        &[4_001, usize::MAX]
    }

    #[test]
    fn a_mismatched_end_tag_ends_the_stream_at_once() {
        let long = ["<message><body>", &"x".repeat(700_000), "</message>"].concat();
        let deep = [
            "<x>".repeat(10_000),
            "</x>".repeat(9_990),
            "</y>".to_owned(),
        ]
        .concat();
        let wide = ["<message>", &"<a/>".repeat(30_000), "</body>"].concat();
        for text in [
            "<message from='a@l/r' to='echo.l'><body>x</message>",
            "<a><b></a>",
            "<a></b>",
            "<a><b/></b>",
            "<a><b c='</b>'></c>",
            "<a><b><![CDATA[</b>]]></a>",
            "<a><q:b></b>",
            "<a><bb></b>",
            "<a><b></bb>",
            "<a><b\n></ b>",
            &long,
            &deep,
            &wide,
        ] {
            for size in pieces_of(text) {
                let refused = refusal_in_pieces(text.as_bytes(), *size);
                let shown = &text[..text.len().min(60)];
                assert_eq!(refused, Some(MISMATCHED_END_TAG), "{shown} by {size}");
            }
        }
    }

    #[test]
    fn end_tags_that_match_are_accepted_however_they_come() {
        let text =
            "<a ><b/><q:b xmlns:q='u' c='/>'><b\n></b\t></q:b ><c d='e'/>x<![CDATA[</c>]]></a\r\n>";
        let deep = ["<x>".repeat(10_000), "</x>".repeat(10_000)].concat();
        for text in [text, &deep] {
            for size in pieces_of(text) {
                assert_eq!(refusal_in_pieces(text.as_bytes(), *size), None);
            }
        }
    }

    #[test]
    fn the_default_depth_is_less_than_what_a_typed_payload_may_have() {
        let depth = Limits::default().depth;
        assert!(depth < DEEPEST);
        let deepest = ["<x>".repeat(depth), "</x>".repeat(depth)].concat();
        let mut framer = framer();
        framer.push(deepest.as_bytes());
        let Ok(Some(Frame::Stanza(bytes))) = framer.next() else {
            panic!("it is within limits")
        };
        assert!(
            Tree::parse(bytes, framer.scope())
                .unwrap()
                .root()
                .to_minidom()
                .is_ok()
        );
    }

    #[test]
    fn a_mismatched_end_tag_ends_the_stream_in_a_skipped_stanza_too() {
        let many = "<a/>".repeat(60_000);
        let stanza = format!("<iq id='1'>{many}<b><c></b></iq>");
        for size in [1, 2, 4_096, 65_536, stanza.len()] {
            let mut framer = framer();
            let then: &[u8] = b"<iq id='2'/>";
            let ended = stanza
                .as_bytes()
                .chunks(size)
                .chain([then])
                .find_map(|chunk| {
                    framer.push(chunk);
                    framer.next().err()
                });
            assert_eq!(ended, Some(MISMATCHED_END_TAG), "{size}");
        }
    }

    #[test]
    fn a_stanza_of_too_many_elements_is_skipped_wherever_it_is_cut() {
        let many = "<a/>".repeat(60_000);
        let stanza = format!("<iq id='1'><b><e xmlns='u'>{many}</e></b></iq>");
        for size in [1, 2, 3, 4, 5, 7, 4_096, 65_536, 100_003, stanza.len()] {
            let mut framer = framer();
            let mut frames = Vec::new();
            for chunk in stanza.repeat(2).as_bytes().chunks(size) {
                framer.push(chunk);
                while let Some(frame) = framer.next().unwrap_or_else(|why| panic!("{size}: {why}"))
                {
                    frames.push(frame);
                }
            }
            assert!(
                matches!(&frames[..], [Frame::Skipped(_), Frame::Skipped(_)]),
                "{size}"
            );
        }
    }

    #[test]
    fn the_memory_of_a_small_stanza_is_used_again_and_that_of_a_large_one_is_not() {
        for (before, reused) in [(100, true), (100_000, false)] {
            let mut framer = framer();
            let memory = Vec::with_capacity(before);
            let place = memory.as_ptr();
            framer.reuse(memory);
            framer.push(b"<a/><b/>");
            let stanzas: Vec<Vec<u8>> = std::iter::from_fn(|| match framer.next() {
                Ok(Some(Frame::Stanza(stanza))) => Some(stanza),
                _ => None,
            })
            .collect();
            assert_eq!(stanzas, [b"<a/>", b"<b/>"]);
            assert_eq!(stanzas[0].as_ptr() == place, reused);
            assert_ne!(stanzas[1].as_ptr(), place);
        }
    }

    #[test]
    fn the_content_of_a_stanza_is_not_shown() {
        let mut framer = framer();
        framer.push(b"<message><body>secret</body></message>");
        let frame = framer.next().unwrap().unwrap();
        assert_eq!(format!("{frame:?}"), "Stanza(38 bytes)");
    }

    #[test]
    fn a_large_buffer_is_given_back_once_it_is_empty() {
        let mut framer = framer();
        framer.push(b"<a>");
        framer.push(&vec![b'x'; 400_000]);
        framer.push(b"</a>");
        assert!(matches!(framer.next(), Ok(Some(Frame::Stanza(_)))));
        assert!(matches!(framer.next(), Ok(None)));
        assert!(framer.space().capacity() <= 2 * READ);
    }
}
