//! Queries and snapshots: what a decision needs, and what a store has read for it, in one
//! transaction.

use couplet::{BareJid, Jid};

use crate::{
    cursor::Cursor,
    item::{Item, ItemHead},
    node::{Affiliation, Node},
    subscription::Subscription,
};

/// The data that a store reads before a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// The name of the node. A change locks it until its end, which serializes the changes of a
    /// node.
    pub(crate) node: Option<String>,
    /// The requester: its affiliation and at most [`MAX_SUBSCRIPTIONS`] of its subscriptions are
    /// read.
    pub(crate) entity: Option<BareJid>,
    /// Subscriptions of the entity that are always read.
    pub(crate) filter: SubscriptionFilter,
    /// Other entities whose affiliation and subscriptions are read.
    pub(crate) others: Vec<BareJid>,
    /// The ids of items to read.
    pub(crate) items: Vec<String>,
    /// The number of oldest items to read: those to evict.
    pub(crate) oldest: u32,
    /// The number of newest items to read, with payload.
    pub(crate) newest: u32,
    /// Whether to read all owners of the node.
    pub(crate) owners: bool,
    /// Whether to count the affiliations to the node.
    pub(crate) affiliations: bool,
    /// Whether to count the nodes to which each of the others has an affiliation.
    pub(crate) affiliated: bool,
    /// The number of pending subscriptions to read, oldest first.
    pub(crate) pending: u32,
    /// A range of all subscriptions, to end those that lose access when the access model changes.
    pub(crate) subscriber_range: Option<SubscriptionRange>,
    /// Whether to count what the entity uses of the whole service.
    pub(crate) usage: bool,
}

/// Maximum number of subscriptions of one bare JID to one node that are read without being
/// selected: the cost of a request must not grow with their number.
pub(crate) const MAX_SUBSCRIPTIONS: u32 = 64;

/// Selects the subscriptions that a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubscriptionFilter {
    pub(crate) jid: Option<Jid>,
    pub(crate) subid: Option<String>,
}

impl SubscriptionFilter {
    /// Selects those of one JID.
    pub(crate) fn of(jid: &Jid) -> SubscriptionFilter {
        SubscriptionFilter {
            jid: Some(jid.clone()),
            subid: None,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.jid.is_none() && self.subid.is_none()
    }

    pub(crate) fn includes(&self, jid: &str, subid: &str) -> bool {
        self.jid
            .as_ref()
            .is_none_or(|wanted| wanted.as_str() == jid)
            && self.subid.as_ref().is_none_or(|wanted| wanted == subid)
    }
}

/// A range of the subscriptions to a node, by JID and subid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionRange {
    pub(crate) after: Option<Cursor>,
    pub(crate) max: u32,
}

/// The data that a store has read for a [`Query`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// `None` if the node does not exist.
    pub(crate) node: Option<Node>,
    /// The redirect of the last node of this name, if it was deleted with one.
    pub(crate) redirect: Option<String>,
    /// `None` if the query has no entity.
    pub(crate) entity: Option<Entity>,
    /// In the order of `Query::others`.
    pub(crate) others: Vec<Entity>,
    /// The existing ones, in any order.
    pub(crate) items: Vec<ItemHead>,
    /// Oldest first.
    pub(crate) oldest: Vec<ItemHead>,
    /// Oldest first.
    pub(crate) newest: Vec<Item>,
    pub(crate) owners: Vec<BareJid>,
    /// Affiliations other than none; 0 if not requested.
    pub(crate) affiliations: u64,
    /// The number of nodes to which each of the others has an affiliation, in their order; empty if
    /// not requested.
    pub(crate) affiliated: Vec<u64>,
    pub(crate) pending: Vec<Subscription>,
    /// By JID and subid; adjacent subscriptions of one bare JID are grouped.
    pub(crate) subscriber_range: Vec<Entity>,
    pub(crate) usage: Usage,
    /// Announcements of the whole service that are not delivered to all recipients yet.
    pub(crate) backlog: u64,
}

/// The affiliation and subscriptions of one bare JID at the node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entity {
    pub(crate) jid: BareJid,
    pub(crate) affiliation: Affiliation,
    /// Subscriptions of the bare JID and its full JIDs, oldest first; some are missing if there are
    /// more than [`MAX_SUBSCRIPTIONS`].
    pub(crate) subscriptions: Vec<Subscription>,
}

/// The usage of the service by one bare JID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Existing nodes that it created.
    pub(crate) nodes: u64,
    /// Subscriptions to all nodes.
    pub(crate) subscriptions: u64,
}

/// Groups adjacent subscriptions by bare JID.
pub(crate) fn entities(held: impl IntoIterator<Item = (Subscription, Affiliation)>) -> Vec<Entity> {
    let mut entities: Vec<Entity> = Vec::new();
    for (held, affiliation) in held {
        let jid = held.jid.to_bare();
        match entities.last_mut() {
            Some(last) if last.jid == jid => last.subscriptions.push(held),
            _ => entities.push(Entity {
                jid,
                affiliation,
                subscriptions: vec![held],
            }),
        }
    }
    entities
}
