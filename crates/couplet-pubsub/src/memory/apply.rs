//! Applies changes in order. They are validated before the first one.

use crate::{
    change::Change,
    item::{Item, ItemHead},
    node::{Node, NodeId},
    store::{Job, JobId, StoreError, validate_changes},
    subscription::{Subscription, SubscriptionState},
};

use super::{
    subscriptions::{Key, Packed},
    tables::{NodeEntry, Tables},
};

impl Tables {
    /// Applies all changes or none. Returns whether there is something to deliver.
    pub(super) fn apply(
        &mut self,
        name: Option<&str>,
        changes: Vec<Change>,
    ) -> Result<bool, StoreError> {
        let mut node = name.and_then(|name| self.names.get(name)).copied();
        let name = name.filter(|_| node.is_some());
        validate_changes(&changes, name, |name| Ok(self.names.contains_key(name)))?;
        let before = self.last_job;
        let mut touched: Vec<NodeId> = node.into_iter().collect();
        for change in changes {
            if let Change::Create { .. } = change {
                node = Some(NodeId(self.last_node + 1));
                touched.extend(node);
            }
            if let Some(node) = node {
                self.apply_one(node, change);
            }
        }
        for node in touched {
            self.bury(node);
        }
        Ok(self.last_job > before)
    }

    fn apply_one(&mut self, id: NodeId, change: Change) {
        match change {
            Change::Create {
                name,
                config,
                creator,
                at,
            } => {
                self.redirects.remove(&name);
                let node = Node::new(id, name, *config, creator, at);
                self.add_node(NodeEntry::new(node, false));
            }
            Change::Configure(config) => {
                if let Some(node) = self.revised(id) {
                    node.config = *config;
                }
            }
            Change::MarkUnapplied => {
                if let Some(kept) = self.nodes.get_mut(&id) {
                    kept.node.unapplied = kept.node.revision;
                }
            }
            Change::MarkApplied(revision) => {
                if let Some(kept) = self.nodes.get_mut(&id)
                    && kept.node.unapplied == revision
                {
                    kept.node.unapplied = 0;
                }
            }
            Change::Delete { redirect } => self.delete_to(id, redirect),
            Change::Affiliate { jid, affiliation } => {
                self.revised(id);
                self.set_affiliation(id, jid, affiliation);
            }
            Change::Subscribe(subscription) => self.subscribe(id, subscription),
            Change::Unsubscribe { jid, subid } => {
                self.revised(id);
                self.remove_subscription(id, &Key::new(jid.as_str(), &subid));
            }
            change => self.apply_to_items(id, change),
        }
    }

    fn apply_to_items(&mut self, id: NodeId, change: Change) {
        match change {
            Change::Publish {
                id: item,
                publisher,
                payload,
                at,
                expires,
            } => {
                self.retract(id, &item);
                let head = ItemHead {
                    id: item,
                    seq: self.next_seq(id),
                    publisher,
                    published: at,
                    expires,
                };
                self.add_item(id, Item { head, payload });
            }
            Change::Retract { ids } => {
                for item in ids {
                    self.retract(id, &item);
                }
            }
            Change::Purge => self.purge(id),
            Change::Announce(announcement) => {
                let job = Job {
                    id: JobId(self.last_job + 1),
                    node: id,
                    seq: self.next_seq(id),
                    announcement,
                    after: None,
                };
                self.add_job(job);
            }
            _ => {}
        }
    }

    fn delete_to(&mut self, id: NodeId, redirect: Option<String>) {
        let Some(name) = self.live(id).map(|kept| kept.node.name.clone()) else {
            return;
        };
        match redirect {
            Some(uri) => self.redirects.insert(name, uri),
            None => self.redirects.remove(&name),
        };
        self.delete(id);
    }

    fn subscribe(&mut self, id: NodeId, mut new: Subscription) {
        let Some(node) = self.revised(id) else {
            return;
        };
        let (began, next_seq) = (node.revision, node.next_seq);
        let key = Key::new(new.jid.as_str(), &new.subid);
        let old = self
            .nodes
            .get(&id)
            .and_then(|kept| kept.subscriptions.find(&key));
        new.since = match old {
            Some(old) if old.state() == SubscriptionState::Subscribed => old.since(),
            _ => next_seq,
        };
        let began = old.map_or(began, Packed::began);
        self.add_subscription(id, key, Packed::new(&new, began));
    }

    fn retract(&mut self, id: NodeId, item: &str) {
        let kept = self.nodes.get(&id);
        if let Some(seq) = kept.and_then(|kept| kept.ids.get(item)).copied() {
            self.remove_item(id, seq);
        }
    }

    fn purge(&mut self, id: NodeId) {
        let kept = self.nodes.get(&id);
        let all: Vec<u64> = kept.map_or_else(Vec::new, |kept| kept.items.keys().copied().collect());
        for seq in all {
            self.remove_item(id, seq);
        }
    }

    fn next_seq(&mut self, id: NodeId) -> u64 {
        let Some(kept) = self.nodes.get_mut(&id) else {
            return 0;
        };
        kept.node.next_seq += 1;
        kept.node.next_seq - 1
    }

    /// Increments the revision of the node and returns it.
    fn revised(&mut self, id: NodeId) -> Option<&mut Node> {
        let node = &mut self.nodes.get_mut(&id)?.node;
        node.revision += 1;
        Some(node)
    }
}
