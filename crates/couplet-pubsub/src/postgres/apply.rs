//! Converts changes to statements, which are sent together with the end of the transaction.
//!
//! Deliberately absent: a query for each change. The previous state is known from the snapshot or
//! read for all changes at once, and the node is locked meanwhile.

use couplet::Jid;

use crate::{
    change::Change,
    node::{Node, NodeId},
    store::StoreError,
    subscription::{Subscription, SubscriptionState},
};

use super::{
    existing::{ExistingRows, ExistingSubscription},
    pipeline::{Statement, statement},
    rows::integer,
    write::{
        REPLACE_ITEM, affiliate, announce, bury, config_text, give_up_items, insert_node,
        save_counts, save_subscription,
    },
};

/// Applies changes to one node.
pub(super) struct Applier {
    node: Option<Node>,
    deleted: bool,
    known: ExistingRows,
    /// Keys for new nodes.
    keys: std::vec::IntoIter<NodeId>,
    done: Applied,
}

/// The effects of changes.
#[derive(Default)]
pub(super) struct Applied {
    pub(super) statements: Vec<Statement>,
    /// The number of announcements.
    pub(super) announced: u64,
    /// Whether rows were given up and have to be removed.
    pub(super) untidy: bool,
}

impl Applier {
    pub(super) fn new(node: Option<Node>) -> Applier {
        Applier {
            node,
            deleted: false,
            known: ExistingRows::default(),
            keys: Vec::new().into_iter(),
            done: Applied::default(),
        }
    }

    /// Returns the current node, if there is one.
    pub(super) fn node_id(&self) -> Option<NodeId> {
        self.node.as_ref().map(|node| node.id)
    }

    /// Applies changes, given the existing rows they touch and keys for new nodes.
    pub(super) fn apply(
        &mut self,
        changes: Vec<Change>,
        known: ExistingRows,
        keys: Vec<NodeId>,
    ) -> Result<(), StoreError> {
        (self.known, self.keys) = (known, keys.into_iter());
        for change in changes {
            self.apply_one(change)?;
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> Applied {
        self.leave();
        self.done
    }

    fn apply_one(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Create {
                name,
                config,
                creator,
                at,
            } => {
                self.leave();
                let id = self.keys.next();
                let id =
                    id.ok_or_else(|| StoreError::Broken("no key for a new node".to_owned()))?;
                let node = Node::new(id, name, *config, creator, at);
                self.create(node)?;
            }
            Change::Configure(config) => {
                let node = self.revised()?;
                node.config = *config;
                let (id, config) = (node.id.0, config_text(node)?);
                let sql = "UPDATE node SET config = $2 WHERE id = $1";
                self.push(statement!(sql, id, config));
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
            Change::Delete { redirect } => self.delete(redirect)?,
            Change::Affiliate { jid, affiliation } => {
                let id = self.revised()?.id;
                self.push(affiliate(id, &jid, affiliation));
            }
            Change::Subscribe(subscription) => self.subscribe(&subscription)?,
            Change::Unsubscribe { jid, subid } => self.unsubscribe(&jid, subid)?,
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
                let (node, seq) = (node.id.0, integer(next_seq(node)));
                let publisher = publisher.as_str().to_owned();
                let expires = expires.map(|at| at.0);
                self.known.add_item(&id);
                self.node()?.items += 1;
                self.push(statement!(
                    REPLACE_ITEM,
                    node,
                    seq,
                    id,
                    publisher,
                    at.0,
                    expires,
                    payload
                ));
            }
            Change::Retract { ids } => {
                for id in ids {
                    self.retract(&id)?;
                }
            }
            Change::Purge => {
                let node = self.node()?;
                node.items = 0;
                let (id, floor) = (node.id, integer(node.next_seq));
                self.known.purge();
                self.done.statements.extend(give_up_items(id, floor));
                self.done.untidy = true;
            }
            Change::Announce(announcement) => {
                let node = self.node()?;
                let (id, seq) = (node.id, next_seq(node));
                self.done.announced += 1;
                self.push(announce(id, seq, announcement)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, statement: Statement) {
        self.done.statements.push(statement);
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

    fn create(&mut self, node: Node) -> Result<(), StoreError> {
        self.push(statement!(
            "DELETE FROM redirect WHERE name = $1",
            node.name.clone()
        ));
        self.push(insert_node(&node, false)?);
        self.known = ExistingRows::default();
        self.node = Some(node);
        Ok(())
    }

    fn delete(&mut self, redirect: Option<String>) -> Result<(), StoreError> {
        if self.deleted {
            return Ok(());
        }
        let node = self.node()?;
        node.items = 0;
        let (id, name) = (node.id, node.name.clone());
        self.deleted = true;
        self.done.untidy = true;
        self.known.purge();
        self.push(match redirect {
            Some(uri) => statement!(
                "INSERT INTO redirect (name, uri) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET uri = excluded.uri",
                name,
                uri
            ),
            None => statement!("DELETE FROM redirect WHERE name = $1", name),
        });
        for sql in [
            "UPDATE node SET deleted = TRUE WHERE id = $1",
            "DELETE FROM affiliation WHERE node = $1",
        ] {
            self.push(statement!(sql, id.0));
        }
        self.done.statements.extend(give_up_items(id, i64::MAX));
        Ok(())
    }

    fn subscribe(&mut self, new: &Subscription) -> Result<(), StoreError> {
        let before = self.known.standing(new.jid.as_str(), &new.subid);
        let node = self.revised()?;
        let since = match before {
            Some(ExistingSubscription::Subscribed { since }) => since,
            _ => node.next_seq,
        };
        if let Some(ExistingSubscription::Subscribed { .. }) = before {
            node.subscribers = node.subscribers.saturating_sub(1);
        }
        let now = match new.state {
            SubscriptionState::Pending => ExistingSubscription::Pending,
            SubscriptionState::Subscribed => {
                node.subscribers += 1;
                ExistingSubscription::Subscribed { since }
            }
        };
        let (id, began) = (node.id, node.revision);
        self.known.stand(new.jid.as_str(), &new.subid, Some(now));
        self.push(save_subscription(id, new, since, began));
        Ok(())
    }

    fn unsubscribe(&mut self, jid: &Jid, subid: String) -> Result<(), StoreError> {
        let before = self.known.standing(jid.as_str(), &subid);
        let node = self.revised()?;
        if let Some(ExistingSubscription::Subscribed { .. }) = before {
            node.subscribers = node.subscribers.saturating_sub(1);
        }
        let id = node.id.0;
        self.known.stand(jid.as_str(), &subid, None);
        if before.is_some() {
            let sql = "DELETE FROM subscription WHERE node = $1 AND jid = $2 AND subid = $3";
            self.push(statement!(sql, id, jid.as_str().to_owned(), subid));
        }
        Ok(())
    }

    fn retract(&mut self, item: &str) -> Result<(), StoreError> {
        let node = self.node()?.id.0;
        if self.known.remove_item(item) {
            let left = &mut self.node()?.items;
            *left = left.saturating_sub(1);
            let sql = "DELETE FROM item WHERE node = $1 AND id = $2";
            self.push(statement!(sql, node, item.to_owned()));
        }
        Ok(())
    }

    /// Leaves the current node: it was deleted, or a new one is created.
    fn leave(&mut self) {
        let Some(node) = self.node.take() else {
            return;
        };
        self.push(save_counts(&node));
        if std::mem::take(&mut self.deleted) {
            self.push(bury(node.id));
        }
    }
}

fn next_seq(node: &mut Node) -> u64 {
    node.next_seq += 1;
    node.next_seq - 1
}
