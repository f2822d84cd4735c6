//! Pending subscriptions. (XEP-0060, 8.6, 8.7)

use crate::{
    change::Change,
    engine::{
        Engine,
        access::{Access, is_barred, owned_node},
        announce,
        context::RequestContext,
        reconcile,
    },
    pubsub_error::PubsubError,
    request::Approval,
    snapshot::{Query, Snapshot},
    subscription::{Subscription, SubscriptionState},
};

/// Applies an owner's decision about a subscription.
///
/// # Errors
///
/// `forbidden` for all but owners.
pub(in crate::engine) async fn approve(
    engine: &Engine,
    context: RequestContext,
    approval: Approval,
) -> Result<(), PubsubError> {
    let query = Query {
        others: vec![approval.subscriber.to_bare()],
        newest: 1,
        owners: true,
        ..super::owner_query(&context, approval.node.clone())
    };
    engine
        .change(query, move |snapshot| {
            Ok((decide(&context, snapshot, &approval)?, ()))
        })
        .await
}

/// Returns the pending subscriptions, for an owner.
///
/// # Errors
///
/// `item-not-found`, `forbidden`.
pub(in crate::engine) async fn list(
    engine: &Engine,
    context: RequestContext,
    node: String,
) -> Result<Vec<Subscription>, PubsubError> {
    let snapshot = engine.snapshot(query(&context, node)).await?;
    owned_node(&context, &snapshot)?;
    Ok(snapshot.pending)
}

/// Sends the forms of all pending subscriptions to the requesting owner, and returns how many.
///
/// # Errors
///
/// `item-not-found`, `forbidden`.
pub(in crate::engine) async fn send_again(
    engine: &Engine,
    context: RequestContext,
    node: String,
) -> Result<usize, PubsubError> {
    engine
        .change(query(&context, node), move |snapshot| {
            let forms = forms(&context, snapshot)?;
            let count = forms.len();
            Ok((forms, count))
        })
        .await
}

fn query(context: &RequestContext, node: String) -> Query {
    Query {
        pending: context.limits().page,
        ..super::owner_query(context, node)
    }
}

/// Ignores subscriptions that are not pending any more, because another owner was faster.
fn decide(
    context: &RequestContext,
    snapshot: &Snapshot,
    approval: &Approval,
) -> Result<Vec<Change>, PubsubError> {
    let node = owned_node(context, snapshot)?;
    let mut changes = Vec::new();
    for entity in &snapshot.others {
        let access = Access::of_entity(context, node, entity);
        let waiting = entity
            .subscriptions
            .iter()
            .filter(|held| is_meant(approval, held));
        for held in waiting {
            let begun = Subscription {
                state: SubscriptionState::Subscribed,
                ..held.clone()
            };
            let allow = approval.allow && !is_barred(access.affiliation);
            let state = allow.then_some(SubscriptionState::Subscribed);
            if allow {
                changes.extend(reconcile::approved(&node.name, held));
                changes.extend(announce::last(
                    node,
                    &snapshot.owners,
                    snapshot.newest.last(),
                    &begun,
                ));
            } else {
                changes.extend(reconcile::ended(&node.name, held));
            }
            changes.extend(announce::to_owners(
                node,
                &snapshot.owners,
                &context.who,
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

fn forms(context: &RequestContext, snapshot: &Snapshot) -> Result<Vec<Change>, PubsubError> {
    let node = owned_node(context, snapshot)?;
    let to = |held| announce::approval(context, node, vec![context.from.clone()], held);
    Ok(snapshot.pending.iter().map(to).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::{
        engine::fixtures::{
            NODE, OTHER, OWNER, announced, context, done, entity, kept, notices_to, owners_facts,
            pending, strangers_facts, subscribed, why,
        },
        node::Affiliation,
    };

    fn answer(allow: bool, subid: Option<&str>) -> Approval {
        Approval {
            node: NODE.to_owned(),
            subid: subid.map(str::to_owned),
            subscriber: crate::engine::fixtures::jid(OTHER),
            allow,
        }
    }

    fn waiting(held: Subscription) -> Snapshot {
        let mut snapshot = owners_facts(|_| {});
        snapshot.others = vec![entity(OTHER, Affiliation::None, &[held])];
        snapshot
    }

    fn run_decision(snapshot: &Snapshot, answer: &Approval) -> Vec<Change> {
        decide(&context(OWNER), snapshot, answer).unwrap()
    }

    #[test]
    fn an_approved_subscriber_is_notified_and_gets_the_last_item() {
        let mut snapshot = waiting(pending(OTHER, "a"));
        snapshot.newest = vec![kept("last", OWNER)];
        let changes = run_decision(&snapshot, &answer(true, Some("a")));
        let begun = Change::Subscribe(subscribed(OTHER, "a"));
        assert_eq!(done(&changes), [&begun]);
        let sent = notices_to(&changes, OTHER);
        assert_eq!(sent.len(), 2);
        assert!(sent[1].contains("last"), "{sent:?}");
    }

    #[test]
    fn a_denied_subscriber_is_notified() {
        let changes = run_decision(&waiting(pending(OTHER, "a")), &answer(false, None));
        let ended = Change::Unsubscribe {
            jid: crate::engine::fixtures::jid(OTHER),
            subid: "a".to_owned(),
        };
        assert_eq!(done(&changes), [&ended]);
        assert_eq!(notices_to(&changes, OTHER).len(), 1);
    }

    #[test]
    fn only_owners_approve() {
        let mut snapshot = strangers_facts(|_| {});
        snapshot.others = vec![entity(OTHER, Affiliation::None, &[pending(OTHER, "a")])];
        let decision = decide(&context(OTHER), &snapshot, &answer(true, None));
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn a_response_is_matched_to_its_request() {
        let late = run_decision(&waiting(subscribed(OTHER, "a")), &answer(false, None));
        assert_eq!(late, []);
        let stale = run_decision(&waiting(pending(OTHER, "a")), &answer(true, Some("b")));
        assert_eq!(stale, []);
    }

    #[test]
    fn the_forms_go_to_the_requesting_owner() {
        let mut snapshot = owners_facts(|_| {});
        snapshot.pending = vec![pending(OTHER, "a"), pending("b@b.lit", "b")];
        let full = "hamlet@denmark.lit/elsinore";
        let changes = forms(&context(full), &snapshot).unwrap();
        assert_eq!(notices_to(&changes, full).len(), 2);
        assert_eq!(
            announced(&changes)[1].body.as_deref(),
            Some(
                "b@b.lit wants to subscribe to princely_musings. Answer with the command \
                 \"Approve subscription requests\" of pubsub.shakespeare.lit."
            )
        );
        let stranger = forms(&context(OTHER), &strangers_facts(|_| {}));
        assert_eq!(why(stranger), (Condition::Forbidden, None));
    }
}
