//! Which handler gets a stanza, what it may return, and how requests are answered.

use std::future::pending;
use std::time::Duration;

use couplet::{
    Component, Condition, Config, Empty, ErrorType, Incoming, Iq, Message, MessageHandler,
    MessageType, Outgoing, Presence, PresenceType, SentId, StanzaError,
};
use couplet_test::TestServer;
use xmpp_parsers::receipts::{Received, Request};

use crate::apps::{BOT, DOMAIN, Failing, Held, Silent, Slow, payload};

/// The most specific handler wins: type and payload, payload, type, chat, any.
pub async fn the_most_exact_handler_takes_a_message(server: &mut TestServer) {
    let all = |config| {
        Component::new(config)
            .on_message(named("any"))
            .on_chat(named("chat"))
            .on_message_type(MessageType::Headline, named("type"))
            .on_message_with::<Request>(named("payload"))
            .on_message_type_with::<Request>(MessageType::Headline, named("both"))
    };
    let component = server.run(all).await;
    let mut alice = server.user("alice").await;
    let (body, request) = ("<body>x</body>", "<request xmlns='urn:xmpp:receipts'/>");
    for (type_, children, taken_by) in [
        ("chat", String::new(), "any"),
        ("groupchat", body.to_owned(), "any"),
        ("chat", body.to_owned(), "chat"),
        ("normal", body.to_owned(), "chat"),
        ("headline", body.to_owned(), "type"),
        ("chat", format!("{body}{request}"), "payload"),
        ("headline", format!("{body}{request}"), "both"),
    ] {
        alice
            .send_raw(format!(
                "<message type='{type_}' to='{BOT}'>{children}</message>"
            ))
            .await;
        assert_eq!(alice.next().await.text(), taken_by, "{type_} {children}");
    }
    component.stop().await.unwrap();
}

