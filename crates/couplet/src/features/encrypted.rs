//! The reply to an encrypted chat: that it cannot be read. (XEP-0380)

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use couplet_core::{message::Message, stanza_error::StanzaError};
use tokio::time::Instant;

use crate::{handler::MessageHandler, incoming::Incoming};

const TEXT: &str = "I cannot read encrypted messages. Please send it again without encryption.";

/// Time until a person gets the reply again.
const AGAIN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum number of people that get the reply within that time.
const PEOPLE: usize = 4096;

/// Handles encrypted chats: replies once a day to each sender that they cannot be read.
#[derive(Default)]
pub(crate) struct EncryptedNotice {
    key: RandomState,
    answered: Mutex<HashMap<u64, Instant>>,
}

impl EncryptedNotice {
    /// Returns whether this person should get the reply now, and records it if so.
    fn is_due(&self, person: &str) -> bool {
        let (person, now) = (self.key.hash_one(person), Instant::now());
        let is_recent = |at: &Instant| now.duration_since(*at) < AGAIN_AFTER;
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.get(&person).is_some_and(is_recent) {
            return false;
        }
        if answered.len() >= PEOPLE {
            answered.retain(|_, at| is_recent(at));
        }
        if answered.len() >= PEOPLE {
            return false;
        }
        answered.insert(person, now);
        true
    }
}

#[async_trait]
impl MessageHandler for EncryptedNotice {
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        let from = message.stanza().from_text();
        if self.is_due(from.split('/').next().unwrap_or_default()) {
            message.reply(TEXT).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_person_is_answered_once_a_day() {
        let notice = EncryptedNotice::default();
        assert!(notice.is_due("alice@example.org"));
        assert!(!notice.is_due("alice@example.org"));
        assert!(notice.is_due("bob@example.org"));
        tokio::time::advance(AGAIN_AFTER).await;
        assert!(notice.is_due("alice@example.org"));
    }

    #[tokio::test(start_paused = true)]
    async fn peers_beyond_a_number_get_no_reply() {
        let notice = EncryptedNotice::default();
        for person in 0..PEOPLE {
            assert!(notice.is_due(&person.to_string()));
        }
        assert!(!notice.is_due("one more"));
        tokio::time::advance(AGAIN_AFTER).await;
        assert!(notice.is_due("one more"));
    }
}
