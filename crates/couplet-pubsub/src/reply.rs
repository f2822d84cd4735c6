//! Replies of the service, before they are written as XML.

use couplet::{BareJid, Jid};

use crate::{
    item::Item,
    node::{Affiliation, NodeConfig},
    page::Paged,
    pubsub_error::PubsubError,
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

/// The reply to a request. Each variant is one form of `<iq type='result'/>`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// An empty result.
    Empty,
    /// The requester's own subscriptions, each with its node. (5.6)
    Subscriptions {
        node: Option<String>,
        held: Paged<(String, Subscription)>,
        paged: bool,
    },
    /// The requester's own affiliations, each with its node. (5.7)
    Affiliations {
        node: Option<String>,
        held: Paged<(String, Affiliation)>,
        paged: bool,
    },
    /// The state of a new subscription, with its options if they were sent. (6.1.2)
    Subscribed {
        node: String,
        subscription: Subscription,
        with_options: bool,
    },
    /// The subscription that ended. (6.2.2)
    Unsubscribed {
        node: String,
        jid: Jid,
        subid: String,
    },
    /// The options form. (6.3.2)
    Options {
        node: String,
        jid: Jid,
        subid: Option<String>,
        options: SubscribeOptions,
        expires: Option<Timestamp>,
    },
    /// The default options. (6.4.2)
    DefaultOptions {
        node: Option<String>,
        options: SubscribeOptions,
    },
    /// Items, oldest first. `paged` adds the `<set/>`. (6.5.2)
    Items {
        node: String,
        items: Paged<Item>,
        paged: bool,
        publishers: Publishers,
    },
    /// The ids of published items. (7.1.2)
    Published { node: String, ids: Vec<String> },
    /// The created node, if its name was generated. (8.1.1)
    Created { node: Option<String> },
    /// The configuration form. (8.2.2)
    Configuration {
        node: String,
        config: Box<NodeConfig>,
    },
    /// The default configuration. (8.3.2)
    DefaultConfiguration { config: Box<NodeConfig> },
    /// The node's subscriptions. (8.8.1)
    Subscribers {
        node: String,
        held: Paged<Subscription>,
        paged: bool,
    },
    /// The node's affiliations. (8.9.1)
    Affiliates {
        node: String,
        held: Paged<(BareJid, Affiliation)>,
        paged: bool,
    },
    /// Some subscriptions could not be changed: an error with their current states. (8.8.2.4)
    SubscribersUnchanged {
        node: String,
        why: PubsubError,
        unchanged: Vec<(Jid, Option<SubscriptionState>)>,
    },
    /// Some affiliations could not be changed. (8.9.2.4)
    AffiliatesUnchanged {
        node: String,
        why: PubsubError,
        unchanged: Vec<(BareJid, Affiliation)>,
    },
}

/// The `publisher` attribute of listed items. (XEP-0060, 7.1.2.3)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Publishers {
    /// No attribute.
    Hidden,
    /// The publisher of each item.
    Shown,
    /// This owner for all items.
    Owner(BareJid),
}
