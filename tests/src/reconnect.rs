//! The connection is lost and restored.

use std::time::Duration;

use couplet::{Component, Config, Empty, Incoming, Message, Outgoing, RequestError};
use couplet_test::TestServer;
use tokio::sync::mpsc;
use xmpp_parsers::ping::Ping;

use crate::apps::{echo, is_echoed, is_offline};

/// SIGKILL; in memory the last stanza is incomplete.
pub async fn after_a_crash_of_the_server_the_component_reconnects(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    server.kill().await;
    server.restart().await;
    component.online().await;
    let mut alice = server.user("alice").await;
    is_echoed(&mut alice).await;
    component.stop().await.unwrap();
}

/// SIGTERM; servers send components no stream error then (servers.md, 7).
pub async fn after_a_graceful_stop_of_the_server_the_component_reconnects(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    server.stop().await;
    server.restart().await;
    component.online().await;
    let mut alice = server.user("alice").await;
    is_echoed(&mut alice).await;
    component.stop().await.unwrap();
}

/// Stanzas that are sent while the server is down arrive when it is back, ten times out of ten.
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

/// Malformed XML from the server itself: the component sends the right stream error and reconnects.
pub async fn a_stream_that_is_not_well_formed_is_opened_again(server: &mut TestServer) {
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

/// The request fails at once, without waiting for its timeout.
pub async fn requests_fail_at_once_when_the_connection_is_lost(server: &mut TestServer) {
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
