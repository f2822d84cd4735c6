//! Converts changes to statements, which are sent together with the end of the transaction.
//!
//! There is no query for each change: the previous state is known from the snapshot or read for all
//! changes at once, and the node is locked meanwhile.

use couplet::{BareJid, Jid};

use crate::{
    change::Announcement,
    item::ItemHead,
    node::{Affiliation, Node, NodeId},
    store::{
        StoreError,
        apply::{Existing, RowWriter},
    },
    subscription::Subscription,
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

/// Collects the statements of changes.
pub(super) struct Rows {
    known: ExistingRows,
    /// Keys for new nodes.
    keys: std::vec::IntoIter<NodeId>,
    pub(super) done: Applied,
}

/// The effects of changes.
#[derive(Default)]
pub(super) struct Applied {
    pub(super) statements: Vec<Statement>,
    /// The number of announcements.
    pub(super) announced: u64,
    /// Whether there are rows to remove later.
    pub(super) untidy: bool,
}

impl Rows {
    /// Takes the existing rows that the changes touch, and keys for new nodes.
    pub(super) fn new(known: ExistingRows, keys: Vec<NodeId>) -> Rows {
        Rows {
            known,
            keys: keys.into_iter(),
            done: Applied::default(),
        }
    }

    fn push(&mut self, statement: Statement) {
        self.done.statements.push(statement);
    }

    /// Removes all items below a seq.
    fn give_up(&mut self, node: NodeId, floor: i64) {
        self.known.purge();
        self.done.statements.extend(give_up_items(node, floor));
        self.done.untidy = true;
    }
}

impl RowWriter for Rows {
    fn create(&mut self, mut node: Node) -> Result<Node, StoreError> {
        let key = self.keys.next();
        node.id = key.ok_or_else(|| StoreError::Broken("no key for a new node".to_owned()))?;
        let name = node.name.clone();
        self.push(statement!("DELETE FROM redirect WHERE name = $1", name));
        self.push(insert_node(&node, false)?);
        self.known = ExistingRows::default();
        Ok(node)
    }

    fn save_config(&mut self, node: &Node) -> Result<(), StoreError> {
        let sql = "UPDATE node SET config = $2 WHERE id = $1";
        self.push(statement!(sql, node.id.0, config_text(node)?));
        Ok(())
    }

    fn delete(&mut self, node: &Node, redirect: Option<String>) -> Result<(), StoreError> {
        let name = node.name.clone();
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
            self.push(statement!(sql, node.id.0));
        }
        self.give_up(node.id, i64::MAX);
        Ok(())
    }

    fn leave(&mut self, node: Node, deleted: bool) -> Result<(), StoreError> {
        self.push(save_counts(&node));
        if deleted {
            self.push(bury(node.id));
        }
        Ok(())
    }

    fn affiliate(
        &mut self,
        node: NodeId,
        jid: &BareJid,
        affiliation: Affiliation,
    ) -> Result<(), StoreError> {
        self.push(affiliate(node, jid, affiliation));
        Ok(())
    }

    fn existing(
        &mut self,
        _node: NodeId,
        jid: &Jid,
        subid: &str,
    ) -> Result<Option<Existing>, StoreError> {
        let found = self.known.subscription(jid.as_str(), subid);
        Ok(found.map(|found| Existing {
            since: match found {
                ExistingSubscription::Pending => None,
                ExistingSubscription::Subscribed { since } => Some(since),
            },
            began: None,
        }))
    }

    fn save_subscription(
        &mut self,
        node: NodeId,
        new: &Subscription,
        began: u64,
    ) -> Result<(), StoreError> {
        let now = ExistingSubscription::of(new);
        self.known
            .set_subscription(new.jid.as_str(), &new.subid, Some(now));
        self.push(save_subscription(node, new, new.since, began));
        Ok(())
    }

    fn unsubscribe(&mut self, node: NodeId, jid: &Jid, subid: &str) -> Result<bool, StoreError> {
        let jid = jid.as_str();
        let found = self.known.subscription(jid, subid);
        if found.is_some() {
            self.known.set_subscription(jid, subid, None);
            let sql = "DELETE FROM subscription WHERE node = $1 AND jid = $2 AND subid = $3";
            self.push(statement!(sql, node.0, jid.to_owned(), subid.to_owned()));
        }
        Ok(matches!(
            found,
            Some(ExistingSubscription::Subscribed { .. })
        ))
    }

    fn insert_item(
        &mut self,
        node: NodeId,
        head: ItemHead,
        payload: Option<String>,
    ) -> Result<(), StoreError> {
        self.known.add_item(&head.id);
        self.push(statement!(
            REPLACE_ITEM,
            node.0,
            integer(head.seq),
            head.id,
            head.publisher.as_str().to_owned(),
            head.published.0,
            head.expires.map(|at| at.0),
            payload
        ));
        Ok(())
    }

    fn remove_item(&mut self, node: NodeId, id: &str) -> Result<bool, StoreError> {
        let existed = self.known.remove_item(id);
        if existed {
            let sql = "DELETE FROM item WHERE node = $1 AND id = $2";
            self.push(statement!(sql, node.0, id.to_owned()));
        }
        Ok(existed)
    }

    fn purge(&mut self, node: &Node) -> Result<(), StoreError> {
        self.give_up(node.id, integer(node.next_seq));
        Ok(())
    }

    fn announce(
        &mut self,
        node: NodeId,
        seq: u64,
        announcement: Announcement,
    ) -> Result<(), StoreError> {
        self.done.announced += 1;
        self.push(announce(node, seq, announcement)?);
        Ok(())
    }
}
