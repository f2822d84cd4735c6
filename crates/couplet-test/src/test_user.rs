//! [`TestUser`]: a user who sends stanzas to a component, on any server.
//!
//! A failure panics with what the user waited for. Stanzas are sent unchanged, and nothing is sent
//! automatically.

mod command_reply;
mod heard;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use couplet_core::element::Tree;
use couplet_core::xml_writer::XmlWriter;

use crate::client::Client;
use crate::error::{ANSWER_WITHIN, ClientError};
use crate::exchange::Terminal;
use crate::verdict::fail;

pub use self::{
    command_reply::{CommandField, CommandReply},
    heard::Heard,
};

/// How long [`TestUser::hears_nothing`] waits.
const SILENCE: Duration = Duration::from_secs(1);

/// A user of a server, in memory or real.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use couplet::{Component, Config, Incoming, Message};
///
/// fn echo(config: Config) -> Component {
///     Component::new(config).on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
/// }
///
/// let server = couplet_test::Server::start(echo).await;
/// let mut alice = server.user("alice@example.org/phone");
/// alice.chat("bot@echo.test", "hi").await;
/// let got = alice.next_chat().await;
/// assert_eq!((got.from(), got.text()), ("bot@echo.test", "hi"));
/// # }
/// ```
pub struct TestUser {
    stream: Stream,
    /// Stanzas received while waiting for others.
    kept: VecDeque<Heard>,
    asked: u64,
}

enum Stream {
    Memory(Box<Terminal>),
    Real(Box<Client>),
}

impl TestUser {
    pub(crate) fn in_memory(terminal: Terminal) -> TestUser {
        TestUser::new(Stream::Memory(Box::new(terminal)))
    }

    pub(crate) fn real(client: Client) -> TestUser {
        TestUser::new(Stream::Real(Box::new(client)))
    }

    fn new(stream: Stream) -> TestUser {
        TestUser {
            stream,
            kept: VecDeque::new(),
            asked: 0,
        }
    }

    /// Returns the full address.
    pub fn address(&self) -> &str {
        match &self.stream {
            Stream::Memory(terminal) => terminal.address(),
            Stream::Real(client) => client.jid(),
        }
    }

    /// Returns the address without the resource.
    pub fn bare(&self) -> &str {
        let address = self.address();
        address.split_once('/').map_or(address, |(bare, _)| bare)
    }

    /// Sends bytes unchanged: whole stanzas, several, or a part of one.
    ///
    /// The server sets `from`.
    ///
    /// # Panics
    ///
    /// The server has ended the stream.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of the bytes may have been sent.
    pub async fn send_raw(&mut self, xml: impl AsRef<[u8]>) {
        if !self.try_send_raw(xml).await {
            fail(&format!(
                "the server has ended the stream of {}",
                self.address()
            ));
        }
    }

    /// Sends bytes. Returns `false` if the server has ended the stream.
    ///
    /// Use it for stanzas that a server may not forward.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of the bytes may have been sent.
    pub async fn try_send_raw(&mut self, xml: impl AsRef<[u8]>) -> bool {
        match &mut self.stream {
            Stream::Memory(terminal) => terminal.send(xml.as_ref()),
            Stream::Real(client) => client.send_raw(xml).await.is_ok(),
        }
    }

    /// Sends a message of type `chat`.
    ///
    /// # Panics
    ///
    /// The server has ended the stream.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: part of it may have been sent.
    pub async fn chat(&mut self, to: &str, text: &str) {
        let mut message = Vec::new();
        let mut xml = XmlWriter::new(&mut message);
        xml.raw("<message type='chat'");
        xml.attribute("to", to);
        xml.raw("><body>");
        xml.text(text);
        xml.raw("</body></message>");
        self.send_raw(message).await;
    }

    /// Sends an IQ with this payload (XML), and returns the response.
    ///
    /// # Panics
    ///
    /// No response arrives within 30 s.
    ///
    /// # Cancel safety
    ///
    /// The request is sent even if the future is dropped; the response is kept for later.
    pub async fn ask(&mut self, type_: &str, to: &str, payload: &str) -> Heard {
        let id = self.send_request(type_, to, payload).await;
        self.answer_to(&id).await
    }

