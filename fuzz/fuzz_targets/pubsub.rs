//! A whole pubsub service under a handful of stanzas from three people: every get and set gets exactly
//! one answer, what it sends can be read, and it stays on the stream.
//!
//! The input is cut at NUL. Of each piece the first byte says who sends and what, the rest is inside.

#![no_main]

use std::{cell::RefCell, time::Duration};

use bytes::Bytes;
use couplet::{Component, Config, Connect, Stream, async_trait};
use couplet_core::{
    element::{Scope, Tree},
    framer::{Frame, Framer, Limits},
    stanza::{Kind, Stanza},
};
use couplet_pubsub::{Pubsub, policy::Anyone};
use libfuzzer_sys::fuzz_target;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::Runtime,
    time::timeout,
};

const DOMAIN: &str = "pubsub.test";
const OPENED: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' from='pubsub.test' id='1'>";
const PEOPLE: [&str; 3] = ["alice@x.test/a", "bob@x.test/b", "carol@x.test/c"];
/// Far more than an answer takes.
const PATIENCE: Duration = Duration::from_secs(9);

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
    );
}

fuzz_target!(|data: &[u8]| {
    let stanzas: Vec<Ask> = data
        .split(|byte| *byte == 0)
        .take(16)
        .enumerate()
        .filter_map(|(number, piece)| Ask::of(number, piece))
        .collect();
    if stanzas.is_empty() {
        return;
    }
    RUNTIME.with_borrow(|runtime| {
        let answered = runtime.block_on(async { timeout(PATIENCE, serve(stanzas)).await });
        answered.expect("all is answered");
    });
});

struct Ask {
    xml: String,
    /// Who is told, and under which id; then a ping behind it.
    from: &'static str,
    id: String,
    wants_an_answer: bool,
}

impl Ask {
    /// `None` where it would not be a stanza: a server lets no such thing through.
    fn of(number: usize, piece: &[u8]) -> Option<Ask> {
        let (&choice, inside) = piece.split_first()?;
        let inside = str::from_utf8(inside).ok()?;
        let from = PEOPLE[usize::from(choice) / 5 % PEOPLE.len()];
        let (name, type_) = [
            ("iq", "get"),
            ("iq", "set"),
            ("message", "normal"),
            ("message", "error"),
            ("presence", "subscribe"),
        ][usize::from(choice) % 5];
        let id = format!("ask-{number}");
        let xml = format!(
            "<{name} type='{type_}' from='{from}' to='{DOMAIN}' id='{id}'>{inside}</{name}>"
        );
        let tree = Tree::parse(Bytes::from(xml.clone()), &Scope::component()).ok()?;
        Stanza::read(tree).ok()?;
        Some(Ask {
            xml,
            from,
            id,
            wants_an_answer: name == "iq",
        })
    }
}

struct Memory(Option<DuplexStream>);

#[async_trait]
impl Connect for Memory {
    async fn connect(&mut self) -> std::io::Result<Box<dyn Stream>> {
        let ours = self.0.take().ok_or(std::io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(ours))
    }
}

async fn serve(asks: Vec<Ask>) {
    let (ours, theirs) = duplex(1 << 20);
    let pubsub = Pubsub::memory().policy(Anyone);
    let component = pubsub
        .mount(Component::new(Config::new(DOMAIN, "secret")))
        .without_reconnect()
        .connect_through(Memory(Some(theirs)));
    let mut server = Server::new(ours);
    tokio::select! {
        ended = component.run(std::future::pending()) => panic!("{ended:?}"),
        () = server.talk(asks) => {}
    }
    pubsub.close().await.unwrap();
}

struct Server {
    stream: DuplexStream,
    framer: Framer,
}

impl Server {
    fn new(stream: DuplexStream) -> Server {
        let framer = Framer::new(Limits::default());
        Server { stream, framer }
    }

    async fn talk(&mut self, asks: Vec<Ask>) {
        assert!(matches!(self.frame().await, Frame::Opened(_)));
        self.say(OPENED).await;
        // The handshake, of which any is right here.
        assert!(matches!(self.frame().await, Frame::Stanza(_)));
        self.say("<handshake/>").await;
        for ask in asks {
            self.ask(&ask).await;
        }
    }

    /// A stanza and a ping behind it: when that is answered, so was the stanza.
    async fn ask(&mut self, ask: &Ask) {
        let (from, ping) = (ask.from, format!("{}-ping", ask.id));
        self.say(&ask.xml).await;
        self.say(&format!(
            "<iq type='get' from='{from}' to='{DOMAIN}' id='{ping}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
        let mut answers = 0;
        loop {
            let Frame::Stanza(bytes) = self.frame().await else {
                panic!("the stream goes on")
            };
            let tree = Tree::parse(bytes.clone(), self.framer.scope()).expect("it is XML");
            let stanza = Stanza::read(tree).expect("it has both addresses");
            assert_eq!(stanza.from().domain().as_str(), DOMAIN);
            if stanza.to().as_str() == DOMAIN {
                // What it tells itself comes back, as from every server.
                self.stream.write_all(&bytes).await.unwrap();
                continue;
            }
            let id = stanza.id();
            if stanza.kind() != Kind::Iq || stanza.to().as_str() != from {
                continue;
            }
            assert!(stanza.is_answer(), "nobody is asked: {}", stanza.as_xml());
            if id.as_deref() == Some(&ping) {
                break;
            }
            assert_eq!(id.as_deref(), Some(&*ask.id));
            answers += 1;
        }
        assert_eq!(answers, i32::from(ask.wants_an_answer), "{}", ask.xml);
    }

    async fn say(&mut self, xml: &str) {
        self.stream.write_all(xml.as_bytes()).await.unwrap();
    }

    async fn frame(&mut self) -> Frame {
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = self.framer.next().expect("it is well-formed") {
                return frame;
            }
            let read = self.stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "it stays on the stream");
            self.framer.push(&buffer[..read]);
        }
    }
}
