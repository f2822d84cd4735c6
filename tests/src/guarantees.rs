//! The eight guarantees of the manual, each a scenario of the same name.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use couplet::{
    Component, Condition, Config, Empty, Incoming, InvalidStanza, Message, MessageType, Outgoing,
    Presence, PresenceType, RequestError, SendErrorKind, StanzaError,
};
use couplet_test::{Backend, TestServer, TestUser};
use tokio::sync::Notify;
use xmpp_parsers::ping::Ping;

use crate::apps::{BOT, DOMAIN, echo, payload, troubled};
use crate::{capacity, hostile};

/// While all handlers wait and the waiting limit is reached, the reader continues: it rejects new
/// stanzas and resolves requests.
pub async fn the_reader_waits_for_bytes_and_for_nothing_else(server: &mut TestServer) {
    let asleep = |mut config: Config| {
        config.limits.handlers = 2;
        config.limits.waiting_per_conversation = 1;
        config.timing.handler = Duration::from_secs(3600);
        Component::new(config).on_chat(|_: Incoming<Message>| pending::<Result<(), StanzaError>>())
    };
    let mut component = server.run(asleep).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    let mut carol = server.user("carol").await;
    alice.chat(BOT, "takes the first handler").await;
    bob.chat(BOT, "takes the second handler").await;
    // Bob's second stanza waits and his third is rejected, so both handlers are in use.
    bob.chat(BOT, "waits").await;
    bob.chat(BOT, "has to go").await;
    let refused = bob.next_chat().await;
    assert_eq!(refused.condition(), "resource-constraint");
    assert_eq!(refused.error_type(), "wait");

    carol.chat(BOT, "waits").await;
    carol.chat(BOT, "has to go").await;
    assert_eq!(carol.next_chat().await.condition(), "resource-constraint");

    let peer = carol.address().parse().unwrap();
    let (pong, ()) = tokio::join!(
        component.handle().get::<Empty>(&peer, Ping),
        pong(&mut carol)
    );
    assert_eq!(pong.unwrap(), Empty);
    assert_eq!(component.sessions(), 1);
    component.begin_to_stop();
}

/// Whatever happens to a handler, and whether there is one: exactly one answer.
pub async fn every_get_and_set_gets_exactly_one_answer(server: &mut TestServer) {
    let component = server.run(troubled).await;
    let mut alice = server.user("alice").await;
    let strict = |count: &str| format!("<strict xmlns='{}' {count}/>", crate::apps::NS);
    let asked = [
        ("get", payload("silent"), "remote-server-timeout", "wait"),
        ("get", payload("slow"), "", ""),
        (
            "get",
            payload("panicking"),
            "internal-server-error",
            "cancel",
        ),
        (
            "set",
            payload("panicking"),
            "internal-server-error",
            "cancel",
        ),
        ("get", payload("failing"), "internal-server-error", "cancel"),
        ("set", payload("failing"), "not-allowed", "cancel"),
        ("get", payload("absent"), "service-unavailable", "cancel"),
        ("set", payload("absent"), "service-unavailable", "cancel"),
        ("set", payload("slow"), "service-unavailable", "cancel"),
        ("get", strict("count='1'"), "", ""),
        (
            "get",
            strict("count='0'"),
            "internal-server-error",
            "cancel",
        ),
        ("get", strict("count='many'"), "bad-request", "modify"),
        ("get", strict(""), "bad-request", "modify"),
    ];
    let mut expected = BTreeMap::new();
    for (type_, payload, condition, error_type) in &asked {
        let id = alice.send_request(type_, BOT, payload).await;
        expected.insert(id, (*condition, *error_type));
    }
    for _ in &asked {
        let answer = alice.next().await;
        let (condition, error_type) = expected.remove(answer.id()).expect("one answer each");
        assert_eq!(
            (answer.condition(), &*answer.error_type()),
            (condition, error_type),
            "{answer}"
        );
        assert_eq!(
            answer.type_(),
            if condition.is_empty() {
                "result"
            } else {
                "error"
            }
        );
        assert_eq!((answer.from(), answer.to()), (BOT, alice.address()));
    }
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();

    capacity::a_full_component_answers_at_once(server, &mut alice).await;
    capacity::a_stopping_component_answers_every_request(server, &mut alice).await;
}