    /// Sends an IQ with this payload (XML), and returns its id without waiting for the response.
    ///
    /// # Panics
    ///
    /// The server has ended the stream.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: part of it may have been sent.
    pub async fn send_request(&mut self, type_: &str, to: &str, payload: &str) -> String {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        let mut iq = Vec::new();
        let mut xml = XmlWriter::new(&mut iq);
        xml.raw("<iq");
        for (name, value) in [("type", type_), ("to", to), ("id", &id)] {
            xml.attribute(name, value);
        }
        xml.raw(">");
        xml.raw(payload);
        xml.raw("</iq>");
        self.send_raw(iq).await;
        id
    }

    /// Returns the next stanza with this id; keeps the others for later.
    ///
    /// # Panics
    ///
    /// No such stanza arrives within 30 s.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: received stanzas are kept.
    pub async fn answer_to(&mut self, id: &str) -> Heard {
        self.next_where(&format!("an answer to {id}"), |heard| heard.id() == id)
            .await
    }

    /// Pings an address. (XEP-0199)
    ///
    /// # Panics
    ///
    /// No response arrives within 30 s, or it is an error.
    ///
    /// # Cancel safety
    ///
    /// The request is sent even if the future is dropped; the response is kept for later.
    pub async fn ping(&mut self, to: &str) {
        let pong = self.ask("get", to, "<ping xmlns='urn:xmpp:ping'/>").await;
        if pong.type_() != "result" || pong.from() != to {
            fail(&format!(
                "{} pinged {to} and received {pong}",
                self.address()
            ));
        }
    }

    /// Returns the next stanza.
    ///
    /// # Panics
    ///
    /// No stanza arrives within 30 s.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: received stanzas are kept.
    pub async fn next(&mut self) -> Heard {
        self.next_where("a stanza", |_| true).await
    }

    /// Returns the next message; keeps the others for later.
    ///
    /// # Panics
    ///
    /// No message arrives within 30 s.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: received stanzas are kept.
    pub async fn next_chat(&mut self) -> Heard {
        self.next_where("a message", |heard| heard.name() == "message")
            .await
    }

    /// Asserts that no stanza arrives for a second of the test's clock, which is instantaneous if
    /// it is paused.
    ///
    /// # Panics
    ///
    /// A stanza arrives.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: received stanzas are kept.
    pub async fn hears_nothing(&mut self) {
        if let Some(heard) = self.hear(SILENCE).await {
            fail(&format!("{} received {heard}", self.address()));
        }
    }

    /// Pings an address and asserts that nothing arrives before the response.
    ///
    /// The component handles the stanzas of one conversation in order, so no response to an earlier
    /// stanza to the same address can arrive later. No clock is needed to know that.
    ///
    /// # Panics
    ///
    /// Another stanza arrives.
    ///
    /// # Cancel safety
    ///
    /// The ping is sent even if the future is dropped; the response is kept for later.
    pub async fn hears_only_a_pong_from(&mut self, to: &str) {
        let id = self
            .send_request("get", to, "<ping xmlns='urn:xmpp:ping'/>")
            .await;
        let heard = self.next().await;
        if heard.id() != id {
            fail(&format!("{} received {heard}", self.address()));
        }
    }

    /// Returns whether the server ends the user's stream within a second.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: received stanzas are kept.
    pub async fn is_cut_off(&mut self) -> bool {
        match &mut self.stream {
            Stream::Memory(terminal) => terminal.is_cut_off(),
            Stream::Real(client) => loop {
                match client.next(ANSWER_WITHIN).await {
                    Ok(Some(stanza)) => self.kept.push_back(Heard::new(stanza)),
                    Ok(None) => return false,
                    Err(_) => return true,
                }
            },
        }
    }

    /// Executes an ad-hoc command. (XEP-0050)
    ///
    /// # Panics
    ///
    /// The response is an error, or there is none.
    pub async fn run(&mut self, to: &str, command: &str) -> CommandReply {
        self.command(to, command, "", "execute", None).await
    }

