//! Ids of messages: UUIDs, since clients deduplicate and correct only such.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU16, AtomicU64, Ordering},
};

use uuid::Builder;

/// Makes the ids of the messages of one turn.
#[derive(Debug)]
pub(crate) enum Ids {
    Random,
    /// Those of a job are the same when it runs again, so that clients show its messages once. (RFC 9562, 5.8)
    OfJob {
        number: u64,
        sent: AtomicU16,
    },
}

impl Ids {
    pub(crate) fn of_job(number: u64) -> Ids {
        let sent = AtomicU16::new(0);
        Ids::OfJob { number, sent }
    }

    pub(crate) fn next(&self) -> String {
        match self {
            Ids::Random => {
                let bytes = random().to_be_bytes();
                Builder::from_random_bytes(bytes).into_uuid().to_string()
            }
            Ids::OfJob { number, sent } => {
                let sent = sent.fetch_add(1, Ordering::Relaxed);
                let value = (u128::from(sent) << 64) | u128::from(*number);
                let uuid = Builder::from_custom_bytes(value.to_be_bytes());
                uuid.into_uuid().to_string()
            }
        }
    }
}

/// Returns 128 random bits.
pub(crate) fn random() -> u128 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Each is seeded by the operating system once a thread, and hashes a number of its own.
    let half = |salt: u8| u128::from(RandomState::new().hash_one((count, salt)));
    (half(0) << 64) | half(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_job_has_the_same_ids_each_time() {
        let [first, second] = [Ids::of_job(7), Ids::of_job(7)];
        let ids = [first.next(), first.next()];
        assert_eq!(ids, [second.next(), second.next()]);
        assert_ne!(ids[0], ids[1]);
        assert_ne!(ids[0], Ids::of_job(8).next());
        assert_eq!(Uuid::parse_str(&ids[0]).unwrap().get_version_num(), 8);
    }

    #[test]
    fn other_messages_have_random_uuids() {
        let ids: std::collections::HashSet<String> =
            (0..1_000).map(|_| Ids::Random.next()).collect();
        assert_eq!(ids.len(), 1_000);
        let version = |id: &String| Uuid::parse_str(id).unwrap().get_version_num();
        assert!(ids.iter().all(|id| version(id) == 4));
    }
}
