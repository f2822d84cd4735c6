//! What a decision needs to know, and what a store found out for it, in one transaction.

use couplet::{BareJid, Jid};

use crate::{
    cursor::Cursor,
    item::{Item, ItemHead},
    node::{Affiliation, Node},
    subscription::Subscription,
};

/// What has to be found out before deciding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// The node by name. In a change it stays locked until the end: the order of a node.
    pub(crate) node: Option<String>,
    /// Who asks: its affiliation and subscriptions to the node, as many as [`MAX_SUBSCRIPTIONS`].
    pub(crate) actor: Option<BareJid>,
    /// Which of the actor's subscriptions are found in any case.
    pub(crate) filter: SubscriptionFilter,
    /// Of whom else affiliation and subscriptions matter.
    pub(crate) others: Vec<BareJid>,
    /// Items by id.
    pub(crate) items: Vec<String>,
    /// So many of the oldest items: those that would make room.
    pub(crate) oldest: u32,
    /// So many of the newest items, with payload.
    pub(crate) newest: u32,
    /// All owners of the node.
    pub(crate) owners: bool,
    /// How many have an affiliation to the node.
    pub(crate) affiliations: bool,
    /// To how many nodes each of the others has an affiliation.
    pub(crate) affiliated: bool,
    /// So many of the subscriptions to the node in state pending, those that began first.
    pub(crate) pending: u32,
    /// Some of the subscriptions, to end those that lose access when the access model changes.
    pub(crate) subscriber_range: Option<SubscriptionRange>,
    /// How much the actor uses of the whole service.
    pub(crate) usage: bool,
}

/// As many subscriptions of one bare JID to one node are found without being named: a request must
/// not cost more the more subscriptions somebody has piled up.
pub(crate) const MAX_SUBSCRIPTIONS: u32 = 64;

/// Subscriptions that a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubscriptionFilter {
    pub(crate) jid: Option<Jid>,
    pub(crate) subid: Option<String>,
}

impl SubscriptionFilter {
    /// Those of one JID.
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

/// Some subscriptions to a node, by JID and subid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionRange {
    pub(crate) after: Option<Cursor>,
    pub(crate) max: u32,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// None where there is no such node.
    pub(crate) node: Option<Node>,
    /// Where the last node of this name went, if it was deleted with a redirection.
    pub(crate) redirect: Option<String>,
    /// None where nobody was asked for.
    pub(crate) actor: Option<Entity>,
    /// In the order of `Query::others`.
    pub(crate) others: Vec<Entity>,
    /// Those that exist, in any order.
    pub(crate) items: Vec<ItemHead>,
    /// Oldest first.
    pub(crate) oldest: Vec<ItemHead>,
    /// Oldest first.
    pub(crate) newest: Vec<Item>,
    pub(crate) owners: Vec<BareJid>,
    /// Affiliations other than none; 0 where nobody asked.
    pub(crate) affiliations: u64,
    /// To how many nodes the others have an affiliation, in their order; empty unless asked for.
    pub(crate) affiliated: Vec<u64>,
    pub(crate) pending: Vec<Subscription>,
    /// By JID and subid; neighbours of the same bare JID are together.
    pub(crate) subscriber_range: Vec<Entity>,
    pub(crate) usage: Usage,
    /// Announcements of the whole service that are not all delivered yet.
    pub(crate) backlog: u64,
}

/// How one bare JID stands to the node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entity {
    pub(crate) jid: BareJid,
    pub(crate) affiliation: Affiliation,
    /// Its own and its full JIDs' subscriptions, in the order they began; not all where they are
    /// more than [`MAX_SUBSCRIPTIONS`].
    pub(crate) subscriptions: Vec<Subscription>,
}

/// How much one bare JID uses of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Nodes it created that exist.
    pub(crate) nodes: u64,
    /// Subscriptions to all nodes.
    pub(crate) subscriptions: u64,
}

/// Subscriptions with the affiliations of their holders, those of neighbours together.
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