/// No response to a `result` or `error` of any kind, even if a handler returns an error.
pub async fn no_response_is_answered(server: &mut TestServer) {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = |heard: &Arc<AtomicUsize>| {
        let heard = Arc::clone(heard);
        move || {
            heard.fetch_add(1, Ordering::Relaxed);
            StanzaError::new(Condition::NotAllowed)
        }
    };
    let (message, presence) = (count(&heard), count(&heard));
    let refusing = |config| {
        Component::new(config)
            .on_message_type(MessageType::Error, move |_: Incoming<Message>| {
                let no = message();
                async move { Err::<(), StanzaError>(no) }
            })
            .on_presence_type(PresenceType::Error, move |_: Incoming<Presence>| {
                let no = presence();
                async move { Err::<(), StanzaError>(no) }
            })
            .on_iq(|_| async { Err::<Empty, StanzaError>(Condition::NotAllowed.into()) })
    };
    let component = server.run(refusing).await;
    let mut alice = server.user("alice").await;
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for answer in [
        format!("<iq type='result' id='a1' to='{BOT}'/>"),
        format!("<iq type='error' id='a2' to='{BOT}'>{error}</iq>"),
        format!("<message type='error' id='a3' to='{BOT}'><body>x</body>{error}</message>"),
        format!("<presence type='error' id='a4' to='{BOT}'>{error}</presence>"),
    ] {
        alice.send_raw(&answer).await;
        alice.hears_only_a_pong_from(BOT).await;
    }
    assert_eq!(
        heard.load(Ordering::Relaxed),
        2,
        "the handlers have seen the errors"
    );
    component.stop().await.unwrap();
}

/// One conversation is handled in order, one stanza at a time, while another one proceeds.
pub async fn within_one_conversation_handlers_run_one_at_a_time_in_order(server: &mut TestServer) {
    let at_work = Arc::new(AtomicUsize::new(0));
    let bob_is_served = Arc::new(Notify::new());
    let (counter, bob_came) = (Arc::clone(&at_work), Arc::clone(&bob_is_served));
    let careful = move |config| {
        Component::new(config).on_chat(move |chat: Incoming<Message>| {
            let (at_work, bob_is_served) = (Arc::clone(&counter), Arc::clone(&bob_came));
            async move {
                if chat.text() == "wave" {
                    bob_is_served.notify_one();
                    return Ok(());
                }
                let others = at_work.fetch_add(1, Ordering::Relaxed);
                if chat.text() == "0" {
                    bob_is_served.notified().await;
                }
                // Later ones take less time, so only the lane keeps them in order.
                let number: u64 = chat.text().parse()?;
                tokio::time::sleep(Duration::from_millis(10 * (5 - number))).await;
                at_work.fetch_sub(1, Ordering::Relaxed);
                chat.reply(format!("{number} with {others} others")).await?;
                Ok(())
            }
        })
    };
    let component = server.run(careful).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    for number in 0..5 {
        alice
            .chat(&format!("{BOT}/{number}"), &number.to_string())
            .await;
    }
    alice.ping(DOMAIN).await;
    bob.chat(BOT, "wave").await;
    for number in 0..5 {
        let reply = alice.next_chat().await;
        assert_eq!(reply.text(), format!("{number} with 0 others"));
        assert_eq!(reply.from(), format!("{BOT}/{number}"));
    }
    component.stop().await.unwrap();
}

