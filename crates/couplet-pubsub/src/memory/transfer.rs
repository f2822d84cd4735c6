//! Dump and restore.

use std::ops::Bound;

use crate::{
    node::NodeId,
    store::{
        Job, JobId,
        record::{DumpPosition, Record, Restored},
    },
};

use super::{
    subscriptions::{Key, Packed, unpacked},
    tables::{NodeEntry, Tables},
};

impl Tables {
    pub(super) fn dump(&self, from: &DumpPosition, max: u32) -> Vec<Record> {
        let max = max as usize;
        match from {
            DumpPosition::Nodes(after) => self
                .nodes
                .range(behind(after.as_ref()))
                .take(max)
                .map(|(_, kept)| Record::Node {
                    node: Box::new(kept.node.clone()),
                    deleted: kept.deleted,
                })
                .collect(),
            DumpPosition::Redirects(after) => self
                .redirects
                .range(behind(after.as_ref()))
                .take(max)
                .map(|(name, uri)| Record::Redirect {
                    name: name.clone(),
                    uri: uri.clone(),
                })
                .collect(),
            DumpPosition::Announcements(id, after) => self
                .queue
                .of(*id)
                .filter_map(|job| self.jobs.get(&job))
                .filter(|job| job.seq > *after)
                .take(max)
                .map(|job| Record::Announcement {
                    seq: job.seq,
                    announcement: job.announcement.clone(),
                    after: job.after.clone(),
                })
                .collect(),
            DumpPosition::Affiliations(id, _)
            | DumpPosition::Subscriptions(id, _)
            | DumpPosition::Items(id, _) => self
                .nodes
                .get(id)
                .map(|kept| dump_of(kept, from, max))
                .unwrap_or_default(),
        }
    }

    pub(super) fn restore(&mut self, into: Option<NodeId>, records: Vec<Record>) -> Restored {
        let mut restored = Restored {
            node: into,
            left_out: 0,
        };
        for record in records {
            let taken_in = match record {
                Record::Node { node, deleted } => {
                    restored.node = self.restore_node(NodeEntry::new(*node, deleted));
                    restored.node.is_some()
                }
                Record::Redirect { name, uri } => self.restore_redirect(name, uri),
                other => match restored.node {
                    Some(id) => self.restore_into(id, other),
                    None => false,
                },
            };
            restored.left_out += u64::from(!taken_in);
        }
        restored
    }

    fn restore_node(&mut self, mut kept: NodeEntry) -> Option<NodeId> {
        if !kept.deleted && self.names.contains_key(&kept.node.name) {
            return None;
        }
        if self.nodes.contains_key(&kept.node.id) {
            kept.node.id = NodeId(self.last_node + 1);
        }
        kept.node.items = 0;
        kept.node.subscribers = 0;
        let id = kept.node.id;
        self.add_node(kept);
        Some(id)
    }

    fn restore_redirect(&mut self, name: String, uri: String) -> bool {
        if self.names.contains_key(&name) || self.redirects.contains_key(&name) {
            return false;
        }
        self.redirects.insert(name, uri);
        true
    }

    fn restore_into(&mut self, id: NodeId, record: Record) -> bool {
        match record {
            Record::Affiliation { jid, affiliation } => self.set_affiliation(id, jid, affiliation),
            Record::Subscription {
                subscription,
                began,
            } => {
                let key = Key::new(subscription.jid.as_str(), &subscription.subid);
                self.add_subscription(id, key, Packed::new(&subscription, began));
            }
            Record::Item(item) => self.add_item(id, item),
            Record::Announcement {
                seq,
                announcement,
                after,
            } => self.add_job(Job {
                id: JobId(self.last_job + 1),
                node: id,
                seq,
                announcement,
                after,
            }),
            Record::Node { .. } | Record::Redirect { .. } => {}
        }
        true
    }
}

fn dump_of(kept: &NodeEntry, from: &DumpPosition, max: usize) -> Vec<Record> {
    match from {
        DumpPosition::Affiliations(_, after) => kept
            .affiliations
            .iter()
            .filter(|(jid, _)| after.as_deref().is_none_or(|after| jid.prepared() > after))
            .take(max)
            .map(|(jid, affiliation)| Record::Affiliation {
                jid: jid.clone(),
                affiliation: *affiliation,
            })
            .collect(),
        DumpPosition::Subscriptions(_, after) => {
            let after = after.as_ref().map(Key::from);
            kept.subscriptions
                .after(after.as_ref())
                .take(max)
                .filter_map(|(key, packed)| {
                    Some(Record::Subscription {
                        subscription: unpacked(key, packed)?,
                        began: packed.began(),
                    })
                })
                .collect()
        }
        DumpPosition::Items(_, after) => kept
            .items
            .range(after.saturating_add(1)..)
            .take(max)
            .map(|(_, item)| Record::Item(item.clone()))
            .collect(),
        _ => Vec::new(),
    }
}

fn behind<T: Clone>(after: Option<&T>) -> (Bound<T>, Bound<T>) {
    let from = after.cloned().map_or(Bound::Unbounded, Bound::Excluded);
    (from, Bound::Unbounded)
}
