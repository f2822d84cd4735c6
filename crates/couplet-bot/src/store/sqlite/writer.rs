//! The writer: runs operations on a blocking thread while there are any, those that wait together in one
//! transaction.
//!
//! There is no thread of its own: a clock that a test has paused stands still while a blocking task runs.

use std::{
    fs::File,
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;
use tokio::{
    sync::oneshot,
    task::{JoinSet, spawn_blocking},
};

use super::{error, file};
use crate::store::StoreError;

/// At most as many operations wait.
const QUEUE: usize = 4_096;

/// The result of an operation goes here, after the commit.
type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Runs on the connection, unless there is no transaction, and returns what to do after the commit.
type Operation = Box<dyn FnOnce(Result<&Connection, StoreError>) -> AfterCommit + Send>;

type AfterCommit = Box<dyn FnOnce(&Result<(), StoreError>) + Send>;

pub(super) struct Writer {
    path: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// None after the store was closed.
    open: Mutex<Option<Open>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Operation>,
    /// Whether a blocking task is about to take what waits.
    is_taken_care_of: bool,
}

struct Open {
    file: Connection,
    _lock: File,
}

impl Writer {
    pub(super) fn open(path: &Path) -> Result<Writer, StoreError> {
        // The lock is that of the file, whatever link leads to it.
        let path = &path.canonicalize().unwrap_or_else(|_new| path.to_owned());
        let lock = file::lock(path)?;
        let open = Open {
            file: file::open(path)?,
            _lock: lock,
        };
        Ok(Writer {
            path: path.to_owned(),
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                open: Mutex::new(Some(open)),
            }),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Queues an operation, and starts a blocking task if none is running.
    pub(super) fn send<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        answer: Answer<T>,
    ) -> Result<(), StoreError> {
        let operation: Operation = Box::new(move |file| {
            let result = file.and_then(operation);
            Box::new(move |committed| {
                let result = committed.clone().and(result);
                let _caller_was_dropped = answer.send(result);
            })
        });
        let mut queue = lock(&self.shared.queue);
        if queue.waiting.len() >= QUEUE {
            return Err(StoreError::Busy("the write queue is full".to_owned()));
        }
        queue.waiting.push(operation);
        if !mem::replace(&mut queue.is_taken_care_of, true) {
            drop(queue);
            let shared = Arc::clone(&self.shared);
            let mut task = JoinSet::new();
            task.spawn_blocking(move || shared.work());
            // It ends by itself, with an empty queue.
            task.detach_all();
        }
        Ok(())
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let closed = spawn_blocking(move || {
            let Some(open) = lock(&shared.open).take() else {
                return Ok(());
            };
            open.file.close().map_err(|(_, why)| StoreError::from(why))
        });
        closed.await.map_err(|_cancelled| error::closed())?
    }
}

impl Shared {
    /// Runs what waits until nothing does.
    fn work(&self) {
        let open = lock(&self.open);
        loop {
            let batch = {
                let mut queue = lock(&self.queue);
                if queue.waiting.is_empty() {
                    queue.is_taken_care_of = false;
                    return;
                }
                mem::take(&mut queue.waiting)
            };
            commit(open.as_ref().map(|open| &open.file), batch);
        }
    }
}

/// Runs a batch in one transaction, and then sends the results.
fn commit(file: Option<&Connection>, batch: Vec<Operation>) {
    let begun = file.ok_or_else(error::closed).and_then(|file| {
        file.execute_batch("BEGIN IMMEDIATE")?;
        Ok(file)
    });
    let answers: Vec<AfterCommit> = batch
        .into_iter()
        .map(|operation| operation(begun.clone()))
        .collect();
    let committed = begun.and_then(|file| {
        let committed = file.execute_batch("COMMIT");
        if committed.is_err() && !file.is_autocommit() {
            let _the_error_before_counts = file.execute_batch("ROLLBACK");
        }
        Ok(committed?)
    });
    // Calls after `close` are not failures of the store; their callers get the error.
    if let (Some(_), Err(why)) = (file, &committed) {
        tracing::error!(error = %why, "the store of the bot did not commit");
    }
    for answer in answers {
        answer(&committed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
