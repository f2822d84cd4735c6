//! Which handler gets a stanza, what it may say, and how questions are answered.

use std::future::pending;
use std::time::Duration;

use couplet::{
    Component, Condition, Config, Done, ErrorType, Incoming, Iq, Jid, Message, MessageHandler,
    MessageType, NotSent, Outgoing, Presence, PresenceType, Refusal, RequestError, Unsendable,
};
use couplet_test::{On, Stage, User};
use xmpp_parsers::ping::Ping;
use xmpp_parsers::receipts::{Received, Request};
use xmpp_parsers::version::{VersionQuery, VersionResult};

use crate::apps::{BOT, DOMAIN, Held, Silent, Slow, echo, payload};

/// The most exact wins: type and payload, payload, type, chat, any.
pub async fn the_most_exact_handler_takes_a_message(stage: &mut Stage) {
    let all = |config| {
        Component::new(config)
            .on_message(named("any"))
            .on_chat(named("chat"))
            .on_message_type(MessageType::Headline, named("type"))
            .on_message_with::<Request>(named("payload"))
            .on_message_type_with::<Request>(MessageType::Headline, named("both"))
    };
    let component = stage.run(all).await;
    let mut alice = stage.user("alice").await;
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

/// Errors go to nobody but who asks for them by type.
pub async fn an_error_is_seen_by_its_own_handler_only(stage: &mut Stage) {
    let all = |config| {
        Component::new(config)
            .on_message(named("any"))
            .on_chat(named("chat"))
            .on_message_with::<Received>(named("payload"))
            .on_message_type(MessageType::Error, named("error"))
    };
    let component = stage.run(all).await;
    let mut alice = stage.user("alice").await;
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

/// As for messages.
pub async fn the_most_exact_handler_takes_a_presence(stage: &mut Stage) {
    let all = |config| {
        Component::new(config)
            .on_presence(|presence: Incoming<Presence>| said(presence, "any"))
            .on_presence_type(PresenceType::Probe, |presence: Incoming<Presence>| {
                said(presence, "probe")
            })
            .on_presence_with::<Silent>(|presence: Incoming<Presence>| said(presence, "payload"))
    };
    let component = stage.run(all).await;
    let mut alice = stage.user("alice").await;
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

/// A get and a set of the same payload are two things; the fallback gets the rest.
pub async fn a_fallback_takes_the_iqs_of_nobody(stage: &mut Stage) {
    let falling_back = |config| {
        Component::new(config)
            .on_get(|_: Incoming<Slow>| async { Ok::<_, Refusal>(Slow) })
            .on_iq(|ask: Incoming<Iq>| async move {
                let words = format!("{} {{{}}}{}", ask.type_().as_str(), ask.ns(), ask.name());
                Err::<Done, _>(Refusal::new(Condition::FeatureNotImplemented).text(words))
            })
    };
    let component = stage.run(falling_back).await;
    let mut alice = stage.user("alice").await;
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

/// One slow handler has its own deadline, others keep the setting.
pub async fn each_handler_may_have_its_own_deadline(stage: &mut Stage) {
    let hurried = |mut config: Config| {
        config.timing.handler = Duration::from_millis(50);
        Component::new(config)
            .on_get(|_: Incoming<Silent>| pending::<Result<Done, Refusal>>())
            .within(Duration::from_secs(3600))
            .on_get(|_: Incoming<Held>| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok::<_, Refusal>(Done)
            })
    };
    let component = stage.run(hurried).await;
    let mut alice = stage.user("alice").await;
    let patient = alice
        .question("get", &format!("{BOT}/other"), &payload("held"))
        .await;
    let late = alice.ask("get", DOMAIN, &payload("silent")).await;
    assert_eq!(
        (late.condition(), &*late.error_type()),
        ("remote-server-timeout", "wait")
    );
    assert_eq!(alice.answer_to(&patient).await.type_(), "result");
    component.stop().await.unwrap();
}

/// The peer reads condition, type, words and detail; never the private cause.
pub async fn a_refusal_says_what_its_handler_chose(stage: &mut Stage) {
    let refusing = |config| {
        Component::new(config).on_chat(|_: Incoming<Message>| async {
            let secret = std::io::Error::other("the password is swordfish");
            Err::<(), _>(
                Refusal::new(Condition::NotAllowed)
                    .of_type(ErrorType::Wait)
                    .text("Not <now> & here")
                    .detail(&Slow)
                    .because(secret),
            )
        })
    };
    let component = stage.run(refusing).await;
    let mut alice = stage.user("alice").await;
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

/// RFC 6120, 8.2.3: a result, an error, or something that was not expected.
pub async fn a_question_gets_what_the_peer_answers(stage: &mut Stage) {
    let component = stage.run(echo).await;
    let mut alice = stage.user("alice").await;
    let peer: Jid = alice.address().parse().unwrap();
    let link = component.link();

    let version = "<query xmlns='jabber:iq:version'><name>n</name><version>v</version></query>";
    let (good, asked) = tokio::join!(
        link.get::<VersionResult>(&peer, VersionQuery),
        answer(&mut alice, "result", version),
    );
    assert_eq!(good.unwrap().name, "n");
    assert_eq!(asked, ("get".to_owned(), DOMAIN.to_owned()));

    let (malformed, _) = tokio::join!(
        link.get::<VersionResult>(&peer, VersionQuery),
        answer(&mut alice, "result", "<query xmlns='jabber:iq:version'/>"),
    );
    assert!(
        matches!(malformed, Err(RequestError::Malformed(_))),
        "{malformed:?}"
    );

    let (missing, _) = tokio::join!(
        link.get::<VersionResult>(&peer, VersionQuery),
        answer(&mut alice, "result", ""),
    );
    assert!(
        matches!(missing, Err(RequestError::Malformed(_))),
        "{missing:?}"
    );

    let (done, asked) = tokio::join!(
        link.set::<Done>(&peer, Slow),
        answer(&mut alice, "result", "")
    );
    assert_eq!((done.unwrap(), &*asked.0), (Done, "set"));

    let no = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error>";
    let (refused, _) = tokio::join!(
        link.set::<Done>(&peer, Slow),
        answer(&mut alice, "error", no)
    );
    let Err(RequestError::Refused(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (error.condition, error.error_type),
        (Condition::Forbidden, ErrorType::Auth)
    );
    assert_eq!(error.text.as_deref(), Some("no"));

    let nobody = link
        .get::<Done>(&"nobody@localhost/x".parse().unwrap(), Ping)
        .await;
    let Err(RequestError::Refused(error)) = nobody else {
        panic!("{nobody:?}")
    };
    assert_eq!(error.condition, Condition::ServiceUnavailable);
    component.stop().await.unwrap();
}

/// A handler that asks somebody is no reason for anybody to wait.
pub async fn a_handler_may_ask_its_own_sender(stage: &mut Stage) {
    let curious = |config| {
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            let version: VersionResult = chat.link().get(chat.from(), VersionQuery).await?;
            Ok::<_, Refusal>(chat.reply(format!("you use {}", version.name)).await?)
        })
    };
    let component = stage.run(curious).await;
    let mut alice = stage.user("alice").await;
    alice.chat(BOT, "guess").await;
    let version =
        "<query xmlns='jabber:iq:version'><name>telnet</name><version>v</version></query>";
    let asked = answer(&mut alice, "result", version).await;
    assert_eq!(asked.1, BOT);
    assert_eq!(alice.next_chat().await.text(), "you use telnet");
    component.stop().await.unwrap();
}

/// Each speaks for itself, and is asked itself.
pub async fn many_addresses_act_on_behalf_of_their_owners(stage: &mut Stage) {
    let introducing = |config| {
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            chat.reply(format!("{} to you", chat.to())).await
        })
    };
    let component = stage.run(introducing).await;
    let mut alice = stage.user("alice").await;
    let peer: Jid = alice.address().parse().unwrap();
    for name in ["one@echo.localhost", "two@echo.localhost/r"] {
        let link = component.link().acting_as(&name.parse().unwrap()).unwrap();
        assert_eq!(link.address().as_str(), name);
        link.send(Outgoing::presence(PresenceType::Available, &peer).status(name))
            .await
            .unwrap();
        let presence = alice.next().await;
        assert_eq!((presence.name(), presence.from()), ("presence", name));
        assert_eq!(presence.text_of("status"), name);
        let (pong, asked) = tokio::join!(
            link.get::<Done>(&peer, Ping),
            answer(&mut alice, "result", "")
        );
        assert_eq!((pong.unwrap(), &*asked.1), (Done, name));
        alice.chat(name, "who?").await;
        let reply = alice.next_chat().await;
        assert_eq!(
            (reply.from(), reply.text()),
            (name, &*format!("{name} to you"))
        );
    }
    component.stop().await.unwrap();
}

/// Nobody tells the subscribers that a component is back; the hook does (servers.md, 8).
pub async fn presence_is_announced_each_time_the_link_comes_up(stage: &mut Stage) {
    let friend: Jid = "friend@news.localhost".parse().unwrap();
    let (heard, mut hear) = tokio::sync::mpsc::channel(10);
    let listening = move |config| {
        Component::new(config).on_presence(move |presence: Incoming<Presence>| {
            let heard = heard.clone();
            async move { Ok::<_, Refusal>(heard.send(presence.from().to_string()).await?) }
        })
    };
    let mut other = stage.launch(Stage::OTHER, listening).await;
    other.online().await;
    let announcing = move |config| {
        Component::new(config).on_online(move |link| {
            let friend = friend.clone();
            async move {
                let hello = Outgoing::presence(PresenceType::Available, &friend);
                link.send(hello).await.unwrap();
            }
        })
    };
    let first = stage.run(announcing.clone()).await;
    assert_eq!(hear.recv().await.unwrap(), DOMAIN);
    first.stop().await.unwrap();
    let second = stage.run(announcing).await;
    assert_eq!(hear.recv().await.unwrap(), DOMAIN);
    second.stop().await.unwrap();
    other.stop().await.unwrap();
}

/// RFC 6121, 3.1: the wish, and the consent.
pub async fn a_subscription_is_answered_by_its_handler(stage: &mut Stage) {
    let open = |config| {
        Component::new(config).on_presence_type(
            PresenceType::Subscribe,
            |presence: Incoming<Presence>| async move {
                let yes = Outgoing::presence(PresenceType::Subscribed, presence.from());
                presence.link().send(yes).await
            },
        )
    };
    let component = stage.run(open).await;
    let mut alice = stage.user("alice").await;
    // A server tells the consent to those who want to know their roster.
    alice
        .send_raw("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        .await;
    alice
        .send_raw(format!("<presence type='subscribe' to='{BOT}'/>"))
        .await;
    loop {
        let heard = alice.next().await;
        let told = heard.name() == "presence" && heard.type_() == "subscribed";
        let pushed = heard.to_string().contains("subscription='to'");
        if told && heard.from() == BOT || pushed && stage.on() != On::Memory {
            break;
        }
    }
    component.stop().await.unwrap();
}

/// Refused to the caller, never on the wire: the server would close the stream.
pub async fn what_is_too_large_does_not_leave(stage: &mut Stage) {
    let component = stage.run(echo).await;
    let mut alice = stage.user("alice").await;
    let peer: Jid = alice.address().parse().unwrap();
    let large = Outgoing::chat(&peer, &"x".repeat(600 << 10));
    let refused = component.link().send(large).await.unwrap_err();
    assert!(
        matches!(refused.why(), NotSent::Refused(Unsendable::TooLarge { .. })),
        "{refused}"
    );
    component
        .link()
        .send(Outgoing::chat(&peer, "small"))
        .await
        .unwrap();
    assert_eq!(alice.next_chat().await.text(), "small");
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// A handler that tells its name, also in answer to an error.
fn named(name: &'static str) -> impl MessageHandler {
    move |message: Incoming<Message>| async move {
        message
            .link()
            .send(Outgoing::chat(message.from(), name))
            .await
    }
}

async fn said(presence: Incoming<Presence>, name: &str) -> Result<(), couplet::Unsent> {
    presence
        .link()
        .send(Outgoing::chat(presence.from(), name))
        .await
}

/// The user answers the next question; its type, and the address that asked.
async fn answer(user: &mut User, type_: &str, child: &str) -> (String, String) {
    let asked = user.next().await;
    let (id, to) = (asked.id(), asked.from());
    user.send_raw(format!(
        "<iq type='{type_}' id='{id}' to='{to}'>{child}</iq>"
    ))
    .await;
    (asked.type_().to_owned(), to.to_owned())
}
