//! Applies changes in order, inside of the transaction of the caller.

use couplet::Jid;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    change::Change,
    node::{Node, NodeId},
    store::{JobId, StoreError},
    subscription::{Subscription, SubscriptionState},
};

use super::{
    rows::{SHELF, integer},
    save,
};

/// Applies changes to one node. Its counts are saved later, once for many changes.
pub(super) struct Applier<'a> {
    file: &'a Connection,
    node: Option<Node>,
    deleted: bool,
    last_job: &'a mut JobId,
    /// The effects on nodes that were deleted or created.
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

impl<'a> Applier<'a> {
    pub(super) fn new(
        file: &'a Connection,
        node: Option<Node>,
        last_job: &'a mut JobId,
    ) -> Applier<'a> {
        Applier {
            file,
            node,
            deleted: false,
            last_job,
            done: Applied::default(),
        }
    }

    /// Applies all changes.
    ///
    /// # Errors
    ///
    /// Some changes are applied: the caller rolls them back.
    pub(super) fn apply(mut self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        for change in changes {
            self.apply_one(change)?;
        }
        self.leave()?;
        Ok(self.done)
    }

    fn apply_one(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Create {
                name,
                config,
                creator,
                at,
            } => {
                self.leave()?;
                let node = Node::new(NodeId(0), name, *config, creator, at);
                self.node = Some(create(self.file, node)?);
            }
            Change::Configure(config) => {
                self.revised()?.config = *config;
                self.save_config()?;
            }
            Change::MarkUnapplied => {
                let node = self.node()?;
                node.unapplied = node.revision;
            }
            Change::MarkApplied(revision) => {
                let node = self.node()?;
                if node.unapplied == revision {
                    node.unapplied = 0;
                }
            }
            Change::Delete { redirect } => self.delete(redirect.as_deref())?,
            Change::Affiliate { jid, affiliation } => {
                let id = self.revised()?.id;
                save::affiliation(self.file, id, &jid, affiliation)?;
            }
            Change::Subscribe(subscription) => self.subscribe(&subscription)?,
            Change::Unsubscribe { jid, subid } => self.unsubscribe(&jid, &subid)?,
            change => self.apply_to_items(change)?,
        }
        Ok(())
    }

    fn apply_to_items(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Publish {
                id,
                publisher,
                payload,
                at,
                expires,
            } => {
                self.retract(&id)?;
                let node = self.node()?;
                let seq = node.next_seq;
                node.next_seq += 1;
                node.items += 1;
                let node = node.id.0;
                let publisher = publisher.as_str();
                let expires = expires.map(|at| at.0);
                self.file
                    .prepare_cached(save::INSERT_ITEM)?
                    .execute(params![
                        node,
                        integer(seq),
                        id,
                        publisher,
                        at.0,
                        expires,
                        payload
                    ])?;
            }
            Change::Retract { ids } => {
                self.node()?;
                for id in ids {
                    self.retract(&id)?;
                }
            }
            Change::Purge => {
                let node = self.node()?;
                node.items = 0;
                let id = node.id;
                save::clear_shelf(self.file, id)?;
            }
            Change::Announce(announcement) => {
                let node = self.node()?;
                let (id, seq) = (node.id, node.next_seq);
                node.next_seq += 1;
                self.last_job.0 += 1;
                let job = *self.last_job;
                save::announcement(self.file, job, id, seq, &announcement)?;
                self.done.announced.push((id, job));
            }
            _ => {}
        }
        Ok(())
    }

    fn node(&mut self) -> Result<&mut Node, StoreError> {
        let nowhere = || StoreError::Broken("a change without a node".to_owned());
        self.node.as_mut().ok_or_else(nowhere)
    }

    /// Increments the revision of the node and returns it.
    fn revised(&mut self) -> Result<&mut Node, StoreError> {
        let node = self.node()?;
        node.revision += 1;
        Ok(node)
    }

    fn save_config(&mut self) -> Result<(), StoreError> {
        let node = self.node()?;
        let (config, id) = (save::config_text(node)?, node.id.0);
        let sql = "UPDATE node SET config = ? WHERE id = ?";
        self.file
            .prepare_cached(sql)?
            .execute(params![config, id])?;
        Ok(())
    }

    fn delete(&mut self, redirect: Option<&str>) -> Result<(), StoreError> {
        if self.deleted {
            return Ok(());
        }
        let node = self.node()?;
        (node.items, self.deleted) = (0, true);
        let (file, node) = (self.file, self.node()?);
        match redirect {
            Some(uri) => file
                .prepare_cached("INSERT OR REPLACE INTO redirect (name, uri) VALUES (?, ?)")?
                .execute(params![node.name, uri])?,
            None => file
                .prepare_cached("DELETE FROM redirect WHERE name = ?")?
                .execute([&node.name])?,
        };
        save::clear_shelf(file, node.id)?;
        file.prepare_cached("UPDATE node SET deleted = 1, shelf = 0 WHERE id = ?")?
            .execute([node.id.0])?;
        let name = node.name.clone();
        self.done.forget.push(name);
        Ok(())
    }

    fn subscribe(&mut self, new: &Subscription) -> Result<(), StoreError> {
        let file = self.file;
        let node = self.revised()?;
        let sql = "SELECT pending, since, began FROM subscription
                   WHERE node = ? AND jid = ? AND subid = ?";
        let key = params![node.id.0, new.jid.as_str(), new.subid];
        let old = file.prepare_cached(sql)?.query_row(key, |row| {
            Ok((
                row.get::<_, bool>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        });
        let old = old.optional()?;
        let since = match old {
            Some((false, since, _)) => since,
            _ => integer(node.next_seq),
        };
        let began = old.map_or(integer(node.revision), |(_, _, began)| began);
        if let Some((false, ..)) = old {
            node.subscribers -= 1;
        }
        if new.state == SubscriptionState::Subscribed {
            node.subscribers += 1;
        }
        let id = node.id;
        save::subscription(file, id, new, since, began)
    }

    fn unsubscribe(&mut self, jid: &Jid, subid: &str) -> Result<(), StoreError> {
        let file = self.file;
        let node = self.revised()?;
        let sql = "DELETE FROM subscription WHERE node = ? AND jid = ? AND subid = ?
                   RETURNING pending";
        let key = params![node.id.0, jid.as_str(), subid];
        let pending = file.prepare_cached(sql)?.query_row(key, |row| row.get(0));
        if pending.optional()? == Some(false) {
            node.subscribers -= 1;
        }
        Ok(())
    }

    fn retract(&mut self, item: &str) -> Result<(), StoreError> {
        let file = self.file;
        let node = self.node()?;
        let sql = format!("DELETE FROM item WHERE node = {SHELF} AND id = ?");
        let gone = file
            .prepare_cached(&sql)?
            .execute(params![node.id.0, item])?;
        node.items -= gone as u64;
        Ok(())
    }

    /// Leaves the current node: it was deleted, or a new one is created.
    fn leave(&mut self) -> Result<(), StoreError> {
        let Some(node) = self.node.take() else {
            return Ok(());
        };
        if self.deleted {
            save::counts(self.file, &node)?;
            save::bury(self.file, node.id)?;
            self.deleted = false;
        } else {
            self.done.nodes.push(node);
        }
        Ok(())
    }
}

/// Inserts a node, and returns it with its key.
pub(super) fn create(file: &Connection, mut node: Node) -> Result<Node, StoreError> {
    file.prepare_cached("DELETE FROM redirect WHERE name = ?")?
        .execute([&node.name])?;
    node.id = save::node(file, &node, None, false)?;
    Ok(node)
}
