//! What is asked of the service, after the XML and before any rule.
//!
//! A value of these types is well-formed: syntax errors (`nodeid-required`, `invalid-jid`, ...)
//! never get here. Deliberately absent: whether it is allowed.

use couplet::{BareJid, Jid};

use crate::{node::Affiliation, page::Page, subscription::SubscribeOptions, timestamp::Timestamp};

/// One request of `http://jabber.org/protocol/pubsub` or `#owner`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    // The entity's chapters. (XEP-0060, 5.6, 5.7, 6)
    Subscriptions {
        node: Option<String>,
        page: Page,
    },
    Affiliations {
        node: Option<String>,
        page: Page,
    },
    Subscribe {
        node: String,
        jid: Jid,
        options: Option<OptionsForm>,
    },
    Unsubscribe {
        node: String,
        jid: Jid,
        subid: Option<String>,
    },
    Options {
        node: String,
        jid: Jid,
        subid: Option<String>,
    },
    SetOptions {
        node: String,
        jid: Jid,
        subid: Option<String>,
        form: OptionsForm,
    },
    DefaultOptions {
        node: Option<String>,
    },
    Items {
        node: String,
        subid: Option<String>,
        wanted: Wanted,
    },
    // The publisher's. (XEP-0060, 7)
    Publish {
        node: String,
        items: Vec<NewItem>,
        options: Option<Vec<Field>>,
    },
    Retract {
        node: String,
        ids: Vec<String>,
        notify: Option<bool>,
    },
    // The owner's. (XEP-0060, 8)
    Create {
        node: Option<String>,
        configure: Option<ConfigForm>,
    },
    Configuration {
        node: String,
    },
    Configure {
        node: String,
        form: ConfigForm,
    },
    DefaultConfiguration,
    Delete {
        node: String,
        redirect: Option<String>,
    },
    Purge {
        node: String,
    },
    Subscribers {
        node: String,
        page: Page,
    },
    SetSubscribers {
        node: String,
        wanted: Vec<SetSubscriber>,
    },
    Affiliates {
        node: String,
        page: Page,
    },
    SetAffiliates {
        node: String,
        wanted: Vec<(BareJid, Affiliation)>,
    },
}

/// Which items of a node. (XEP-0060, 6.5)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A page of all; without limits the service sets some.
    Page(Page),
    /// The newest, as many, oldest first.
    Newest(u32),
    /// These, as far as they exist.
    Ids(Vec<String>),
}

/// An item on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewItem {
    pub(crate) id: Option<String>,
    /// None where the item was empty.
    pub(crate) payload: Option<Payload>,
}

/// What a publisher wrote into an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The one element as XML, complete with its namespaces.
    pub(crate) xml: String,
    /// What it says to people, for subscribers who want a body, where its meaning is known.
    pub(crate) text: Option<String>,
}

/// A submitted node configuration form. Fields that were not sent do not change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConfigForm {
    /// `type='cancel'`
    Cancel,
    /// `type='submit'`
    Submit(Vec<Field>),
}

/// A submitted subscription options form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OptionsForm {
    /// `type='cancel'`
    Cancel,
    /// `type='submit'`
    Submit(Vec<Field>),
}

/// One field of a data form, not yet understood. (XEP-0004)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) var: String,
    pub(crate) values: Vec<String>,
}

/// What a subscriber's form changes. `codec` makes it of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OptionsChange {
    pub(crate) options: SubscribeOptions,
    /// Outer none: not mentioned. Inner none: never.
    pub(crate) expires: Option<Option<Timestamp>>,
}

/// An owner's wish about one subscriber. (XEP-0060, 8.8.2)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetSubscriber {
    pub(crate) jid: Jid,
    pub(crate) subid: Option<String>,
    /// None ends it.
    pub(crate) state: Option<crate::subscription::SubscriptionState>,
}

/// An owner's answer to an approval form. (XEP-0060, 8.6)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) node: String,
    pub(crate) subid: Option<String>,
    pub(crate) subscriber: Jid,
    pub(crate) allow: bool,
}