/// Only handlers of the type `error` get errors.
pub async fn an_error_is_seen_by_its_own_handler_only(server: &mut TestServer) {
    let all = |config| {
        Component::new(config)
            .on_message(named("any"))
            .on_chat(named("chat"))
            .on_message_with::<Received>(named("payload"))
            .on_message_type(MessageType::Error, named("error"))
    };
    let component = server.run(all).await;
    let mut alice = server.user("alice").await;
    let children = "<body>x</body><received xmlns='urn:xmpp:receipts' id='1'/>";
    alice
        .send_raw(format!(
            "<message type='error' to='{BOT}'>{children}</message>"
        ))
        .await;
    assert_eq!(alice.next().await.text(), "error");
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// The same as for messages.
pub async fn the_most_exact_handler_takes_a_presence(server: &mut TestServer) {
    let all = |config| {
        Component::new(config)
            .on_presence(|presence: Incoming<Presence>| said(presence, "any"))
            .on_presence_type(PresenceType::Probe, |presence: Incoming<Presence>| {
                said(presence, "probe")
            })
            .on_presence_with::<Silent>(|presence: Incoming<Presence>| said(presence, "payload"))
    };
    let component = server.run(all).await;
    let mut alice = server.user("alice").await;
    let silent = payload("silent");
    for (attributes, children, taken_by) in [
        ("", "<show>away</show>", "any"),
        ("type='unavailable'", "", "any"),
        ("type='probe'", "", "probe"),
        ("", &*silent, "payload"),
    ] {
        alice
            .send_raw(format!(
                "<presence {attributes} to='{BOT}'>{children}</presence>"
            ))
            .await;
        assert_eq!(
            alice.next_chat().await.text(),
            taken_by,
            "{attributes} {children}"
        );
    }
    component.stop().await.unwrap();
}

/// A get and a set of the same payload are different routes; the fallback gets the rest.
pub async fn a_fallback_takes_the_iqs_without_a_handler(server: &mut TestServer) {
    let falling_back = |config| {
        Component::new(config)
            .on_get(|_: Incoming<Slow>| async { Ok(Slow) })
            .on_iq(|ask: Incoming<Iq>| async move {
                let words = format!("{} {{{}}}{}", ask.type_().as_str(), ask.ns(), ask.name());
                Err::<Empty, _>(StanzaError::new(Condition::FeatureNotImplemented).text(words))
            })
    };
    let component = server.run(falling_back).await;
    let mut alice = server.user("alice").await;
    assert_eq!(
        alice.ask("get", BOT, &payload("slow")).await.type_(),
        "result"
    );
    for (type_, name) in [("set", "slow"), ("get", "other")] {
        let refused = alice.ask(type_, BOT, &payload(name)).await;
        assert_eq!(refused.condition(), "feature-not-implemented");
        assert_eq!(
            refused.error_text(),
            format!("{type_} {{{}}}{name}", crate::apps::NS)
        );
    }
    component.stop().await.unwrap();
}

/// One slow handler has its own deadline, others that of the setting.
pub async fn each_handler_may_have_its_own_deadline(server: &mut TestServer) {
    let hurried = |mut config: Config| {
        config.timing.handler = Duration::from_millis(50);
        Component::new(config)
            .on_get(|_: Incoming<Silent>| pending::<Result<Empty, StanzaError>>())
            .within(Duration::from_secs(3600), |component| {
                component.on_get(|_: Incoming<Held>| async {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Ok(Empty)
                })
            })
            .on_set(|_: Incoming<Failing>| pending::<Result<Empty, StanzaError>>())
    };
    let component = server.run(hurried).await;
    let mut alice = server.user("alice").await;
    let patient = alice
        .send_request("get", &format!("{BOT}/other"), &payload("held"))
        .await;
    for (type_, name) in [("get", "silent"), ("set", "failing")] {
        let late = alice.ask(type_, DOMAIN, &payload(name)).await;
        let error = (late.condition(), &*late.error_type());
        assert_eq!(error, ("remote-server-timeout", "wait"), "{type_} {name}");
    }
    assert_eq!(alice.answer_to(&patient).await.type_(), "result");
    component.stop().await.unwrap();
}

/// The peer gets condition, type, text and detail, never the private cause.
pub async fn an_error_contains_what_its_handler_chose(server: &mut TestServer) {
    let refusing = |config| {
        Component::new(config).on_chat(|_: Incoming<Message>| async {
            let secret = std::io::Error::other("the password is swordfish");
            Err::<(), _>(
                StanzaError::new(Condition::NotAllowed)
                    .of_type(ErrorType::Wait)
                    .text("Not <now> & here")
                    .detail(&Slow)
                    .because(secret),
            )
        })
    };
    let component = server.run(refusing).await;
    let mut alice = server.user("alice").await;
    alice
        .send_raw(format!(
            "<message type='chat' id='\"&apos;&lt;' to='{BOT}/r'><body>x</body></message>"
        ))
        .await;
    let refused = alice.next().await;
    assert_eq!((refused.type_(), refused.id()), ("error", "\"'<"));
    assert_eq!(
        (refused.condition(), &*refused.error_type()),
        ("not-allowed", "wait")
    );
    assert_eq!(refused.error_text(), "Not <now> & here");
    assert_eq!(refused.from(), format!("{BOT}/r"));
    let error = refused
        .root()
        .children()
        .find(|child| child.name() == "error")
        .unwrap();
    assert!(error.child("slow", crate::apps::NS).is_some(), "{refused}");
    assert!(!refused.to_string().contains("swordfish"));
    component.stop().await.unwrap();
}

/// Returns a handler that replies with its name, also to an error.
fn named(name: &'static str) -> impl MessageHandler {
    move |message: Incoming<Message>| async move {
        message
            .handle()
            .send(Outgoing::chat(message.from(), name))
            .await
    }
}

async fn said(presence: Incoming<Presence>, name: &str) -> Result<SentId, couplet::SendError> {
    presence
        .handle()
        .send(Outgoing::chat(presence.from(), name))
        .await
}
