//! Notifications that came back. (XEP-0060, 12.4)
//!
//! Deliberately absent: proof of delivery. Messages that do not come back prove nothing, so the
//! count begins anew only when the subscriber itself is heard of: it subscribes or sets options.

use couplet::Jid;

use crate::{
    change::Change,
    facts::{Facts, Meant, Needs},
    refused::Refused,
    subscription::Subscription,
};

use super::{Engine, access::known, announce, ask::Ask, settle};

/// So many end a subscription.
const LIMIT: u32 = 10;

/// What an error says about the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Nobody is there, or wants to hear: the subscription ends.
    Permanent,
    /// It may be there later.
    Passing,
}

impl Weight {
    pub(super) fn of(permanent: bool) -> Weight {
        if permanent {
            Weight::Permanent
        } else {
            Weight::Passing
        }
    }
}

/// Takes note of an error from the JID that a notification went to.
///
/// # Errors
///
/// The node is gone.
pub(super) async fn take(
    engine: &Engine,
    ask: Ask,
    node: &str,
    weight: Weight,
) -> Result<(), Refused> {
    let needs = Needs {
        node: Some(node.to_owned()),
        actor: Some(ask.who.clone()),
        meant: Meant::of(&ask.from),
        owners: true,
        ..Needs::default()
    };
    engine
        .change(needs, move |facts| {
            let changes = decide(facts, &ask.from, weight)?;
            Ok((changes, ()))
        })
        .await
}

fn decide(facts: &Facts, from: &Jid, weight: Weight) -> Result<Vec<Change>, Refused> {
    let node = known(facts)?;
    let mut changes = Vec::new();
    let all = facts.actor.iter().flat_map(|party| &party.subscriptions);
    // One message tells all subscriptions of a JID.
    for held in all.filter(|held| held.jid == *from) {
        let bounces = held.bounces.saturating_add(1);
        if weight == Weight::Passing && bounces < LIMIT {
            changes.push(Change::Subscribe(Subscription {
                bounces,
                ..held.clone()
            }));
            continue;
        }
        changes.push(settle::end(held));
        let (owners, who) = (&facts.owners, from.to_bare());
        changes.extend(announce::to_owners(node, owners, &who, held, None));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::scene::{OTHER, OWNER, facts, facts_with, jid, party, subscribed, told},
        node::Affiliation,
    };

    fn holding(held: &[Subscription]) -> Facts {
        facts(party(OTHER, Affiliation::None, held))
    }

    fn bounced(times: u32) -> Subscription {
        Subscription {
            bounces: times,
            ..subscribed(OTHER, "a")
        }
    }

    fn came_back(facts: &Facts, weight: Weight) -> Vec<Change> {
        decide(facts, &jid(OTHER), weight).unwrap()
    }

    fn ends(subid: &str) -> Change {
        Change::Unsubscribe {
            jid: jid(OTHER),
            subid: subid.to_owned(),
        }
    }

    #[test]
    fn a_permanent_error_ends_the_subscription() {
        let facts = holding(&[bounced(0)]);
        assert_eq!(came_back(&facts, Weight::Permanent), [ends("a")]);
    }

    #[test]
    fn a_passing_error_is_counted_until_there_are_too_many() {
        let facts = holding(&[bounced(0)]);
        let counted = came_back(&facts, Weight::Passing);
        assert_eq!(counted, [Change::Subscribe(bounced(1))]);
        let facts = holding(&[bounced(LIMIT - 1)]);
        assert_eq!(came_back(&facts, Weight::Passing), [ends("a")]);
    }

    #[test]
    fn only_the_subscriptions_of_the_jid_it_was_for_are_touched() {
        let held = [
            subscribed(OTHER, "a"),
            subscribed(OTHER, "b"),
            subscribed("francisco@denmark.lit/phone", "c"),
        ];
        let facts = holding(&held);
        let ended = came_back(&facts, Weight::Permanent);
        assert_eq!(ended, [ends("a"), ends("b")]);
    }

    #[test]
    fn owners_learn_of_it_if_they_want() {
        let actor = party(OTHER, Affiliation::None, &[bounced(0)]);
        let facts = facts_with(actor, |config| config.notify_sub = true);
        let changes = came_back(&facts, Weight::Permanent);
        assert_eq!(told(&changes, OWNER).len(), 1);
    }
}
