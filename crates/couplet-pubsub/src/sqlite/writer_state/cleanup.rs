//! Cleanup between commits: sets unreadable rows aside, and removes purged rows in batches.

use std::time::Duration;

use rusqlite::Connection;

use crate::{
    clock,
    store::{JobId, StoreError, log_set_aside},
};

use super::{
    super::{
        save, set_aside,
        unreadable::{Table, Unreadable},
    },
    WriterState,
};

/// Maximum number of purged rows that are removed at a time: callers wait for it.
const SWEPT: u32 = 500;

impl WriterState {
    /// Sets an unreadable announcement aside. Until that succeeds, it is not sent either.
    pub(super) fn drop_unreadable(&mut self, job: JobId, why: &str, instance: &str) {
        if let Err(error) = self.set_job_aside(job, why, instance) {
            tracing::error!(
                announcement = job.0,
                %error,
                "a stored announcement can neither be sent nor set aside"
            );
        }
    }

    /// Sets an announcement of this instance aside.
    pub(in crate::sqlite) fn set_job_aside(
        &mut self,
        job: JobId,
        why: &str,
        instance: &str,
    ) -> Result<(), StoreError> {
        if !self.queue.is_held(job, instance) {
            return Ok(());
        }
        let at = clock::now();
        let node = self.aside(|file| set_aside::announcement(file, job, why, at))?;
        log_set_aside(node.as_deref(), job, why);
        self.untidy = true;
        // It is removed from the file, so its progress is no longer needed.
        self.finish(job, instance);
        Ok(())
    }

    /// Logs each unreadable row once, and sets those aside that would be sent.
    pub(in crate::sqlite) fn set_aside(&mut self, rows: Vec<Unreadable>) {
        let at = clock::now();
        for row in rows {
            if self.known.is_new(&row) {
                tracing::error!(
                    table = row.table.name(),
                    node = row.node,
                    id = row.key,
                    error = row.why,
                    "a stored row cannot be read and is skipped"
                );
            }
            let (Table::Item(node), Some(seq)) = (row.table, row.seq) else {
                continue;
            };
            let moved = self.aside(|file| set_aside::item(file, node, seq, &row.why, at));
            if let Err(error) = moved {
                tracing::warn!(%error, "an item that cannot be read could not be set aside");
            }
        }
    }

    /// Changes rows after the cached nodes are saved.
    fn aside<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.commit();
        self.nodes.drop_all();
        let done = self.in_savepoint(|file, _| work(file));
        self.commit();
        done
    }

    /// Returns how long to wait for operations: not at all while there is something to clean up.
    pub(in crate::sqlite) fn patience(&self, due: Option<Duration>) -> Option<Duration> {
        match self.untidy {
            true => Some(Duration::ZERO),
            false => due,
        }
    }

    /// Removes all purged rows.
    pub(super) fn sweep_all(&mut self) {
        while self.untidy && !self.batch.open {
            self.sweep();
        }
    }

    /// Removes some purged rows, between two commits.
    pub(in crate::sqlite) fn sweep(&mut self) {
        let rows = std::mem::take(&mut self.left_out);
        self.set_aside(rows);
        if !self.untidy || self.batch.open {
            return;
        }
        let swept = self.with_file(|_, file| {
            file.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let swept = save::sweep(file, SWEPT);
            let end = if swept.is_ok() { "COMMIT" } else { "ROLLBACK" };
            file.prepare_cached(end)?.execute([])?;
            swept
        });
        match swept {
            Ok(more) => self.untidy = more,
            Err(error) => {
                // Retried after the next purge or at the next start.
                self.untidy = false;
                self.suspect = true;
                tracing::warn!(%error, "purged rows could not be removed from the file yet");
            }
        }
    }
}
