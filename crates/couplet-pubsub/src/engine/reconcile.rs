//! What becomes of subscriptions when the rules change around them.

use crate::{
    change::Change,
    node::{AccessModel, Affiliation},
    subscription::{Subscription, SubscriptionState},
};

use super::{
    access::{is_barred, is_listed},
    announce,
};

/// Ends, approves or leaves each subscription of somebody who is this to a node of that access
/// model, and tells the subscriber. (XEP-0060, 4.5, 8.6; pubsub.md, cases 28, 86, 87)
pub(super) fn reconcile(
    name: &str,
    access: AccessModel,
    affiliation: Affiliation,
    subscriptions: &[Subscription],
) -> Vec<Change> {
    let mut changes = Vec::new();
    for held in subscriptions {
        match fate(access, affiliation, held.state) {
            Fate::Ends => changes.extend(ended(name, held)),
            Fate::Begins => changes.extend(approved(name, held)),
            Fate::Stays => {}
        }
    }
    changes
}

/// A subscription ends, and the subscriber learns it.
pub(super) fn ended(name: &str, held: &Subscription) -> [Change; 2] {
    [end(held), announce::state(name, held, None)]
}

/// A subscription ends without a word.
pub(super) fn end(held: &Subscription) -> Change {
    Change::Unsubscribe {
        jid: held.jid.clone(),
        subid: held.subid.clone(),
    }
}

/// A pending subscription begins, and the subscriber learns it.
pub(super) fn approved(name: &str, held: &Subscription) -> [Change; 2] {
    let begun = Subscription {
        state: SubscriptionState::Subscribed,
        ..held.clone()
    };
    let notice = announce::state(name, &begun, Some(SubscriptionState::Subscribed));
    [Change::Subscribe(begun), notice]
}

enum Fate {
    Ends,
    Begins,
    Stays,
}

fn fate(access: AccessModel, affiliation: Affiliation, state: SubscriptionState) -> Fate {
    if is_barred(affiliation) {
        return Fate::Ends;
    }
    match (access, state) {
        (AccessModel::Whitelist, _) if !is_listed(affiliation) => Fate::Ends,
        (AccessModel::Authorize, SubscriptionState::Pending) if !is_listed(affiliation) => {
            Fate::Stays
        }
        (_, SubscriptionState::Pending) => Fate::Begins,
        (_, SubscriptionState::Subscribed) => Fate::Stays,
    }
}
