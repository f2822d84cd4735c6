pub(crate) mod raw_server;

use std::{future::pending, time::Duration};

use tokio::{sync::oneshot, task::JoinSet};
use xmpp_parsers::{ping::Ping, version::VersionQuery};

use crate::{Component, Config, Done, Incoming, NotSent, Outgoing, Refusal, RequestError};

use raw_server::Server;

const CLOSING: &str = "</stream:stream>";

/// Answers pings at once and versions never.
fn slow(mut config: Config) -> Component {
    config.timing.grace = Duration::from_secs(1);
    Component::new(config)
        .on_get(|_: Incoming<Ping>| async { Ok::<_, Refusal>(Done) })
        .on_get(|_: Incoming<VersionQuery>| pending::<Result<Done, Refusal>>())
}

/// Each id is asked by a sender of its own: nobody waits for another's turn.
fn ask(id: &str, payload: &str) -> String {
    format!("<iq type='get' id='{id}' from='{id}@b/c' to='echo.test'>{payload}</iq>")
}

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const VERSION: &str = "<query xmlns='jabber:iq:version'/>";

#[tokio::test(start_paused = true)]
async fn nothing_follows_the_end_of_the_stream_and_what_waits_is_answered_before_it() {
    let mut tasks = JoinSet::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let component = slow(Config::new("echo.test", "x"));
    let link = component.link();
    let until = async move { drop(stopped.await) };
    let mut server = Server::with(component, until, &mut tasks).await;
    server.say(&ask("slow", VERSION)).await;
    server.say(&ask("ping", PING)).await;
    server.until("'ping'").await;
    stop.send(()).unwrap();
    let before = server.until(CLOSING).await;
    assert!(
        before.contains("'slow'") && before.contains("recipient-unavailable"),
        "{before}"
    );
    assert!(before.ends_with(CLOSING), "{before}");
    for _ in 0..3 {
        server.say(&ask("late", PING)).await;
        server.say(&ask("late", VERSION)).await;
        server.say("<!-- not even this -->").await;
    }
    let peer = "a@b/c".parse().unwrap();
    let unsent = link.send(Outgoing::chat(&peer, "late")).await.unwrap_err();
    assert_eq!(*unsent.why(), NotSent::Stopped);
    let asked = link.get::<Done>(&peer, Ping).await;
    assert!(
        matches!(asked, Err(RequestError::Disconnected)),
        "{asked:?}"
    );
    assert_eq!(server.rest().await, "");
}
