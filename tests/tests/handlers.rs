//! How handlers are registered, what they return, and what runs around them.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use couplet::middleware::{AllowList, Handled, Middleware, Next, RateLimit};
use couplet::{
    Component, Config, Empty, Error, Extension, Incoming, IqHandler, Message, MessageHandler,
    Stanza, StanzaError, async_trait, with,
};
use couplet_test::{Server, TestUser};
use tokio::sync::oneshot;
use tokio::time::timeout;
use xmpp_parsers::ping::Ping;
use xmpp_parsers::version::{VersionQuery, VersionResult};

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const VERSION: &str = "<query xmlns='jabber:iq:version'/>";

fn component() -> Component {
    Component::new(Config::new("echo.test", "secret"))
}

/// Returns the message of the panic of a second registration.
fn panic_of(register: impl FnOnce() -> Component) -> String {
    let panic = catch_unwind(AssertUnwindSafe(register)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

async fn said(alice: &mut TestUser, text: &str) -> String {
    alice.chat("bot@echo.test", text).await;
    alice.next_chat().await.text().to_owned()
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[async_trait]
impl MessageHandler for Counter {
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        message.reply(self.next().to_string()).await?;
        Ok(())
    }
}

#[async_trait]
impl IqHandler<Ping> for Counter {
    type Response = Empty;

    async fn handle(&self, _request: Incoming<Ping>) -> Result<Empty, StanzaError> {
        self.next();
        Ok(Empty)
    }
}

#[async_trait]
impl IqHandler<VersionQuery> for Counter {
    type Response = VersionResult;

    async fn handle(&self, _: Incoming<VersionQuery>) -> Result<VersionResult, StanzaError> {
        let (name, version) = ("counter".to_owned(), self.next().to_string());
        Ok(VersionResult {
            name,
            version,
            os: None,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn one_value_serves_several_routes() {
    let counter = Arc::new(Counter::default());
    let server = Server::start(|config| {
        Component::new(config)
            .on_chat(Arc::clone(&counter))
            .on_get::<Ping, _>(Arc::clone(&counter))
            .on_get::<VersionQuery, _>(counter)
    })
    .await;
    let mut alice = server.user("alice@example.org/phone");
    assert_eq!(said(&mut alice, "one").await, "1");
    assert_eq!(alice.ask("get", "echo.test", PING).await.type_(), "result");
    let version = alice.ask("get", "echo.test", VERSION).await;
    let query = version.root().children().next().unwrap();
    let number = query.children().find(|child| child.name() == "version");
    assert_eq!(number.unwrap().text(), "3");
}

#[tokio::test(start_paused = true)]
async fn a_function_gets_its_state() {
    async fn greet(greeting: Arc<str>, chat: Incoming<Message>) -> String {
        format!("{greeting}, {}", chat.text())
    }
    let greet = with(Arc::from("Good day"), greet);
    let server = Server::start(|config| Component::new(config).on_chat(greet)).await;
    let mut alice = server.user("alice@example.org/phone");
    assert_eq!(said(&mut alice, "Bob").await, "Good day, Bob");
}

#[tokio::test(start_paused = true)]
async fn a_returned_text_is_the_reply_and_an_error_an_error_stanza() {
    async fn double(chat: Incoming<Message>) -> Result<Option<String>, StanzaError> {
        if chat.text().is_empty() {
            return Ok(None);
        }
        let number: u64 = chat.text().parse()?;
        Ok(Some((2 * number).to_string()))
    }
    let server = Server::start(|config| Component::new(config).on_chat(double)).await;
    let mut alice = server.user("alice@example.org/phone");
    assert_eq!(said(&mut alice, "21").await, "42");
    alice.chat("bot@echo.test", "many").await;
    assert_eq!(alice.next().await.condition(), "internal-server-error");
}

#[test]
fn a_second_handler_for_a_route_panics_and_names_both_places() {
    let chat = |_: Incoming<Message>| async {};
    let message = panic_of(|| component().on_chat(chat).on_chat(chat));
    assert!(
        message
            .starts_with("two handlers for chats: one is registered at tests/tests/handlers.rs:"),
        "{message}"
    );
    assert_eq!(message.matches("handlers.rs:").count(), 2, "{message}");
    let pong = |_: Incoming<Ping>| async { Ok(Empty) };
    let message = panic_of(|| component().on_get(pong).on_get(pong));
    assert!(
        message.contains("get requests with the payload <ping xmlns='urn:xmpp:ping'/>"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_replace_another_in_replace() {
    let server = Server::start(|config| {
        Component::new(config)
            .on_chat(|_: Incoming<Message>| async { "first" })
            .replace(|component| component.on_chat(|_: Incoming<Message>| async { "second" }))
    })
    .await;
    let mut alice = server.user("alice@example.org/phone");
    assert_eq!(said(&mut alice, "which?").await, "second");
}

/// A handler that replies to chats with its name.
struct Named(&'static str);

impl Extension for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn install(self, component: Component) -> Result<Component, Error> {
        let name = self.0;
        Ok(component.on_chat(move |_: Incoming<Message>| async move { name }))
    }
}

#[test]
fn two_extensions_that_claim_one_route_are_reported_by_name() {
    let message = panic_of(|| component().extend(Named("weather")).extend(Named("news")));
    for extension in ["by the extension weather at ", "by the extension news at "] {
        assert!(message.contains(extension), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_extension_that_cannot_be_installed_ends_the_run_with_its_error() {
    struct Broken;

    impl Extension for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        fn install(self, _component: Component) -> Result<Component, Error> {
            Err(Error::app(
                "rooms.db: no such file\n  create it with: rooms init",
            ))
        }
    }

    let ended = component()
        .extend(Broken)
        .extend(Named("later"))
        .run(std::future::pending())
        .await;
    let error = ended.unwrap_err();
    assert!(matches!(error, Error::App(_)));
    assert_eq!(
        error.to_string().lines().next(),
        Some("rooms.db: no such file")
    );
}

#[tokio::test(start_paused = true)]
async fn only_allowed_senders_reach_handlers_and_all_reach_the_features() {
    let server = Server::start(|config| {
        Component::new(config)
            .layer(AllowList::new().domain("example.org"))
            .on_chat(|_: Incoming<Message>| async { "welcome" })
            .on_get(|_: Incoming<VersionQuery>| async {
                Err::<Empty, _>(couplet::Condition::Gone.into())
            })
    })
    .await;
    let mut alice = server.user("alice@example.org/phone");
    let mut eve = server.user("eve@example.net/phone");
    assert_eq!(said(&mut alice, "hello").await, "welcome");
    assert_eq!(
        alice.ask("get", "echo.test", VERSION).await.condition(),
        "gone"
    );
    eve.chat("bot@echo.test", "hello").await;
    assert_eq!(eve.next().await.condition(), "forbidden");
    assert_eq!(
        eve.ask("get", "echo.test", VERSION).await.condition(),
        "forbidden"
    );
    assert_eq!(eve.ask("get", "echo.test", PING).await.type_(), "result");
}

#[tokio::test(start_paused = true)]
async fn a_sender_over_its_rate_gets_a_wait_error_and_others_do_not() {
    let server = Server::start(|config| {
        Component::new(config)
            .on_chat(|_: Incoming<Message>| async { "yes" })
            .layer(RateLimit::new(1, Duration::from_secs(60)))
    })
    .await;
    let mut alice = server.user("alice@example.org/phone");
    assert_eq!(said(&mut alice, "once").await, "yes");
    alice.chat("bot@echo.test", "twice").await;
    let refused = alice.next().await;
    assert_eq!(
        (refused.condition(), &*refused.error_type()),
        ("resource-constraint", "wait")
    );
    assert_eq!(
        said(&mut server.user("bob@example.org/phone"), "once").await,
        "yes"
    );
}

/// Middleware that appends its letter to a list before and after the handler.
struct Letter(char, Arc<std::sync::Mutex<String>>);

#[async_trait]
impl Middleware for Letter {
    async fn handle(&self, stanza: Incoming<Stanza>, next: Next) -> Result<Handled, StanzaError> {
        self.1.lock().unwrap().push(self.0);
        let handled = next.run(stanza).await;
        self.1.lock().unwrap().push(self.0);
        handled
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_middleware_is_the_outermost() {
    let letters = Arc::default();
    let server = Server::start(|config| {
        Component::new(config)
            .layer(Letter('a', Arc::clone(&letters)))
            .layer(Letter('b', Arc::clone(&letters)))
            .on_chat(|_: Incoming<Message>| async { "done" })
    })
    .await;
    assert_eq!(
        said(&mut server.user("alice@example.org/phone"), "go").await,
        "done"
    );
    assert_eq!(*letters.lock().unwrap(), "abba");
}

#[tokio::test(start_paused = true)]
async fn a_handle_waits_for_the_session_and_returns_at_once_when_there_is_one() {
    let offline = component().handle();
    let waited = timeout(Duration::from_secs(3600), offline.online()).await;
    assert!(waited.is_err(), "there is no session without a server");
    let (sender, receiver) = oneshot::channel();
    let server = Server::start(|config| {
        Component::new(config).background_task(|handle, _shutdown| async move {
            handle.online().await;
            let _test_is_over = sender.send(handle.is_online());
        })
    })
    .await;
    assert!(receiver.await.unwrap());
    server.handle().online().await;
}
