//! [`Sink`]: a raw component whose addresses are many subscribers, and what each of them received. It does not
//! use the framework under test.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use couplet_core::element::{Element, Tree};
use couplet_core::framer::{Frame, Framer, Limits};
use couplet_core::handshake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::pubsub::SERVICE;
use crate::pubsub_service::SECRET;

/// The domain of the subscribers.
pub const DOMAIN: &str = "sink.localhost";

const EVENT: &str = "http://jabber.org/protocol/pubsub#event";
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const PATIENCE: Duration = Duration::from_secs(60);
/// Maximum number of concurrent subscription requests.
const WINDOW: usize = 200;

/// Many subscribers of one node; reads until it is dropped, and reconnects after a lost connection.
pub struct Sink {
    tally: Arc<Mutex<Tally>>,
    _reader: JoinSet<()>,
}

impl Sink {
    /// Subscribes many addresses to a node.
    pub async fn subscribe(server: &str, node: &str, subscribers: usize) -> Sink {
        let mut xml = Raw::attach(server).await.expect("a component");
        let numbers: Vec<usize> = (0..subscribers).collect();
        for window in numbers.chunks(WINDOW) {
            let asked: String = window
                .iter()
                .map(|number| subscribe(node, *number))
                .collect();
            xml.send(&asked).await.expect("a server that reads");
            for _ in window {
                let answer = timeout(PATIENCE, xml.next()).await.expect("an answer");
                let answer = answer.expect("a server that lives");
                assert_eq!(
                    attribute(answer.root(), "type"),
                    "result",
                    "{}",
                    answer.as_str()
                );
            }
        }
        let tally = Arc::new(Mutex::new(Tally::new(subscribers)));
        let (shared, server) = (Arc::clone(&tally), server.to_owned());
        let mut reader = JoinSet::new();
        reader.spawn(read(xml, server, shared));
        Sink {
            tally,
            _reader: reader,
        }
    }

    /// Returns what was received so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what was received matches.
    pub async fn until(&self, what: &str, like: impl Fn(&Tally) -> bool) {
        let mut before = 0;
        loop {
            // Waits as long as something arrives.
            let wanted = async {
                while !like(&self.tally()) {
                    sleep(Duration::from_millis(2)).await;
                }
            };
            if timeout(PATIENCE, wanted).await.is_ok() {
                return;
            }
            let tally = self.tally();
            assert!(tally.copies > before, "{what} does not come: {tally}");
            before = tally.copies;
        }
    }
}

/// What each subscriber received, how often, and in which order.
#[derive(Default)]
pub struct Tally {
    /// Messages.
    pub copies: usize,
    /// How often the sink has connected.
    pub connected: usize,
    /// The items of each subscriber in the order in which they first arrived.
    came: Vec<Vec<u32>>,
    /// The id of the message of each copy, by subscriber and item.
    ids: HashMap<(u32, u32), String>,
    strange_twins: usize,
    unknown: Vec<String>,
}

impl Tally {
    fn new(subscribers: usize) -> Tally {
        Tally {
            came: vec![Vec::new(); subscribers],
            connected: 1,
            ..Tally::default()
        }
    }

    /// Returns the number of copies without repeated ones.
    pub fn firsts(&self) -> usize {
        self.ids.len()
    }

    /// Returns whether every subscriber has this item.
    pub fn all_have(&self, item: u32) -> bool {
        // In node order the last item arrives last, except after an error.
        self.came
            .iter()
            .all(|items| items.iter().rev().any(|one| *one == item))
    }

