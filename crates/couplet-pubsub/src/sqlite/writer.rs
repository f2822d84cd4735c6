//! The one who writes: a thread that does what waits in one transaction and answers when it is on
//! the disk. While the disk works, the next ones gather.
//!
//! Deliberately absent: reading for others; they have connections of their own.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    facts::Needs,
    moment::Moment,
    node::NodeId,
    store::{
        Claim, Cursor, Decide, Job, JobId, StoreError,
        record::{Record, Restored},
    },
};

use super::{Shared, connect, desk::Desk, inbox::Inbox, lock::Lock, unreadable::Unreadable};

/// How many wake the writer together while it waits for more.
const AT_ONCE: usize = 16;

/// How long what was delivered waits for changes to share a commit with.
const LINGER: Duration = Duration::from_millis(50);

/// How long a commit waits at most for those who were answered by the one before.
const PATIENCE: Duration = Duration::from_millis(5);

/// How long what was delivered waits while the disk refuses.
const PAUSE: Duration = Duration::from_secs(1);

/// Something to do; the answer goes where it says.
pub(super) enum Op {
    Change {
        needs: Needs,
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
        until: Moment,
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
    /// Rows that could not be read; nobody waits for it.
    SetAside(Vec<Unreadable>),
    /// What no store does by itself, to see what becomes of it.
    #[cfg(test)]
    Run {
        sql: &'static str,
        answer: Answer<()>,
    },
}

pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// The way to the thread. Dropped, it waits until what was sent is done.
pub(super) struct Writer {
    inbox: Arc<Inbox<Op>>,
    /// None once it was stopped.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn start(path: PathBuf, shared: Arc<Shared>) -> Result<Writer, StoreError> {
        let lock = Lock::take(&path)?;
        let file = connect::writing(&path)?;
        connect::check(&file, &path)?;
        let desk = Desk::new(path, file, shared)?;
        let inbox = Arc::new(Inbox::new());
        let ops = Arc::clone(&inbox);
        let thread = std::thread::Builder::new()
            .name("pubsub-sqlite".to_owned())
            .spawn(move || {
                // Whatever ends it, nobody shall wait for it any more.
                let closing = Closing(ops);
                run(desk, &closing.0);
                drop(lock);
            })
            .map_err(|error| StoreError::Busy(format!("no thread to write with: {error}")))?;
        Ok(Writer {
            inbox,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn send(&self, op: Op) -> Result<(), StoreError> {
        self.inbox.send(op)
    }

    /// Takes no more; the thread ends when all is done that was sent. None where it was stopped.
    pub(super) fn stop(&self) -> Option<JoinHandle<()>> {
        self.inbox.close();
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

struct Closing(Arc<Inbox<Op>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
        let _nobody_answers_them = self.0.take(0, None);
    }
}

/// Works until nobody can send any more.
fn run(mut desk: Desk, ops: &Inbox<Op>) {
    let mut due: Option<Instant> = None;
    let mut pace = Pace::default();
    let left = |due: Instant| due.duration_since(Instant::now());
    while let Some(some) = ops.take(1, desk.patience(due.map(left))) {
        let idle = some.is_empty();
        for op in some {
            take(&mut desk, op);
        }
        if desk.is_waited_for() {
            gather(&mut desk, ops, &pace);
            pace = pace.commit(&mut desk);
            due = None;
        } else if idle || due.is_some_and(|due| left(due).is_zero()) {
            desk.commit();
            due = None;
        }
        // Others have waited for one sweep at most.
        desk.sweep();
        if due.is_none() && desk.has_delivered() {
            let linger = if desk.is_failing() { PAUSE } else { LINGER };
            due = Some(Instant::now() + linger);
        }
    }
    desk.commit();
}

/// What the last commit was like.
#[derive(Default)]
struct Pace {
    answered: usize,
    took: Duration,
}

impl Pace {
    fn commit(&self, desk: &mut Desk) -> Pace {
        let answered = desk.waiting();
        let begun = Instant::now();
        desk.commit();
        Pace {
            answered,
            took: begun.elapsed(),
        }
    }
}

/// Those who were just answered mostly ask again at once. Without some patience every other commit
/// would be for the first of them alone; half of what a commit takes is well spent on the others.
fn gather(desk: &mut Desk, ops: &Inbox<Op>, last: &Pace) {
    let end = Instant::now() + (last.took / 2).min(PATIENCE);
    while let missing @ 1.. = last.answered.saturating_sub(desk.waiting()) {
        let left = end.duration_since(Instant::now());
        let some = ops.take(missing.min(AT_ONCE), Some(left));
        let Some(some) = some.filter(|some| !some.is_empty()) else {
            return;
        };
        for op in some {
            take(desk, op);
        }
    }
}

fn take(desk: &mut Desk, op: Op) {
    match op {
        Op::Change {
            needs,
            decide,
            answer,
        } => desk.change(&needs, decide, answer),
        Op::Claim { claim, answer } => {
            let _nobody_waits = answer.send(desk.claim(&claim));
        }
        Op::Advance {
            job,
            instance,
            after,
            until,
            answer,
        } => {
            let held = desk.advance(job, &instance, after, until);
            let _nobody_waits = answer.send(Ok(held));
        }
        Op::Finish {
            job,
            instance,
            answer,
        } => {
            desk.finish(job, &instance);
            let _nobody_waits = answer.send(Ok(()));
        }
        Op::SetJobAside {
            job,
            instance,
            why,
            answer,
        } => {
            let _nobody_waits = answer.send(desk.set_job_aside(job, &why, &instance));
        }
        Op::Release { instance, answer } => {
            desk.release(&instance);
            let _nobody_waits = answer.send(Ok(()));
        }
        Op::Restore {
            into,
            records,
            answer,
        } => desk.restore(into, records, answer),
        Op::SetAside(rows) => desk.set_aside(rows),
        #[cfg(test)]
        Op::Run { sql, answer } => {
            let _nobody_waits = answer.send(desk.run_sql(sql));
        }
    }
}
