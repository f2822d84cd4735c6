//! What is done between commits: rows that cannot be read go out of the way, and rows that were
//! given up are removed, some at a time.

use std::time::Duration;

use rusqlite::Connection;

use crate::{
    clock,
    store::{JobId, StoreError},
};

use super::{
    super::{
        save, set_aside,
        unreadable::{Table, Unreadable},
    },
    Desk,
};

/// So many rows of what was given up are removed at a time: others wait for it.
const SWEPT: u32 = 500;

impl Desk {
    /// Moves an announcement that cannot be sent out of the way. While that fails, nobody sends it
    /// either.
    pub(super) fn drop_job(&mut self, job: JobId, why: &str, instance: &str) {
        let at = clock::now();
        let moved = self.aside(|file| set_aside::announcement(file, job, why, at));
        match moved {
            Ok(node) => {
                tracing::error!(
                    ?node,
                    announcement = job.0,
                    error = why,
                    "a stored announcement cannot be sent and is set aside"
                );
                self.untidy = true;
                if let Some(gone) = self.queue.done(job, instance) {
                    self.delivered.finish(job, gone.node);
                    self.tell_backlog();
                }
            }
            Err(error) => tracing::error!(
                announcement = job.0,
                %error,
                "a stored announcement can neither be sent nor set aside"
            ),
        }
    }

    /// Rows that could not be read: each is reported once, and those that would be written as they
    /// are go out of the way.
    pub(in crate::sqlite) fn set_aside(&mut self, rows: Vec<Unreadable>) {
        let at = clock::now();
        for row in rows {
            if self.known.is_new(&row) {
                tracing::error!(
                    table = row.table.name(),
                    node = row.node,
                    id = row.key,
                    error = row.why,
                    "a stored row cannot be read and is left out"
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

    /// Changes rows whose nodes the file has to know as they are.
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

    /// How long to wait for something to do: not at all while there is something to tidy up.
    pub(in crate::sqlite) fn patience(&self, due: Option<Duration>) -> Option<Duration> {
        match self.untidy {
            true => Some(Duration::ZERO),
            false => due,
        }
    }

    /// Removes all rows of what was given up.
    pub(super) fn sweep_all(&mut self) {
        while self.untidy && !self.batch.open {
            self.sweep();
        }
    }

    /// Removes some rows of what was given up, between two commits.
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
                // It is tried again after the next purge, or at the next start.
                self.untidy = false;
                self.suspect = true;
                tracing::warn!(%error, "what was purged could not be removed from the file yet");
            }
        }
    }
}
