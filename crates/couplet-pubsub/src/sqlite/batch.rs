//! Changes of one transaction, whose callers get their results after the commit.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use crate::{
    node::{Node, NodeId},
    store::{Cursor, JobId, StoreError, record::Restored},
};

use super::{save, transfer, write_queue::Answer};

/// The changes since the last commit.
#[derive(Default)]
pub(super) struct Batch {
    /// Whether a transaction is open.
    pub(super) open: bool,
    /// Whether an error has rolled the whole transaction back.
    pub(super) undone: bool,
    pub(super) announced: Vec<(NodeId, JobId)>,
    waiting: Vec<PendingAnswer>,
}

enum PendingAnswer {
    Change(Answer<()>),
    Restore(Answer<Restored>, Restored),
}

impl Batch {
    /// Returns whether no caller waits for the commit and nothing is lost without it.
    pub(super) fn is_empty(&self) -> bool {
        !self.open && self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn await_change(&mut self, answer: Answer<()>) {
        self.waiting.push(PendingAnswer::Change(answer));
    }

    pub(super) fn await_restore(&mut self, answer: Answer<Restored>, restored: Restored) {
        self.waiting.push(PendingAnswer::Restore(answer, restored));
    }

    /// Sends the outcome to all callers. Those that were dropped are ignored.
    pub(super) fn answer(self, outcome: Result<(), &StoreError>) {
        for waiting in self.waiting {
            match waiting {
                PendingAnswer::Change(answer) => {
                    let _caller_was_dropped = answer.send(outcome.map_err(StoreError::clone));
                }
                PendingAnswer::Restore(answer, restored) => {
                    let result = outcome.map(|()| restored).map_err(StoreError::clone);
                    let _caller_was_dropped = answer.send(result);
                }
            }
        }
    }
}

/// Deliveries that were acknowledged before the commit: if they are lost, something is delivered
/// twice.
#[derive(Default)]
pub(super) struct DeliveryLog {
    reached: HashMap<JobId, Cursor>,
    done: Vec<(JobId, NodeId)>,
}

impl DeliveryLog {
    pub(super) fn is_empty(&self) -> bool {
        self.reached.is_empty() && self.done.is_empty()
    }

    pub(super) fn reach(&mut self, job: JobId, after: Cursor) {
        self.reached.insert(job, after);
    }

    pub(super) fn finish(&mut self, job: JobId, node: NodeId) {
        self.reached.remove(&job);
        self.done.push((job, node));
    }

    /// Returns the progress of a job, if it is not saved yet.
    pub(super) fn cursor(&self, job: JobId) -> Option<&Cursor> {
        self.reached.get(&job)
    }

    /// Saves deliveries. They are kept until the commit has succeeded. Returns whether a deleted
    /// node was removed.
    pub(super) fn save(&self, file: &Connection) -> Result<bool, StoreError> {
        for (job, after) in &self.reached {
            transfer::reached(file, *job, after)?;
        }
        for (job, _) in &self.done {
            file.prepare_cached("DELETE FROM announcement WHERE id = ?")?
                .execute([job.0])?;
        }
        let mut buried = false;
        for (_, node) in &self.done {
            buried |= save::bury(file, *node)?;
        }
        Ok(buried)
    }
}

/// Recently used nodes; marked ones are newer than in the file.
#[derive(Default)]
pub(super) struct NodeCache {
    by_name: HashMap<String, Node>,
    newer: HashSet<String>,
}

/// Maximum number of nodes in the cache; it is cleared when there are more.
const CACHED: usize = 4_096;

impl NodeCache {
    pub(super) fn find(&self, name: &str) -> Option<&Node> {
        self.by_name.get(name)
    }

    pub(super) fn keep(&mut self, node: Node) {
        self.by_name.insert(node.name.clone(), node);
    }

    /// Caches a node that is newer than in the file.
    pub(super) fn change(&mut self, node: Node) {
        if !self.newer.contains(&node.name) {
            self.newer.insert(node.name.clone());
        }
        self.keep(node);
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.by_name.remove(name);
        self.newer.remove(name);
    }

    /// Saves the nodes that are newer.
    pub(super) fn save(&self, file: &Connection) -> Result<(), StoreError> {
        for node in self.newer.iter().filter_map(|name| self.find(name)) {
            save::counts(file, node)?;
        }
        Ok(())
    }

    /// Marks all nodes as saved.
    pub(super) fn saved(&mut self) {
        self.newer.clear();
        if self.by_name.len() > CACHED {
            self.by_name.clear();
        }
    }

    /// Clears the cache after a rollback.
    pub(super) fn drop_all(&mut self) {
        self.by_name.clear();
        self.newer.clear();
    }
}
