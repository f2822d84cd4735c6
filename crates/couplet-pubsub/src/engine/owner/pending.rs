//! Those who wait for an owner's approval. (XEP-0060, 8.6, 8.7)

use jid::Jid;

use crate::{
    change::Change,
    codec::event,
    engine::{
        Engine,
        access::{Standing, is_barred, owned},
        announce,
        ask::Ask,
        settle,
    },
    facts::{Facts, Needs},
    refused::Refused,
    request::Approval,
    subscription::{Subscription, SubscriptionState},
};

/// Does what an owner has decided about a subscription.
///
/// # Errors
///
/// Whoever is not an owner has nothing to decide.
pub(in crate::engine) async fn approve(
    engine: &Engine,
    ask: Ask,
    approval: Approval,
) -> Result<(), Refused> {
    let needs = Needs {
        others: vec![approval.subscriber.to_bare()],
        newest: 1,
        owners: true,
        ..super::standing(&ask, approval.node.clone())
    };
    engine
        .change(needs, move |facts| {
            Ok((decide(&ask, facts, &approval)?, ()))
        })
        .await
}

/// Sends the forms of all who wait to the owner who asks.
///
/// # Errors
///
/// `item-not-found`, `forbidden`.
pub(in crate::engine) async fn send_again(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<(), Refused> {
    let needs = Needs {
        pending: true,
        ..super::standing(&ask, node)
    };
    engine
        .change(needs, move |facts| Ok((forms(&ask, facts)?, ())))
        .await
}

/// Nothing for those who do not wait any more: another owner was faster.
fn decide(ask: &Ask, facts: &Facts, approval: &Approval) -> Result<Vec<Change>, Refused> {
    let node = owned(ask, facts)?;
    let mut changes = Vec::new();
    for party in &facts.others {
        let standing = Standing::of_party(ask, node, party);
        let waiting = party
            .subscriptions
            .iter()
            .filter(|held| is_meant(approval, held));
        for held in waiting {
            let begun = Subscription {
                state: SubscriptionState::Subscribed,
                ..held.clone()
            };
            let allow = approval.allow && !is_barred(standing.affiliation);
            let state = allow.then_some(SubscriptionState::Subscribed);
            if allow {
                changes.extend(settle::approved(&node.name, held));
                changes.extend(announce::last(
                    node,
                    &facts.owners,
                    facts.newest.last(),
                    &begun,
                ));
            } else {
                changes.extend(settle::ended(&node.name, held));
            }
            changes.extend(announce::to_owners(
                node,
                &facts.owners,
                &ask.who,
                &begun,
                state,
            ));
        }
    }
    Ok(changes)
}

fn is_meant(approval: &Approval, held: &Subscription) -> bool {
    held.state == SubscriptionState::Pending
        && held.jid == approval.subscriber
        && approval
            .subid
            .as_ref()
            .is_none_or(|subid| *subid == held.subid)
}

fn forms(ask: &Ask, facts: &Facts) -> Result<Vec<Change>, Refused> {
    let node = owned(ask, facts)?;
    let to: Jid = ask.from.clone();
    Ok(facts
        .pending
        .iter()
        .map(|held| {
            let form = event::approval_wanted(&node.name, held);
            announce::to_these(vec![to.clone()], form)
        })
        .collect())
}