/// The right id from the wrong sender, or to the wrong address of ours, resolves nothing.
pub async fn a_request_is_resolved_only_by_the_peer_that_was_asked(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let mut again = server.user("alice/phone").await;
    let mut mallory = server.user("mallory").await;
    let bot = component.handle().with_from(&BOT.parse().unwrap()).unwrap();
    let peer = alice.address().parse().unwrap();
    let others = async {
        let asked = alice.next().await;
        let (id, error) = (asked.id(), "<error type='cancel'/>");
        let answer = |to: &str, type_: &str, child: &str| {
            format!("<iq type='{type_}' id='{id}' to='{to}'>{child}</iq>")
        };
        for user in [&mut mallory, &mut again] {
            user.send_raw(answer(BOT, "result", "")).await;
            user.send_raw(answer(BOT, "error", error)).await;
            user.hears_only_a_pong_from(BOT).await;
        }
        alice.send_raw(answer(DOMAIN, "result", "")).await;
        alice
            .send_raw(answer(&format!("{BOT}/x"), "result", ""))
            .await;
        alice
            .send_raw(answer(BOT, "result", "<right xmlns='urn:example:right'/>"))
            .await;
    };
    let (answer, ()) = tokio::join!(
        bot.get::<xmpp_parsers::minidom::Element>(&peer, Ping),
        others
    );
    assert_eq!(answer.unwrap().name(), "right");

    // A dropped request is removed: a late response resolves nothing.
    let impatient = bot.within(Duration::from_millis(20));
    let timed_out = impatient.get::<Empty>(&peer, Ping).await;
    assert!(
        matches!(timed_out, Err(RequestError::TimedOut)),
        "{timed_out:?}"
    );
    let late = alice.next().await;
    alice
        .send_raw(format!("<iq type='result' id='{}' to='{BOT}'/>", late.id()))
        .await;
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// A foreign `from` is an error for the caller, and the stream continues.
pub async fn nothing_leaves_with_a_foreign_or_missing_from(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let (handle, to) = (component.handle(), alice.address().parse().unwrap());
    for foreign in [
        "mallory@localhost",
        "localhost",
        "x@sub.echo.localhost",
        "x@ho.localhost",
    ] {
        let foreign = foreign.parse().unwrap();
        let refused = handle
            .send(Outgoing::chat(&to, "x").from(&foreign))
            .await
            .unwrap_err();
        assert_eq!(
            *refused.why(),
            SendErrorKind::Refused(InvalidStanza::ForeignFrom)
        );
        assert_eq!(refused.into_stanza().to(), &to);
        assert!(matches!(
            handle.with_from(&foreign),
            Err(InvalidStanza::ForeignFrom)
        ));
    }
    let bot = handle.with_from(&BOT.parse().unwrap()).unwrap();
    let named = "named@echo.localhost/r".parse().unwrap();
    for (sent, from) in [
        (handle.send(Outgoing::chat(&to, "1")).await, DOMAIN),
        (bot.send(Outgoing::chat(&to, "2")).await, BOT),
        (
            bot.send(Outgoing::chat(&to, "3").from(&named)).await,
            named.as_str(),
        ),
    ] {
        sent.unwrap();
        assert_eq!(alice.next_chat().await.from(), from);
    }
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// What waits for a dead server, a response or a handler is bounded in number and in time, and ends
/// with the component.
pub async fn every_queue_has_a_size_every_wait_a_deadline_every_task_an_owner(
    server: &mut TestServer,
) {
    let owned = Arc::new(());
    let inside = Arc::clone(&owned);
    let small = move |mut config: Config| {
        config.limits.pending_iqs = 2;
        config.limits.outgoing_stanza_bytes = 32 << 10;
        config.limits.outgoing_bytes = 64 << 10;
        config.timing.send = Duration::from_millis(50);
        config.timing.request = Duration::from_millis(50);
        Component::new(config).on_chat(move |_: Incoming<Message>| {
            let inside = Arc::clone(&inside);
            async move {
                let _held = inside;
                pending::<Result<(), StanzaError>>().await
            }
        })
    };
    let component = server.run(small).await;
    let mut alice = server.user("alice").await;
    let (handle, to) = (component.handle().clone(), alice.address().parse().unwrap());

    let three = tokio::join!(
        handle.get::<Empty>(&to, Ping),
        handle.get::<Empty>(&to, Ping),
        handle.get::<Empty>(&to, Ping),
    );
    assert!(matches!(three.0, Err(RequestError::TimedOut)), "{three:?}");
    assert!(matches!(three.1, Err(RequestError::TimedOut)), "{three:?}");
    assert!(
        matches!(three.2, Err(RequestError::Send(SendErrorKind::Full))),
        "{three:?}"
    );

    alice.chat(BOT, "is held for ever").await;
    alice.ping(DOMAIN).await;
    server.kill().await;
    let text = "x".repeat(8 << 10);
    let mut sent = 0;
    let refused = loop {
        match handle.send(Outgoing::chat(&to, &text)).await {
            Ok(_) => sent += 1,
            Err(refused) => break refused,
        }
        assert!(sent < 1000, "the outbox has no size");
    };
    assert_eq!(*refused.why(), SendErrorKind::Full);
    assert!(sent >= 8, "there was room for {sent}");

    drop(component);
    // The runtime drops the tasks of a component when it next runs.
    while Arc::strong_count(&owned) > 1 {
        tokio::task::yield_now().await;
    }
}

/// Everything that the hostile scenarios send, on one stream, and then an ordinary message.
pub async fn no_stanza_a_stranger_can_send_ends_the_stream_or_the_process(server: &mut TestServer) {
    server.set_up(hostile::open_to_everything);
    let component = server.run(echo).await;
    for (at, stanza) in hostile::stanzas(server.backend()).enumerate() {
        // Each from a user of its own, because a server may end the stream of the sender.
        let mut stranger = server.user(&format!("stranger{at}")).await;
        let _taken_or_not = stranger.try_send_raw(&stanza).await;
        let mut bob = server.user(&format!("bob{at}")).await;
        bob.ping(BOT).await;
    }
    let mut alice = server.user("alice").await;
    alice.chat(BOT, "still there?").await;
    assert_eq!(alice.next_chat().await.text(), "still there?");
    assert_eq!(component.sessions(), 1, "the stream has never ended");
    if server.backend() == Backend::Memory {
        let journal = server.in_memory().await.journal();
        assert!(journal.contains("no faults"), "{journal}");
    }
    component.stop().await.unwrap();
}

/// The user answers the next ping.
async fn pong(user: &mut TestUser) {
    let asked = user.next().await;
    assert!(
        asked.root().child("ping", "urn:xmpp:ping").is_some(),
        "{asked}"
    );
    user.send_raw(format!(
        "<iq type='result' id='{}' to='{}'/>",
        asked.id(),
        asked.from()
    ))
    .await;
}
