//! [`SqliteStore`]: one file, one writer, group commit.
//!
//! All operations run on one connection, those that wait together in one transaction. A caller gets its
//! result after the commit, so what it is told is on the disk.

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::{
    Store, StoreError,
    record::{JobEnd, JobId, JobRecord, NewJob, SessionRecord, StateKey},
};

mod error;
mod file;
mod jobs;
mod writer;

use writer::Writer;

/// A store in a file of SQLite. One process at a time may use it.
///
/// # Examples
///
/// ```
/// use couplet_bot::{Bot, SqliteStore};
///
/// # fn main() -> Result<(), couplet_bot::StoreError> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("tea.db");
/// let bot = Bot::new("remind").store(SqliteStore::open(&path)?);
/// assert!(SqliteStore::open(&path).is_err(), "the first one holds it");
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore(Arc<Writer>);

impl SqliteStore {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    ///
    /// Another process holds the file, it is damaged or of a newer version, or it cannot be written.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        Ok(SqliteStore(Arc::new(Writer::open(path)?)))
    }

    /// Runs an operation in the next transaction.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, done) = oneshot::channel();
        self.0.send(operation, answer)?;
        done.await.map_err(|_writer_is_gone| error::closed())?
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteStore").field(&self.0.path()).finish()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn state(&self, key: StateKey) -> Result<Option<String>, StoreError> {
        self.run(move |file| {
            let sql = "SELECT value FROM state WHERE bot = ? AND conversation = ? AND name = ?";
            let key = params![key.bot, key.conversation, key.name];
            let mut found = file.prepare_cached(sql)?;
            Ok(found.query_row(key, |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn set_state(&self, key: StateKey, value: Option<String>) -> Result<(), StoreError> {
        self.run(move |file| {
            let key = (key.bot, key.conversation, key.name);
            match value {
                Some(value) => file
                    .prepare_cached("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)")?
                    .execute(params![key.0, key.1, key.2, value])?,
                None => file
                    .prepare_cached(
                        "DELETE FROM state WHERE bot = ? AND conversation = ? AND name = ?",
                    )?
                    .execute(key)?,
            };
            Ok(())
        })
        .await
    }

    async fn states(&self, bot: &str, name: &str) -> Result<Vec<(String, String)>, StoreError> {
        let key = [bot.to_owned(), name.to_owned()];
        self.run(move |file| {
            let sql = "SELECT conversation, value FROM state WHERE bot = ? AND name = ?
                       ORDER BY conversation";
            let mut all = file.prepare_cached(sql)?;
            let rows = all.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn add_job(&self, job: NewJob, limit: u32) -> Result<JobId, StoreError> {
        self.run(move |file| jobs::add(file, &job, limit)).await
    }

    async fn next_jobs(
        &self,
        bot: &str,
        names: Vec<&'static str>,
        limit: u32,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let bot = bot.to_owned();
        self.run(move |file| jobs::next(file, &bot, &names, limit))
            .await
    }

    async fn end_job(&self, id: JobId, end: JobEnd) -> Result<(), StoreError> {
        self.run(move |file| jobs::end(file, id, end)).await
    }

    async fn cancel_jobs(&self, key: StateKey) -> Result<u32, StoreError> {
        self.run(move |file| jobs::cancel(file, &key)).await
    }

    async fn job_names(&self, bot: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let bot = bot.to_owned();
        self.run(move |file| jobs::names(file, &bot)).await
    }

    async fn session(
        &self,
        bot: &str,
        owner: &str,
        id: &str,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let key = [bot.to_owned(), owner.to_owned(), id.to_owned()];
        self.run(move |file| {
            let sql =
                "SELECT value, until FROM form_session WHERE bot = ? AND owner = ? AND id = ?";
            let mut found = file.prepare_cached(sql)?;
            let found = found.query_row(key, |row| {
                let (value, until) = (row.get(0)?, file::count(row, 1)?);
                Ok(SessionRecord { value, until })
            });
            Ok(found.optional()?)
        })
        .await
    }

    async fn set_session(
        &self,
        bot: &str,
        owner: &str,
        id: &str,
        session: Option<SessionRecord>,
        keep: u32,
    ) -> Result<(), StoreError> {
        let [bot, owner, id] = [bot, owner, id].map(str::to_owned);
        self.run(move |file| {
            file.prepare_cached("DELETE FROM form_session WHERE bot = ? AND owner = ? AND id = ?")?
                .execute([&bot, &owner, &id])?;
            let Some(session) = session else {
                return Ok(());
            };
            let sql =
                "INSERT INTO form_session (bot, owner, id, value, until) VALUES (?, ?, ?, ?, ?)";
            let until = file::integer(session.until);
            file.prepare_cached(sql)?
                .execute(params![bot, owner, id, session.value, until])?;
            let sql = "DELETE FROM form_session WHERE number IN (
                           SELECT number FROM form_session WHERE bot = ? AND owner = ?
                           ORDER BY number DESC LIMIT -1 OFFSET ?)";
            file.prepare_cached(sql)?
                .execute(params![bot, owner, keep])?;
            Ok(())
        })
        .await
    }

    async fn expire_sessions(&self, bot: &str, before: u64) -> Result<u64, StoreError> {
        let bot = bot.to_owned();
        self.run(move |file| {
            file.prepare_cached("DELETE FROM form_session WHERE bot = ? AND until < ?")?
                .execute(params![bot, file::integer(before)])?;
            let sql = "SELECT count(*) FROM form_session WHERE bot = ?";
            let mut count = file.prepare_cached(sql)?;
            Ok(count.query_row([bot], |row| file::count(row, 0))?)
        })
        .await
    }

    async fn subscribers(&self, bot: &str) -> Result<Vec<String>, StoreError> {
        let bot = bot.to_owned();
        self.run(move |file| {
            let sql = "SELECT jid FROM subscriber WHERE bot = ? ORDER BY jid";
            let mut all = file.prepare_cached(sql)?;
            let rows = all.query_map([bot], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn set_subscriber(&self, bot: &str, jid: &str, is_one: bool) -> Result<(), StoreError> {
        let key = [bot.to_owned(), jid.to_owned()];
        self.run(move |file| {
            let sql = match is_one {
                true => "INSERT OR IGNORE INTO subscriber VALUES (?, ?)",
                false => "DELETE FROM subscriber WHERE bot = ? AND jid = ?",
            };
            file.prepare_cached(sql)?.execute(key)?;
            Ok(())
        })
        .await
    }

    async fn notice(
        &self,
        bot: &str,
        jid: &str,
        what: &str,
        now: u64,
        since: u64,
    ) -> Result<bool, StoreError> {
        let [bot, jid, what] = [bot, jid, what].map(str::to_owned);
        self.run(move |file| {
            let sql = "INSERT INTO notice VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (bot, jid, what) DO UPDATE SET at = ?4 WHERE at <= ?5";
            let (now, since) = (file::integer(now), file::integer(since));
            let changed = file
                .prepare_cached(sql)?
                .execute(params![bot, jid, what, now, since])?;
            if changed > 0 {
                // Of no use any more; a missing one is sent again at worst.
                file.prepare_cached("DELETE FROM notice WHERE bot = ? AND at < ? - 7 * 86400000")?
                    .execute(params![bot, since])?;
            }
            Ok(changed > 0)
        })
        .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}

#[cfg(test)]
mod tests;
