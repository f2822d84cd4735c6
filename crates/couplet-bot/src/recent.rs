//! What may still be corrected: messages of people that were not understood, and our own last one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The messages of one conversation that are remembered.
const MESSAGES: usize = 20;

/// With as many conversations all are forgotten: a correction then changes nothing.
const CONVERSATIONS: usize = 10_000;

/// What became of the last messages of each conversation.
#[derive(Default)]
pub(crate) struct Recent(Mutex<HashMap<String, VecDeque<Seen>>>);

struct Seen {
    id: String,
    /// The reply to correct when the message is corrected; none if the message did what it says.
    reply: Option<String>,
}

impl Recent {
    /// Remembers a message, and the reply that a correction of it replaces.
    pub(crate) fn note(&self, lane: &str, id: String, reply: Option<String>) {
        let mut all = lock(&self.0);
        if all.len() >= CONVERSATIONS && !all.contains_key(lane) {
            all.clear();
        }
        let of_lane = all.entry(lane.to_owned()).or_default();
        of_lane.retain(|seen| seen.id != id);
        if of_lane.len() >= MESSAGES {
            of_lane.pop_front();
        }
        of_lane.push_back(Seen { id, reply });
    }

    /// Returns the reply that a correction of this message replaces.
    pub(crate) fn reply_to(&self, lane: &str, id: &str) -> Option<String> {
        let all = lock(&self.0);
        let mut of_lane = all.get(lane)?.iter();
        of_lane.find(|seen| seen.id == id)?.reply.clone()
    }
}

/// The first id of our last message to each person: clients take corrections of no other.
#[derive(Default)]
pub(crate) struct LastSent(Mutex<HashMap<String, String>>);

impl LastSent {
    pub(crate) fn set(&self, person: &str, id: &str) {
        let mut all = lock(&self.0);
        if all.len() >= CONVERSATIONS {
            all.clear();
        }
        all.insert(person.to_owned(), id.to_owned());
    }

    pub(crate) fn is(&self, person: &str, id: &str) -> bool {
        lock(&self.0).get(person).is_some_and(|last| last == id)
    }

    /// Forgets the message to a person, after one has bounced.
    pub(crate) fn forget(&self, person: &str) {
        lock(&self.0).remove(person);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
