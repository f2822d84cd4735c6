//! The state of the writer thread: the file, changes that are not committed, and their callers.
//!
//! The thread decides when to commit, by its queue.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use rusqlite::Connection;

use crate::{
    change::Change,
    node::{Node, NodeId},
    snapshot::{Query, Snapshot},
    store::{
        Claim, Cursor, Decide, Job, JobId, StoreError,
        apply::Applier,
        job_queue::JobQueue,
        record::{Record, Restored},
        run_decision, validate_changes,
    },
    timestamp::Timestamp,
};

use super::{
    Shared,
    apply::{Applied, Rows},
    batch::{Batch, DeliveryLog, NodeCache},
    connect, fanout, find, transfer,
    unreadable::{Reading, ReportedRows, Unreadable, is_of_row},
    write_queue::Answer,
};

mod cleanup;

pub(super) struct WriterState {
    path: PathBuf,
    file: Option<Connection>,
    /// Whether an error made the connection unreliable: it is reopened.
    suspect: bool,
    failing: bool,
    nodes: NodeCache,
    /// Committed announcements only.
    queue: JobQueue,
    last_job: JobId,
    delivered: DeliveryLog,
    batch: Batch,
    /// Whether purged rows may still be in the file.
    untidy: bool,
    known: ReportedRows,
    /// Rows that could not be read since the last commit.
    left_out: Vec<Unreadable>,
    shared: Arc<Shared>,
}

impl WriterState {
    /// Loads the undelivered announcements of the file.
    pub(super) fn new(
        path: PathBuf,
        file: Connection,
        shared: Arc<Shared>,
    ) -> Result<WriterState, StoreError> {
        let waiting = find::waiting(&file)?;
        let last = waiting.iter().map(|(_, job)| *job).max();
        let mut queue = JobQueue::default();
        for (node, job) in waiting {
            queue.push(node, job);
        }
        let state = WriterState {
            path,
            file: Some(file),
            suspect: false,
            failing: false,
            nodes: NodeCache::default(),
            queue,
            last_job: last.unwrap_or(JobId(0)),
            delivered: DeliveryLog::default(),
            batch: Batch::default(),
            untidy: true,
            known: ReportedRows::default(),
            left_out: Vec::new(),
            shared,
        };
        state.update_backlog();
        Ok(state)
    }

    /// Returns whether a caller waits for the next commit.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Returns the number of callers that wait for the next commit.
    pub(super) fn waiting(&self) -> usize {
        self.batch.len()
    }

    /// Returns whether deliveries are not saved yet.
    pub(super) fn has_delivered(&self) -> bool {
        !self.delivered.is_empty()
    }

    /// Returns whether the last commit failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }

    /// Calls the decision and applies its changes; the result is sent after the commit, unless
    /// there is nothing to commit.
    pub(super) fn change(&mut self, query: &Query, decide: Decide, answer: Answer<()>) {
        match self.try_change(query, decide) {
            Ok(()) if self.batch.open => self.batch.await_change(answer),
            outcome => {
                let _caller_was_dropped = answer.send(outcome);
            }
        }
    }

    fn try_change(&mut self, query: &Query, decide: Decide) -> Result<(), StoreError> {
        let snapshot = self.snapshot(query)?;
        let changes = run_decision(decide, &snapshot)?;
        if changes.is_empty() {
            return Ok(());
        }
        let gives_up = |change: &Change| matches!(change, Change::Purge | Change::Delete { .. });
        self.untidy |= changes.iter().any(gives_up);
        let done = self.apply(snapshot.node, changes)?;
        for name in &done.forget {
            self.nodes.forget(name);
        }
        for node in done.nodes {
            self.nodes.change(node);
        }
        self.batch.announced.extend(done.announced);
        Ok(())
    }

    fn snapshot(&mut self, query: &Query) -> Result<Snapshot, StoreError> {
        let backlog = self.queue.len() + self.batch.announced.len() as u64;
        let found = self.with_file(|state, file| {
            let reading = Reading::new(file);
            let node = match &query.node {
                Some(name) => {
                    if state.nodes.find(name).is_none()
                        && let Some(node) = find::node(file, name)?
                    {
                        state.nodes.keep(node);
                    }
                    state.nodes.find(name)
                }
                None => None,
            };
            let found = find::snapshot(&reading, query, node, backlog)?;
            state.left_out.extend(reading.into_left_out());
            Ok(found)
        });
        found.map_err(|error| self.doubt(error))
    }

    /// Applies validated changes. Only the file can fail then, which rolls back all changes of the
    /// same commit: a savepoint for each would cost as much as the change.
    fn apply(&mut self, node: Option<Node>, changes: Vec<Change>) -> Result<Applied, StoreError> {
        let name = node.as_ref().map(|node| node.name.as_str());
        let checked = self.with_file(|_, file| {
            let is_taken = |name: &str| Ok(find::node(file, name)?.is_some());
            validate_changes(&changes, name, is_taken)
        });
        checked?;
        let done = self.with_file(|state, file| {
            state.begin(file)?;
            let rows = Rows::new(file, &mut state.last_job);
            Ok(Applier::new(rows, node).apply(changes)?.done)
        });
        done.map_err(|error| self.fail(error))
    }

