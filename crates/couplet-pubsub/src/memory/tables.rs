//! The tables of the store and their indexes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use couplet::BareJid;

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    snapshot::Usage,
    store::{Job, JobId, job_queue::JobQueue},
    timestamp::Timestamp,
};

use super::subscriptions::{Key, Packed, Subscriptions};

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) last_node: i64,
    pub(super) last_job: i64,
    pub(super) nodes: BTreeMap<NodeId, NodeEntry>,
    /// The names of nodes that are not deleted. All indexes below are of such nodes.
    pub(super) names: BTreeMap<String, NodeId>,
    pub(super) created: HashMap<BareJid, u64>,
    pub(super) affiliated: BTreeSet<(BareJid, NodeId)>,
    subscribed: BTreeSet<(u64, NodeId)>,
    pub(super) leases: BTreeSet<(Timestamp, NodeId, Key)>,
    pub(super) expiring: BTreeSet<(Timestamp, NodeId, u64)>,
    pub(super) redirects: BTreeMap<String, String>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) queue: JobQueue,
    hasher: RandomState,
}

/// A node with all that belongs to it.
#[derive(Debug)]
pub(super) struct NodeEntry {
    pub(super) node: Node,
    /// Whether the node is deleted and only waits for the delivery of its announcements.
    pub(super) deleted: bool,
    /// By seq.
    pub(super) items: BTreeMap<u64, Item>,
    pub(super) ids: HashMap<String, u64>,
    pub(super) affiliations: BTreeMap<BareJid, Affiliation>,
    pub(super) subscriptions: Subscriptions,
}

impl NodeEntry {
    pub(super) fn new(node: Node, deleted: bool) -> NodeEntry {
        NodeEntry {
            node,
            deleted,
            items: BTreeMap::new(),
            ids: HashMap::new(),
            affiliations: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
        }
    }
}

impl Tables {
    /// Returns a node that is not deleted.
    pub(super) fn live(&self, id: NodeId) -> Option<&NodeEntry> {
        self.nodes.get(&id).filter(|kept| !kept.deleted)
    }

    pub(super) fn named(&self, name: &str) -> Option<&NodeEntry> {
        self.nodes.get(self.names.get(name)?)
    }

    /// Adds a node to the indexes by name and creator.
    pub(super) fn add_node(&mut self, kept: NodeEntry) {
        let id = kept.node.id;
        self.last_node = self.last_node.max(id.0);
        if !kept.deleted {
            self.names.insert(kept.node.name.clone(), id);
            *self.created.entry(kept.node.creator.clone()).or_default() += 1;
        }
        self.nodes.insert(id, kept);
    }

    pub(super) fn add_item(&mut self, id: NodeId, item: Item) {
        let Some(kept) = self.nodes.get_mut(&id) else {
            return;
        };
        if let Some(at) = item.head.expires {
            self.expiring.insert((at, id, item.head.seq));
        }
        kept.node.items += 1;
        kept.ids.insert(item.head.id.clone(), item.head.seq);
        kept.items.insert(item.head.seq, item);
    }

    pub(super) fn remove_item(&mut self, id: NodeId, seq: u64) {
        let Some(kept) = self.nodes.get_mut(&id) else {
            return;
        };
        let Some(item) = kept.items.remove(&seq) else {
            return;
        };
        kept.node.items -= 1;
        kept.ids.remove(&item.head.id);
        if let Some(at) = item.head.expires {
            self.expiring.remove(&(at, id, seq));
        }
    }

    pub(super) fn add_subscription(&mut self, id: NodeId, key: Key, packed: Packed) {
        self.remove_subscription(id, &key);
        let Ok(who) = BareJid::new(bare(key.jid())) else {
            return;
        };
        let who = self.hashed(&who);
        let Some(kept) = self.nodes.get_mut(&id) else {
            return;
        };
        kept.node.subscribers += counted(&packed);
        if !kept.deleted {
            self.subscribed.insert((who, id));
            if let Some(at) = packed.expires() {
                self.leases.insert((at, id, key.clone()));
            }
        }
        kept.subscriptions.insert(key, packed);
    }