    /// Checks that every subscriber received these items, in this order, and repeated ones with the
    /// same id.
    pub fn is_whole(&self, stored: &[u32]) {
        assert_eq!(self.unknown, [""; 0], "{self}");
        assert_eq!(
            self.strange_twins, 0,
            "the same item under another id; {self}"
        );
        for (number, items) in self.came.iter().enumerate() {
            assert_eq!(items, stored, "subscriber {number}; {self}");
        }
        let mut ids: Vec<&String> = self.ids.values().collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), self.ids.len(), "an id for two messages; {self}");
    }

    fn count(&mut self, stanza: Element<'_>) {
        match item_of(stanza) {
            Some((number, item)) if (number as usize) < self.came.len() => {
                let id = attribute(stanza, "id");
                self.copies += 1;
                if let Some(known) = self.ids.get(&(number, item)) {
                    self.strange_twins += usize::from(*known != id);
                    return;
                }
                self.ids.insert((number, item), id);
                self.came[number as usize].push(item);
            }
            // Ten examples suffice.
            _ if self.unknown.len() < 10 => self.unknown.push(stanza.to_xml()),
            _ => {}
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = self.copies - self.firsts();
        let most = self.came.iter().map(Vec::len).max().unwrap_or_default();
        let least = self.came.iter().map(Vec::len).min().unwrap_or_default();
        write!(
            f,
            "{} subscribers have {least} to {most} items; {} messages, {again} of them again; \
             connected {} times; strange: {:?}",
            self.came.len(),
            self.copies,
            self.connected,
            self.unknown
        )
    }
}

/// Returns the number of the subscriber and of the item in a notification.
fn item_of(stanza: Element<'_>) -> Option<(u32, u32)> {
    if stanza.name() != "message" || attribute(stanza, "type") == "error" {
        return None;
    }
    let items = stanza.child("event", EVENT)?.child("items", EVENT)?;
    let item = items.child("item", EVENT)?.attr("id")?.parse().ok()?;
    let to = attribute(stanza, "to");
    let number = to.strip_suffix(DOMAIN)?.strip_suffix('@')?;
    Some((number.strip_prefix('s')?.parse().ok()?, item))
}

fn attribute(element: Element<'_>, name: &str) -> String {
    element.attr(name).unwrap_or_default().into_owned()
}

fn subscribe(node: &str, number: usize) -> String {
    format!(
        "<iq type='set' from='s{number}@{DOMAIN}' to='{SERVICE}' id='{number}'><pubsub \
         xmlns='{PUBSUB}'><subscribe node='{node}' jid='s{number}@{DOMAIN}'/></pubsub></iq>"
    )
}

async fn read(mut xml: Raw, server: String, tally: Arc<Mutex<Tally>>) {
    let tally = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while let Ok(stanza) = xml.next().await {
            tally().count(stanza.root());
        }
        xml = loop {
            if let Ok(again) = Raw::attach(&server).await {
                break again;
            }
            sleep(Duration::from_millis(20)).await;
        };
        tally().connected += 1;
    }
}

/// The connection.
struct Raw {
    stream: TcpStream,
    framer: Framer,
}

impl Raw {
    async fn attach(server: &str) -> io::Result<Raw> {
        let stream = TcpStream::connect(server).await?;
        let mut raw = Raw {
            stream,
            framer: Framer::new(Limits::default()),
        };
        raw.send(&handshake::opening(DOMAIN)).await?;
        let id = loop {
            if let Frame::Opened(opened) = raw.frame().await? {
                break opened.id().unwrap_or_default().to_owned();
            }
        };
        raw.send(&handshake::handshake(&id, SECRET)).await?;
        let word = raw.next().await?;
        match word.root().name() {
            "handshake" => Ok(raw),
            _ => Err(io::Error::other(word.as_str())),
        }
    }

    async fn send(&mut self, xml: &str) -> io::Result<()> {
        self.stream.write_all(xml.as_bytes()).await
    }

    async fn next(&mut self) -> io::Result<Tree> {
        loop {
            if let Frame::Stanza(bytes) = self.frame().await? {
                return Tree::parse(bytes, self.framer.scope()).map_err(io::Error::other);
            }
        }
    }

    async fn frame(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.framer.next().map_err(io::Error::other)? {
                if matches!(frame, Frame::Closed) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                return Ok(frame);
            }
            if self.stream.read_buf(self.framer.space()).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
