//! Too many stanzas, too slow ones, and loops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use couplet::{Component, Condition, Config, Empty, Incoming, Message, Outgoing, StanzaError};
use couplet_test::{Backend, TestServer};
use tokio::sync::{Semaphore, mpsc};

use crate::apps::{BOT, DOMAIN, echo, payload, troubled};

/// A million in memory; on a real server as many as take some seconds.
pub async fn a_million_tiny_stanzas_of_one_sender_leave_room_for_another(server: &mut TestServer) {
    let (rounds, many) = match server.backend() {
        Backend::Memory => (100, 10_000),
        Backend::Prosody | Backend::Ejabberd => (10, 2_000),
    };
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let counting = move |config| {
        Component::new(config).on_message(move |_: Incoming<Message>| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        })
    };
    let component = server.run(counting).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    let flood = format!("<message to='{BOT}'/>").repeat(many);
    for _ in 0..rounds {
        alice.send_raw(&flood).await;
        bob.ping(BOT).await;
    }
    alice.hears_only_a_pong_from(BOT).await;
    assert_eq!(seen.load(Ordering::Relaxed), rounds * many);
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// A sender that writes faster than a handler works gets `wait` errors; others are not affected.
pub async fn a_flood_for_a_slow_handler_is_rejected_beyond_its_lane(server: &mut TestServer) {
    let slow = |mut config: Config| {
        config.limits.waiting_per_conversation = 10;
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            if chat.text() != "quick" {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            chat.reply("served").await
        })
    };
    let component = server.run(slow).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    let chat = format!("<message type='chat' to='{BOT}'><body>x</body></message>");
    alice.send_raw(chat.repeat(100)).await;
    bob.chat(BOT, "quick").await;
    assert_eq!(bob.next().await.text(), "served");
    let (mut served, mut refused) = (0, 0);
    for _ in 0..100 {
        let heard = alice.next().await;
        match heard.condition() {
            "" => served += 1,
            condition => {
                assert_eq!(
                    (condition, &*heard.error_type()),
                    ("resource-constraint", "wait")
                );
                refused += 1;
            }
        }
    }
    assert!(
        served >= 11,
        "one at work and ten waiting, at least: {served}"
    );
    assert_eq!(served + refused, 100);
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// One sender may write to any number of addresses, but only uses its share.
pub async fn a_flood_to_many_addresses_leaves_room_for_another_sender(server: &mut TestServer) {
    let open = Arc::new(Semaphore::new(0));
    let door = Arc::clone(&open);
    let slow = move |mut config: Config| {
        config.limits.handler_bytes = 1 << 20;
        config.limits.waiting_bytes = 1 << 20;
        Component::new(config).on_chat(move |chat: Incoming<Message>| {
            let door = Arc::clone(&door);
            async move {
                door.acquire().await?.forget();
                chat.reply("served").await?;
                Ok(())
            }
        })
    };
    let component = server.run(slow).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    let text = "x".repeat(20_000);
    let flood: String = (0..100)
        .map(|n| format!("<message type='chat' to='bot{n}@{DOMAIN}'><body>{text}</body></message>"))
        .collect();
    alice.send_raw(flood).await;
    bob.chat(BOT, &text).await;
    bob.chat(&format!("other@{DOMAIN}"), "small").await;
    // Large stanzas use three quarters of the sender's quarter.
    for _ in 0..80 {
        let heard = alice.next().await;
        assert_eq!(
            (heard.condition(), &*heard.error_type()),
            ("resource-constraint", "wait")
        );
    }
    // Neither of them waits for the flood.
    bob.ping(DOMAIN).await;
    open.add_permits(1_000);
    for _ in 0..2 {
        assert_eq!(bob.next().await.text(), "served");
    }
    let mut served = 0;
    for _ in 80..100 {
        match alice.next().await.condition() {
            "" => served += 1,
            condition => assert_eq!(condition, "resource-constraint"),
        }
    }
    assert!(served > 0, "nothing of the flood was served");
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// A small element takes several times its bytes in memory, but only until the handler has read it.
pub async fn a_handler_that_lets_go_of_its_stanza_leaves_room_for_more(server: &mut TestServer) {
    const MANY: usize = 30;
    let open = Arc::new(Semaphore::new(0));
    let (begun, mut begins) = mpsc::channel(MANY);
    let door = Arc::clone(&open);
    let slow = move |mut config: Config| {
        // A quarter of it is enough for a few such trees, and for all their texts.
        config.limits.handler_bytes = 8 << 20;
        Component::new(config).on_message(move |message: Incoming<Message>| {
            let (door, begun) = (Arc::clone(&door), begun.clone());
            async move {
                let (handle, from) = (message.handle().clone(), message.from().clone());
                drop(message);
                begun.send(()).await?;
                door.acquire().await?.forget();
                handle.send(Outgoing::chat(&from, "served")).await?;
                Ok(())
            }
        })
    };
    let component = server.run(slow).await;
    let mut alice = server.user("alice").await;
    let tree = format!("<x xmlns='u:x'>{}</x>", "<a/>".repeat(4_000));
    for n in 0..MANY {
        let message = format!("<message type='chat' to='bot{n}@{DOMAIN}'>{tree}</message>");
        alice.send_raw(message).await;
    }
    for _ in 0..MANY {
        begins.recv().await.unwrap();
    }
    open.add_permits(MANY);
    for _ in 0..MANY {
        assert_eq!(alice.next().await.text(), "served");
    }
    component.stop().await.unwrap();
}

/// A panic ends the handling of its stanza only.
pub async fn a_handler_that_panics_a_hundred_times_is_called_again(server: &mut TestServer) {
    let component = server.run(troubled).await;
    let mut alice = server.user("alice").await;
    for _ in 0..50 {
        for type_ in ["get", "set"] {
            let answer = alice.ask(type_, BOT, &payload("panicking")).await;
            assert_eq!(answer.condition(), "internal-server-error");
            assert!(answer.error_text().starts_with("Incident "), "{answer}");
        }
    }
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// A handler that sends as fast as it can leaves capacity for responses to others.
pub async fn a_handler_that_floods_leaves_room_for_others(server: &mut TestServer) {
    const MANY: usize = 5_000;
    let flooding = |config| {
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            for number in 0..MANY {
                chat.reply(number.to_string()).await?;
            }
            Ok(())
        })
    };
    let component = server.run(flooding).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    alice.chat(BOT, "go").await;
    bob.ping(BOT).await;
    for number in 0..MANY {
        assert_eq!(alice.next().await.text(), number.to_string());
    }
    component.stop().await.unwrap();
}

