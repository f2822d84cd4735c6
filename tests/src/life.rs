//! The life of the connection: servers that die, come back, forget, refuse, and are left politely.

use std::sync::Arc;
use std::time::Duration;

use couplet::{
    Component, Config, Empty, Incoming, Message, Outgoing, PresenceType, RequestError,
    SendErrorKind, StanzaError,
};
use couplet_test::TestServer;
use tokio::sync::{Semaphore, mpsc};
use xmpp_parsers::ping::Ping;

use crate::apps::{BOT, DOMAIN, echo, is_echoed, is_offline};

/// SIGKILL; in memory the last stanza ends half-way.
pub async fn after_a_crash_of_the_server_the_link_comes_back(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    server.kill().await;
    server.restart().await;
    component.online().await;
    let mut alice = server.user("alice").await;
    is_echoed(&mut alice).await;
    component.stop().await.unwrap();
}

/// SIGTERM; servers say nothing to a component then (servers.md, 7).
pub async fn after_a_polite_stop_of_the_server_the_link_comes_back(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    server.stop().await;
    server.restart().await;
    component.online().await;
    let mut alice = server.user("alice").await;
    is_echoed(&mut alice).await;
    component.stop().await.unwrap();
}

/// What is sent while the server is away arrives when it is back, ten times out of ten.
pub async fn ten_crashes_in_a_row_lose_nothing_that_was_queued(server: &mut TestServer) {
    let (heard, mut hear) = mpsc::channel(100);
    let noting = move |config| {
        Component::new(config).on_message(move |note: Incoming<Message>| {
            let heard = heard.clone();
            async move { Ok(heard.send(note.text().into_owned()).await?) }
        })
    };
    let mut component = server.run(noting).await;
    let notes = "notes@echo.localhost".parse().unwrap();
    for crash in 0..10 {
        server.kill().await;
        is_offline(&component).await;
        for part in ["a", "b"] {
            let note = Outgoing::chat(&notes, &format!("{crash}{part}"));
            component.handle().send(note).await.unwrap();
        }
        server.restart().await;
        component.online().await;
        for part in ["a", "b"] {
            assert_eq!(hear.recv().await.unwrap(), format!("{crash}{part}"));
        }
    }
    assert_eq!(component.sessions(), 11);
    component.stop().await.unwrap();
}

