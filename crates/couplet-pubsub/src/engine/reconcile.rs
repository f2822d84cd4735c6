//! Adapts subscriptions to a changed affiliation or access model.

use crate::{
    change::Change,
    node::{AccessModel, Affiliation},
    subscription::{Subscription, SubscriptionState},
};

use super::{
    access::{is_barred, is_listed},
    announce,
};

/// Ends, approves or keeps each subscription of an entity with this affiliation, and notifies the
/// subscriber. (XEP-0060, 4.5, 8.6)
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

/// Ends a subscription and notifies the subscriber.
pub(super) fn ended(name: &str, held: &Subscription) -> [Change; 2] {
    [end(held), announce::state(name, held, None)]
}

/// Ends a subscription without a notification.
pub(super) fn end(held: &Subscription) -> Change {
    Change::Unsubscribe {
        jid: held.jid.clone(),
        subid: held.subid.clone(),
    }
}

/// Approves a pending subscription and notifies the subscriber.
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
