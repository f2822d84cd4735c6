//! Subscriptions and their options.

use serde::{Deserialize, Serialize};

use crate::{cursor::Cursor, node::NodeConfig, timestamp::Timestamp};

/// A subscription of a JID to a node. A JID may have several to one node, distinguished by their
/// subid. (XEP-0060, 6.1)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    /// Bare or full, as it was subscribed.
    pub(crate) jid: couplet::Jid,
    pub(crate) subid: String,
    pub(crate) state: SubscriptionState,
    pub(crate) options: SubscribeOptions,
    /// When the lease ends; `None` is never. (XEP-0060, 12.19)
    pub(crate) expires: Option<Timestamp>,
    /// The number of consecutive notifications that bounced with a temporary error.
    pub(crate) bounces: u32,
    /// `next_seq` of the node when it began: earlier announcements are not delivered. Set by the
    /// store.
    pub(crate) since: u64,
}

impl Subscription {
    /// Returns its position among the subscriptions to its node.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor {
            jid: self.jid.to_string(),
            subid: self.subid.clone(),
        }
    }

    /// Creates a subid. It only distinguishes the subscriptions of one JID to one node, and a
    /// million of them have to fit: twelve random digits suffice. (XEP-0060, 6.1.6)
    pub(crate) fn new_subid() -> String {
        let (_, random) = uuid::Uuid::new_v4().as_u64_pair();
        format!("{:012x}", random & 0xffff_ffff_ffff)
    }
}

/// The state of a subscription. (XEP-0060, 4.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// An owner has to approve it.
    Pending,
    /// It gets every notification.
    Subscribed,
}

/// The options of a subscription. (XEP-0060, 16.4.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// `pubsub#deliver`
    pub deliver: bool,
    /// `pubsub#include_body`
    pub include_body: bool,
}

impl SubscribeOptions {
    /// Returns the options of a new subscription to a node with this configuration.
    pub(crate) fn of(config: &NodeConfig) -> SubscribeOptions {
        SubscribeOptions {
            include_body: config.include_body,
            ..SubscribeOptions::default()
        }
    }
}

impl Default for SubscribeOptions {
    fn default() -> SubscribeOptions {
        SubscribeOptions {
            deliver: true,
            include_body: false,
        }
    }
}
