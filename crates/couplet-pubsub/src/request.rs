//! Requests to the service, after parsing and before any rule.
//!
//! These types are well-formed: syntax errors (`nodeid-required`, `invalid-jid`, ...) end in the
//! codec. The engine checks permissions.

use couplet::{BareJid, Jid};

use crate::{node::Affiliation, page::Page, subscription::SubscribeOptions, timestamp::Timestamp};

/// One request of `http://jabber.org/protocol/pubsub` or `#owner`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    // Of entities. (XEP-0060, 5.6, 5.7, 6)
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
        options: Option<SubmittedForm>,
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
        form: SubmittedForm,
    },
    DefaultOptions {
        node: Option<String>,
    },
    Items {
        node: String,
        subid: Option<String>,
        wanted: Wanted,
    },
    // Of publishers. (XEP-0060, 7)
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
    // Of owners. (XEP-0060, 8)
    Create {
        node: Option<String>,
        configure: Option<SubmittedForm>,
    },
    Configuration {
        node: String,
    },
    Configure {
        node: String,
        form: SubmittedForm,
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

/// The requested items of a node. (XEP-0060, 6.5)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A page of all items, within the limits of the service.
    Page(Page),
    /// The newest items, at most this many, oldest first.
    Newest(u32),
    /// The existing items among these ids.
    Ids(Vec<String>),
}

/// An item to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewItem {
    pub(crate) id: Option<String>,
    /// `None` for an empty item.
    pub(crate) payload: Option<Payload>,
}

/// The payload of an item to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The element as XML, with all its namespaces.
    pub(crate) xml: String,
    /// The text for subscribers with `include_body`, if the payload is of a known type.
    pub(crate) text: Option<String>,
}

/// A submitted data form. Fields that were not sent do not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SubmittedForm {
    /// `type='cancel'`
    Cancel,
    /// `type='submit'`, also without a type.
    Submit(Vec<Field>),
}

/// One field of a data form, not interpreted. (XEP-0004)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) var: String,
    pub(crate) values: Vec<String>,
}

/// The changes of a form of subscription options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OptionsChange {
    pub(crate) options: SubscribeOptions,
    /// Outer `None`: not mentioned in the form. Inner `None`: never.
    pub(crate) expires: Option<Option<Timestamp>>,
}

/// A change of one subscription by an owner. (XEP-0060, 8.8.2)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetSubscriber {
    pub(crate) jid: Jid,
    pub(crate) subid: Option<String>,
    /// `None` ends it.
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
