//! Alice: an ordinary user of the private server, by somebody else's client library.
//!
//! Deliberately absent: TLS, the roster, and answers to questions she is asked.

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

const LOGIN_WITHIN: Duration = Duration::from_secs(30);
const SENT_WITHIN: Duration = Duration::from_secs(10);
const PONG_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// After so long a person wants to know what is going on.
const SLOW: Duration = Duration::from_secs(5);
/// It may have to be compiled first.
const THERE_WITHIN: Duration = Duration::from_secs(900);
const GOODBYE: Duration = Duration::from_secs(1);

/// A user logged in.
#[derive(Debug)]
pub(super) struct Alice(Client);

/// What somebody had to say to her.
#[derive(Debug)]
pub(super) enum Heard {
    Text { from: Jid, text: String },
    Error { from: Jid, why: String },
}

impl Alice {
    /// Makes the accounts of alice and bob, whose passwords are their names, and logs alice in.
    pub(super) async fn login(addr: &str) -> Result<Alice, Failure> {
        for user in ["alice", "bob"] {
            couplet_test::Client::register(addr, &format!("{user}@localhost"), user)
                .await
                .map_err(|why| Failure::new(format!("the accounts could not be made: {why}")))?;
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
            Err(gone())
        };
        match timeout(LOGIN_WITHIN, online).await {
            Ok(online) => online.map(|()| Alice(client)),
            Err(_elapsed) => Err(Failure::new("alice could not log in in time")),
        }
    }

    /// What the domain answers to a ping: nothing, or the answer in words.
    pub(super) async fn ping(&mut self, domain: &str) -> Option<String> {
        let to = jid::Jid::new(domain).ok()?;
        let asked = self.0.send_iq(Some(to), IqRequest::Get(Ping.into())).await;
        match timeout(PONG_WITHIN, asked).await {
            Ok(Ok(IqResponse::Result(_))) => Some("pong".to_owned()),
            Ok(Ok(IqResponse::Error(error))) => Some(in_words(&error)),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Waits until the component answers, or at least until nobody answers in its `absent` stead.
    pub(super) async fn until_there(
        &mut self,
        domain: &str,
        absent: &Option<String>,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let mut tell_at = Some(began + SLOW);
        while self.ping(domain).await == *absent {
            if began.elapsed() >= THERE_WITHIN {
                return Err(Failure::new(format!("{domain} did not log in")));
            }
            if tell_at.is_some_and(|at| Instant::now() >= at) {
                screen.tell(&format!("still waiting for {domain} to log in ..."));
                tell_at = None;
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Comes online, so that whoever knows her bare address reaches her.
    pub(super) async fn appear(&mut self) -> Result<(), Failure> {
        self.send(Presence::available().into()).await
    }

    pub(super) async fn say(&mut self, to: &Jid, text: &str) -> Result<(), Failure> {
        let text = text
            .chars()
            .map(|c| if is_xml(c) { c } else { '\u{fffd}' })
            .collect();
        let to = jid::Jid::try_from(to)
            .map_err(|why| Failure::misuse(format!("this client cannot write to {to}: {why}")))?;
        self.send(Message::chat(to).with_body(Lang::new(), text).into())
            .await
    }

    /// What she hears next. Nothing is lost when the future is dropped.
    pub(super) async fn hear(&mut self) -> Result<Heard, Failure> {
        loop {
            match self.0.next().await {
                Some(Event::Stanza(Stanza::Message(message))) => {
                    if let Some(heard) = read(message) {
                        return Ok(heard);
                    }
                }
                Some(Event::Stanza(_) | Event::Online { .. }) => {}
                Some(Event::Disconnected(_)) | None => return Err(gone()),
            }
        }
    }

    pub(super) async fn leave(self) {
        let _the_server_goes_next = timeout(GOODBYE, self.0.send_end()).await;
    }

    async fn send(&mut self, stanza: Stanza) -> Result<(), Failure> {
        match timeout(SENT_WITHIN, self.0.send_stanza(stanza)).await {
            Ok(Ok(_token)) => Ok(()),
            Ok(Err(why)) => Err(unexpected(why)),
            Err(_elapsed) => Err(Failure::new("the server takes nothing from alice")),
        }
    }
}

fn read(message: Message) -> Option<Heard> {
    let from = Jid::from(message.from.as_ref()?);
    if message.type_ == MessageType::Error {
        let error = message
            .payloads
            .into_iter()
            .find_map(|payload| StanzaError::try_from(payload).ok());
        let why = error.map_or_else(
            || "an error without a reason".to_owned(),
            |error| in_words(&error),
        );
        return Some(Heard::Error { from, why });
    }
    let (_lang, text) = message.get_best_body_cloned(vec![""])?;
    Some(Heard::Text { from, text })
}

fn in_words(error: &StanzaError) -> String {
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

/// XML 1.0, 2.2: the characters there are.
fn is_xml(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn unexpected(why: impl std::fmt::Display) -> Failure {
    Failure::new(format!("alice's connection: {why}"))
}

fn gone() -> Failure {
    Failure::new("the server has ended alice's connection")
}
