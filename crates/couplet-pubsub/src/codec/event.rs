//! Notifications: the `<event/>` of a message. (XEP-0060, 7.1.2, 16.1)

use jid::{BareJid, Jid};

use crate::{
    moment::Moment,
    node::NodeConfig,
    request::Approval,
    subscription::{Subscription, SubscriptionState},
};

/// An item in a notification.
pub(crate) struct Told<'a> {
    pub(crate) id: &'a str,
    /// None where the node delivers no payloads.
    pub(crate) payload: Option<&'a str>,
    pub(crate) publisher: Option<&'a BareJid>,
}

/// Items that were published; none for a notification without item. (4.3, 7.1.2)
pub(crate) fn items(node: &str, told: &[Told<'_>]) -> String {
    let _ = (node, told.len());
    unimplemented!()
}

/// The last item, sent late: with `urn:xmpp:delay`. (6.1.7)
pub(crate) fn last_item(node: &str, told: &Told<'_>, published: Moment) -> String {
    let _ = (node, told.id, published);
    unimplemented!()
}

/// Items that are gone. (7.2.2.1)
pub(crate) fn retracted(node: &str, ids: &[String]) -> String {
    unimplemented!("{node} {ids:?}")
}

/// All items are gone. (8.5.2)
pub(crate) fn purged(node: &str) -> String {
    unimplemented!("{node}")
}

/// The node is gone, to there or for good. (8.4.2)
pub(crate) fn deleted(node: &str, redirect: Option<&str>) -> String {
    unimplemented!("{node} {redirect:?}")
}

/// The node is configured anew; with the form where the node delivers payloads. (8.2.5.3)
pub(crate) fn configured(node: &str, config: Option<&NodeConfig>) -> String {
    unimplemented!("{node} {config:?}")
}

/// What has become of a subscription; `None` is `none`. (8.8.4, 12.19)
pub(crate) fn subscription(
    node: &str,
    jid: &Jid,
    subid: &str,
    state: Option<SubscriptionState>,
    expires: Option<Moment>,
) -> String {
    unimplemented!("{node} {jid} {subid} {state:?} {expires:?}")
}

/// What has become of an affiliation. (8.9.4)
pub(crate) fn affiliation(node: &str, jid: &BareJid, now: crate::node::Affiliation) -> String {
    unimplemented!("{node} {jid} {now:?}")
}

/// The form that asks an owner to approve a subscription; not an `<event/>`. (8.6)
pub(crate) fn approval_wanted(node: &str, subscription: &Subscription) -> String {
    let _: Option<Approval> = None;
    unimplemented!("{node} {subscription:?}")
}
