//! [`Alice`]: a user of the private server, logged in with tokio-xmpp's client.

use std::time::Duration;

use couplet::Jid;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_xmpp::connect::DnsConfig;
use tokio_xmpp::jid;
use tokio_xmpp::parsers::message::{Lang, Message, MessageType};
use tokio_xmpp::parsers::ping::Ping;
use tokio_xmpp::parsers::presence::Presence;
use tokio_xmpp::parsers::stanza_error::StanzaError;
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, Event, IqRequest, IqResponse, Stanza};

use super::screen::Screen;
use crate::failure::Failure;

const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
const PONG_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// After this time a status line reports that it is still waiting.
const SLOW: Duration = Duration::from_secs(5);
/// The component may have to be compiled first.
const ONLINE_TIMEOUT: Duration = Duration::from_secs(900);
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(1);

/// A logged-in user.
#[derive(Debug)]
pub(super) struct Alice(Client);

/// A message to alice.
#[derive(Debug)]
pub(super) enum Received {
    Text { from: Jid, text: String },
    Error { from: Jid, why: String },
}

impl Alice {
    /// Creates the accounts of alice and bob, whose passwords are their names, and logs alice in.
    pub(super) async fn login(addr: &str) -> Result<Alice, Failure> {
        for user in ["alice", "bob"] {
            couplet_test::Client::register(addr, &format!("{user}@localhost"), user)
                .await
                .map_err(|why| Failure::new(format!("creating the accounts: {why}")))?;
        }
        let jid = jid::Jid::new("alice@localhost/couplet").map_err(unexpected)?;
        let mut client =
            Client::new_plaintext(jid, "alice", DnsConfig::addr(addr), Timeouts::default());
        let online = async {
            while let Some(event) = client.next().await {
                match event {
                    Event::Online { .. } => return Ok(()),
                    Event::Disconnected(why) => return Err(unexpected(why)),
                    Event::Stanza(_) => {}
                }
            }
            Err(disconnected())
        };
        match timeout(LOGIN_TIMEOUT, online).await {
            Ok(online) => online.map(|()| Alice(client)),
            Err(_elapsed) => Err(Failure::new("alice could not log in within 30s")),
        }
    }

    /// Pings the domain and returns the response as text; `None` if none arrives in time.
    pub(super) async fn ping(&mut self, domain: &str) -> Option<String> {
        let to = jid::Jid::new(domain).ok()?;
        let asked = self.0.send_iq(Some(to), IqRequest::Get(Ping.into())).await;
        match timeout(PONG_TIMEOUT, asked).await {
            Ok(Ok(IqResponse::Result(_))) => Some("pong".to_owned()),
            Ok(Ok(IqResponse::Error(error))) => Some(describe(&error)),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Pings the component until the response differs from `absent`, the server's response while no
    /// component is connected.
    pub(super) async fn wait_until_online(
        &mut self,
        domain: &str,
        absent: &Option<String>,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let mut report_at = Some(started + SLOW);
        while self.ping(domain).await == *absent {
            if started.elapsed() >= ONLINE_TIMEOUT {
                return Err(Failure::new(format!(
                    "{domain} did not log in within 15 minutes"
                )));
            }
            if report_at.is_some_and(|at| Instant::now() >= at) {
                screen.status(&format!("still waiting for {domain} to log in ..."));
                report_at = None;
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Sends alice's presence, so that messages to her bare address are delivered to this client.
    pub(super) async fn send_presence(&mut self) -> Result<(), Failure> {
        self.send(Presence::available().into()).await
    }

    pub(super) async fn send_chat(&mut self, to: &Jid, text: &str) -> Result<(), Failure> {
        let text = text
            .chars()
            .map(|c| if is_xml(c) { c } else { '\u{fffd}' })
            .collect();
        let to = jid::Jid::try_from(to).map_err(|why| {
            Failure::misuse(format!("alice's client cannot write to {to}: {why}"))
        })?;
        self.send(Message::chat(to).with_body(Lang::new(), text).into())
            .await
    }

    /// Returns the next message. Cancel safe.
    pub(super) async fn next_message(&mut self) -> Result<Received, Failure> {
        loop {
            match self.0.next().await {
                Some(Event::Stanza(Stanza::Message(message))) => {
                    if let Some(received) = parse(message) {
                        return Ok(received);
                    }
                }
                Some(Event::Stanza(_) | Event::Online { .. }) => {}
                Some(Event::Disconnected(_)) | None => return Err(disconnected()),
            }
        }
    }

    pub(super) async fn log_out(self) {
        let _the_server_is_killed_next = timeout(LOGOUT_TIMEOUT, self.0.send_end()).await;
    }

    async fn send(&mut self, stanza: Stanza) -> Result<(), Failure> {
        match timeout(SEND_TIMEOUT, self.0.send_stanza(stanza)).await {
            Ok(Ok(_token)) => Ok(()),
            Ok(Err(why)) => Err(unexpected(why)),
            Err(_elapsed) => Err(Failure::new(
                "the server does not read from alice's connection",
            )),
        }
    }
}

fn parse(message: Message) -> Option<Received> {
    let from = Jid::from(message.from.as_ref()?);
    if message.type_ == MessageType::Error {
        let error = message
            .payloads
            .into_iter()
            .find_map(|payload| StanzaError::try_from(payload).ok());
        let why = error.map_or_else(
            || "an error without a condition".to_owned(),
            |error| describe(&error),
        );
        return Some(Received::Error { from, why });
    }
    let (_lang, text) = message.get_best_body_cloned(vec![""])?;
    Some(Received::Text { from, text })
}

fn describe(error: &StanzaError) -> String {
    let condition = tokio_xmpp::minidom::Element::from(error.clone())
        .children()
        .next()
        .map(|condition| condition.name().to_owned())
        .unwrap_or_default();
    match error.texts.values().next() {
        Some(text) => format!("{condition}: {}", super::screen::printable(text)),
        None => condition,
    }
}

/// Returns whether XML allows a character. (XML 1.0, 2.2)
fn is_xml(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn unexpected(why: impl std::fmt::Display) -> Failure {
    Failure::new(format!("alice's connection: {why}"))
}

fn disconnected() -> Failure {
    Failure::new("the server closed alice's connection")
}
