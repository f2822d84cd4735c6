//! Components that several scenarios use, and the payloads of their handlers.

use std::future::pending;
use std::time::Duration;

use couplet::{Component, Condition, Config, Empty, Incoming, Message, StanzaError};
use couplet_test::{Running, TestServer, TestUser};
use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::{AsXml, FromXml};

/// The address that most scenarios use.
pub(crate) const BOT: &str = "bot@echo.localhost";

/// The domain of the component.
pub(crate) const DOMAIN: &str = TestServer::DOMAIN;

/// The namespace of the payloads below.
pub(crate) const NS: &str = "urn:example:scenario";

macro_rules! asks {
    ($($(#[$doc:meta])* $type:ident = $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, FromXml, AsXml)]
        #[xml(namespace = "urn:example:scenario", name = $name)]
        pub(crate) struct $type;

        impl IqGetPayload for $type {}
        impl IqSetPayload for $type {}
    )*};
}

asks! {
    /// Its handler never returns.
    Silent = "silent";
    /// Its handler returns after a moment.
    Slow = "slow";
    /// Its handler panics.
    Panicking = "panicking";
    /// Its handler returns an error with a private cause.
    Failing = "failing";
    /// Its handler returns when the scenario permits it.
    Held = "held";
}

/// Requires a number.
#[derive(Debug, FromXml, AsXml)]
#[xml(namespace = "urn:example:scenario", name = "strict")]
pub(crate) struct Strict {
    #[xml(attribute)]
    pub(crate) count: u32,
}

impl IqGetPayload for Strict {}

/// Returns the payload with this name, as XML.
pub(crate) fn payload(name: &str) -> String {
    format!("<{name} xmlns='{NS}'/>")
}

/// Creates an echo.
pub(crate) fn echo(config: Config) -> Component {
    Component::new(config)
        .named("Echo")
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
}

/// Creates a component with a handler for each kind of failure.
pub(crate) fn troubled(config: Config) -> Component {
    Component::new(config)
        .on_get(|ask: Incoming<Strict>| async move {
            assert!(ask.count > 0, "nothing is counted from zero here");
            Ok(Empty)
        })
        .on_get(|_: Incoming<Slow>| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Slow)
        })
        .on_get(|_: Incoming<Panicking>| async { panicking() })
        .on_set(|_: Incoming<Panicking>| async {
            tokio::task::yield_now().await;
            panicking()
        })
        .on_get(|_: Incoming<Failing>| async {
            let number: u32 = "no number".parse()?;
            Ok(Strict { count: number })
        })
        .on_set(|_: Incoming<Failing>| async {
            Err::<Empty, _>(StanzaError::new(Condition::NotAllowed).text("Not on Sundays"))
        })
        .within(Duration::from_millis(50), |component| {
            component.on_get(|_: Incoming<Silent>| pending::<Result<Empty, StanzaError>>())
        })
}

fn panicking() -> Result<Empty, StanzaError> {
    panic!("as the scenario wants it")
}

/// Waits until the component is offline.
pub(crate) async fn is_offline(component: &Running) {
    let mut asked = 0;
    while component.handle().is_online() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        asked += 1;
        assert!(asked < 100_000, "it does not notice");
    }
}

/// Asserts that the component replies.
pub(crate) async fn is_echoed(user: &mut TestUser) {
    user.chat(BOT, "hi").await;
    assert_eq!(user.next_chat().await.text(), "hi");
}