/// Stanzas may arrive in pieces of any size.
pub async fn one_byte_per_packet_is_enough(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    if server.backend() == Backend::Memory {
        server.in_memory().await.send_in_pieces_of(1);
    }
    for byte in format!("<message type='chat' to='{BOT}'><body>h\u{e9}!</body></message>").bytes() {
        alice.send_raw([byte]).await;
    }
    // Servers with expat 2.6 may not parse a tag that arrived in pieces until more follows
    // (docs/servers.md, 3).
    alice.send_raw(" ".repeat(64)).await;
    assert_eq!(alice.next().await.text(), "h\u{e9}!");
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// No server forwards such stanzas, but a faulty one may: the sender gets an error if possible.
pub async fn addresses_that_do_not_parse_are_reported_where_possible(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let (from, ping) = (alice.address().to_owned(), "<ping xmlns='urn:xmpp:ping'/>");
    let memory = server.in_memory().await;
    for unanswerable in [
        format!("<iq type='get' id='1' from='@@' to='{BOT}'>{ping}</iq>"),
        format!("<iq type='get' id='2' from='' to='{BOT}'>{ping}</iq>"),
        format!("<iq type='get' id='3' to='{BOT}'>{ping}</iq>"),
        format!("<iq type='get' id='4' from='{from}' to='bot@other.localhost'>{ping}</iq>"),
        format!("<iq type='result' id='5' from='{from}' to='@@'/>"),
        format!("<a xmlns='urn:example:unknown' from='{from}' to='{BOT}'/>"),
        format!("<iq xmlns='urn:example:unknown' type='get' id='6' from='{from}' to='{BOT}'/>"),
        "between the stanzas".to_owned(),
    ] {
        memory.send_bytes(unanswerable);
    }
    memory.send_bytes(format!(
        "<iq type='get' id='7' from='{from}' to='@@'>{ping}</iq>"
    ));
    memory.send_bytes(format!("<iq type='get' id='8' from='{from}'>{ping}</iq>"));
    for id in ["7", "8"] {
        let refused = alice.next().await;
        assert_eq!((refused.id(), refused.condition()), (id, "jid-malformed"));
        assert_eq!(refused.from(), DOMAIN);
    }
    alice.hears_only_a_pong_from(BOT).await;
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// ejabberd's default also delivers stanzas for other components (servers.md, 4).
pub async fn what_is_for_another_component_is_dropped(server: &mut TestServer) {
    server.set_up(couplet_test::Setup::global_routes);
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    alice.chat("bot@news.localhost", "not for echo").await;
    // servers.md, 5: in order, from one user through one connection.
    alice.chat(BOT, "for echo").await;
    assert_eq!(alice.next().await.text(), "for echo");
    alice.hears_only_a_pong_from(BOT).await;
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// Two components that reject everything, including errors, and answer every response.
pub async fn two_rejecting_components_do_not_answer_each_other_for_ever(server: &mut TestServer) {
    let calls = Arc::new(AtomicUsize::new(0));
    let refusing = |calls: &Arc<AtomicUsize>| {
        let (messages, iqs) = (Arc::clone(calls), Arc::clone(calls));
        move |config| {
            Component::new(config)
                .on_message_type(couplet::MessageType::Error, no(messages))
                .on_message(no(Arc::default()))
                .on_iq(move |_| {
                    iqs.fetch_add(1, Ordering::Relaxed);
                    async { Err::<Empty, StanzaError>(Condition::NotAllowed.into()) }
                })
        }
    };
    let component = server.run(refusing(&calls)).await;
    let mut other = server.launch(TestServer::OTHER, refusing(&calls)).await;
    other.online().await;
    let to = TestServer::OTHER.parse().unwrap();
    component
        .handle()
        .send(Outgoing::chat(&to, "x"))
        .await
        .unwrap();
    let refused = component
        .handle()
        .get::<Empty>(&to, crate::apps::Slow)
        .await;
    assert!(refused.is_err());
    let mut alice = server.user("alice").await;
    for domain in [DOMAIN, TestServer::OTHER] {
        alice.ping(domain).await;
    }
    // The bounce of the chat message, and the request.
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    component.stop().await.unwrap();
    other.stop().await.unwrap();
}

fn no(calls: Arc<AtomicUsize>) -> impl couplet::MessageHandler {
    move |_: Incoming<Message>| {
        calls.fetch_add(1, Ordering::Relaxed);
        async { Err::<(), StanzaError>(Condition::NotAllowed.into()) }
    }
}
