//! [`Store`]: what a bot keeps on disk.
//!
//! Deliberately absent: types of the application. Values are JSON texts.

#[doc(hidden)]
pub mod suite;
#[cfg(feature = "sqlite")]
mod sqlite;
mod memory;
mod record;
mod error;

use async_trait::async_trait;

use crate::ids;

pub use error::StoreError;
pub use memory::MemoryStore;
pub use record::{JobEnd, JobId, JobRecord, NewJob, SessionRecord, StateKey};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

/// Stores state, jobs, form sessions, subscribers and notices of bots.
///
/// [`MemoryStore`] and [`SqliteStore`] implement it; [`Bot::store`](crate::Bot::store) takes another one. A
/// store is used by one process at a time. A function that changes something returns when the change is
/// durable. Times are milliseconds since 1970.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Returns the value with this key.
    async fn state(&self, key: StateKey) -> Result<Option<String>, StoreError>;

    /// Sets or, without a value, removes the value with this key.
    async fn set_state(&self, key: StateKey, value: Option<String>) -> Result<(), StoreError>;

    /// Returns all values with this name: the keys of their conversations, and the values.
    async fn states(&self, bot: &str, name: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// Adds a job, unless its conversation has `limit` jobs. The number is used once in the life of a store,
    /// also after a restart, and differs between stores.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if the limit is reached.
    async fn add_job(&self, job: NewJob, limit: u32) -> Result<JobId, StoreError>;

    /// Returns up to `limit` jobs with one of these names in the order in which they are due, without parked
    /// ones. They may be due in the future.
    async fn next_jobs(
        &self,
        bot: &str,
        names: Vec<&'static str>,
        limit: u32,
    ) -> Result<Vec<JobRecord>, StoreError>;

    /// Ends a run of a job. A job that was cancelled meanwhile stays away.
    async fn end_job(&self, id: JobId, end: JobEnd) -> Result<(), StoreError>;

    /// Removes the jobs of a conversation with this name and returns their number.
    async fn cancel_jobs(&self, key: StateKey) -> Result<u32, StoreError>;

    /// Returns the names and the number of the jobs of a bot.
    async fn job_names(&self, bot: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// Returns a form session.
    async fn session(
        &self,
        bot: &str,
        owner: &str,
        id: &str,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Sets a form session or, without a value, removes it. Of one owner only the `keep` sessions that were set
    /// last remain.
    async fn set_session(
        &self,
        bot: &str,
        owner: &str,
        id: &str,
        session: Option<SessionRecord>,
        keep: u32,
    ) -> Result<(), StoreError>;

    /// Removes the form sessions that ended before this time and returns the number of those that remain.
    async fn expire_sessions(&self, bot: &str, before: u64) -> Result<u64, StoreError>;

    /// Returns the subscribers of a bot.
    async fn subscribers(&self, bot: &str) -> Result<Vec<String>, StoreError>;

    /// Adds or removes a subscriber.
    async fn set_subscriber(&self, bot: &str, jid: &str, is_one: bool) -> Result<(), StoreError>;

    /// Returns whether this notice may be sent to an address: the last one was at `since` or earlier. It is
    /// then recorded with the time `now`.
    async fn notice(
        &self,
        bot: &str,
        jid: &str,
        what: &str,
        now: u64,
        since: u64,
    ) -> Result<bool, StoreError>;

    /// Releases what the store holds, such as the lock of its file. It is the last call.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Returns a random number for jobs to be counted from, so that the ids of messages differ between stores.
fn first_job() -> u64 {
    u64::try_from(ids::random() >> 67).unwrap_or_default()
}
