//! The replies to the last messages, so that a reply to a correction can correct them. (XEP-0308)
//!
//! A table of fixed size: a place has the last message whose hash led to it. It is made when it is first
//! needed, and costs a reply no allocation.

use std::{
    hash::BuildHasher,
    sync::{Mutex, PoisonError},
};

use couplet_core::{message::MessageType, stanza::Stanza};
use foldhash::fast::RandomState;

/// How many places the table has.
const PLACES: usize = 4096;

/// Which reply answers which message.
#[derive(Debug, Default)]
pub(crate) struct Corrections {
    key: RandomState,
    replies: Mutex<Vec<(u64, u64)>>,
}

impl Corrections {
    /// Identifies a message by its sender and id. Only the sender of a message may correct it: in a room the
    /// occupant, otherwise the person. (XEP-0308, 4)
    pub(crate) fn key(&self, message: &Stanza, id: &str) -> u64 {
        let from = message.from_prepared();
        let is_in_room = message.type_().as_deref() == Some(MessageType::Groupchat.as_str());
        let sender = match is_in_room {
            true => from,
            false => from.split('/').next().unwrap_or_default(),
        };
        self.key.hash_one((sender, message.to_prepared(), id))
    }

    /// The number of the reply to a message.
    pub(crate) fn reply_to(&self, message: u64) -> Option<u64> {
        let replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let (answered, reply) = replies.get(place(message)).copied()?;
        (answered == message).then_some(reply)
    }

    /// Notes the number of the reply to a message.
    pub(crate) fn note(&self, message: u64, reply: u64) {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        if replies.is_empty() {
            replies.resize(PLACES, (0, 0));
        }
        if let Some(place) = replies.get_mut(place(message)) {
            *place = (message, reply);
        }
    }
}

fn place(message: u64) -> usize {
    // Any bits of a hash will do.
    usize::try_from(message & 0xffff_ffff).unwrap_or_default() % PLACES
}

#[cfg(test)]
mod tests {
    use couplet_core::element::{Scope, Tree};

    use super::*;

    fn message(attributes: &str) -> Stanza {
        let xml = format!("<message {attributes} to='bot@c'/>");
        Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap()
    }

    #[test]
    fn only_the_sender_of_a_message_corrects_it() {
        let corrections = Corrections::default();
        let key = |attributes: &str, id| corrections.key(&message(attributes), id);
        let phone = key("from='a@b/phone'", "1");
        assert_eq!(phone, key("from='a@b/desk'", "1"));
        assert_ne!(phone, key("from='c@b/phone'", "1"));
        assert_ne!(phone, key("from='a@b/phone'", "2"));
        let occupant = key("type='groupchat' from='room@b/x'", "1");
        assert_ne!(occupant, key("type='groupchat' from='room@b/y'", "1"));
    }

    #[test]
    fn a_reply_is_known_until_its_place_is_taken() {
        let corrections = Corrections::default();
        let (message, of_the_same_place) = (7, 7 + PLACES as u64);
        assert_eq!(corrections.reply_to(message), None);
        corrections.note(message, 2);
        assert_eq!(corrections.reply_to(message), Some(2));
        assert_eq!(corrections.reply_to(of_the_same_place), None);
        corrections.note(of_the_same_place, 4);
        assert_eq!(corrections.reply_to(message), None);
    }
}
