//! The log lines about stanzas, dropped stanzas, and handlers that fail.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and one handler blocks on purpose"
)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use couplet::{Component, Config, Incoming, Message, Outgoing, StanzaError};
use couplet_test::{Server, Setup, TestServer};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

const MANUAL: &str = include_str!("../../crates/couplet/src/manual/how_to.md");

/// The log of this thread while the guard exists.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn of(filter: &str) -> (Log, DefaultGuard) {
        let log = Log::default();
        let writer = log.clone();
        let lines = fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let filter: Targets = filter.parse().unwrap();
        let subscriber = tracing_subscriber::registry().with(filter).with(lines);
        (log, set_default(subscriber))
    }

    /// Starts a log with the filter in the manual.
    fn as_in_the_manual() -> (Log, DefaultGuard) {
        let (_, directives) = MANUAL.split_once("`RUST_LOG=").unwrap();
        let (directives, _) = directives.split_once('`').unwrap();
        Log::of(directives)
    }

    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn lines_with(&self, words: &str) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter(|line| line.contains(words));
        lines.map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn echo(config: Config) -> Component {
    Component::new(config)
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
}

#[tokio::test(start_paused = true)]
async fn a_handled_stanza_is_one_debug_event_without_its_body() {
    let (log, _guard) = Log::as_in_the_manual();
    let server = Server::start(echo).await;
    let mut alice = server.user("alice@example.org/phone");
    let message =
        "<message type='chat' id='m-1' to='bot@echo.test'><body>secret plan</body></message>";
    alice.send_raw(message).await;
    assert_eq!(alice.next_chat().await.text(), "secret plan");

    let handled = log.lines_with("stanza handled");
    let [line] = handled.as_slice() else {
        panic!("{}", log.text());
    };
    for field in [
        "DEBUG",
        "kind=\"message\"",
        "from=\"alice@example.org/phone\"",
        "to=\"bot@echo.test\"",
        "id=\"m-1\"",
        "handler=\"closure at tests/tests/logs.rs:",
        "outcome=\"done\"",
        "took=",
    ] {
        assert!(line.contains(field), "{field}: {line}");
    }
    assert!(!log.text().contains("secret plan"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_request_is_logged_with_what_it_was_answered() {
    let (log, _guard) = Log::as_in_the_manual();
    let server = Server::start(echo).await;
    let mut alice = server.user("alice@example.org/phone");
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    assert_eq!(alice.ask("get", "echo.test", ping).await.type_(), "result");
    let [line] = &log.lines_with("stanza handled")[..] else {
        panic!("{}", log.text());
    };
    assert!(line.contains("outcome=\"result\""), "{line}");

    let unknown = "<query xmlns='urn:example:unknown'/>";
    let refused = alice.ask("get", "echo.test", unknown).await;
    assert_eq!(refused.condition(), "service-unavailable");
    let [line] = &log.lines_with("stanza rejected before any handler")[..] else {
        panic!("{}", log.text());
    };
    assert!(line.contains("condition=\"service-unavailable\""), "{line}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_logged_of_a_stanza_that_succeeds_by_default() {
    let (log, _guard) = Log::of("info");
    let server = Server::start(echo).await;
    let mut alice = server.user("alice@example.org/phone");
    alice.chat("bot@echo.test", "hello").await;
    assert_eq!(alice.next_chat().await.text(), "hello");
    assert!(!log.text().contains("alice"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn an_error_for_a_sent_message_is_a_debug_event_with_its_id() {
    let (log, _guard) = Log::as_in_the_manual();
    let server = Server::start(echo).await;
    let mut alice = server.user("alice@example.org/phone");
    alice
        .send_raw(
            "<message type='error' id='sent-1' to='bot@echo.test'><error type='auth'>\
             <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        )
        .await;
    // The error was handled before the response to a later stanza.
    alice.chat("bot@echo.test", "hello").await;
    alice.next_chat().await;
    let [line] = &log.lines_with("came back with an error")[..] else {
        panic!("{}", log.text());
    };
    for field in [
        "DEBUG",
        "kind=\"message\"",
        "from=\"alice@example.org/phone\"",
        "id=\"sent-1\"",
        "error=forbidden",
    ] {
        assert!(line.contains(field), "{field}: {line}");
    }
}

/// Each costs its sender bytes, but the log lines are limited. (RFC 6120, 13.12)
#[tokio::test(start_paused = true)]
async fn refused_stanzas_of_a_flood_are_few_lines_and_a_count() {
    let (log, _guard) = Log::of("warn");
    let server = Server::start(echo).await;
    let mut eve = server.user("eve@example.org/x");
    let deep = "<x xmlns='u:x'>".repeat(400) + &"</x>".repeat(400);
    let flood = async |eve: &mut couplet_test::TestUser, stanzas| {
        for _ in 0..stanzas {
            let message = format!("<message to='bot@echo.test'>{deep}</message>");
            eve.send_raw(message).await;
            assert_eq!(eve.next().await.condition(), "policy-violation");
        }
    };
    flood(&mut eve, 50).await;
    assert_eq!(log.text().lines().count(), 10, "{}", log.text());
    tokio::time::sleep(Duration::from_secs(60)).await;
    flood(&mut eve, 1).await;
    let text = log.text();
    let last = text.lines().last().unwrap();
    assert!(last.contains("40"), "the count is missing: {last}");
}

/// The component was online before, so its configuration is right.
#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_reported_in_single_lines_without_advice() {
    let (log, _guard) = Log::of("warn");
    let mut server = TestServer::memory();
    let mut component = server.run(echo).await;
    server.kill().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    server.restart().await;
    component.online().await;
    let text = log.text();
    assert_eq!(text.matches("connection lost").count(), 1, "{text}");
    assert!(text.contains("not online"), "{text}");
    assert!(text.lines().all(|line| line.contains("WARN")), "{text}");
    for advice in ["component_secret", "ejabberd_service", "Is the server"] {
        assert!(!text.contains(advice), "{text}");
    }
    component.stop().await.unwrap();
}

#[tokio::test]
async fn a_panic_is_not_reported_as_blocking() {
    let (log, _guard) = Log::of("info");
    let server = Server::start(|config| {
        Component::new(config).on_chat(|_chat: Incoming<Message>| async move {
            // The time that it takes to print a backtrace.
            std::thread::sleep(Duration::from_millis(60));
            let parsed: u8 = "none".parse().unwrap();
            Err::<(), _>(StanzaError::from(io::Error::other(parsed.to_string())))
        })
    })
    .await;
    let mut alice = server.user("alice@example.org/phone");
    alice.chat("bot@echo.test", "hello").await;
    assert_eq!(alice.next().await.condition(), "internal-server-error");
    assert_eq!(log.lines_with("a handler panicked").len(), 1);
    assert!(!log.text().contains("blocked the reader"), "{}", log.text());
}

mod shutdown {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stanzas_that_are_dropped_at_the_end_are_one_warning_with_their_number() {
        let (log, _guard) = Log::of("warn,couplet::supervisor=off");
        let component = Component::new(
            Config::new("echo.test", "secret").with_server("127.0.0.1:1".parse().unwrap()),
        );
        let handle = component.handle();
        let alice = "alice@example.org".parse().unwrap();
        for text in ["one", "two", "three"] {
            handle.send(Outgoing::chat(&alice, text)).await.unwrap();
        }
        component
            .run(tokio::time::sleep(Duration::from_secs(1)))
            .await
            .unwrap();
        let lines = log.text();
        assert_eq!(lines.lines().count(), 1, "{lines}");
        assert!(
            lines.contains("WARN") && lines.contains("stanzas=3"),
            "{lines}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_dropped_is_no_warning() {
        let (log, _guard) = Log::of("warn");
        let mut server = TestServer::memory();
        let component = server.run(echo).await;
        let mut alice = server.user("alice").await;
        alice.chat("bot@echo.localhost", "hello").await;
        assert_eq!(alice.next().await.text(), "hello");
        component.stop().await.unwrap();
        assert_eq!(log.text(), "");
    }
}

/// ejabberd's `access: none` accepts the login and rejects stanzas of others, including our
/// self-pings.
#[tokio::test]
async fn a_server_that_rejects_all_stanzas_is_reported_with_advice() {
    for mut server in [TestServer::ejabberd(), TestServer::ejabberd_24()] {
        let (log, _guard) = Log::of("info");
        server.set_up(Setup::access_none);
        let impatient = |mut config: Config| {
            config.timing.keepalive = Duration::from_millis(200);
            config.timing.dead_after = Duration::from_secs(1);
            echo(config)
        };
        let component = server.run(impatient).await;
        let named = async {
            while log.lines_with("since the login").is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), named).await;
        assert!(waited.is_ok(), "{}", log.text());
        let [line, ..] = &log.lines_with("connection lost")[..] else {
            panic!("{}", log.text());
        };
        for words in ["`access` of the listener", "`couplet doctor`"] {
            assert!(line.contains(words), "{line}");
        }
        component.stop().await.unwrap();
    }
}
