//! What a decision needs to know, and what a store found out for it, in one transaction.

use couplet::BareJid;

use crate::{
    item::{Item, ItemHead},
    node::{Affiliation, Node},
    subscription::Subscription,
};

/// What has to be found out before deciding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The node by name. In a change it stays locked until the end: the order of a node.
    pub(crate) node: Option<String>,
    /// Who asks: its affiliation and subscriptions to the node.
    pub(crate) actor: Option<BareJid>,
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
    /// All subscriptions to the node in state pending.
    pub(crate) pending: bool,
    /// All subscribers, to end those who lose access when the access model changes.
    pub(crate) everybody: bool,
    /// How much the actor uses of the whole service.
    pub(crate) usage: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// None where there is no such node.
    pub(crate) node: Option<Node>,
    /// Where the last node of this name went, if it was deleted with a redirection.
    pub(crate) redirect: Option<String>,
    /// None where nobody was asked for.
    pub(crate) actor: Option<Party>,
    /// In the order of `Needs::others`.
    pub(crate) others: Vec<Party>,
    /// Those that exist, in any order.
    pub(crate) items: Vec<ItemHead>,
    /// Oldest first.
    pub(crate) oldest: Vec<ItemHead>,
    /// Oldest first.
    pub(crate) newest: Vec<Item>,
    pub(crate) owners: Vec<BareJid>,
    /// Affiliations other than none; 0 where nobody asked.
    pub(crate) affiliations: u64,
    pub(crate) pending: Vec<Subscription>,
    /// Each bare JID with a subscription, with its affiliation.
    pub(crate) everybody: Vec<Party>,
    pub(crate) usage: Usage,
    /// Announcements of the whole service that are not all delivered yet.
    pub(crate) backlog: u64,
}

/// How one bare JID stands to the node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Party {
    pub(crate) jid: BareJid,
    pub(crate) affiliation: Affiliation,
    /// Its own and its full JIDs' subscriptions, in the order they began.
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
