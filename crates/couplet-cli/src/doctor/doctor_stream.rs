//! [`DoctorStream`]: one XMPP stream with the server, read and written step by step.

use std::io;

use couplet::{Condition, Jid, Stanza, StanzaError, Stream};
use couplet_core::element::Tree;
use couplet_core::framer::{Frame, Framer, Limits, Malformed};
use couplet_core::handshake;
use couplet_core::reply::ReplyToRef;
use couplet_core::stanza_writer::StanzaWriter;
use couplet_core::stream_error::StreamError;
use couplet_core::xml_writer::XmlWriter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::endpoint::is_closed;
use super::report::Finding;

/// Larger than the limits of components: the server may return the largest stanza that it accepts.
const LIMITS: Limits = Limits {
    stanza_bytes: 1 << 27,
    elements: 1 << 24,
    depth: 256,
    attributes: 4096,
};
/// Number of first bytes that are kept to recognise the server.
const FIRST_BYTES: usize = 200;

/// A stream, with the bytes read so far.
pub(super) struct DoctorStream {
    stream: Box<dyn Stream>,
    framer: Framer,
    first_bytes: Vec<u8>,
    has_header: bool,
    stanza_writer: StanzaWriter,
}

/// Why a stream ended.
#[derive(Debug)]
pub(super) enum StreamEnd {
    /// The server sent a stream error.
    Rejected(StreamError),
    /// The server closed the stream or the connection.
    Closed,
    /// The first character is not XML.
    NotXml,
    /// The data is not valid XMPP.
    Malformed(Malformed),
    Io(io::Error),
}

impl DoctorStream {
    pub(super) fn new(stream: Box<dyn Stream>, domain: &Jid) -> DoctorStream {
        DoctorStream {
            stream,
            framer: Framer::new(LIMITS),
            first_bytes: Vec::new(),
            has_header: false,
            stanza_writer: StanzaWriter::new(domain.clone(), LIMITS.stanza_bytes),
        }
    }

    /// Opens the stream for `domain`, as written, and returns the id in the server's header.
    pub(super) async fn open(&mut self, domain: &str) -> Result<String, StreamEnd> {
        self.write(handshake::opening(domain).as_bytes()).await?;
        self.read_header().await
    }

    /// Waits for the server's header after [`open`](DoctorStream::open) was cancelled.
    pub(super) async fn read_header(&mut self) -> Result<String, StreamEnd> {
        loop {
            match self.frame().await? {
                // Prosody opens a stream without an id if it does not know the domain; the stream
                // error follows (docs/servers.md, 2).
                Frame::Opened(header) => {
                    self.has_header = true;
                    if let Some(id) = header.id().filter(|id| !id.is_empty()) {
                        return Ok(id.to_owned());
                    }
                }
                Frame::Closed => return Err(StreamEnd::Closed),
                _ => {}
            }
        }
    }

    /// Sends the handshake and waits until the server accepts it.
    pub(super) async fn login(&mut self, id: &str, secret: &str) -> Result<(), StreamEnd> {
        self.write(handshake::handshake(id, secret).as_bytes())
            .await?;
        loop {
            if let Frame::Stanza(bytes) = self.frame().await? {
                let tree = Tree::parse(bytes, self.framer.scope())?;
                if tree.root().name() == "handshake" {
                    return Ok(());
                }
            }
        }
    }

    /// Sends an IQ of type get; the response, if there is one, is among the next stanzas.
    pub(super) async fn send_get(
        &mut self,
        from: &str,
        to: &str,
        id: &str,
        payload: &str,
    ) -> Result<(), StreamEnd> {
        self.write(&iq_get(from, to, id, payload)).await
    }

    /// Returns the next stanza from the component's domain or from one of `peers`. Answers the
    /// stanzas of other peers with `recipient-unavailable`.
    pub(super) async fn next_stanza(&mut self, peers: &[&str]) -> Result<Stanza, StreamEnd> {
        loop {
            let Frame::Stanza(bytes) = self.frame().await? else {
                continue;
            };
            let tree = Tree::parse(bytes, self.framer.scope())?;
            let Ok(stanza) = Stanza::read(tree) else {
                continue;
            };
            let from = stanza.from().to_domain();
            if self.stanza_writer.serves(from.prepared()) || peers.contains(&from.as_str()) {
                return Ok(stanza);
            }
            let mut out = Vec::new();
            let absent = StanzaError::new(Condition::RecipientUnavailable);
            let answered = ReplyToRef::of(&stanza, |reply_to| {
                reply_to.refuse(&self.stanza_writer, &mut out, &absent)
            });
            if let Ok(true) = answered {
                self.write(&out).await?;
            }
        }
    }

    /// Closes the stream and the connection.
    pub(super) async fn close(mut self) {
        let _closed_already = self.write(handshake::closing().as_bytes()).await;
        let _closed_already = self.stream.shutdown().await;
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), StreamEnd> {
        let written = self.stream.write_all(bytes).await;
        let flushed = match written {
            Ok(()) => self.stream.flush().await,
            Err(error) => Err(error),
        };
        match flushed {
            Ok(()) => Ok(()),
            // The server may have sent a stream error before it closed the connection.
            Err(error) if is_closed(&error) => Err(self.read_to_end().await),
            Err(error) => Err(StreamEnd::Io(error)),
        }
    }

