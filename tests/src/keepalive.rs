//! Keepalive: when a component closes an unusable connection, and when it keeps it.

use std::time::Duration;

use couplet::{Config, Jid};
use couplet_test::{Running, TestServer};

use crate::apps::{DOMAIN, echo, is_echoed, is_offline};

/// Seconds for two self-pings, with the default of `timing.keepalive`.
const TWO_PINGS: u64 = 31;

/// Seconds of several times the default of `timing.dead_after`.
const LONG: u64 = 300;

/// A connection that is open but no longer routed to is detected by a self-ping.
pub async fn a_server_that_has_forgotten_us_is_logged_in_to_again(server: &mut TestServer) {
    let mut component = server.run(|config| echo(watchful(config))).await;
    server.forget_component().await;
    component.online().await;
    let mut alice = server.user("alice").await;
    is_echoed(&mut alice).await;
    component.stop().await.unwrap();
}

/// A broken cable: no bytes, no end.
pub async fn a_silent_server_is_disconnected(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    server.in_memory().await.silence();
    is_offline(&component).await;
    server.restart().await;
    component.online().await;
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// An hour without stanzas is no reason to close the connection of a server that answers.
pub async fn a_quiet_connection_lasts(server: &mut TestServer) {
    let component = server.run(echo).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(component.sessions(), 1);
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// The server routes a self-ping back after everything that was sent before it.
pub async fn a_self_ping_comes_back_from_every_server(server: &mut TestServer) {
    let component = server.run(|config| echo(watchful(config))).await;
    self_pings_come_back(&component).await;
    component.stop().await.unwrap();
}

/// With it, ejabberd since 24.10 drops the IQs of components to addresses without a resource.
pub async fn a_self_ping_comes_back_where_mod_privilege_is_loaded(server: &mut TestServer) {
    server.set_up(couplet_test::Setup::mod_privilege);
    let component = server.run(|config| echo(watchful(config))).await;
    self_pings_come_back(&component).await;
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// The server still writes, but no longer answers self-pings.
pub async fn a_server_that_answers_no_more_self_pings_is_disconnected(server: &mut TestServer) {
    let mut component = server.run(echo).await;
    blanks(server, TWO_PINGS).await;
    server.in_memory().await.lose_self_pings();
    blanks(server, 46).await;
    let journal = server.in_memory().await.journal();
    assert!(journal.contains("connection-timeout"), "{journal}");
    component.online().await;
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// A peer's messages do not hide it either.
pub async fn a_peers_messages_do_not_hide_missing_answers(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    blanks(server, TWO_PINGS).await;
    server.in_memory().await.lose_self_pings();
    for _ in 0..46 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        alice.chat(&format!("nobody@{DOMAIN}"), "hi").await;
    }
    let journal = server.in_memory().await.journal();
    assert!(journal.contains("connection-timeout"), "{journal}");
    component.stop().await.unwrap();
}

/// Some servers may never answer self-pings: then only their silence counts.
pub async fn a_server_that_never_answered_a_self_ping_is_kept(server: &mut TestServer) {
    let component = server.run(echo).await;
    server.in_memory().await.lose_self_pings();
    blanks(server, LONG).await;
    assert_eq!(component.sessions(), 1);
    is_echoed(&mut server.user("alice").await).await;
    component.stop().await.unwrap();
}

/// ejabberd routes some of our self-pings to another instance (docs/servers.md, 4): missing
/// responses prove nothing once one was seen, by a ping of its own or by its response to one of
/// ours.
pub async fn missing_answers_prove_nothing_beside_another_instance(server: &mut TestServer) {
    for type_ in ["get", "result"] {
        let component = server.run(echo).await;
        blanks(server, TWO_PINGS).await;
        let memory = server.in_memory().await;
        memory.lose_self_pings();
        memory.send_bytes(format!(
            "<iq type='{type_}' id='keepalive-other-1' from='{DOMAIN}/keepalive' \
             to='{DOMAIN}/keepalive'><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
        blanks(server, LONG).await;
        assert_eq!(component.sessions(), 1);
        component.stop().await.unwrap();
        server.restart().await;
    }
}

/// Waits for the responses to three self-pings, each sent after a copy of a broadcast.
async fn self_pings_come_back(component: &Running) {
    let sender = component.handle().broadcast().await;
    let copy = couplet::Broadcast::new(couplet::MessageType::Headline, "news", |_| ());
    let readers: [Jid; 1] = [format!("reader@{DOMAIN}").parse().unwrap()];
    for _ in 0..3 {
        let write = |reader: &Jid, stamp: &mut couplet::CopyWriter<'_>| {
            stamp.copy(&copy, reader.as_str()).unwrap();
        };
        sender.send(&readers, write).await.unwrap();
        sender.ack().unwrap().taken().await.unwrap();
    }
    assert_eq!(component.sessions(), 1);
}

/// Lets the server write a space each second.
async fn blanks(server: &mut TestServer, seconds: u64) {
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.in_memory().await.send_bytes(" ");
    }
}

/// Returns a configuration with frequent self-pings.
fn watchful(mut config: Config) -> Config {
    config.timing.keepalive = Duration::from_millis(200);
    config.timing.dead_after = Duration::from_secs(20);
    config
}
