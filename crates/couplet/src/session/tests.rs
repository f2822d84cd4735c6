use std::{future::pending, time::Duration};

use tokio::{sync::oneshot, task::JoinSet};
use xmpp_parsers::{ping::Ping, version::VersionQuery};

use crate::{
    Component, Config, Empty, Incoming, Outgoing, RequestError, SendErrorKind, StanzaError,
};

use raw_server::Server;

const CLOSING: &str = "</stream:stream>";

/// Answers pings at once and version requests never.
fn slow(mut config: Config) -> Component {
    config.timing.grace = Duration::from_secs(1);
    Component::new(config)
        .on_get(|_: Incoming<Ping>| async { Ok(Empty) })
        .on_get(|_: Incoming<VersionQuery>| pending::<Result<Empty, StanzaError>>())
}

/// Returns a request; each id has its own sender, so that no request waits for another.
fn request(id: &str, payload: &str) -> String {
    format!("<iq type='get' id='{id}' from='{id}@b/c' to='echo.test'>{payload}</iq>")
}

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const VERSION: &str = "<query xmlns='jabber:iq:version'/>";

#[tokio::test(start_paused = true)]
async fn nothing_follows_the_end_of_the_stream_and_what_waits_is_answered_before_it() {
    let mut tasks = JoinSet::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let component = slow(Config::new("echo.test", "x"));
    let handle = component.handle();
    let until = async move { drop(stopped.await) };
    let mut server = Server::with(component, until, &mut tasks).await;
    server.say(&request("slow", VERSION)).await;
    server.say(&request("ping", PING)).await;
    server.until("'ping'").await;
    stop.send(()).unwrap();
    let before = server.until(CLOSING).await;
    assert!(
        before.contains("'slow'") && before.contains("recipient-unavailable"),
        "{before}"
    );
    assert!(before.ends_with(CLOSING), "{before}");
    for _ in 0..3 {
        server.say(&request("late", PING)).await;
        server.say(&request("late", VERSION)).await;
        server.say("<!-- not even this -->").await;
    }
    let peer = "a@b/c".parse().unwrap();
    let unsent = handle
        .send(Outgoing::chat(&peer, "late"))
        .await
        .unwrap_err();
    assert_eq!(*unsent.why(), SendErrorKind::Stopped);
    let asked = handle.get::<Empty>(&peer, Ping).await;
    assert!(
        matches!(asked, Err(RequestError::Disconnected)),
        "{asked:?}"
    );
    assert_eq!(server.rest().await, "");
}

/// A server whose every byte the test writes.
pub(crate) mod raw_server {
    use std::{future::Future, io};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        task::JoinSet,
    };

    use crate::{Component, Connect, Stream, async_trait};

    const HEADER: &str = "<stream:stream xmlns='jabber:component:accept' \
        xmlns:stream='http://etherx.jabber.org/streams' from='echo.test' id='1'>";

    struct Memory(Option<DuplexStream>);

    #[async_trait]
    impl Connect for Memory {
        async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
            let ours = self.0.take().ok_or(io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(ours))
        }
    }

    /// The server's end of a connection.
    pub(crate) struct Server(DuplexStream);

    impl Server {
        /// Runs a component until `stop` in a task, and performs the handshake.
        pub(crate) async fn with(
            component: Component,
            stop: impl Future<Output = ()> + Send + 'static,
            tasks: &mut JoinSet<()>,
        ) -> Server {
            let (ours, theirs) = duplex(1 << 20);
            let component = component.connect_through(Memory(Some(theirs)));
            tasks.spawn(async move {
                let _ended = Box::pin(component.run(stop)).await;
            });
            let mut server = Server(ours);
            server.until("streams").await;
            server.say(HEADER).await;
            server.until("</handshake>").await;
            server.say("<handshake/>").await;
            server
        }

        pub(crate) async fn say(&mut self, xml: &str) {
            self.0.write_all(xml.as_bytes()).await.unwrap();
        }

        /// Returns the received bytes up to these words.
        pub(crate) async fn until(&mut self, words: &str) -> String {
            let mut heard = String::new();
            while !heard.contains(words) {
                let mut bytes = [0; 4096];
                let read = self.0.read(&mut bytes).await.unwrap();
                assert_ne!(read, 0, "{heard}");
                heard += std::str::from_utf8(&bytes[..read]).unwrap();
            }
            heard
        }

        /// Returns all bytes received until the component closes the connection.
        pub(crate) async fn rest(&mut self) -> String {
            let mut heard = String::new();
            self.0.read_to_string(&mut heard).await.unwrap();
            heard
        }
    }
}
