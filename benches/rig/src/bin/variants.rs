//! The echo, written otherwise: with many handlers beside it, or with dearer ones.
//! Through the public interface only; what is counted here is what an author would pay.
//!
//! `RIG_HANDLERS` mounts so many more handlers of requests and as many of messages, each for a
//! payload of its own; `RIG_DOES` is one of the names in [`Does`].

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

/// What the handlers do with a message, or with a ping.
#[derive(Clone, Copy)]
enum Does {
    /// As the example: the body, in a reply.
    Reply,
    /// A reply, after both addresses were looked at.
    Addresses,
    /// The body, in a message put together part by part.
    Outgoing,
    /// A reply, after one wait: the future is pending at its first poll and becomes a task.
    Waits,
    /// A reply, after a typed payload was looked at (there is one in rich messages).
    Payload,
    /// A reply, after the same payload was looked at as it is, without a type.
    Element,
    /// A reply, after the whole stanza was made a tree of minidom's.
    Dom,
    /// A reply, after the whole stanza was made a message of xmpp-parsers'.
    Parsers,
    /// A ping answered by a handler of the app's own instead of the built-in feature.
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

/// Creates a reply that shows that `seen` was not optimised away.
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

/// A payload of another name each time that its name is asked for, so that ten thousand routes
/// need no ten thousand types. None ever arrives, so there is no value of it.
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
