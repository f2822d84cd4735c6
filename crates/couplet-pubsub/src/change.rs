//! What a decision does to a node. Stores apply changes in order, all or none, and decide nothing.

use couplet::{BareJid, Jid};
use serde::{Deserialize, Serialize};

use crate::{
    node::{Affiliation, NodeConfig, NotificationType},
    subscription::Subscription,
    timestamp::Timestamp,
};

/// One step of a change to the node that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The node is made and is the node of all that follows.
    Create {
        name: String,
        config: Box<NodeConfig>,
        creator: BareJid,
        at: Timestamp,
    },
    Configure(Box<NodeConfig>),
    /// The configuration is not yet applied to all subscriptions and items: the node's
    /// `unapplied` becomes its revision.
    MarkUnapplied,
    /// It is, as far as it was changed by this revision and not again.
    MarkApplied(u64),
    /// Its name is free at once; subscriptions stay until the announcements are delivered.
    Delete {
        redirect: Option<String>,
    },
    /// `Affiliation::None` removes the entry.
    Affiliate {
        jid: BareJid,
        affiliation: Affiliation,
    },
    /// New, or replaces the one of the same JID and subid. `since` is set by the store for a new
    /// one and for one that was pending, and kept for others.
    Subscribe(Subscription),
    Unsubscribe {
        jid: Jid,
        subid: String,
    },
    /// New, or replaces the one of the same id; it gets the next seq.
    Publish {
        id: String,
        publisher: BareJid,
        payload: Option<String>,
        at: Timestamp,
        expires: Option<Timestamp>,
    },
    Retract {
        ids: Vec<String>,
    },
    /// All items.
    Purge,
    /// It gets the next seq and goes out after the answer, at least once, in the order of the node.
    Announce(Announcement),
}

/// Something to be told to many. It survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) to: Audience,
    pub(crate) type_: NotificationType,
    /// The children of the message as XML: `<event/>`, `<delay/>`, a form.
    pub(crate) content: String,
    /// A text for people, for those whose options ask for a body.
    pub(crate) body: Option<String>,
}

/// To whom an announcement goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Audience {
    /// Those subscribed before it was made, as far as they want notifications.
    Subscribers,
    /// Those whose approval is pending too. (XEP-0060, 8.4.2)
    SubscribersAndPending,
    /// These.
    Named(Vec<Jid>),
}
