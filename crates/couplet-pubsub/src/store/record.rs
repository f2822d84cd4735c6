//! What a store is made of, piece by piece, for moving it to another one.
//!
//! Deliberately absent: leases of announcements. Whoever delivers in the new store takes them anew.

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

impl Record {
    /// Checks what a store would keep and the service would write as it is.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Record::Node { node, .. } if node.id.0 <= 0 => {
                Err(format!("a node has no key like {}", node.id.0))
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

/// What to dump, and after which entry.
#[derive(Clone, Debug)]
pub(crate) enum DumpPosition {
    /// By key, the deleted ones too.
    Nodes(Option<NodeId>),
    /// By JID.
    Affiliations(NodeId, Option<String>),
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
