//! Changes that a decision makes to a node. Stores apply them in order, all or none, without rules
//! of their own.

use couplet::{BareJid, Jid};
use serde::{Deserialize, Serialize};

use crate::{
    node::{Affiliation, NodeConfig, NotificationType},
    subscription::Subscription,
    timestamp::Timestamp,
};

/// One change to the node of the query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// Creates the node; later changes apply to it.
    Create {
        name: String,
        config: Box<NodeConfig>,
        creator: BareJid,
        at: Timestamp,
    },
    Configure(Box<NodeConfig>),
    /// Marks the configuration as not yet applied to all subscriptions and items: sets `unapplied`
    /// to the revision of the node.
    MarkUnapplied,
    /// Marks the configuration as applied, if this revision is the last that changed it.
    MarkApplied(u64),
    /// Deletes the node. Its name is free at once; its subscriptions stay until the announcements
    /// are delivered.
    Delete {
        redirect: Option<String>,
    },
    /// Sets an affiliation; `Affiliation::None` removes it.
    Affiliate {
        jid: BareJid,
        affiliation: Affiliation,
    },
    /// Inserts a subscription, or replaces that of the same JID and subid. The store sets `since`
    /// of a new one and of one that was pending, and keeps that of others.
    Subscribe(Subscription),
    Unsubscribe {
        jid: Jid,
        subid: String,
    },
    /// Inserts an item, or replaces that of the same id. It gets the next seq.
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
    /// Removes all items.
    Purge,
    /// Queues an announcement. It gets the next seq and is delivered after the answer, at least
    /// once, in the order of the node.
    Announce(Announcement),
}

/// A notification for many recipients. It survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) to: Audience,
    pub(crate) type_: NotificationType,
    /// The children of the message, as XML: `<event/>`, `<delay/>`, a form.
    pub(crate) content: String,
    /// The `<body/>` for subscribers whose options ask for one.
    pub(crate) body: Option<String>,
}

/// The recipients of an announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Audience {
    /// Subscribers from before the announcement that have notifications enabled.
    Subscribers,
    /// Pending subscribers too. (XEP-0060, 8.4.2)
    SubscribersAndPending,
    /// These JIDs.
    Named(Vec<Jid>),
}
