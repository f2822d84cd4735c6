//! A server of which a test writes every byte.

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
/// The server's end of the stream.
pub(crate) struct Server(DuplexStream);

impl Server {
    /// A component that is online here, in tasks that end with the test.
    /// Runs a component until `stop`, in a task, and takes it through the handshake.
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

    /// What comes, up to these words and what came with them.
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

    /// All that comes until the component closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut heard = String::new();
        self.0.read_to_string(&mut heard).await.unwrap();
        heard
    }
}
