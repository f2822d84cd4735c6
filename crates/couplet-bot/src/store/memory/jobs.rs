//! The jobs of a store in memory, by number, by time and by conversation.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::store::{
    StoreError, first_job,
    record::{JobEnd, JobId, JobRecord, NewJob, StateKey},
};

#[derive(Debug)]
pub(super) struct Jobs {
    by_id: HashMap<JobId, Job>,
    /// Those that are not parked: bot, time, number.
    by_time: BTreeSet<(String, u64, JobId)>,
    /// Those that are not parked, by bot and conversation.
    of: HashMap<(String, String), BTreeSet<JobId>>,
    last: u64,
}

#[derive(Debug)]
struct Job {
    bot: String,
    record: JobRecord,
}

impl Jobs {
    pub(super) fn new() -> Jobs {
        Jobs {
            by_id: HashMap::new(),
            by_time: BTreeSet::new(),
            of: HashMap::new(),
            last: first_job(),
        }
    }

    pub(super) fn add(&mut self, job: NewJob, limit: u32) -> Result<JobId, StoreError> {
        let place = (job.key.bot, job.key.conversation);
        let waiting = self.of.get(&place).map_or(0, BTreeSet::len);
        if waiting >= limit as usize {
            return Err(StoreError::too_many_jobs(limit));
        }
        let id = self.next_id();
        let (bot, conversation) = place;
        let record = JobRecord {
            id,
            conversation,
            name: job.key.name.to_owned(),
            value: job.value,
            due: job.due,
            first_due: job.due,
            every: job.every,
            tries: 0,
        };
        self.insert(Job { bot, record });
        Ok(id)
    }

    pub(super) fn next(&self, bot: &str, names: &[&'static str], limit: u32) -> Vec<JobRecord> {
        let from = (bot.to_owned(), 0, JobId(0));
        self.by_time
            .range(from..)
            .take_while(|(of, _, _)| of == bot)
            .filter_map(|(_, _, id)| self.by_id.get(id))
            .filter(|job| names.contains(&job.record.name.as_str()))
            .take(limit as usize)
            .map(|job| job.record.clone())
            .collect()
    }

    pub(super) fn end(&mut self, id: JobId, end: &JobEnd) {
        let Some(mut job) = self.remove(id) else {
            return;
        };
        match end {
            JobEnd::Done => return,
            // Only what is not parked is found by time and by conversation.
            JobEnd::Parked { .. } => {
                self.by_id.insert(id, job);
                return;
            }
            JobEnd::Again { due } => {
                (job.record.id, job.record.tries) = (self.next_id(), 0);
                (job.record.due, job.record.first_due) = (*due, *due);
            }
            JobEnd::Retry { due } => {
                job.record.due = *due;
                job.record.tries += 1;
            }
        }
        self.insert(job);
    }

    pub(super) fn cancel(&mut self, key: &StateKey) -> u32 {
        let place = (key.bot.clone(), key.conversation.clone());
        let all = self.of.get(&place).into_iter().flatten().copied();
        let is_named = |id: &JobId| {
            let job = self.by_id.get(id);
            job.is_some_and(|job| job.record.name == key.name)
        };
        let found: Vec<JobId> = all.filter(is_named).collect();
        for id in &found {
            self.remove(*id);
        }
        u32::try_from(found.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn names(&self, bot: &str) -> Vec<(String, u64)> {
        let mut names: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, _, id) in self.by_time.iter().filter(|(of, _, _)| of == bot) {
            if let Some(job) = self.by_id.get(id) {
                *names.entry(&job.record.name).or_default() += 1;
            }
        }
        let names = names.into_iter();
        names
            .map(|(name, count)| (name.to_owned(), count))
            .collect()
    }

    fn insert(&mut self, job: Job) {
        let (id, due) = (job.record.id, job.record.due);
        self.by_time.insert((job.bot.clone(), due, id));
        let place = (job.bot.clone(), job.record.conversation.clone());
        self.of.entry(place).or_default().insert(id);
        self.by_id.insert(id, job);
    }

    /// Takes a job away, also a parked one.
    fn remove(&mut self, id: JobId) -> Option<Job> {
        let job = self.by_id.remove(&id)?;
        self.by_time.remove(&(job.bot.clone(), job.record.due, id));
        let place = (job.bot.clone(), job.record.conversation.clone());
        if let Some(of_place) = self.of.get_mut(&place) {
            of_place.remove(&id);
            if of_place.is_empty() {
                self.of.remove(&place);
            }
        }
        Some(job)
    }

    fn next_id(&mut self) -> JobId {
        self.last += 1;
        JobId(self.last)
    }
}