    pub(super) fn remove_subscription(&mut self, id: NodeId, key: &Key) {
        let Some(kept) = self.nodes.get_mut(&id) else {
            return;
        };
        let Some(packed) = kept.subscriptions.remove(key) else {
            return;
        };
        kept.node.subscribers -= counted(&packed);
        self.unlist(id, key, &packed);
    }

    /// Removes a subscription from the indexes.
    fn unlist(&mut self, id: NodeId, key: &Key, packed: &Packed) {
        if let Some(at) = packed.expires() {
            self.leases.remove(&(at, id, key.clone()));
        }
        let Ok(who) = BareJid::new(bare(key.jid())) else {
            return;
        };
        let others = self.live(id).map(|kept| kept.subscriptions.of(&who));
        if others.and_then(|mut others| others.next()).is_none() {
            let who = self.hashed(&who);
            self.subscribed.remove(&(who, id));
        }
    }

    pub(super) fn set_affiliation(&mut self, id: NodeId, jid: BareJid, affiliation: Affiliation) {
        let Some(kept) = self.nodes.get_mut(&id) else {
            return;
        };
        if affiliation == Affiliation::None {
            kept.affiliations.remove(&jid);
            self.affiliated.remove(&(jid, id));
        } else {
            kept.affiliations.insert(jid.clone(), affiliation);
            if !kept.deleted {
                self.affiliated.insert((jid, id));
            }
        }
    }

    /// Frees the name of a node; its subscriptions stay for its last announcements.
    pub(super) fn delete(&mut self, id: NodeId) {
        let Some(kept) = self.nodes.get_mut(&id).filter(|kept| !kept.deleted) else {
            return;
        };
        kept.deleted = true;
        self.names.remove(&kept.node.name);
        if let Some(nodes) = self.created.get_mut(&kept.node.creator) {
            *nodes -= 1;
        }
        let affiliated = std::mem::take(&mut kept.affiliations);
        let seqs: Vec<u64> = kept.items.keys().copied().collect();
        let held: Vec<(Key, Packed)> = kept
            .subscriptions
            .iter()
            .map(|(key, packed)| (key.clone(), *packed))
            .collect();
        self.created.retain(|_, nodes| *nodes > 0);
        for jid in affiliated.into_keys() {
            self.affiliated.remove(&(jid, id));
        }
        for seq in seqs {
            self.remove_item(id, seq);
        }
        for (key, packed) in held {
            self.unlist(id, &key, &packed);
        }
    }

    /// Removes a deleted node once all its announcements are delivered.
    pub(super) fn bury(&mut self, id: NodeId) {
        let deleted = self.nodes.get(&id).is_some_and(|kept| kept.deleted);
        if deleted && !self.queue.waits(id) {
            self.nodes.remove(&id);
        }
    }

    pub(super) fn add_job(&mut self, job: Job) {
        self.last_job = self.last_job.max(job.id.0);
        self.queue.push(job.node, job.id);
        self.jobs.insert(job.id, job);
    }

    pub(super) fn usage(&self, who: &BareJid) -> Usage {
        let held = |kept: &NodeEntry| kept.subscriptions.of(who).count() as u64;
        Usage {
            nodes: self.created.get(who).copied().unwrap_or_default(),
            subscriptions: self.subscribed_nodes(who).map(held).sum(),
        }
    }

    /// Counts the nodes to which this entity has an affiliation.
    pub(super) fn affiliated(&self, who: &BareJid) -> u64 {
        let lowest = (who.clone(), NodeId(i64::MIN));
        let highest = (who.clone(), NodeId(i64::MAX));
        self.affiliated.range(lowest..=highest).count() as u64
    }

    /// Returns nodes to which this entity may have subscriptions: another one may have the same
    /// hash.
    pub(super) fn subscribed_nodes(&self, who: &BareJid) -> impl Iterator<Item = &NodeEntry> {
        let who = self.hashed(who);
        self.subscribed
            .range((who, NodeId(i64::MIN))..=(who, NodeId(i64::MAX)))
            .filter_map(|(_, id)| self.live(*id))
    }

    fn hashed(&self, who: &BareJid) -> u64 {
        self.hasher.hash_one(who)
    }
}

/// Returns the part before the resource.
fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

fn counted(packed: &Packed) -> u64 {
    u64::from(packed.state() == crate::subscription::SubscriptionState::Subscribed)
}