    /// Sends the next request of a command: an action such as `complete`, and the values of its form.
    ///
    /// # Panics
    ///
    /// The response is an error, or there is none.
    pub async fn submit(
        &mut self,
        reply: &CommandReply,
        action: &str,
        values: &[(&str, &str)],
    ) -> CommandReply {
        let (to, node) = (reply.heard().from().to_owned(), reply.node());
        self.command(&to, &node, &reply.session(), action, Some(values))
            .await
    }

    async fn command(
        &mut self,
        to: &str,
        node: &str,
        session: &str,
        action: &str,
        values: Option<&[(&str, &str)]>,
    ) -> CommandReply {
        let mut command = Vec::new();
        let mut xml = XmlWriter::new(&mut command);
        xml.raw("<command xmlns='http://jabber.org/protocol/commands'");
        for (name, value) in [("node", node), ("sessionid", session), ("action", action)] {
            if !value.is_empty() {
                xml.attribute(name, value);
            }
        }
        xml.raw(">");
        if let Some(values) = values {
            xml.raw("<x xmlns='jabber:x:data' type='submit'>");
            for (name, value) in values {
                xml.raw("<field");
                xml.attribute("var", name);
                xml.raw(">");
                xml.element("value", value);
                xml.raw("</field>");
            }
            xml.raw("</x>");
        }
        xml.raw("</command>");
        let heard = self
            .ask("set", to, &String::from_utf8_lossy(&command))
            .await;
        if heard.type_() != "result" {
            fail(&format!("the command {node} is refused: {heard}"));
        }
        CommandReply::new(heard)
    }

    async fn next_where(&mut self, what: &str, wanted: impl Fn(&Heard) -> bool) -> Heard {
        if let Some(at) = self.kept.iter().position(&wanted)
            && let Some(heard) = self.kept.remove(at)
        {
            return heard;
        }
        let patience = Patience::starting_now();
        loop {
            let Some(heard) = self.stanza(ANSWER_WITHIN).await else {
                if patience.is_left() {
                    continue;
                }
                let kept: String = self
                    .kept
                    .iter()
                    .map(|heard| format!("\n  {heard}"))
                    .collect();
                let journal = self.journal();
                let who = self.address();
                fail(&format!(
                    "{who} did not receive {what} in time; received:{kept}\n{journal}"
                ))
            };
            if wanted(&heard) {
                return heard;
            }
            self.kept.push_back(heard);
        }
    }

    async fn hear(&mut self, patience: Duration) -> Option<Heard> {
        match self.kept.pop_front() {
            Some(heard) => Some(heard),
            None => self.stanza(patience).await,
        }
    }

    async fn stanza(&mut self, patience: Duration) -> Option<Heard> {
        let stanza: Result<Option<Tree>, ClientError> = match &mut self.stream {
            Stream::Memory(terminal) => Ok(terminal.next(patience).await),
            Stream::Real(client) => client.next(patience).await,
        };
        match stanza {
            Ok(stanza) => stanza.map(Heard::new),
            Err(error) => fail(&format!("{}: {error}", self.address())),
        }
    }

    fn journal(&self) -> String {
        match &self.stream {
            Stream::Memory(terminal) => terminal.journal(),
            Stream::Real(_) => String::new(),
        }
    }
}

/// How long a user waits: [`ANSWER_WITHIN`] of real time, and an hour of a paused clock, which a timer of
/// the component may need and which takes no time.
struct Patience {
    real: std::time::Instant,
    clock: tokio::time::Instant,
}

impl Patience {
    const HOUR: Duration = Duration::from_secs(3_600);

    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of the test may be paused"
    )]
    fn starting_now() -> Patience {
        Patience {
            real: std::time::Instant::now(),
            clock: tokio::time::Instant::now(),
        }
    }

    fn is_left(&self) -> bool {
        self.real.elapsed() < ANSWER_WITHIN && self.clock.elapsed() < Patience::HOUR
    }
}

impl fmt::Debug for TestUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestUser").field(&self.address()).finish()
    }
}