    /// Returns the first bytes from the server, whether they are a header or not.
    pub(super) fn first_bytes(&self) -> &[u8] {
        &self.first_bytes
    }

    /// Returns whether the server has sent the header of a stream.
    pub(super) fn has_header(&self) -> bool {
        self.has_header
    }

    async fn read_to_end(&mut self) -> StreamEnd {
        loop {
            match self.frame().await {
                Ok(Frame::Closed) => return StreamEnd::Closed,
                Ok(_) => {}
                Err(end) => return end,
            }
        }
    }

    /// Returns the next frame; a stream error is returned as an end.
    async fn frame(&mut self) -> Result<Frame, StreamEnd> {
        loop {
            match self.framer.next()? {
                None => self.read().await?,
                Some(Frame::Stanza(bytes)) => {
                    let tree = Tree::parse(bytes.clone(), self.framer.scope())?;
                    if let Some(error) = StreamError::of(tree.root()) {
                        return Err(StreamEnd::Rejected(error));
                    }
                    return Ok(Frame::Stanza(bytes));
                }
                Some(Frame::Closed) => return Err(StreamEnd::Closed),
                Some(frame) => return Ok(frame),
            }
        }
    }

    async fn read(&mut self) -> Result<(), StreamEnd> {
        let space = self.framer.space();
        let before = space.len();
        match self.stream.read_buf(space).await {
            Ok(0) => Err(StreamEnd::Closed),
            Err(error) if is_closed(&error) => Err(StreamEnd::Closed),
            Err(error) => Err(StreamEnd::Io(error)),
            Ok(_) => {
                let room = FIRST_BYTES.saturating_sub(self.first_bytes.len());
                let new = space.get(before..).unwrap_or_default();
                self.first_bytes.extend(new.iter().take(room));
                let first = self
                    .first_bytes
                    .iter()
                    .find(|byte| !byte.is_ascii_whitespace());
                match first {
                    None | Some(b'<' | 0xEF) => Ok(()),
                    Some(_) => Err(StreamEnd::NotXml),
                }
            }
        }
    }
}

/// Returns an IQ of type get.
pub(super) fn iq_get(from: &str, to: &str, id: &str, payload: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 200);
    let mut xml = XmlWriter::new(&mut out);
    xml.raw("<iq type='get'");
    xml.attribute("from", from);
    xml.attribute("to", to);
    xml.attribute("id", id);
    xml.raw(">");
    xml.raw(payload);
    xml.raw("</iq>");
    out
}

impl From<Malformed> for StreamEnd {
    fn from(why: Malformed) -> StreamEnd {
        StreamEnd::Malformed(why)
    }
}

impl From<StreamEnd> for Finding {
    fn from(end: StreamEnd) -> Finding {
        Finding::fail(end.to_string(), "")
    }
}

impl std::fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StreamEnd::Rejected(error) => {
                let text = error.to_string();
                let shown = text.chars().filter(|c| !c.is_control()).take(300);
                write!(
                    f,
                    "the server ended the stream: {}",
                    shown.collect::<String>()
                )
            }
            StreamEnd::Closed => f.write_str("the server closed the connection"),
            StreamEnd::NotXml => f.write_str("the server does not send XML"),
            StreamEnd::Malformed(why) => {
                write!(f, "the server sent invalid XML ({})", why.condition())
            }
            StreamEnd::Io(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use couplet::Jid;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::{DoctorStream, StreamEnd};

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='7' from='echo.test'>";

    fn stream() -> (DoctorStream, DuplexStream) {
        let (ours, server) = tokio::io::duplex(1 << 16);
        let domain = Jid::new("echo.test").unwrap();
        (DoctorStream::new(Box::new(ours), &domain), server)
    }

    #[tokio::test]
    async fn stanzas_of_other_peers_are_answered_with_an_error() {
        let (mut stream, mut server) = stream();
        server.write_all(HEADER.as_bytes()).await.unwrap();
        assert_eq!(stream.open("echo.test").await.unwrap(), "7");
        let sent = "<message from='a@b/c' to='x@echo.test' type='chat' id='m1'><body>hi</body></message>\
                    <message from='a@b/c' to='x@echo.test' type='error' id='m2'/>\
                    <iq from='echo.test' to='echo.test' type='get' id='q1'/>";
        server.write_all(sent.as_bytes()).await.unwrap();
        let next = stream.next_stanza(&[]).await.unwrap();
        assert_eq!(next.id().as_deref(), Some("q1"));
        stream.close().await;
        let mut written = String::new();
        server.read_to_string(&mut written).await.unwrap();
        let answer = "<message from='x@echo.test' to='a@b/c' type='error' id='m1'>";
        assert!(
            written.contains(answer) && written.contains("<recipient-unavailable"),
            "{written}"
        );
        assert!(!written.contains("m2"), "{written}");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_send_xml_is_found_by_its_first_character() {
        let (mut stream, mut server) = stream();
        server.write_all(b"\r\nSSH-2.0").await.unwrap();
        let opened = stream.open("echo.test").await;
        assert!(matches!(opened, Err(StreamEnd::NotXml)));
        assert_eq!(stream.first_bytes(), b"\r\nSSH-2.0");
    }
}
