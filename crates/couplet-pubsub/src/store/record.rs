//! What a store is made of, piece by piece, for moving it to another one.
//!
//! Deliberately absent: leases of announcements. Whoever delivers in the new store takes them anew.

use couplet::BareJid;
use serde::{Deserialize, Serialize};

use crate::{
    change::Announcement,
    item::Item,
    node::{Affiliation, Node, NodeId},
    subscription::Subscription,
};

use super::Cursor;

/// One piece. Those that belong to a node follow it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    Node {
        node: Box<Node>,
        /// Whether it is only here until its announcements are delivered.
        deleted: bool,
    },
    Affiliation {
        jid: BareJid,
        affiliation: Affiliation,
    },
    Subscription {
        subscription: Subscription,
        /// The node's revision then: the order in which they began.
        began: u64,
    },
    Item(Item),
    Announcement {
        seq: u64,
        announcement: Announcement,
        after: Option<Cursor>,
    },
    /// Where a deleted node went.
    Redirect {
        name: String,
        uri: String,
    },
}

/// What to dump, and after which entry.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// By key, the deleted ones too.
    Nodes(Option<NodeId>),
    /// By JID.
    Affiliations(NodeId, Option<BareJid>),
    /// By JID and subid.
    Subscriptions(NodeId, Option<Cursor>),
    /// Behind this seq.
    Items(NodeId, u64),
    /// Behind this seq.
    Announcements(NodeId, u64),
    /// By name.
    Redirects(Option<String>),
}

/// What became of restored records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The node of records that may follow; none where they have nowhere to go.
    pub(crate) node: Option<NodeId>,
    /// Records left out, because their node's name or redirection was there already.
    pub(crate) left_out: u64,
}
