//! A user of the server in memory: sends bytes and receives stanzas.

use std::sync::Arc;
use std::time::Duration;

use couplet_core::element::{Scope, Tree};
use couplet_core::framer::{Frame, Framer, Limits};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Exchange, Inbox, start_tag};

const HEADER: &[u8] = b"<stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams'>";

/// The connection of a user.
#[derive(Debug)]
pub(crate) struct Terminal {
    exchange: Arc<Exchange>,
    changes: watch::Receiver<u64>,
    address: String,
    framer: Framer,
    cut_off: bool,
}

impl Terminal {
    /// Logs in a user.
    pub(crate) fn open(exchange: &Arc<Exchange>, address: &str) -> Terminal {
        // The framer has no limits, because the limits under test are the component's.
        let mut framer = Framer::new(Limits {
            stanza_bytes: usize::MAX,
            elements: usize::MAX,
            depth: usize::MAX,
            attributes: usize::MAX,
        });
        framer.push(HEADER);
        exchange.change(|state| state.users.insert(address.to_owned(), Inbox::default()));
        Terminal {
            exchange: Arc::clone(exchange),
            changes: exchange.subscribe(),
            address: address.to_owned(),
            framer,
            cut_off: false,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends bytes. Returns false if the stream has ended; malformed XML ends it.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.framer.push(bytes);
        while !self.cut_off {
            match self.framer.next() {
                Ok(None) => break,
                Ok(Some(Frame::Stanza(bytes))) => self.stanza(&bytes),
                Ok(Some(Frame::Opened(_))) => {}
                Ok(Some(_)) | Err(_) => self.cut_off = true,
            }
        }
        !self.cut_off
    }

    /// Returns the next stanza; `None` if none arrives within `patience`.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<Tree> {
        let next = async {
            loop {
                self.changes.mark_unchanged();
                if let Some(stanza) = self.take() {
                    return Some(stanza);
                }
                if self.changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        timeout(patience, next).await.ok().flatten()
    }

    /// Returns whether the server has ended the stream.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// Returns the last events of the server.
    pub(crate) fn journal(&self) -> String {
        self.exchange.look(super::State::journal)
    }

    fn take(&self) -> Option<Tree> {
        let mut state = self.exchange.state();
        state.users.get_mut(&self.address)?.heard.pop_front()
    }

    fn stanza(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let stamped = |from: &str| Tree::parse(start_tag::stamped(&text, from), &Scope::client());
        let stanza = stamped(&self.address).and_then(|stanza| match is_subscription(&stanza) {
            // RFC 6121, 3.1.2
            true => stamped(self.address.split('/').next().unwrap_or_default()),
            false => Ok(stanza),
        });
        match stanza {
            Ok(stanza) => self.exchange.change(|state| state.route_of_user(&stanza)),
            Err(_) => self.cut_off = true,
        }
    }
}

/// Whether a stanza changes a subscription: then it comes from the bare address.
fn is_subscription(stanza: &Tree) -> bool {
    let root = stanza.root();
    let type_ = root.attr("type").unwrap_or_default();
    root.name() == "presence" && type_.trim_start_matches("un").starts_with("subscribe")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.exchange
            .change(|state| state.users.remove(&self.address));
    }
}