    /// Runs `work` in a savepoint.
    fn in_savepoint<T>(
        &mut self,
        work: impl FnOnce(&Connection, &mut JobId) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = self.with_file(|state, file| {
            state.begin(file)?;
            file.execute_batch("SAVEPOINT change")?;
            let done = work(file, &mut state.last_job);
            let ended = match &done {
                Ok(_) => file.execute_batch("RELEASE change"),
                Err(_) => file.execute_batch("ROLLBACK TO change; RELEASE change"),
            };
            // If this fails, more than the work is rolled back, whatever its result.
            if let Err(error) = ended {
                state.batch.undone = true;
                return Err(done.err().unwrap_or_else(|| error.into()));
            }
            done
        });
        match done {
            Err(error) if self.is_undone() => Err(self.fail(error)),
            Err(error) => Err(self.doubt(error)),
            done => done,
        }
    }

    /// Returns whether an error has rolled back the whole transaction, with changes of other
    /// callers.
    fn is_undone(&self) -> bool {
        let ended = self.file.as_ref().is_none_or(Connection::is_autocommit);
        self.batch.undone || (self.batch.open && ended)
    }

    fn begin(&mut self, file: &Connection) -> Result<(), StoreError> {
        if !self.batch.open {
            file.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.batch.open = true;
        }
        Ok(())
    }

    /// Claims committed announcements.
    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Vec<Job>, StoreError> {
        let mut wrong = Vec::new();
        let claimed = self.with_file(|state, file| {
            let mut jobs = Vec::new();
            for id in state.queue.claim(claim) {
                let mut job = match fanout::job(file, id) {
                    Ok(job) => job,
                    Err(why) if is_of_row(&why) => {
                        wrong.push((id, why.to_string()));
                        continue;
                    }
                    Err(why) => return Err(why.into()),
                };
                if let (Some(job), Some(after)) = (&mut job, state.delivered.cursor(id)) {
                    job.after = Some(after.clone());
                }
                jobs.extend(job);
            }
            Ok(jobs)
        });
        let claimed = claimed.map_err(|error| self.doubt(error))?;
        for (job, why) in wrong {
            self.drop_unreadable(job, &why, &claim.instance);
        }
        Ok(claimed)
    }

    /// Records the progress of a job; it is saved with the next commit.
    pub(super) fn advance(
        &mut self,
        job: JobId,
        instance: &str,
        after: Cursor,
        until: Timestamp,
    ) -> bool {
        let held = self.queue.prolong(job, instance, until);
        if held {
            self.delivered.reach(job, after);
        }
        held
    }

    /// Records that a job is finished; it is saved with the next commit.
    pub(super) fn finish(&mut self, job: JobId, instance: &str) {
        let Some(gone) = self.queue.done(job, instance) else {
            return;
        };
        self.delivered.finish(job, gone.node);
        self.update_backlog();
        if gone.more {
            self.shared.announced.notify_one();
        }
    }

    /// Releases the jobs of an instance.
    pub(super) fn release(&mut self, instance: &str) {
        if self.queue.release(instance) {
            self.shared.announced.notify_one();
        }
    }

    /// Restores records of a dump; the result is sent after the commit.
    pub(super) fn restore(
        &mut self,
        into: Option<NodeId>,
        records: Vec<Record>,
        answer: Answer<Restored>,
    ) {
        // A restore counts in the file, so the counts have to be saved.
        self.commit();
        self.nodes.drop_all();
        // A removed node may be restored with its old key.
        self.sweep_all();
        let restored =
            self.in_savepoint(|file, last_job| transfer::restore(file, into, records, last_job));
        match restored {
            Ok((restored, jobs)) => {
                self.batch.announced.extend(jobs);
                self.batch.await_restore(answer, restored);
            }
            Err(error) => {
                let _caller_was_dropped = answer.send(Err(error));
            }
        }
    }

    /// Commits, and sends the results to the callers, which get none before.
    pub(super) fn commit(&mut self) {
        if self.batch.is_empty() && self.delivered.is_empty() {
            return;
        }
        let saved = self.with_file(|state, file| {
            state.begin(file)?;
            state.nodes.save(file)?;
            state.untidy |= state.delivered.save(file)?;
            file.prepare_cached("COMMIT")?.execute([])?;
            Ok(())
        });
        if let Err(error) = saved {
            self.fail(error);
            return;
        }
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.nodes.saved();
        self.delivered = DeliveryLog::default();
        let batch = std::mem::take(&mut self.batch);
        for (node, job) in &batch.announced {
            self.queue.push(*node, *job);
        }
        self.update_backlog();
        let wake = !batch.announced.is_empty();
        batch.answer(Ok(()));
        if wake {
            self.shared.announced.notify_one();
        }
        if std::mem::take(&mut self.failing) {
            tracing::info!(file = %self.path.display(), "changes are saved again");
        }
    }

    /// Rolls back everything since the last commit, and sends the error to the callers.
    fn fail(&mut self, error: StoreError) -> StoreError {
        if let Some(file) = &self.file
            && !file.is_autocommit()
        {
            self.suspect |= file.execute_batch("ROLLBACK").is_err();
        }
        self.nodes.drop_all();
        std::mem::take(&mut self.batch).answer(Err(&error));
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(file = %self.path.display(), %error, "changes are not saved");
        }
        self.doubt(error)
    }

    fn doubt(&mut self, error: StoreError) -> StoreError {
        self.suspect |= matches!(error, StoreError::Broken(_));
        error
    }

    fn with_file<T>(
        &mut self,
        work: impl FnOnce(&mut WriterState, &Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.suspect && !self.batch.open {
            self.file = None;
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => connect::writing(&self.path)?,
        };
        self.suspect &= self.batch.open;
        let done = work(self, &file);
        self.file = Some(file);
        done
    }

    fn update_backlog(&self) {
        let backlog = &self.shared.backlog;
        backlog.store(self.queue.len(), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn run_sql(&mut self, sql: &str) -> Result<(), StoreError> {
        self.with_file(|_, file| Ok(file.execute_batch(sql)?))
    }
}
