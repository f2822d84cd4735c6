//! [`MemoryStore`]: for tests, and for bots that may forget.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{
    Store, StoreError,
    record::{JobEnd, JobId, JobRecord, NewJob, SessionRecord, StateKey},
};

mod jobs;

use jobs::Jobs;

/// A store in memory: what it holds is lost with the process.
///
/// # Examples
///
/// ```
/// use couplet_bot::{Bot, MemoryStore};
///
/// let bot = Bot::new("remind").store(MemoryStore::new());
/// ```
#[derive(Debug)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug)]
struct Tables {
    states: HashMap<StateKey, String>,
    jobs: Jobs,
    /// By bot, owner and id, with the order in which they were set.
    sessions: HashMap<(String, String, String), (u64, SessionRecord)>,
    sessions_set: u64,
    subscribers: BTreeSet<(String, String)>,
    notices: HashMap<(String, String, String), u64>,
}

/// More notices than this, and the oldest half goes: a missing one is sent again at worst.
const NOTICES: usize = 10_000;

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> MemoryStore {
        MemoryStore(Mutex::new(Tables {
            states: HashMap::new(),
            jobs: Jobs::new(),
            sessions: HashMap::new(),
            sessions_set: 0,
            subscribers: BTreeSet::new(),
            notices: HashMap::new(),
        }))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        MemoryStore::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn state(&self, key: StateKey) -> Result<Option<String>, StoreError> {
        Ok(self.tables().states.get(&key).cloned())
    }

    async fn set_state(&self, key: StateKey, value: Option<String>) -> Result<(), StoreError> {
        let mut tables = self.tables();
        match value {
            Some(value) => tables.states.insert(key, value),
            None => tables.states.remove(&key),
        };
        Ok(())
    }

    async fn states(&self, bot: &str, name: &str) -> Result<Vec<(String, String)>, StoreError> {
        let tables = self.tables();
        let all = tables.states.iter();
        let named = all.filter(|(key, _)| key.bot == bot && key.name == name);
        let mut found: Vec<_> = named
            .map(|(key, value)| (key.conversation.clone(), value.clone()))
            .collect();
        found.sort();
        Ok(found)
    }

    async fn add_job(&self, job: NewJob, limit: u32) -> Result<JobId, StoreError> {
        self.tables().jobs.add(job, limit)
    }

    async fn next_jobs(
        &self,
        bot: &str,
        names: Vec<&'static str>,
        limit: u32,
    ) -> Result<Vec<JobRecord>, StoreError> {
        Ok(self.tables().jobs.next(bot, &names, limit))
    }

    async fn end_job(&self, id: JobId, end: JobEnd) -> Result<(), StoreError> {
        self.tables().jobs.end(id, &end);
        Ok(())
    }

    async fn cancel_jobs(&self, key: StateKey) -> Result<u32, StoreError> {
        Ok(self.tables().jobs.cancel(&key))
    }

    async fn job_names(&self, bot: &str) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.tables().jobs.names(bot))
    }

    async fn session(
        &self,
        bot: &str,
        owner: &str,
        id: &str,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let key = (bot.to_owned(), owner.to_owned(), id.to_owned());
        let found = self.tables().sessions.get(&key).cloned();
        Ok(found.map(|(_, session)| session))
    }

    async fn set_session(
        &self,
        bot: &str,
        owner: &str,
        id: &str,
        session: Option<SessionRecord>,
        keep: u32,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let key = (bot.to_owned(), owner.to_owned(), id.to_owned());
        let Some(session) = session else {
            tables.sessions.remove(&key);
            return Ok(());
        };
        tables.sessions_set += 1;
        let set = tables.sessions_set;
        tables.sessions.insert(key, (set, session));
        let of_owner = tables.sessions.iter();
        let of_owner = of_owner.filter(|((of, by, _), _)| of == bot && by == owner);
        let mut of_owner: Vec<_> = of_owner
            .map(|(key, (set, _))| (*set, key.clone()))
            .collect();
        of_owner.sort_by(|one, other| other.cmp(one));
        for (_, key) in of_owner.into_iter().skip(keep as usize) {
            tables.sessions.remove(&key);
        }
        Ok(())
    }

    async fn expire_sessions(&self, bot: &str, before: u64) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let sessions = &mut tables.sessions;
        sessions.retain(|(of, _, _), (_, session)| of != bot || session.until >= before);
        Ok(sessions.keys().filter(|(of, _, _)| of == bot).count() as u64)
    }

    async fn subscribers(&self, bot: &str) -> Result<Vec<String>, StoreError> {
        let tables = self.tables();
        let all = tables.subscribers.iter().filter(|(of, _)| of == bot);
        Ok(all.map(|(_, jid)| jid.clone()).collect())
    }

    async fn set_subscriber(&self, bot: &str, jid: &str, is_one: bool) -> Result<(), StoreError> {
        let key = (bot.to_owned(), jid.to_owned());
        let mut tables = self.tables();
        match is_one {
            true => tables.subscribers.insert(key),
            false => tables.subscribers.remove(&key),
        };
        Ok(())
    }

    async fn notice(
        &self,
        bot: &str,
        jid: &str,
        what: &str,
        now: u64,
        since: u64,
    ) -> Result<bool, StoreError> {
        let key = (bot.to_owned(), jid.to_owned(), what.to_owned());
        let mut tables = self.tables();
        if tables.notices.get(&key).is_some_and(|last| *last > since) {
            return Ok(false);
        }
        if tables.notices.len() >= NOTICES {
            let mut times: Vec<u64> = tables.notices.values().copied().collect();
            times.sort_unstable();
            let middle = times.get(NOTICES / 2).copied().unwrap_or_default();
            tables.notices.retain(|_, at| *at > middle);
        }
        tables.notices.insert(key, now);
        Ok(true)
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;

    #[tokio::test]
    async fn the_store_in_memory_passes_the_suite() {
        suite::run(async || MemoryStore::new()).await;
    }
}
