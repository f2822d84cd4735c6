//! Variants of the echo: with many more handlers, or with more expensive ones. They use the public
//! API only, so the counts are what an application pays.
//!
//! `RIG_HANDLERS` registers this number of additional handlers of requests and of messages, each
//! for its own payload; `RIG_DOES` is one of the names in [`Does`].

use std::env;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use couplet::{
    Component, Condition, Config, Empty, Feature, Incoming, Message, MessageType, Outgoing,
    StanzaError,
};
use minidom::Element;
use xmpp_parsers::iq::IqGetPayload;
use xmpp_parsers::nick::Nick;
use xmpp_parsers::ns;
use xmpp_parsers::ping::Ping;
use xso::error::{Error, FromEventsError};
use xso::exports::rxml;
use xso::fromxml::XmlNameMatcher;
use xso::{Context, FromEventsBuilder, FromXml};

fn main() -> ExitCode {
    let more = match env::var("RIG_HANDLERS").map(|text| text.parse()) {
        Ok(Ok(count)) => count,
        Ok(Err(_)) => return misuse("RIG_HANDLERS is no number"),
        Err(_) => 0,
    };
    let name = env::var("RIG_DOES").unwrap_or_else(|_| "reply".to_owned());
    let Some(does) = Does::of(&name) else {
        return misuse(&format!("RIG_DOES: nothing is called {name}"));
    };
    couplet::main(|config| crowded(does.mount(config), more))
}

/// What the handlers do with a message or a ping.
#[derive(Clone, Copy)]
enum Does {
    /// Reply with the body, as the example does.
    Reply,
    /// Reply after reading both addresses.
    Addresses,
    /// Send the body in an `Outgoing`.
    Outgoing,
    /// Reply after one wait: the future is pending at its first poll and becomes a task.
    Waits,
    /// Reply after reading a typed payload (rich messages contain one).
    Payload,
    /// Reply after reading the same payload as an element.
    Element,
    /// Reply after converting the whole stanza to a minidom element.
    Dom,
    /// Reply after converting the whole stanza to a message of xmpp-parsers.
    Parsers,
    /// Answer a ping in a handler of the application instead of the built-in feature.
    Ping,
}

impl Does {
    fn of(name: &str) -> Option<Does> {
        Some(match name {
            "reply" => Does::Reply,
            "addresses" => Does::Addresses,
            "outgoing" => Does::Outgoing,
            "waits" => Does::Waits,
            "payload" => Does::Payload,
            "element" => Does::Element,
            "dom" => Does::Dom,
            "parsers" => Does::Parsers,
            "ping" => Does::Ping,
            _ => return None,
        })
    }

    fn mount(self, config: Config) -> Component {
        let component = Component::new(config).named("Echo");
        match self {
            Does::Reply => component.on_chat(reply),
            Does::Addresses => component.on_chat(|chat: Incoming<Message>| async move {
                let is_a_device = chat.from().resource().is_some();
                said(&chat, if is_a_device { chat.to().as_str() } else { "" }).await
            }),
            Does::Outgoing => component.on_chat(|chat: Incoming<Message>| async move {
                let answer = Outgoing::message(MessageType::Chat, chat.from()).body(&chat.text());
                chat.handle().send(answer).await
            }),
            Does::Waits => component.on_chat(|chat: Incoming<Message>| async move {
                tokio::task::yield_now().await;
                chat.reply(chat.text()).await
            }),
            Does::Payload => component.on_chat(|chat: Incoming<Message>| async move {
                let Nick(name) = chat.payload().ok_or(Condition::BadRequest)??;
                said(&chat, &name).await
            }),
            Does::Element => component.on_chat(|chat: Incoming<Message>| async move {
                let nick = chat.stanza().payload("nick", ns::NICK);
                let name = nick.ok_or(Condition::BadRequest)?.text().into_owned();
                said(&chat, &name).await
            }),
            Does::Dom => component.on_chat(|chat: Incoming<Message>| async move {
                let element: Element = chat.stanza().root().to_minidom()?;
                said(&chat, element.name()).await
            }),
            Does::Parsers => component.on_chat(|chat: Incoming<Message>| async move {
                let message: xmpp_parsers::message::Message = chat.stanza().root().parse()?;
                said(&chat, message.id.as_ref().map_or("", |id| &id.0)).await
            }),
            Does::Ping => component
                .without(Feature::Ping)
                .on_get(|_: Incoming<Ping>| async move { Ok(Empty) }),
        }
    }
}

async fn reply(chat: Incoming<Message>) -> Result<couplet::SentId, couplet::SendError> {
    chat.reply(chat.text()).await
}

/// Replies with a text that depends on `seen`, so that it is not optimised away.
async fn said(chat: &Incoming<Message>, seen: &str) -> Result<(), StanzaError> {
    if seen.is_empty() {
        return Err(Condition::BadRequest.into());
    }
    chat.reply(chat.text()).await?;
    Ok(())
}

fn crowded(component: Component, more: usize) -> Component {
    (0..more).fold(component, |component, _| {
        component
            .on_get(|_: Incoming<Another>| async { Ok(Empty) })
            .on_message_with::<Another>(|_: Incoming<Message>| async { Ok(()) })
    })
}

/// A payload with another name each time that its name is requested, so that ten thousand routes do
/// not need ten thousand types. None ever arrives, so it has no value.
enum Another {}

impl FromXml for Another {
    type Builder = Another;

    fn from_events(
        name: rxml::QName,
        attrs: rxml::AttrMap,
        _: &Context<'_>,
    ) -> Result<Another, FromEventsError> {
        Err(FromEventsError::Mismatch { name, attrs })
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        XmlNameMatcher::Specific(format!("urn:example:{number}").leak(), "another")
    }
}

impl FromEventsBuilder for Another {
    type Output = Another;

    fn feed(&mut self, _: rxml::Event, _: &Context<'_>) -> Result<Option<Another>, Error> {
        match *self {}
    }
}

impl TryFrom<Element> for Another {
    type Error = Error;

    fn try_from(_: Element) -> Result<Another, Error> {
        Err(Error::TypeMismatch)
    }
}

impl From<Another> for Element {
    fn from(none: Another) -> Element {
        match none {}
    }
}

impl IqGetPayload for Another {}

fn misuse(text: &str) -> ExitCode {
    eprintln!("variants: {text}");
    ExitCode::from(2)
}