/// Not well-formed, from the server itself: told by the right stream error, and begun anew.
pub async fn a_stream_that_is_not_well_formed_is_begun_anew(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    for (bytes, condition) in [
        (
            &b"<message from='a@b' to='c'><!-- x --></message>"[..],
            "restricted-xml",
        ),
        (b"<?php x ?>", "restricted-xml"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>", "restricted-xml"),
        (
            b"<message from='a@b' to='c'><body>&nbsp;</body></message>",
            "not-well-formed",
        ),
        (
            b"<message from='a@b' to='c'><body>\xff</body></message>",
            "not-well-formed",
        ),
        (
            b"<message from='a@b' to='c'><x:body/></message>",
            "not-well-formed",
        ),
        (
            b"<message from='a@b' to='c'><body></subject></message>",
            "not-well-formed",
        ),
        (
            b"<message from='a@b' to='c'><body>x</message>",
            "not-well-formed",
        ),
        (b"<message from='a@b' to='c' to='d'/>", "not-well-formed"),
    ] {
        let memory = server.in_memory().await;
        memory.send_bytes(bytes);
        component.online().await;
        let journal = server.in_memory().await.journal();
        let last = journal.lines().last().unwrap();
        assert!(
            last.contains("ends the stream") && last.contains(condition),
            "{last}"
        );
    }
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// An asker is told at once, and need not wait for a deadline.
pub async fn questions_fail_at_once_when_the_link_dies(server: &mut TestServer) {
    let patient = |mut config: Config| {
        config.timing.request = Duration::from_secs(24 * 3600);
        echo(config)
    };
    let component = server.run(patient).await;
    let mut alice = server.user("alice").await;
    let peer = alice.address().parse().unwrap();
    let handle = component.handle();
    let (answer, ()) = tokio::join!(handle.get::<Empty>(&peer, Ping), async {
        alice.next().await;
        server.kill().await;
    });
    assert!(
        matches!(answer, Err(RequestError::Disconnected)),
        "{answer:?}"
    );
    let offline = handle.get::<Empty>(&peer, Ping).await;
    assert!(
        matches!(offline, Err(RequestError::Disconnected)),
        "{offline:?}"
    );
}

/// Handlers finish, the app says goodbye, the stream is closed, and `run` is content.
pub async fn a_polite_stop_lets_handlers_finish_and_says_goodbye(server: &mut TestServer) {
    let (open, mut alice) = (Arc::new(Semaphore::new(0)), server.user("alice").await);
    let (door, friend) = (
        Arc::clone(&open),
        alice.address().parse::<couplet::Jid>().unwrap(),
    );
    let polite = move |config| {
        let goodbye = move |handle: couplet::Handle| {
            let gone = Outgoing::presence(PresenceType::Unavailable, &friend).status("bye");
            async move { handle.send(gone).await.unwrap().into() }
        };
        Component::new(config)
            .on_goodbye(goodbye)
            .on_chat(move |chat: Incoming<Message>| {
                let door = Arc::clone(&door);
                async move {
                    chat.reply("begun").await?;
                    door.acquire().await?.forget();
                    chat.reply("finished").await?;
                    Ok(())
                }
            })
    };
    let mut component = server.run(polite).await;
    alice.chat(BOT, "hi").await;
    assert_eq!(alice.next().await.text(), "begun");
    component.begin_to_stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    open.add_permits(1);
    assert_eq!(alice.next().await.text(), "finished");
    let goodbye = alice.next().await;
    assert_eq!(
        (goodbye.name(), goodbye.type_()),
        ("presence", "unavailable")
    );
    assert_eq!(
        (goodbye.from(), &*goodbye.text_of("status")),
        (DOMAIN, "bye")
    );
    component.ended().await.unwrap();
    let away = alice.ask("get", BOT, "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(away.type_(), "error", "{away}");
}

/// Neither where nothing is left to do, nor where the grace is over, before a day has passed.
pub async fn a_polite_stop_waits_for_no_sign_of_life(server: &mut TestServer) {
    let quiet = |mut config: Config| {
        config.timing.keepalive = Duration::from_secs(10 * 3600);
        config.timing.dead_after = Duration::from_secs(20 * 3600);
        config.timing.grace = Duration::from_millis(100);
        config
    };
    let idle = server.run(|config| echo(quiet(config))).await;
    idle.stop().await.unwrap();
    let busy = |config| {
        Component::new(quiet(config))
            .on_chat(|_: Incoming<Message>| std::future::pending::<Result<(), StanzaError>>())
    };
    let busy = server.run(busy).await;
    let mut alice = server.user("alice").await;
    alice.chat(BOT, "keeps it busy").await;
    alice.ping(DOMAIN).await;
    busy.stop().await.unwrap();
    assert_eq!(alice.next().await.condition(), "recipient-unavailable");
}

/// There is nobody to say goodbye to.
pub async fn a_component_without_a_server_stops_too(server: &mut TestServer) {
    let component = server.run(echo).await;
    server.kill().await;
    is_offline(&component).await;
    component.stop().await.unwrap();
}

/// A server that takes nothing: who sends waits, is told, and may go on later.
pub async fn a_server_that_reads_nothing_is_no_place_to_put_more_and_more(server: &mut TestServer) {
    let impatient = |mut config: Config| {
        config.limits.outgoing_stanza_bytes = 32 << 10;
        config.limits.outgoing_bytes = 256 << 10;
        config.timing.send = Duration::from_millis(100);
        config.timing.dead_after = Duration::from_secs(24 * 3600);
        echo(config)
    };
    let component = server.run(impatient).await;
    let mut alice = server.user("alice").await;
    let (to, text) = (alice.address().parse().unwrap(), "x".repeat(16 << 10));
    server.in_memory().await.stop_reading();
    let mut sent = 0;
    let refused = loop {
        match component.handle().send(Outgoing::chat(&to, &text)).await {
            Ok(_) => sent += 1,
            Err(refused) => break refused,
        }
        assert!(sent < 1000, "it takes everything");
    };
    assert_eq!(*refused.why(), SendErrorKind::Full);
    server.in_memory().await.read_on();
    for _ in 0..sent {
        alice.next_chat().await;
    }
    is_echoed(&mut alice).await;
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}
