//! Who has sent a chat state: only they are sent some. (XEP-0085, 5.1)

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use couplet::{BareJid, Message};

const NS: &str = "http://jabber.org/protocol/chatstates";

/// More persons than this, and all are forgotten: each message says it again.
const PERSONS: usize = 10_000;

#[derive(Default)]
pub(crate) struct ChatStates(Mutex<HashMap<String, bool>>);

impl ChatStates {
    /// Notes whether the client that sent this message sends chat states.
    pub(crate) fn note(&self, person: &BareJid, message: &Message) {
        let sends = message
            .stanza()
            .payloads()
            .any(|payload| payload.ns() == NS);
        let mut persons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if persons.len() >= PERSONS {
            persons.clear();
        }
        persons.insert(person.prepared().to_owned(), sends);
    }

    pub(crate) fn wants(&self, person: &BareJid) -> bool {
        let persons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        persons.get(person.prepared()).copied().unwrap_or(false)
    }
}
