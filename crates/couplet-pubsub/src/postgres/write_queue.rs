//! Who waits for which node: changes of one node that come while another one is on its way to the
//! disk gather, and go together.
//!
//! Deliberately absent: other processes. The database's locks see to them.

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

/// How many of a node may wait before the next one is told to come later.
const WAITING: usize = 4_096;

/// How many go together at most. PostgreSQL keeps up to 64 marks of a transaction at hand.
const TOGETHER: usize = 48;

/// How long a store that is closed waits for what was begun.
const FAREWELL: Duration = Duration::from_secs(30);

pub(super) struct WriteQueue {
    pool: Pool,
    shared: Arc<Shared>,
    /// What waits, of each node that somebody works on.
    lines: Mutex<HashMap<String, VecDeque<QueuedChange>>>,
    /// Those who work; none after the end.
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

    /// A caller that goes away stops nothing: others may wait for the same transaction.
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

    /// Puts it in line; `true` where nobody works on the node yet.
    fn join(&self, name: &str, waiting: QueuedChange) -> Result<bool, StoreError> {
        let mut lines = self.lines();
        if let Some(line) = lines.get_mut(name) {
            if line.len() >= WAITING {
                return Err(StoreError::Contended(
                    "too much waits to be written".to_owned(),
                ));
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

    /// Takes no more, and waits for what was begun.
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

/// Somebody works on a node.
struct NodeWorker {
    write_queue: Arc<WriteQueue>,
    name: String,
    /// Whether the line was found empty and is gone; there may be a new one by now.
    over: bool,
}

impl NodeWorker {
    /// Until nobody waits for the node.
    async fn serve(mut self) {
        while let Some(some) = self.write_queue.next(&self.name) {
            change::run(&self.write_queue.pool, &self.write_queue.shared, some).await;
        }
        self.over = true;
    }
}

impl Drop for NodeWorker {
    /// Whyever it ended, nobody waits for somebody who is gone.
    fn drop(&mut self) {
        if !self.over {
            self.write_queue.lines().remove(&self.name);
        }
    }
}
