//! The state of a server in memory: its components and users, and the routing between them.
//!
//! It is as strict as Prosody and ejabberd together (servers.md, 3): a stanza for which either
//! would close the stream is rejected here. Of rosters it only has the subscriptions to contacts; it has no storage
//! or other servers.

mod line;
mod routing;
mod start_tag;
mod terminal;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use couplet_core::element::Tree;
use couplet_core::stream_error::StreamError;
use tokio::io::DuplexStream;
use tokio::sync::watch;

use crate::setup::Setup;

pub(crate) use self::line::serve;
pub(crate) use self::terminal::Terminal;

/// Number of events that are remembered for the text of a failure.
const REMEMBERED: usize = 20;

/// Capacity of the connection to a component in each direction, as of a socket.
const SOCKET: usize = 64 * 1024;

/// The state that all connections, users and the test share.
#[derive(Debug)]
pub(crate) struct Exchange {
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

/// The state of the server.
#[derive(Debug)]
pub(crate) struct State {
    setup: Setup,
    up: bool,
    /// Whether the network is down: connections stay open and nothing moves.
    pub(crate) silent: bool,
    /// Whether stanzas from components to their own domain are lost.
    pub(crate) loses_self_pings: bool,
    /// The stream error for the next logins.
    pub(crate) refusal: Option<String>,
    /// A text in a component's stanza that ends its stream, and the stream error.
    pub(crate) ends_streams_on: Option<(String, Option<String>)>,
    /// Maximum number of bytes in one write to a component.
    pub(crate) piece: usize,
    lines: BTreeMap<u64, Line>,
    next_line: u64,
    users: BTreeMap<String, Inbox>,
    /// Which users are subscribed to which contacts, by bare address.
    subscriptions: BTreeSet<(String, String)>,
    journal: VecDeque<String>,
    faults: usize,
}

/// The connection of one component.
#[derive(Debug, Default)]
struct Line {
    /// Set after a successful login.
    domain: Option<String>,
    /// Open, but not routed to: Prosody's zombie (servers.md, 6).
    forgotten: bool,
    /// Whether its stanzas are left in the socket.
    unread: bool,
    out: Vec<u8>,
    /// Whether the connection closes after `out` is written.
    closing: bool,
}

/// The stanzas that wait for a user. Not bounded.
#[derive(Debug, Default)]
struct Inbox {
    heard: VecDeque<Tree>,
}

/// The next action of a connection.
#[derive(Clone, Copy, Debug)]
struct Orders {
    reads: bool,
    writes: bool,
    piece: usize,
    closing: bool,
}

impl Exchange {
    pub(crate) fn new(setup: Setup) -> Arc<Exchange> {
        Arc::new(Exchange {
            state: Mutex::new(State {
                setup,
                up: true,
                silent: false,
                loses_self_pings: false,
                refusal: None,
                ends_streams_on: None,
                piece: usize::MAX,
                lines: BTreeMap::new(),
                next_line: 1,
                users: BTreeMap::new(),
                subscriptions: BTreeSet::new(),
                journal: VecDeque::new(),
                faults: 0,
            }),
            version: watch::Sender::new(0),
        })
    }

    /// Changes the state, and wakes all connections and users.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.state());
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Reads the state.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state())
    }

    /// Returns a receiver of all changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Accepts a component: returns both ends of its connection, or `None` while the server is
    /// down.
    pub(crate) fn accept(&mut self) -> Option<(DuplexStream, DuplexStream, u64)> {
        if !self.up {
            return None;
        }
        let id = self.next_line;
        self.next_line += 1;
        self.lines.insert(id, Line::default());
        let (theirs, ours) = tokio::io::duplex(SOCKET);
        Some((theirs, ours, id))
    }

    /// Starts the server.
    pub(crate) fn start(&mut self) {
        self.end(b"");
        (self.up, self.silent, self.refusal) = (true, false, None);
        self.loses_self_pings = false;
    }

    /// Stops the server; components read `last_bytes` before the end.
    pub(crate) fn end(&mut self, last_bytes: &[u8]) {
        self.up = false;
        for line in self.lines.values_mut().filter(|line| !line.closing) {
            line.out.extend_from_slice(last_bytes);
            line.closing = true;
        }
    }

    /// Forgets all components; their connections stay open.
    pub(crate) fn forget_components(&mut self) {
        for line in self.lines.values_mut() {
            line.forgotten = line.domain.is_some();
        }
    }

    /// Stops or resumes reading from components.
    pub(crate) fn set_reading(&mut self, reading: bool) {
        for line in self.lines.values_mut() {
            line.unread = !reading;
        }
    }

    /// Sends bytes unchanged to all components that are logged in.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        for line in self.lines.values_mut().filter(|line| line.domain.is_some()) {
            line.out.extend_from_slice(bytes);
        }
    }

    /// Returns the number of connections of a domain.
    pub(crate) fn connections(&self, domain: &str) -> usize {
        let has = |line: &&Line| line.domain.as_deref() == Some(domain);
        self.lines.values().filter(has).count()
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Returns the last events, for the text of a failure.
    pub(crate) fn journal(&self) -> String {
        if self.journal.is_empty() {
            return "the server has logged no faults".to_owned();
        }
        let lines: Vec<&str> = self.journal.iter().map(String::as_str).collect();
        format!("the server's log:\n  {}", lines.join("\n  "))
    }

    /// Returns how many stanzas of components a real server would have rejected.
    pub(crate) fn faults(&self) -> usize {
        self.faults
    }

    /// Records a stanza that a component must not send.
    fn fault(&mut self, line: u64, condition: &str, why: &str) {
        self.faults += 1;
        self.refuse(line, condition, why);
    }

    fn remark(&mut self, event: String) {
        if self.journal.len() == REMEMBERED {
            self.journal.pop_front();
        }
        self.journal.push_back(event);
    }

    fn orders(&mut self, id: u64, output: &mut Vec<u8>, written: &mut usize) -> Orders {
        let (silent, piece) = (self.silent, self.piece.max(1));
        let Some(line) = self.lines.get_mut(&id) else {
            return Orders {
                reads: false,
                writes: false,
                piece,
                closing: true,
            };
        };
        if *written >= output.len() {
            output.clear();
            *written = 0;
            std::mem::swap(&mut line.out, output);
        }
        Orders {
            reads: !silent && !line.unread && !line.closing,
            writes: !silent && !output.is_empty(),
            piece,
            closing: line.closing && output.is_empty(),
        }
    }

    fn hang_up(&mut self, id: u64) {
        self.lines.remove(&id);
    }

    /// Sends a stream error and closes the connection. (RFC 6120, 4.9.1.1)
    fn refuse(&mut self, id: u64, condition: &str, why: &str) {
        self.remark(format!(
            "a component's stream is closed with <{condition}/>: {why}"
        ));
        let last_words = StreamError::to_xml(condition);
        self.close(id, last_words.as_bytes());
    }

    fn close(&mut self, id: u64, last_words: &[u8]) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.out.extend_from_slice(last_words);
            line.closing = true;
        }
    }

    fn say(&mut self, id: u64, words: &[u8]) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.out.extend_from_slice(words);
        }
    }

    /// Returns the connection that serves a domain.
    fn line_of(&self, domain: &str) -> Option<u64> {
        let serves = |line: &Line| {
            line.domain.as_deref() == Some(domain) && !line.forgotten && !line.closing
        };
        self.lines
            .iter()
            .find(|(_, line)| serves(line))
            .map(|(id, _)| *id)
    }
}
