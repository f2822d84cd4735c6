//! The graceful shutdown of a component.

use std::sync::Arc;
use std::time::Duration;

use couplet::{Component, Config, Incoming, Message, Outgoing, PresenceType, StanzaError};
use couplet_test::TestServer;
use tokio::sync::Semaphore;

use crate::apps::{BOT, DOMAIN, echo, is_offline};

/// Handlers finish, the goodbye hooks run, the stream is closed, and `run` returns `Ok`.
pub async fn a_graceful_stop_lets_handlers_finish_and_runs_the_goodbye_hooks(
    server: &mut TestServer,
) {
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

/// With a day of `timing.keepalive`: neither an idle component nor one whose grace is over waits
/// for it.
pub async fn a_graceful_stop_does_not_wait_for_a_keepalive(server: &mut TestServer) {
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

/// Without a connection, the goodbye hooks do not run.
pub async fn a_component_without_a_server_stops_too(server: &mut TestServer) {
    let component = server.run(echo).await;
    server.kill().await;
    is_offline(&component).await;
    component.stop().await.unwrap();
}
