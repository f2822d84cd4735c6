//! The one who writes: a thread that does what waits in one transaction and answers when it is on
//! the disk. While the disk works, the next ones gather.
//!
//! Deliberately absent: reading for others; they have connections of their own.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
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

use super::{
    Shared,
    connect::{self, Lock},
    desk::Desk,
    fault,
};

/// How many may wait for the writer before the next one is told to come later.
const QUEUE: usize = 4_096;

/// How many one commit takes at most.
const BATCH: usize = 1_024;

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
    Release {
        instance: String,
        answer: Answer<()>,
    },
    Restore {
        into: Option<NodeId>,
        records: Vec<Record>,
        answer: Answer<Restored>,
    },
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
    running: Mutex<Option<Running>>,
}

struct Running {
    inbox: SyncSender<Op>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn start(path: PathBuf, shared: Arc<Shared>) -> Result<Writer, StoreError> {
        let lock = Lock::take(&path)?;
        let file = connect::writing(&path)?;
        connect::check(&file, &path)?;
        let desk = Desk::new(path, file, shared)?;
        let (inbox, ops) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("pubsub-sqlite".to_owned())
            .spawn(move || run(desk, &ops, lock))
            .map_err(|error| StoreError::Busy(format!("no thread to write with: {error}")))?;
        Ok(Writer {
            running: Mutex::new(Some(Running { inbox, thread })),
        })
    }

    pub(super) fn send(&self, op: Op) -> Result<(), StoreError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = &*running else {
            return Err(fault::lost(""));
        };
        running.inbox.try_send(op).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy("too much waits to be written".to_owned()),
            TrySendError::Disconnected(_) => fault::lost(""),
        })
    }

    /// Takes no more; the thread ends when all is done that was sent. None where it was stopped.
    pub(super) fn stop(&self) -> Option<JoinHandle<()>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.take().map(|running| running.thread)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(thread) = self.stop() {
            let _it_may_have_panicked = thread.join();
        }
    }
}

/// Works until nobody can send any more. The lock goes last.
fn run(mut desk: Desk, ops: &Receiver<Op>, lock: Lock) {
    let mut due = None;
    let mut pace = Pace::default();
    loop {
        let op = match due {
            None => ops.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => ops.recv_timeout(Instant::duration_since(&due, Instant::now())),
        };
        match op {
            Ok(op) => take(&mut desk, op),
            Err(RecvTimeoutError::Timeout) => {
                desk.commit();
                due = None;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        for op in ops.try_iter().take(BATCH) {
            take(&mut desk, op);
        }
        if desk.is_waited_for() {
            gather(&mut desk, ops, &pace);
            pace = pace.commit(&mut desk);
            due = None;
        }
        if due.is_none() && desk.has_delivered() {
            let linger = if desk.is_failing() { PAUSE } else { LINGER };
            due = Some(Instant::now() + linger);
        }
    }
    desk.commit();
    drop(desk);
    drop(lock);
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
fn gather(desk: &mut Desk, ops: &Receiver<Op>, last: &Pace) {
    if last.answered <= desk.waiting() {
        return;
    }
    let end = Instant::now() + (last.took / 2).min(PATIENCE);
    while desk.waiting() < last.answered
        && let Ok(op) = ops.recv_timeout(end.duration_since(Instant::now()))
    {
        take(desk, op);
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
        Op::Release { instance, answer } => {
            desk.release(&instance);
            let _nobody_waits = answer.send(Ok(()));
        }
        Op::Restore {
            into,
            records,
            answer,
        } => desk.restore(into, records, answer),
        #[cfg(test)]
        Op::Run { sql, answer } => {
            let _nobody_waits = answer.send(desk.run_sql(sql));
        }
    }
}
