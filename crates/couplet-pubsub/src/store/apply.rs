//! The meaning of [`Change`] for stores that write rows: revisions, seqs and counts.
//!
//! Each store has its SQL in its [`RowWriter`].

use couplet::{BareJid, Jid};

use crate::{
    change::{Announcement, Change},
    item::ItemHead,
    node::{Affiliation, Node, NodeId},
    subscription::{Subscription, SubscriptionState},
};

use super::StoreError;

/// Writes the rows of changes to one node.
pub(crate) trait RowWriter {
    /// Inserts a node, and returns it with its key.
    fn create(&mut self, node: Node) -> Result<Node, StoreError>;

    fn save_config(&mut self, node: &Node) -> Result<(), StoreError>;

    /// Frees the name of a node, and removes its items.
    fn delete(&mut self, node: &Node, redirect: Option<String>) -> Result<(), StoreError>;

    /// Saves the counters of a node after its last change.
    fn leave(&mut self, node: Node, deleted: bool) -> Result<(), StoreError>;

    fn affiliate(
        &mut self,
        node: NodeId,
        jid: &BareJid,
        affiliation: Affiliation,
    ) -> Result<(), StoreError>;

    /// Returns the subscription that this JID and subid have.
    fn existing(
        &mut self,
        node: NodeId,
        jid: &Jid,
        subid: &str,
    ) -> Result<Option<Existing>, StoreError>;

    fn save_subscription(
        &mut self,
        node: NodeId,
        new: &Subscription,
        began: u64,
    ) -> Result<(), StoreError>;

    /// Removes a subscription. Returns whether there was an approved one.
    fn unsubscribe(&mut self, node: NodeId, jid: &Jid, subid: &str) -> Result<bool, StoreError>;

    fn insert_item(
        &mut self,
        node: NodeId,
        head: ItemHead,
        payload: Option<String>,
    ) -> Result<(), StoreError>;

    /// Removes an item. Returns whether it existed.
    fn remove_item(&mut self, node: NodeId, id: &str) -> Result<bool, StoreError>;

    /// Removes all items.
    fn purge(&mut self, node: &Node) -> Result<(), StoreError>;

    fn announce(
        &mut self,
        node: NodeId,
        seq: u64,
        announcement: Announcement,
    ) -> Result<(), StoreError>;
}

/// An existing subscription.
#[derive(Clone, Copy)]
pub(crate) struct Existing {
    /// Its `since` if it is approved.
    pub(crate) since: Option<u64>,
    /// Its place in the order; `None` if the store keeps it by itself.
    pub(crate) began: Option<u64>,
}

/// Applies changes to one node after the other.
pub(crate) struct Applier<W> {
    writer: W,
    node: Option<Node>,
    deleted: bool,
}

impl<W: RowWriter> Applier<W> {
    /// Creates an applier that begins with the node of the query.
    pub(crate) fn new(writer: W, node: Option<Node>) -> Applier<W> {
        Applier {
            writer,
            node,
            deleted: false,
        }
    }

    /// Applies all changes.
    ///
    /// # Errors
    ///
    /// Some changes are applied: the caller rolls them back.
    pub(crate) fn apply(mut self, changes: Vec<Change>) -> Result<W, StoreError> {
        for change in changes {
            self.apply_one(change)?;
        }
        self.leave()?;
        Ok(self.writer)
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
                self.node = Some(self.writer.create(node)?);
            }
            Change::Configure(config) => {
                let (node, writer) = self.revised()?;
                node.config = *config;
                writer.save_config(node)?;
            }
            Change::MarkUnapplied => {
                let (node, _) = self.node()?;
                node.unapplied = node.revision;
            }
            Change::MarkApplied(revision) => {
                let (node, _) = self.node()?;
                if node.unapplied == revision {
                    node.unapplied = 0;
                }
            }
            Change::Delete { redirect } => self.delete(redirect)?,
            Change::Affiliate { jid, affiliation } => {
                let (node, writer) = self.revised()?;
                writer.affiliate(node.id, &jid, affiliation)?;
            }
            Change::Subscribe(subscription) => self.subscribe(subscription)?,
            Change::Unsubscribe { jid, subid } => {
                let (node, writer) = self.revised()?;
                if writer.unsubscribe(node.id, &jid, &subid)? {
                    node.subscribers = node.subscribers.saturating_sub(1);
                }
            }
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
                let (node, writer) = self.node()?;
                let head = ItemHead {
                    id,
                    seq: next_seq(node),
                    publisher,
                    published: at,
                    expires,
                };
                node.items += 1;
                writer.insert_item(node.id, head, payload)?;
            }
            Change::Retract { ids } => {
                for id in ids {
                    self.retract(&id)?;
                }
            }
            Change::Purge => {
                let (node, writer) = self.node()?;
                node.items = 0;
                writer.purge(node)?;
            }
            Change::Announce(announcement) => {
                let (node, writer) = self.node()?;
                let seq = next_seq(node);
                writer.announce(node.id, seq, announcement)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn node(&mut self) -> Result<(&mut Node, &mut W), StoreError> {
        match &mut self.node {
            Some(node) => Ok((node, &mut self.writer)),
            None => Err(StoreError::Broken("a change without a node".to_owned())),
        }
    }

    /// Increments the revision of the node and returns it.
    fn revised(&mut self) -> Result<(&mut Node, &mut W), StoreError> {
        let (node, writer) = self.node()?;
        node.revision += 1;
        Ok((node, writer))
    }

    fn delete(&mut self, redirect: Option<String>) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.deleted, true) {
            return Ok(());
        }
        let (node, writer) = self.node()?;
        node.items = 0;
        writer.delete(node, redirect)
    }

    fn subscribe(&mut self, mut new: Subscription) -> Result<(), StoreError> {
        let (node, writer) = self.revised()?;
        let old = writer.existing(node.id, &new.jid, &new.subid)?;
        let since = old.and_then(|old| old.since);
        if since.is_some() {
            node.subscribers = node.subscribers.saturating_sub(1);
        }
        if new.state == SubscriptionState::Subscribed {
            node.subscribers += 1;
        }
        new.since = since.unwrap_or(node.next_seq);
        let began = old.and_then(|old| old.began).unwrap_or(node.revision);
        writer.save_subscription(node.id, &new, began)
    }

    fn retract(&mut self, id: &str) -> Result<(), StoreError> {
        let (node, writer) = self.node()?;
        if writer.remove_item(node.id, id)? {
            node.items = node.items.saturating_sub(1);
        }
        Ok(())
    }

    /// Completes the current node: it is the last one, or a new one is created.
    fn leave(&mut self) -> Result<(), StoreError> {
        let deleted = std::mem::take(&mut self.deleted);
        match self.node.take() {
            Some(node) => self.writer.leave(node, deleted),
            None => Ok(()),
        }
    }
}

fn next_seq(node: &mut Node) -> u64 {
    node.next_seq += 1;
    node.next_seq - 1
}
