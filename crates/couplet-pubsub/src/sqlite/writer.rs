//! The writer: a thread that runs queued operations in one transaction and sends the results after
//! the commit. During a commit the next operations are collected.
//!
//! Reads have connections of their own.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    node::NodeId,
    snapshot::Query,
    store::{
        Claim, Cursor, Decide, Job, JobId, StoreError,
        record::{Record, Restored},
    },
    timestamp::Timestamp,
};

use super::{
    Shared, connect,
    lock::Lock,
    unreadable::Unreadable,
    write_queue::{Answer, WriteQueue},
    writer_state::WriterState,
};

/// The number of operations that wakes the writer while it waits for more.
const AT_ONCE: usize = 16;

/// How long deliveries wait for changes to share a commit with.
const LINGER: Duration = Duration::from_millis(50);

/// Maximum time that a commit waits for callers of the previous one.
const PATIENCE: Duration = Duration::from_millis(5);

/// How long deliveries wait while commits fail.
const PAUSE: Duration = Duration::from_secs(1);

/// An operation, with the channel for its result.
pub(super) enum Op {
    Change {
        query: Query,
        decide: Decide,
        answer: Answer<()>,
    },
    Claim {
        claim: Claim,
        answer: Answer<Vec<Job>>,
    },
    Advance {
        job: JobId,
        instance: String,
        after: Cursor,
        until: Timestamp,
        answer: Answer<bool>,
    },
    Finish {
        job: JobId,
        instance: String,
        answer: Answer<()>,
    },
    SetJobAside {
        job: JobId,
        instance: String,
        why: String,
        answer: Answer<()>,
    },
    Release {
        instance: String,
        answer: Answer<()>,
    },
    Restore {
        into: Option<NodeId>,
        records: Vec<Record>,
        answer: Answer<Restored>,
    },
    /// Unreadable rows; without a result.
    SetAside(Vec<Unreadable>),
    /// Arbitrary SQL, for tests.
    #[cfg(test)]
    Run {
        sql: &'static str,
        answer: Answer<()>,
    },
}

/// The handle of the thread. Dropping it waits until all queued operations are done.
pub(super) struct Writer {
    write_queue: Arc<WriteQueue<Op>>,
    /// `None` after `stop`.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn start(path: PathBuf, shared: Arc<Shared>) -> Result<Writer, StoreError> {
        let lock = Lock::take(&path)?;
        let file = connect::writing(&path)?;
        connect::check(&file, &path)?;
        let state = WriterState::new(path, file, shared)?;
        let write_queue = Arc::new(WriteQueue::new());
        let ops = Arc::clone(&write_queue);
        let thread = std::thread::Builder::new()
            .name("pubsub-sqlite".to_owned())
            .spawn(move || {
                // Also after a panic, no caller may wait for it any more.
                let closing = CloseOnDrop(ops);
                run(state, &closing.0);
                drop(lock);
            })
            .map_err(|error| {
                StoreError::Busy(format!("the writer thread cannot be started: {error}"))
            })?;
        Ok(Writer {
            write_queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn send(&self, op: Op) -> Result<(), StoreError> {
        self.write_queue.send(op)
    }

    /// Closes the queue; the thread ends when all queued operations are done. Returns `None` if it
    /// was stopped before.
    pub(super) fn stop(&self) -> Option<JoinHandle<()>> {
        self.write_queue.close();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.take()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(thread) = self.stop() {
            let _it_may_have_panicked = thread.join();
        }
    }
}

struct CloseOnDrop(Arc<WriteQueue<Op>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
        let _nobody_answers_them = self.0.take(0, None);
    }
}

/// Runs operations until the queue is closed.
fn run(mut state: WriterState, ops: &WriteQueue<Op>) {
    let mut due: Option<Instant> = None;
    let mut pace = LastCommit::default();
    let left = |due: Instant| due.duration_since(Instant::now());
    while let Some(some) = ops.take(1, state.patience(due.map(left))) {
        let idle = some.is_empty();
        for op in some {
            take(&mut state, op);
        }
        if state.is_waited_for() {
            gather(&mut state, ops, &pace);
            pace = pace.commit(&mut state);
            due = None;
        } else if idle || due.is_some_and(|due| left(due).is_zero()) {
            state.commit();
            due = None;
        }
        // Operations wait for one batch at most.
        state.sweep();
        if due.is_none() && state.has_delivered() {
            let linger = if state.is_failing() { PAUSE } else { LINGER };
            due = Some(Instant::now() + linger);
        }
    }
    state.commit();
}

/// The size and duration of the last commit.
#[derive(Default)]
struct LastCommit {
    answered: usize,
    took: Duration,
}

impl LastCommit {
    fn commit(&self, state: &mut WriterState) -> LastCommit {
        let answered = state.waiting();
        let begun = Instant::now();
        state.commit();
        LastCommit {
            answered,
            took: begun.elapsed(),
        }
    }
}

/// Collects operations for the next commit. Callers of the last commit usually continue at once:
/// without a short wait every other commit would be for the first of them alone. The wait is at
/// most half the duration of a commit.
fn gather(state: &mut WriterState, ops: &WriteQueue<Op>, last: &LastCommit) {
    let end = Instant::now() + (last.took / 2).min(PATIENCE);
    while let missing @ 1.. = last.answered.saturating_sub(state.waiting()) {
        let left = end.duration_since(Instant::now());
        let some = ops.take(missing.min(AT_ONCE), Some(left));
        let Some(some) = some.filter(|some| !some.is_empty()) else {
            return;
        };
        for op in some {
            take(state, op);
        }
    }
}

fn take(state: &mut WriterState, op: Op) {
    match op {
        Op::Change {
            query,
            decide,
            answer,
        } => state.change(&query, decide, answer),
        Op::Claim { claim, answer } => {
            let _caller_was_dropped = answer.send(state.claim(&claim));
        }
        Op::Advance {
            job,
            instance,
            after,
            until,
            answer,
        } => {
            let held = state.advance(job, &instance, after, until);
            let _caller_was_dropped = answer.send(Ok(held));
        }
        Op::Finish {
            job,
            instance,
            answer,
        } => {
            state.finish(job, &instance);
            let _caller_was_dropped = answer.send(Ok(()));
        }
        Op::SetJobAside {
            job,
            instance,
            why,
            answer,
        } => {
            let _caller_was_dropped = answer.send(state.set_job_aside(job, &why, &instance));
        }
        Op::Release { instance, answer } => {
            state.release(&instance);
            let _caller_was_dropped = answer.send(Ok(()));
        }
        Op::Restore {
            into,
            records,
            answer,
        } => state.restore(into, records, answer),
        Op::SetAside(rows) => state.set_aside(rows),
        #[cfg(test)]
        Op::Run { sql, answer } => {
            let _caller_was_dropped = answer.send(state.run_sql(sql));
        }
    }
}
