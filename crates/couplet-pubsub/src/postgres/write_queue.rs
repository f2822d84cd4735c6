//! The write queue: changes of one node that arrive during a commit are collected and share the
//! next one.
//!
//! The locks of the database handle changes of other processes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deadpool_postgres::Pool;
use tokio::{sync::oneshot, task::JoinSet, time::timeout};

use crate::{
    snapshot::Query,
    store::{Decide, StoreError},
};

use super::{
    Shared,
    change::{self, QueuedChange},
    error,
};

/// Maximum number of queued changes of a node; further ones return `Contended`.
const WAITING: usize = 4_096;

/// Maximum number of changes of one transaction. PostgreSQL caches up to 64 subtransactions.
const TOGETHER: usize = 48;

/// How long `close` waits for changes that have begun.
const FAREWELL: Duration = Duration::from_secs(30);

pub(super) struct WriteQueue {
    pool: Pool,
    shared: Arc<Shared>,
    /// The queued changes of each node that has a worker.
    lines: Mutex<HashMap<String, VecDeque<QueuedChange>>>,
    /// The workers; `None` after `close`.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl WriteQueue {
    pub(super) fn new(pool: Pool, shared: Arc<Shared>) -> Arc<WriteQueue> {
        Arc::new(WriteQueue {
            pool,
            shared,
            lines: Mutex::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
        })
    }

    /// Runs a change. Dropping the caller cancels nothing, because others may share its
    /// transaction.
    pub(super) async fn change(
        self: &Arc<WriteQueue>,
        query: Query,
        decide: Decide,
    ) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let name = query.node.clone();
        let waiting = QueuedChange {
            query,
            decide,
            answer,
        };
        let write_queue = Arc::clone(self);
        match name {
            None => self.spawn(async move {
                change::run(&write_queue.pool, &write_queue.shared, vec![waiting]).await;
            })?,
            Some(name) => {
                if self.join(&name, waiting)? {
                    let turn = NodeWorker {
                        write_queue,
                        name,
                        over: false,
                    };
                    self.spawn(turn.serve())?;
                }
            }
        }
        answered.await.map_err(|_it_panicked| error::closed())?
    }

    /// Queues a change. Returns whether the node has no worker yet.
    fn join(&self, name: &str, waiting: QueuedChange) -> Result<bool, StoreError> {
        let mut lines = self.lines();
        if let Some(line) = lines.get_mut(name) {
            if line.len() >= WAITING {
                return Err(StoreError::Contended("the write queue is full".to_owned()));
            }
            line.push_back(waiting);
            return Ok(false);
        }
        lines.insert(name.to_owned(), VecDeque::from([waiting]));
        Ok(true)
    }

    fn next(&self, name: &str) -> Option<Vec<QueuedChange>> {
        let mut lines = self.lines();
        let line = lines.get_mut(name)?;
        let some: Vec<QueuedChange> = line.drain(..line.len().min(TOGETHER)).collect();
        if some.is_empty() {
            lines.remove(name);
            return None;
        }
        Some(some)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), StoreError> {
        let mut tasks = self.tasks();
        let tasks = tasks.as_mut().ok_or_else(error::closed)?;
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
        Ok(())
    }

    /// Rejects new changes, and waits for those that have begun.
    pub(super) async fn close(&self) {
        let tasks = self.tasks().take();
        let Some(mut tasks) = tasks else { return };
        let ended = timeout(FAREWELL, async {
            while tasks.join_next().await.is_some() {}
        });
        let _the_rest_is_given_up = ended.await;
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, VecDeque<QueuedChange>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker of a node.
struct NodeWorker {
    write_queue: Arc<WriteQueue>,
    name: String,
    /// Whether the queue was empty and is removed; a new one may exist by now.
    over: bool,
}

impl NodeWorker {
    /// Works until the queue of the node is empty.
    async fn serve(mut self) {
        while let Some(some) = self.write_queue.next(&self.name) {
            change::run(&self.write_queue.pool, &self.write_queue.shared, some).await;
        }
        self.over = true;
    }
}

impl Drop for NodeWorker {
    /// Drops the queue, so that its callers get an error instead of waiting forever.
    fn drop(&mut self) {
        if !self.over {
            self.write_queue.lines().remove(&self.name);
        }
    }
}
