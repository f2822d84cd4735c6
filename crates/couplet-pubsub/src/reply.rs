//! What the service answers, before the XML.

use couplet::{BareJid, Jid};

use crate::{
    item::Item,
    node::{Affiliation, NodeConfig},
    page::Paged,
    pubsub_error::PubsubError,
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

/// The result of a request. Each variant is one form of `<iq type='result'/>`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// An empty result.
    Empty,
    /// The entity's own subscriptions, each with its node. (5.6)
    Subscriptions {
        node: Option<String>,
        held: Paged<(String, Subscription)>,
        paged: bool,
    },
    /// The entity's own affiliations, each with its node. (5.7)
    Affiliations {
        node: Option<String>,
        held: Paged<(String, Affiliation)>,
        paged: bool,
    },
    /// The state of one subscription after subscribing, with the options where they were sent. (6.1.2)
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
    /// The form with the defaults. (6.4.2)
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
    /// The ids of what was published. (7.1.2)
    Published { node: String, ids: Vec<String> },
    /// The node that was made, where its name is news. (8.1.1)
    Created { node: Option<String> },
    /// The configuration form. (8.2.2)
    Configuration {
        node: String,
        config: Box<NodeConfig>,
    },
    /// The form with the defaults. (8.3.2)
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
    /// Some changes could not be made: an error that lists the old values of those. (8.8.2.4)
    SubscribersUnchanged {
        node: String,
        why: PubsubError,
        unchanged: Vec<(Jid, Option<SubscriptionState>)>,
    },
    /// The same for affiliations. (8.9.2.4)
    AffiliatesUnchanged {
        node: String,
        why: PubsubError,
        unchanged: Vec<(BareJid, Affiliation)>,
    },
}

/// What the `publisher` attribute of listed items says. (XEP-0060, 7.1.2.3)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Publishers {
    /// It is left out.
    Hidden,
    /// The publisher of each.
    Shown,
    /// This owner, for all.
    Owner(BareJid),
}
