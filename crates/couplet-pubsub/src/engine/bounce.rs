//! Handles bounced notifications. (XEP-0060, 12.4)
//!
//! The absence of a bounce does not prove delivery, so the count is reset only by a request of the
//! subscriber itself: to subscribe or to set options.

use couplet::Jid;

use crate::{
    change::Change,
    pubsub_error::PubsubError,
    snapshot::{Query, Snapshot, SubscriptionFilter},
    subscription::Subscription,
};

use super::{Engine, access::existing_node, announce, context::RequestContext, reconcile};

/// The number of bounces that ends a subscription.
const LIMIT: u32 = 10;

/// The meaning of a bounce for the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BounceKind {
    /// The address does not exist or rejects notifications: the subscription ends.
    Permanent,
    /// The address may be reachable later.
    Passing,
}

impl BounceKind {
    pub(super) fn of(permanent: bool) -> BounceKind {
        if permanent {
            BounceKind::Permanent
        } else {
            BounceKind::Passing
        }
    }
}

/// Counts an error from the JID that a notification went to, or ends its subscriptions.
///
/// # Errors
///
/// The node does not exist any more.
pub(super) async fn take(
    engine: &Engine,
    context: RequestContext,
    node: &str,
    kind: BounceKind,
) -> Result<(), PubsubError> {
    let query = Query {
        node: Some(node.to_owned()),
        entity: Some(context.who.clone()),
        filter: SubscriptionFilter::of(&context.from),
        owners: true,
        ..Query::default()
    };
    engine
        .change(query, move |snapshot| {
            let changes = decide(snapshot, &context.from, kind)?;
            Ok((changes, ()))
        })
        .await
}

fn decide(snapshot: &Snapshot, from: &Jid, kind: BounceKind) -> Result<Vec<Change>, PubsubError> {
    let node = existing_node(snapshot)?;
    let mut changes = Vec::new();
    let all = snapshot
        .entity
        .iter()
        .flat_map(|entity| &entity.subscriptions);
    // One message serves all subscriptions of a JID.
    for held in all.filter(|held| held.jid == *from) {
        let bounces = held.bounces.saturating_add(1);
        if kind == BounceKind::Passing && bounces < LIMIT {
            changes.push(Change::Subscribe(Subscription {
                bounces,
                ..held.clone()
            }));
            continue;
        }
        changes.push(reconcile::end(held));
        let (owners, who) = (&snapshot.owners, from.to_bare());
        changes.extend(announce::to_owners(node, owners, &who, held, None));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fixtures::{
            OTHER, OWNER, entity, facts_with, jid, notices_to, snapshot, subscribed,
        },
        node::Affiliation,
    };

    fn holding(held: &[Subscription]) -> Snapshot {
        snapshot(entity(OTHER, Affiliation::None, held))
    }

    fn bounced(times: u32) -> Subscription {
        Subscription {
            bounces: times,
            ..subscribed(OTHER, "a")
        }
    }

    fn came_back(snapshot: &Snapshot, kind: BounceKind) -> Vec<Change> {
        decide(snapshot, &jid(OTHER), kind).unwrap()
    }

    fn ends(subid: &str) -> Change {
        Change::Unsubscribe {
            jid: jid(OTHER),
            subid: subid.to_owned(),
        }
    }

    #[test]
    fn a_permanent_error_ends_the_subscription() {
        let snapshot = holding(&[bounced(0)]);
        assert_eq!(came_back(&snapshot, BounceKind::Permanent), [ends("a")]);
    }

    #[test]
    fn a_passing_error_is_counted_until_there_are_too_many() {
        let snapshot = holding(&[bounced(0)]);
        let counted = came_back(&snapshot, BounceKind::Passing);
        assert_eq!(counted, [Change::Subscribe(bounced(1))]);
        let snapshot = holding(&[bounced(LIMIT - 1)]);
        assert_eq!(came_back(&snapshot, BounceKind::Passing), [ends("a")]);
    }

    #[test]
    fn only_the_subscriptions_of_the_jid_it_was_for_are_touched() {
        let held = [
            subscribed(OTHER, "a"),
            subscribed(OTHER, "b"),
            subscribed("francisco@denmark.lit/phone", "c"),
        ];
        let snapshot = holding(&held);
        let ended = came_back(&snapshot, BounceKind::Permanent);
        assert_eq!(ended, [ends("a"), ends("b")]);
    }

    #[test]
    fn owners_are_notified_with_notify_sub() {
        let entity = entity(OTHER, Affiliation::None, &[bounced(0)]);
        let snapshot = facts_with(entity, |config| config.notify_sub = true);
        let changes = came_back(&snapshot, BounceKind::Permanent);
        assert_eq!(notices_to(&changes, OWNER).len(), 1);
    }
}
