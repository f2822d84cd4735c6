//! Writes the rows of changes inside of the caller's transaction.

use couplet::{BareJid, Jid};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    change::Announcement,
    item::ItemHead,
    node::{Affiliation, Node, NodeId},
    store::{
        JobId, StoreError,
        apply::{Existing, RowWriter},
    },
    subscription::Subscription,
};

use super::{
    rows::{SHELF, count, integer},
    save,
};

/// Writes rows. Counters of nodes are saved later, once for many changes.
pub(super) struct Rows<'a> {
    file: &'a Connection,
    last_job: &'a mut JobId,
    pub(super) done: Applied,
}

/// The effects of changes.
#[derive(Default)]
pub(super) struct Applied {
    pub(super) announced: Vec<(NodeId, JobId)>,
    /// Names whose node has changed.
    pub(super) forget: Vec<String>,
    /// Nodes whose counts are not saved yet.
    pub(super) nodes: Vec<Node>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(file: &'a Connection, last_job: &'a mut JobId) -> Rows<'a> {
        Rows {
            file,
            last_job,
            done: Applied::default(),
        }
    }
}

impl RowWriter for Rows<'_> {
    fn create(&mut self, mut node: Node) -> Result<Node, StoreError> {
        self.file
            .prepare_cached("DELETE FROM redirect WHERE name = ?")?
            .execute([&node.name])?;
        node.id = save::node(self.file, &node, None, false)?;
        Ok(node)
    }

    fn save_config(&mut self, node: &Node) -> Result<(), StoreError> {
        self.file
            .prepare_cached("UPDATE node SET config = ? WHERE id = ?")?
            .execute(params![save::config_text(node)?, node.id.0])?;
        Ok(())
    }

    fn delete(&mut self, node: &Node, redirect: Option<String>) -> Result<(), StoreError> {
        match redirect {
            Some(uri) => self
                .file
                .prepare_cached("INSERT OR REPLACE INTO redirect (name, uri) VALUES (?, ?)")?
                .execute(params![node.name, uri])?,
            None => self
                .file
                .prepare_cached("DELETE FROM redirect WHERE name = ?")?
                .execute([&node.name])?,
        };
        save::clear_shelf(self.file, node.id)?;
        self.file
            .prepare_cached("UPDATE node SET deleted = 1, shelf = 0 WHERE id = ?")?
            .execute([node.id.0])?;
        self.done.forget.push(node.name.clone());
        Ok(())
    }

    fn leave(&mut self, node: Node, deleted: bool) -> Result<(), StoreError> {
        if deleted {
            save::counts(self.file, &node)?;
            save::bury(self.file, node.id)?;
        } else {
            self.done.nodes.push(node);
        }
        Ok(())
    }

    fn affiliate(
        &mut self,
        node: NodeId,
        jid: &BareJid,
        affiliation: Affiliation,
    ) -> Result<(), StoreError> {
        save::affiliation(self.file, node, jid, affiliation)
    }

    fn existing(
        &mut self,
        node: NodeId,
        jid: &Jid,
        subid: &str,
    ) -> Result<Option<Existing>, StoreError> {
        let sql = "SELECT pending, since, began FROM subscription
                   WHERE node = ? AND jid = ? AND subid = ?";
        let key = params![node.0, jid.as_str(), subid];
        let found = self.file.prepare_cached(sql)?.query_row(key, |row| {
            let (pending, since): (bool, u64) = (row.get(0)?, count(row, 1)?);
            Ok(Existing {
                since: (!pending).then_some(since),
                began: Some(count(row, 2)?),
            })
        });
        Ok(found.optional()?)
    }

    fn save_subscription(
        &mut self,
        node: NodeId,
        new: &Subscription,
        began: u64,
    ) -> Result<(), StoreError> {
        save::subscription(self.file, node, new, integer(new.since), integer(began))
    }

    fn unsubscribe(&mut self, node: NodeId, jid: &Jid, subid: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM subscription WHERE node = ? AND jid = ? AND subid = ?
                   RETURNING pending";
        let key = params![node.0, jid.as_str(), subid];
        let pending = self
            .file
            .prepare_cached(sql)?
            .query_row(key, |row| row.get(0));
        Ok(pending.optional()? == Some(false))
    }

    fn insert_item(
        &mut self,
        node: NodeId,
        head: ItemHead,
        payload: Option<String>,
    ) -> Result<(), StoreError> {
        self.file
            .prepare_cached(save::INSERT_ITEM)?
            .execute(params![
                node.0,
                integer(head.seq),
                head.id,
                head.publisher.as_str(),
                head.published.0,
                head.expires.map(|at| at.0),
                payload
            ])?;
        Ok(())
    }

    fn remove_item(&mut self, node: NodeId, id: &str) -> Result<bool, StoreError> {
        let sql = format!("DELETE FROM item WHERE node = {SHELF} AND id = ?");
        let gone = self
            .file
            .prepare_cached(&sql)?
            .execute(params![node.0, id])?;
        Ok(gone > 0)
    }

    fn purge(&mut self, node: &Node) -> Result<(), StoreError> {
        save::clear_shelf(self.file, node.id)
    }

    fn announce(
        &mut self,
        node: NodeId,
        seq: u64,
        announcement: Announcement,
    ) -> Result<(), StoreError> {
        self.last_job.0 += 1;
        let job = *self.last_job;
        save::announcement(self.file, job, node, seq, &announcement)?;
        self.done.announced.push((node, job));
        Ok(())
    }
}
