//! Nodes: name, configuration and affiliations.

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// The key of a node in a store. Names can be reused after a deletion, keys cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct NodeId(pub(crate) i64);

/// A leaf node. (XEP-0060, 4.6)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// The exact bytes its creator sent.
    pub(crate) name: String,
    pub(crate) config: NodeConfig,
    pub(crate) creator: couplet::BareJid,
    pub(crate) created: Timestamp,
    /// Incremented by each change of the configuration, an affiliation or a subscription.
    pub(crate) revision: u64,
    /// The seq of the next item or announcement, which orders everything in this node.
    pub(crate) next_seq: u64,
    pub(crate) items: u64,
    /// Subscriptions in state `subscribed`.
    pub(crate) subscribers: u64,
    /// The revision of the last change of the configuration that is not applied to all
    /// subscriptions and items; 0 if all are applied.
    #[serde(default)]
    pub(crate) unapplied: u64,
}

impl Node {
    /// Creates a node without items and subscriptions.
    pub(crate) fn new(
        id: NodeId,
        name: String,
        config: NodeConfig,
        creator: couplet::BareJid,
        created: Timestamp,
    ) -> Node {
        Node {
            id,
            name,
            config,
            creator,
            created,
            revision: 0,
            next_seq: 1,
            items: 0,
            subscribers: 0,
            unapplied: 0,
        }
    }
}

/// The configuration of a node. (XEP-0060, 16.4.4)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NodeConfig {
    /// `pubsub#title`
    pub title: Option<String>,
    /// `pubsub#description`
    pub description: Option<String>,
    /// `pubsub#type`: the meaning of the items. Announced, and not compared with payloads: XEP-0472
    /// uses `urn:xmpp:pubsub-social-feed:1` for Atom entries.
    pub payload_type: Option<String>,
    /// `pubsub#language`
    pub language: Option<String>,
    /// `pubsub#contact`: JIDs to contact.
    pub contact: Vec<String>,
    /// `pubsub#access_model`
    pub access: AccessModel,
    /// `pubsub#publish_model`
    pub publish: PublishModel,
    /// `pubsub#persist_items`
    pub persist: bool,
    /// `pubsub#deliver_notifications`
    pub notify: bool,
    /// `pubsub#deliver_payloads`
    pub payloads: bool,
    /// `pubsub#max_items`; `None` is `max`.
    pub max_items: Option<u32>,
    /// `pubsub#item_expire`, in seconds; `None` is never.
    pub item_expire: Option<u64>,
    /// `pubsub#notify_config`
    pub notify_config: bool,
    /// `pubsub#notify_delete`
    pub notify_delete: bool,
    /// `pubsub#notify_retract`
    pub notify_retract: bool,
    /// `pubsub#notify_sub`
    pub notify_sub: bool,
    /// `pubsub#send_last_published_item`
    pub send_last: SendLast,
    /// `pubsub#itemreply`
    pub item_reply: ItemReply,
    /// `pubsub#notification_type`
    pub message_type: NotificationType,
    /// `pubsub#max_payload_size`, in bytes.
    pub max_payload: u32,
    /// `pubsub#subscribe`: whether subscriptions are allowed.
    pub subscribe: bool,
    /// `pubsub#publish_node_full`
    pub when_full: WhenFull,
    /// `couplet#original_publisher`: whether only its publisher may overwrite or retract an item.
    pub original_publisher: bool,
    /// `couplet#include_body`: the default of `pubsub#include_body` for new subscriptions. Set it
    /// to `true` in a service for people.
    pub include_body: bool,
}

impl Default for NodeConfig {
    fn default() -> NodeConfig {
        NodeConfig {
            title: None,
            description: None,
            payload_type: None,
            language: None,
            contact: Vec::new(),
            access: AccessModel::Open,
            publish: PublishModel::Publishers,
            persist: true,
            notify: true,
            payloads: true,
            max_items: Some(1000),
            item_expire: None,
            notify_config: false,
            notify_delete: true,
            notify_retract: true,
            notify_sub: false,
            send_last: SendLast::OnSub,
            item_reply: ItemReply::None,
            message_type: NotificationType::Headline,
            max_payload: 250_000,
            subscribe: true,
            when_full: WhenFull::Clear,
            original_publisher: false,
            include_body: false,
        }
    }
}

/// Who may subscribe and read. (XEP-0060, 4.5)
///
/// `presence` and `roster` are rejected: a component knows neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessModel {
    /// All entities but outcasts.
    Open,
    /// Entities that an owner approves.
    Authorize,
    /// Entities on the list: owners, publishers, members.
    Whitelist,
}

/// Who may publish. (XEP-0060, 16.4.4)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishModel {
    /// Owners, publishers and publish-only entities.
    Publishers,
    /// Subscribers too.
    Subscribers,
    /// All entities but outcasts.
    Open,
}

/// When a new subscriber gets the last item. (XEP-0060, 6.1.7)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendLast {
    /// Never.
    Never,
    /// When the subscription begins.
    OnSub,
}

/// The publisher that items show. (XEP-0060, 16.4.4)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemReply {
    /// None.
    None,
    /// An owner.
    Owner,
    /// The publisher, by bare JID.
    Publisher,
}

/// The type of notification messages. (XEP-0060, 16.4.4)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationType {
    /// `normal`: servers store them for users who are offline.
    Normal,
    /// `headline`: for users who are online.
    Headline,
}

/// How a full node handles a new item. (XEP-0060, 7.1.3.4)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The oldest item is evicted, with a notification of its retraction.
    Clear,
    /// The oldest item is evicted without a notification.
    Discard,
    /// It is rejected with `node-full`.
    Reject,
}

/// What an entity may do with a node. (XEP-0060, 4.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affiliation {
    /// Everything.
    Owner,
    /// Publish, retract, subscribe, read.
    Publisher,
    /// Publish, and retract its own items, but neither subscribe nor read.
    PublishOnly,
    /// Subscribe and read in every access model.
    Member,
    /// What the access model and the publish model allow.
    None,
    /// Nothing.
    Outcast,
}
