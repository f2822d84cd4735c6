//! One stream with a server, word by word.
//!
//! Deliberately absent: trying again, and everything that a component does with a stanza.

use std::io;

use couplet::{Condition, Jid, Stanza, StanzaError, Stream};
use couplet_core::element::Tree;
use couplet_core::framer::{Frame, Framer, Limits, Malformed};
use couplet_core::handshake;
use couplet_core::reply::Asked;
use couplet_core::stanza_writer::StanzaWriter;
use couplet_core::stream_error::StreamError;
use couplet_core::xml_writer::XmlWriter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::lock;

/// Wider than any component's: a large stanza comes back to whoever sent it.
const LIMITS: Limits = Limits {
    stanza_bytes: 1 << 27,
    elements: 1 << 24,
    depth: 256,
    attributes: 4096,
};
/// As much of the first words is kept to tell who speaks.
const FIRST_WORDS: usize = 200;

/// A stream, and what has been read of it.
pub(super) struct Line {
    stream: Box<dyn Stream>,
    framer: Framer,
    first_words: Vec<u8>,
    has_header: bool,
    stanza_writer: StanzaWriter,
}

/// Why there is nothing more to hear.
#[derive(Debug)]
pub(super) enum Lost {
    /// The server said why.
    Refused(StreamError),
    /// The server closed the stream or the connection.
    Closed,
    /// This is no XML, as its first letter shows.
    Strange,
    /// This is no XMPP.
    Malformed(Malformed),
    Io(io::Error),
}

impl Line {
    pub(super) fn new(stream: Box<dyn Stream>, domain: &Jid) -> Line {
        Line {
            stream,
            framer: Framer::new(LIMITS),
            first_words: Vec::new(),
            has_header: false,
            stanza_writer: StanzaWriter::new(domain.clone(), LIMITS.stanza_bytes),
        }
    }

    /// Opens the stream for `domain`, as written, and waits for the id of the server's header.
    pub(super) async fn greet(&mut self, domain: &str) -> Result<String, Lost> {
        self.say(handshake::opening(domain).as_bytes()).await?;
        self.greet_on().await
    }

    /// Goes on waiting for the server's header.
    pub(super) async fn greet_on(&mut self) -> Result<String, Lost> {
        loop {
            match self.frame().await? {
                // Prosody opens a stream without an id just to say that it knows no such domain
                // (servers.md, 2); the error follows.
                Frame::Opened(header) => {
                    self.has_header = true;
                    if let Some(id) = header.id().filter(|id| !id.is_empty()) {
                        return Ok(id.to_owned());
                    }
                }
                Frame::Closed => return Err(Lost::Closed),
                _ => {}
            }
        }
    }

    /// Proves that both know the secret, and waits until the server agrees.
    pub(super) async fn login(&mut self, id: &str, secret: &str) -> Result<(), Lost> {
        self.say(handshake::handshake(id, secret).as_bytes())
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

    /// Asks `to` something as `from`; the answer, if there is one, is among what is heard later.
    pub(super) async fn ask(
        &mut self,
        from: &str,
        to: &str,
        id: &str,
        payload: &str,
    ) -> Result<(), Lost> {
        self.say(&question(from, to, id, payload)).await
    }

    /// The next stanza that comes from the domain itself or from `peers`. What others send was meant
    /// for the component: they are told that it is not there, rather than nothing.
    pub(super) async fn heard(&mut self, peers: &[&str]) -> Result<Stanza, Lost> {
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
            let refused = Asked::of(&stanza, |asked| {
                asked.refuse(&self.stanza_writer, &mut out, &absent)
            });
            if let Ok(true) = refused {
                self.say(&out).await?;
            }
        }
    }

