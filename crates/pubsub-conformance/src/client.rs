//! A session of an ordinary user: sends raw XML, and reads trees.
//!
//! It has no roster and no stream management, and sends without validation.

mod attach;
mod login;
mod tls;

use std::collections::VecDeque;
use std::time::Duration;

use couplet_core::element::{NS_CLIENT, NS_STREAM, Tree};
use couplet_core::framer::{Frame, Framer, Limits};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::error::{CaseError, CaseResult};

pub(crate) use attach::attach;
pub(crate) use login::login;
pub use tls::{Security, Server};

const LIMITS: Limits = Limits {
    stanza_bytes: 1 << 26,
    elements: 1 << 24,
    depth: 256,
    attributes: 4_096,
};

/// Maximum number of unread stanzas.
const RECEIVED_MAX: usize = 100_000;

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// A user who is logged in and available.
pub(crate) struct Session {
    stream: Box<dyn Stream>,
    framer: Framer,
    jid: String,
    received: VecDeque<Tree>,
    asked: u64,
    patience: Duration,
}

impl Session {
    fn over(stream: Box<dyn Stream>, patience: Duration) -> Session {
        Session {
            stream,
            framer: Framer::new(LIMITS),
            jid: String::new(),
            received: VecDeque::new(),
            asked: 0,
            patience,
        }
    }

    /// Returns the full JID that the server bound.
    pub(crate) fn jid(&self) -> &str {
        &self.jid
    }

    /// Sends raw XML.
    pub(crate) async fn send(&mut self, xml: &str) -> CaseResult {
        let deadline = Instant::now() + self.patience;
        match timeout_at(deadline, self.stream.write_all(xml.as_bytes())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(broken(&error.to_string())),
            Err(_) => Err(broken("it takes no more bytes")),
        }
    }

    /// Sends a request to `to` (or to the user's own server) and waits for the response; other
    /// stanzas are kept.
    pub(crate) async fn request(
        &mut self,
        kind: &str,
        to: Option<&str>,
        payload: &str,
    ) -> CaseResult<Tree> {
        let id = self.send_request(kind, to, payload).await?;
        self.answer(to, &id).await
    }

    /// Sends a request without waiting; the id is for [`Session::answer`].
    pub(crate) async fn send_request(
        &mut self,
        kind: &str,
        to: Option<&str>,
        payload: &str,
    ) -> CaseResult<String> {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        let to = to.map_or_else(String::new, |to| {
            format!(" to='{}'", crate::request::escaped(to))
        });
        self.send(&format!("<iq type='{kind}'{to} id='{id}'>{payload}</iq>"))
            .await?;
        Ok(id)
    }

    /// Waits for the response with this id.
    pub(crate) async fn answer(&mut self, to: Option<&str>, id: &str) -> CaseResult<Tree> {
        let deadline = Instant::now() + self.patience;
        let is_answer = |stanza: &Tree| {
            let root = stanza.root();
            let kind = root.attr("type");
            root.is("iq", NS_CLIENT)
                && matches!(kind.as_deref(), Some("result" | "error"))
                && root.attr("id").as_deref() == Some(id)
                && (to.is_none() || root.attr("from").as_deref() == to)
        };
        let found = self.first(deadline, is_answer).await?;
        found.ok_or_else(|| CaseError::unmet("an answer to an IQ", "none in time"))
    }

    /// Returns the next message that matches `wanted`, or `None` if there is none until `deadline`.
    pub(crate) async fn message(
        &mut self,
        deadline: Instant,
        wanted: impl Fn(&Tree) -> bool,
    ) -> CaseResult<Option<Tree>> {
        self.first(deadline, |stanza| {
            stanza.root().is("message", NS_CLIENT) && wanted(stanza)
        })
        .await
    }

    /// Removes and returns all messages that have been read and match `wanted`.
    pub(crate) fn take(&mut self, wanted: impl Fn(&Tree) -> bool) -> Vec<Tree> {
        self.take_all(|stanza| stanza.root().is("message", NS_CLIENT) && wanted(stanza))
    }

    /// Removes and returns all stanzas that have been read and match `wanted`.
    pub(crate) fn take_all(&mut self, wanted: impl Fn(&Tree) -> bool) -> Vec<Tree> {
        let all = std::mem::take(&mut self.received);
        let (taken, kept) = all.into_iter().partition(wanted);
        self.received = kept;
        Vec::from(taken)
    }

    /// Returns the timeout for one response or event.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    async fn first(
        &mut self,
        deadline: Instant,
        wanted: impl Fn(&Tree) -> bool,
    ) -> CaseResult<Option<Tree>> {
        if let Some(index) = self.received.iter().position(&wanted) {
            return Ok(self.received.remove(index));
        }
        loop {
            match timeout_at(deadline, self.read()).await {
                Err(_) => return Ok(None),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(stanza)) if wanted(&stanza) => return Ok(Some(stanza)),
                Ok(Ok(stanza)) => self.keep(stanza).await?,
            }
        }
    }

    async fn keep(&mut self, stanza: Tree) -> CaseResult {
        let root = stanza.root();
        let kind = root.attr("type");
        // RFC 6120, 8.2.3: requests must be answered, and a server may send pings.
        if root.is("iq", NS_CLIENT) && matches!(kind.as_deref(), Some("get" | "set")) {
            let attribute =
                |name: &str| crate::request::escaped(&root.attr(name).unwrap_or_default());
            // A component must set its `from`: it has many addresses.
            let turned = |name: &str, from: &str| match root.attr(from) {
                Some(_) => format!(" {name}='{}'", attribute(from)),
                None => String::new(),
            };
            let refusal = format!(
                "<iq type='error'{}{} id='{}'><error type='cancel'><service-unavailable \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
                turned("to", "from"),
                turned("from", "to"),
                attribute("id")
            );
            return self.send(&refusal).await;
        }
        if self.received.len() < RECEIVED_MAX {
            self.received.push_back(stanza);
        }
        Ok(())
    }

    /// Reads a stanza. Cancel safe: bytes that were read stay in the framer.
    async fn read(&mut self) -> CaseResult<Tree> {
        loop {
            match self.frame().await? {
                Frame::Stanza(bytes) => {
                    let stanza = Tree::parse(bytes, self.framer.scope())
                        .map_err(|error| broken(&error.to_string()))?;
                    if stanza.root().is("error", NS_STREAM) {
                        return Err(broken(stanza.as_str()));
                    }
                    return Ok(stanza);
                }
                Frame::Closed => return Err(broken("it closed the stream")),
                _ => {}
            }
        }
    }

    /// Reads a frame. Cancel safe like [`read`](Session::read).
    async fn frame(&mut self) -> CaseResult<Frame> {
        loop {
            let next = self.framer.next();
            if let Some(frame) = next.map_err(|error| broken(&error.to_string()))? {
                return Ok(frame);
            }
            match self.stream.read_buf(self.framer.space()).await {
                Ok(0) => return Err(broken("it closed the connection")),
                Ok(_) => {}
                Err(error) => return Err(broken(&error.to_string())),
            }
        }
    }
}

fn broken(how: &str) -> CaseError {
    CaseError::unmet("a connection to the server that holds", how)
}
