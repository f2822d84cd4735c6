//! What a store holds.

use std::fmt;

/// The key of a value: a bot, a conversation and the name of the type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey {
    /// The bare address of the bot.
    pub bot: String,
    /// The conversation.
    pub conversation: String,
    /// The name of the type.
    pub name: &'static str,
}

/// The number of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub(crate) u64);

impl JobId {
    /// Returns the job with this number, which is below 2⁶².
    #[must_use]
    pub fn new(number: u64) -> JobId {
        JobId(number)
    }

    /// Returns the number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Whose job it is.
    pub key: StateKey,
    /// The job as JSON.
    pub value: String,
    /// When it is due.
    pub due: u64,
    /// The period of a job that repeats, in milliseconds.
    pub every: Option<u64>,
}

/// A stored job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// Its number.
    pub id: JobId,
    /// The conversation.
    pub conversation: String,
    /// The name of the type.
    pub name: String,
    /// The job as JSON.
    pub value: String,
    /// When it is due.
    pub due: u64,
    /// When it was due before any retry.
    pub first_due: u64,
    /// The period of a job that repeats, in milliseconds.
    pub every: Option<u64>,
    /// How often it has failed since.
    pub tries: u32,
}

/// How a run of a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// It is done and removed.
    Done,
    /// It is done and due again, with a new number.
    Again {
        /// When.
        due: u64,
    },
    /// It has failed and is due again.
    Retry {
        /// When.
        due: u64,
    },
    /// It has failed too often and does not run again. It stays in the store with the reason.
    Parked {
        /// The reason.
        why: String,
    },
}

/// A stored form session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session as JSON.
    pub value: String,
    /// When it ends.
    pub until: u64,
}