    /// A goodbye; whether it arrives matters to nobody.
    pub(super) async fn leave(mut self) {
        let _closed_already = self.say(handshake::closing().as_bytes()).await;
        let _closed_already = self.stream.shutdown().await;
    }

    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let written = self.stream.write_all(bytes).await;
        let flushed = match written {
            Ok(()) => self.stream.flush().await,
            Err(error) => Err(error),
        };
        match flushed {
            Ok(()) => Ok(()),
            // The server may have said why before it closed.
            Err(error) if lock::is_end(&error) => Err(self.last_words().await),
            Err(error) => Err(Lost::Io(error)),
        }
    }

    /// What came first, header or not.
    pub(super) fn first_words(&self) -> &[u8] {
        &self.first_words
    }

    /// Whether whoever is there speaks in streams.
    pub(super) fn has_header(&self) -> bool {
        self.has_header
    }

    async fn last_words(&mut self) -> Lost {
        loop {
            match self.frame().await {
                Ok(Frame::Closed) => return Lost::Closed,
                Ok(_) => {}
                Err(lost) => return lost,
            }
        }
    }

    /// The next thing on the stream; an error that the server tells ends it.
    async fn frame(&mut self) -> Result<Frame, Lost> {
        loop {
            match self.framer.next()? {
                None => self.hear().await?,
                Some(Frame::Stanza(bytes)) => {
                    let tree = Tree::parse(bytes.clone(), self.framer.scope())?;
                    if let Some(error) = StreamError::of(tree.root()) {
                        return Err(Lost::Refused(error));
                    }
                    return Ok(Frame::Stanza(bytes));
                }
                Some(Frame::Closed) => return Err(Lost::Closed),
                Some(frame) => return Ok(frame),
            }
        }
    }

    async fn hear(&mut self) -> Result<(), Lost> {
        let space = self.framer.space();
        let before = space.len();
        match self.stream.read_buf(space).await {
            Ok(0) => Err(Lost::Closed),
            Err(error) if lock::is_end(&error) => Err(Lost::Closed),
            Err(error) => Err(Lost::Io(error)),
            Ok(_) => {
                let room = FIRST_WORDS.saturating_sub(self.first_words.len());
                let new = space.get(before..).unwrap_or_default();
                self.first_words.extend(new.iter().take(room));
                let first = self
                    .first_words
                    .iter()
                    .find(|byte| !byte.is_ascii_whitespace());
                match first {
                    None | Some(b'<' | 0xEF) => Ok(()),
                    Some(_) => Err(Lost::Strange),
                }
            }
        }
    }
}

/// An IQ of type get.
pub(super) fn question(from: &str, to: &str, id: &str, payload: &str) -> Vec<u8> {
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

impl From<Malformed> for Lost {
    fn from(why: Malformed) -> Lost {
        Lost::Malformed(why)
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lost::Refused(error) => {
                let text = error.to_string();
                let shown = text.chars().filter(|c| !c.is_control()).take(300);
                write!(
                    f,
                    "the server ended the stream: {}",
                    shown.collect::<String>()
                )
            }
            Lost::Closed => f.write_str("the server closed the connection"),
            Lost::Strange => f.write_str("the server does not speak XML"),
            Lost::Malformed(why) => {
                write!(f, "the server sent what is no XML ({})", why.condition())
            }
            Lost::Io(error) => write!(f, "the connection broke: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use couplet::Jid;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::{Line, Lost};

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='7' from='echo.test'>";

    fn line() -> (Line, DuplexStream) {
        let (ours, server) = tokio::io::duplex(1 << 16);
        let domain = Jid::new("echo.test").unwrap();
        (Line::new(Box::new(ours), &domain), server)
    }

    #[tokio::test]
    async fn what_others_send_meanwhile_is_refused_and_not_swallowed() {
        let (mut line, mut server) = line();
        server.write_all(HEADER.as_bytes()).await.unwrap();
        assert_eq!(line.greet("echo.test").await.unwrap(), "7");
        let sent = "<message from='a@b/c' to='x@echo.test' type='chat' id='m1'><body>hi</body></message>\
                    <message from='a@b/c' to='x@echo.test' type='error' id='m2'/>\
                    <iq from='echo.test' to='echo.test' type='get' id='q1'/>";
        server.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(line.heard(&[]).await.unwrap().id().as_deref(), Some("q1"));
        line.leave().await;
        let mut said = String::new();
        server.read_to_string(&mut said).await.unwrap();
        let refused = "<message from='x@echo.test' to='a@b/c' type='error' id='m1'>";
        assert!(
            said.contains(refused) && said.contains("<recipient-unavailable"),
            "{said}"
        );
        assert!(!said.contains("m2"), "{said}");
    }

    #[tokio::test]
    async fn what_is_no_xml_shows_at_its_first_letter() {
        let (mut line, mut server) = line();
        server.write_all(b"\r\nSSH-2.0").await.unwrap();
        assert!(matches!(line.greet("echo.test").await, Err(Lost::Strange)));
        assert_eq!(line.first_words(), b"\r\nSSH-2.0");
    }
}
