//! Recognises messages that the component sent to a room and that the room reflects to all
//! occupants, including the sender. (XEP-0045, 7.4)
//!
//! They are recognised by room and id, so that another address of the component in the same room
//! ignores them too.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

use couplet_core::stanza::Stanza;

/// Number of remembered messages. A room reflects one within seconds.
const REMEMBERED: usize = 4096;

/// The latest messages sent to rooms.
#[derive(Debug, Default)]
pub(crate) struct Reflections {
    key: RandomState,
    sent: Mutex<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Reflections {
    /// Records a message before it is sent.
    pub(crate) fn note(&self, room: &str, id: &str) {
        let hash = self.hash(room, id);
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if !sent.known.insert(hash) {
            return;
        }
        sent.order.push_back(hash);
        if sent.order.len() > REMEMBERED
            && let Some(oldest) = sent.order.pop_front()
        {
            sent.known.remove(&oldest);
        }
    }

    /// Returns whether this message of a room is one of the component's own.
    pub(crate) fn contain(&self, message: &Stanza) -> bool {
        let Some(id) = message.id() else {
            return false;
        };
        let hash = self.hash(message.from_text(), &id);
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.known.contains(&hash)
    }

    fn hash(&self, occupant: &str, id: &str) -> u64 {
        let room = occupant.split('/').next().unwrap_or_default();
        self.key.hash_one((room, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet_core::element::{Scope, Tree};

    fn message(from: &str, id: &str) -> Stanza {
        let xml = format!("<message type='groupchat' from='{from}' to='bot@c' id='{id}'/>");
        Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap()
    }

    #[test]
    fn a_message_is_known_by_its_room_and_id() {
        let reflections = Reflections::default();
        reflections.note("room@muc", "1");
        assert!(reflections.contain(&message("room@muc/bot", "1")));
        assert!(!reflections.contain(&message("room@muc/bot", "2")));
        assert!(!reflections.contain(&message("other@muc/bot", "1")));
    }

    #[test]
    fn only_the_latest_are_remembered() {
        let reflections = Reflections::default();
        for id in 0..=REMEMBERED {
            reflections.note("room@muc", &id.to_string());
        }
        assert!(!reflections.contain(&message("room@muc/bot", "0")));
        assert!(reflections.contain(&message("room@muc/bot", "1")));
        assert_eq!(reflections.sent.lock().unwrap().order.len(), REMEMBERED);
    }
}
