//! The records of a dump.
//!
//! Leases of announcements are not recorded: the new store grants them again.

use couplet::BareJid;
use serde::{Deserialize, Serialize};

use crate::{
    change::Announcement,
    codec::validate,
    item::Item,
    node::{Affiliation, Node, NodeId},
    subscription::Subscription,
};

use super::Cursor;

/// One record. The records of a node follow it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    Node {
        node: Box<Node>,
        /// Whether it only waits for the delivery of its announcements.
        deleted: bool,
    },
    Affiliation {
        jid: BareJid,
        affiliation: Affiliation,
    },
    Subscription {
        subscription: Subscription,
        /// The revision of the node at its beginning, which orders subscriptions.
        began: u64,
    },
    Item(Item),
    Announcement {
        seq: u64,
        announcement: Announcement,
        after: Option<Cursor>,
    },
    /// The redirect of a deleted node.
    Redirect {
        name: String,
        uri: String,
    },
}

impl Record {
    /// Validates the values that the service would write to the stream unchanged.
    ///
    /// # Errors
    ///
    /// Why it is invalid.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Record::Node { node, .. } if node.id.0 <= 0 => {
                Err(format!("{} is not a valid key of a node", node.id.0))
            }
            Record::Node { node, .. } => {
                let config = &node.config;
                let texts = [&config.title, &config.description, &config.payload_type];
                let texts = texts.into_iter().chain([&config.language]).flatten();
                check_texts([&node.name].into_iter().chain(texts).chain(&config.contact))
            }
            Record::Affiliation { .. } => Ok(()),
            Record::Subscription { subscription, .. } => check_texts([&subscription.subid]),
            Record::Item(item) => {
                check_texts([&item.head.id])?;
                let payload = item.payload.as_deref();
                payload.map_or(Ok(()), validate::check_payload)
            }
            Record::Announcement { announcement, .. } => {
                check_texts(&announcement.body)?;
                validate::check_content(&announcement.content)
            }
            Record::Redirect { name, uri } => check_texts([name, uri]),
        }
    }
}

fn check_texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    let mut texts = texts.into_iter();
    texts.try_for_each(|text| validate::check_text(text))
}

/// A position in a dump: the kind of record, and the last entry.
#[derive(Clone, Debug)]
pub(crate) enum DumpPosition {
    /// By key, with deleted ones.
    Nodes(Option<NodeId>),
    /// By JID.
    Affiliations(NodeId, Option<String>),
    /// By JID and subid.
    Subscriptions(NodeId, Option<Cursor>),
    /// After this seq.
    Items(NodeId, u64),
    /// After this seq.
    Announcements(NodeId, u64),
    /// By name.
    Redirects(Option<String>),
}

/// The result of a restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The node of records that may follow; `None` if they are to be skipped.
    pub(crate) node: Option<NodeId>,
    /// Records that were skipped because their node or redirect already exists.
    pub(crate) left_out: u64,
}
