//! Unsubscribing. (XEP-0060, 6.2)

use couplet::{Condition, Jid};

use crate::{
    engine::{
        Engine,
        access::Access,
        announce,
        context::{Decision, RequestContext},
        reconcile,
    },
    pubsub_error::PubsubError,
    reply::Reply,
    snapshot::{Query, Snapshot, SubscriptionFilter},
};

use super::select::select;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    jid: Jid,
    subid: Option<String>,
) -> Result<Reply, PubsubError> {
    let query = Query {
        node: Some(node),
        entity: Some(context.who.clone()),
        filter: SubscriptionFilter {
            jid: Some(jid.clone()),
            subid: subid.clone(),
        },
        owners: true,
        ..Query::default()
    };
    engine
        .change(query, move |snapshot| {
            decide(&context, snapshot, &jid, subid.as_deref())
        })
        .await
}

fn decide(
    context: &RequestContext,
    snapshot: &Snapshot,
    jid: &Jid,
    subid: Option<&str>,
) -> Decision {
    let access = Access::of(context, snapshot)?;
    if !context.is_own(jid) {
        return Err(PubsubError::new(Condition::Forbidden));
    }
    let held = select(access.subscriptions, jid, subid)?;
    let node = access.node;
    let mut changes = vec![reconcile::end(held)];
    changes.extend(announce::to_owners(
        node,
        &snapshot.owners,
        &context.who,
        held,
        None,
    ));
    let reply = Reply::Unsubscribed {
        node: node.name.clone(),
        jid: held.jid.clone(),
        subid: held.subid.clone(),
    };
    Ok((changes, reply))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::Change,
        engine::fixtures::{
            OTHER, OWNER, context, entity, facts_with, jid, no_node, notices_to, pending,
            subscribed, why,
        },
        node::Affiliation,
        pubsub_error::PubsubCondition,
        subscription::Subscription,
    };

    fn holding(held: &[Subscription]) -> Snapshot {
        facts_with(entity(OTHER, Affiliation::None, held), |_| {})
    }

    fn leave(snapshot: &Snapshot, subid: Option<&str>) -> Decision {
        decide(&context(OTHER), snapshot, &jid(OTHER), subid)
    }

    fn ends(subid: &str) -> [Change; 1] {
        [Change::Unsubscribe {
            jid: jid(OTHER),
            subid: subid.to_owned(),
        }]
    }

    #[test]
    fn the_only_subscription_needs_no_subid() {
        let snapshot = holding(&[subscribed(OTHER, "a")]);
        assert_eq!(leave(&snapshot, None).unwrap().0, ends("a"));
        assert_eq!(leave(&snapshot, Some("a")).unwrap().0, ends("a"));
    }

    #[test]
    fn one_of_several_needs_its_subid() {
        let snapshot = holding(&[subscribed(OTHER, "a"), subscribed(OTHER, "b")]);
        assert_eq!(
            why(leave(&snapshot, None)),
            (Condition::BadRequest, Some(PubsubCondition::SubidRequired))
        );
        assert_eq!(leave(&snapshot, Some("b")).unwrap().0, ends("b"));
    }

    #[test]
    fn subscriptions_of_other_resources_do_not_count() {
        let snapshot = holding(&[
            subscribed(OTHER, "a"),
            subscribed("francisco@denmark.lit/b", "b"),
        ]);
        assert_eq!(leave(&snapshot, None).unwrap().0, ends("a"));
        assert_eq!(
            why(leave(&snapshot, Some("b"))),
            (
                Condition::NotAcceptable,
                Some(PubsubCondition::InvalidSubid)
            )
        );
    }

    #[test]
    fn a_wrong_subid_ends_nothing() {
        assert_eq!(
            why(leave(&holding(&[subscribed(OTHER, "a")]), Some("x"))),
            (
                Condition::NotAcceptable,
                Some(PubsubCondition::InvalidSubid)
            )
        );
    }

    #[test]
    fn unsubscribing_without_a_subscription_is_not_subscribed() {
        assert_eq!(
            why(leave(&holding(&[]), None)),
            (
                Condition::UnexpectedRequest,
                Some(PubsubCondition::NotSubscribed)
            )
        );
        assert_eq!(
            why(leave(&no_node(None), None)),
            (Condition::ItemNotFound, None)
        );
    }

    #[test]
    fn entities_unsubscribe_only_themselves() {
        let decision = decide(&context(OTHER), &holding(&[]), &jid(OWNER), None);
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn a_pending_subscription_can_be_cancelled() {
        let snapshot = holding(&[pending(OTHER, "a")]);
        assert_eq!(leave(&snapshot, None).unwrap().0, ends("a"));
    }

    #[test]
    fn owners_are_notified_with_notify_sub() {
        let entity = entity(OTHER, Affiliation::None, &[subscribed(OTHER, "a")]);
        let snapshot = facts_with(entity, |config| config.notify_sub = true);
        assert_eq!(
            notices_to(&leave(&snapshot, None).unwrap().0, OWNER).len(),
            1
        );
    }
}
