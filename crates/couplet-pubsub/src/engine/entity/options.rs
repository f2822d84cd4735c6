//! Subscription options, including leases. (XEP-0060, 6.3, 6.4, 12.19)

use couplet::{Condition, Jid};

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        access::{Access, is_barred},
        context::{Decision, RequestContext},
    },
    node::Affiliation,
    pubsub_error::{PubsubCondition, PubsubError},
    reply::Reply,
    request::SubmittedForm,
    snapshot::{Query, Snapshot, SubscriptionFilter},
    subscription::{SubscribeOptions, Subscription},
    timestamp::Timestamp,
};

use super::select::select;

/// Returns the options of a subscription.
pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    jid: Jid,
    subid: Option<String>,
) -> Result<Reply, PubsubError> {
    let filter = named(&jid, subid.as_ref());
    let snapshot = engine.snapshot(query(&context, node, filter)).await?;
    show(&context, &snapshot, &jid, subid)
}

/// Sets the options of a subscription.
pub(in crate::engine) async fn set(
    engine: &Engine,
    context: RequestContext,
    node: String,
    jid: Jid,
    subid: Option<String>,
    form: SubmittedForm,
) -> Result<Reply, PubsubError> {
    let query = query(&context, node, named(&jid, subid.as_ref()));
    engine
        .change(query, move |snapshot| {
            decide(&context, snapshot, &jid, subid.as_deref(), &form)
        })
        .await
}

/// Returns the default options.
pub(in crate::engine) async fn defaults(
    engine: &Engine,
    context: RequestContext,
    node: Option<String>,
) -> Result<Reply, PubsubError> {
    let options = match &node {
        None => SubscribeOptions::of(&context.policy.new_node()),
        Some(node) => {
            let snapshot = engine
                .snapshot(query(&context, node.clone(), SubscriptionFilter::default()))
                .await?;
            let access = Access::of(&context, &snapshot)?;
            if is_barred(access.affiliation) {
                return Err(PubsubError::new(Condition::Forbidden));
            }
            SubscribeOptions::of(&access.node.config)
        }
    };
    Ok(Reply::DefaultOptions { node, options })
}

/// Returns when a lease ends. A longer one than the limit is shortened, without an error.
///
/// # Errors
///
/// `invalid-options` for a time in the past. (XEP-0060, 12.19)
pub(super) fn lease(
    context: &RequestContext,
    wanted: Option<Option<Timestamp>>,
    now: Option<Timestamp>,
) -> Result<Option<Timestamp>, PubsubError> {
    let Some(wanted) = wanted else { return Ok(now) };
    let Some(end) = wanted else { return Ok(None) };
    if end <= context.now {
        return Err(
            PubsubError::with(Condition::BadRequest, PubsubCondition::InvalidOptions)
                .text("pubsub#expire is in the past"),
        );
    }
    Ok(Some(end.min(context.in_seconds(context.limits().lease))))
}

fn named(jid: &Jid, subid: Option<&String>) -> SubscriptionFilter {
    SubscriptionFilter {
        jid: Some(jid.clone()),
        subid: subid.cloned(),
    }
}

fn query(context: &RequestContext, node: String, filter: SubscriptionFilter) -> Query {
    Query {
        node: Some(node),
        entity: Some(context.who.clone()),
        filter,
        ..Query::default()
    }
}

fn show(
    context: &RequestContext,
    snapshot: &Snapshot,
    jid: &Jid,
    subid: Option<String>,
) -> Result<Reply, PubsubError> {
    let (name, held) = own(context, snapshot, jid, subid.as_deref())?;
    Ok(Reply::Options {
        node: name.to_owned(),
        jid: held.jid.clone(),
        subid,
        options: held.options,
        expires: held.expires,
    })
}

fn decide(
    context: &RequestContext,
    snapshot: &Snapshot,
    jid: &Jid,
    subid: Option<&str>,
    form: &SubmittedForm,
) -> Decision {
    let (_, held) = own(context, snapshot, jid, subid)?;
    let SubmittedForm::Submit(fields) = form else {
        return Ok((Vec::new(), Reply::Empty));
    };
    let wanted = form::read_options(held.options, fields)?;
    let changed = Subscription {
        options: wanted.options,
        expires: lease(context, wanted.expires, held.expires)?,
        bounces: 0,
        ..held.clone()
    };
    let changes = if changed == *held {
        Vec::new()
    } else {
        vec![Change::Subscribe(changed)]
    };
    Ok((changes, Reply::Empty))
}

/// Returns the subscription, which must be the requester's own: owners cannot set its options.
/// (XEP-0060, 6.3.4.1)
fn own<'a>(
    context: &RequestContext,
    snapshot: &'a Snapshot,
    jid: &Jid,
    subid: Option<&str>,
) -> Result<(&'a str, &'a Subscription), PubsubError> {
    let access = Access::of(context, snapshot)?;
    if !context.is_own(jid) || access.affiliation == Affiliation::Outcast {
        return Err(PubsubError::new(Condition::Forbidden));
    }
    let held = select(access.subscriptions, jid, subid)?;
    Ok((&access.node.name, held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{
        NODE, OTHER, OWNER, context, context_in, entity, field, jid, no_node, snapshot, subscribed,
        why,
    };
    use crate::policy::Rules;

    fn holding(held: &[Subscription]) -> Snapshot {
        snapshot(entity(OTHER, Affiliation::None, held))
    }

    fn submit(snapshot: &Snapshot, var: &str, value: &str) -> Decision {
        let form = SubmittedForm::Submit(vec![field(var, value)]);
        decide(&context(OTHER), snapshot, &jid(OTHER), None, &form)
    }

    #[test]
    fn a_subscriber_sees_its_options() {
        let snapshot = holding(&[subscribed(OTHER, "a")]);
        let reply = show(&context(OTHER), &snapshot, &jid(OTHER), None).unwrap();
        assert_eq!(
            reply,
            Reply::Options {
                node: NODE.to_owned(),
                jid: jid(OTHER),
                subid: None,
                options: SubscribeOptions::default(),
                expires: None,
            }
        );
    }

    #[test]
    fn options_are_for_the_subscriber_alone_not_even_an_owner() {
        let snapshot = holding(&[subscribed(OTHER, "a")]);
        let shown = show(&context(OWNER), &snapshot, &jid(OTHER), None);
        assert_eq!(why(shown), (Condition::Forbidden, None));
        let set = decide(
            &context(OWNER),
            &snapshot,
            &jid(OTHER),
            None,
            &SubmittedForm::Cancel,
        );
        assert_eq!(why(set), (Condition::Forbidden, None));
    }

    #[test]
    fn without_a_subscription_there_are_no_options() {
        let shown = show(&context(OTHER), &holding(&[]), &jid(OTHER), None);
        assert_eq!(
            why(shown),
            (
                Condition::UnexpectedRequest,
                Some(PubsubCondition::NotSubscribed)
            )
        );
        let shown = show(&context(OTHER), &no_node(None), &jid(OTHER), None);
        assert_eq!(why(shown), (Condition::ItemNotFound, None));
    }

    #[test]
    fn one_of_several_is_named_by_its_subid() {
        let snapshot = holding(&[subscribed(OTHER, "a"), subscribed(OTHER, "b")]);
        let context = context(OTHER);
        assert_eq!(
            why(show(&context, &snapshot, &jid(OTHER), None)),
            (Condition::BadRequest, Some(PubsubCondition::SubidRequired))
        );
        assert_eq!(
            why(show(&context, &snapshot, &jid(OTHER), Some("c".to_owned()))),
            (
                Condition::NotAcceptable,
                Some(PubsubCondition::InvalidSubid)
            )
        );
        assert!(show(&context, &snapshot, &jid(OTHER), Some("b".to_owned())).is_ok());
    }

    #[test]
    fn setting_options_replaces_the_subscription_and_resets_the_bounce_count() {
        let bounced = Subscription {
            bounces: 3,
            ..subscribed(OTHER, "a")
        };
        let (changes, reply) = submit(&holding(&[bounced]), "pubsub#deliver", "0").unwrap();
        let mut changed = subscribed(OTHER, "a");
        changed.options.deliver = false;
        assert_eq!(changes, [Change::Subscribe(changed)]);
        assert_eq!(reply, Reply::Empty);
    }

    #[test]
    fn a_cancelled_form_changes_nothing() {
        let snapshot = holding(&[subscribed(OTHER, "a")]);
        let decision = decide(
            &context(OTHER),
            &snapshot,
            &jid(OTHER),
            None,
            &SubmittedForm::Cancel,
        );
        assert_eq!(decision, Ok((Vec::new(), Reply::Empty)));
    }

    #[test]
    fn a_wrong_value_changes_nothing() {
        let snapshot = holding(&[subscribed(OTHER, "a")]);
        assert_eq!(
            why(submit(&snapshot, "pubsub#deliver", "maybe")),
            (Condition::BadRequest, Some(PubsubCondition::InvalidOptions))
        );
    }

    #[test]
    fn a_lease_is_renewed_up_to_the_limit_and_kept_where_it_is_not_mentioned() {
        let mut rules = Rules::default();
        rules.limits.lease = 60;
        let context = context_in(OTHER, rules);
        let old = Some(Timestamp(1_001_000));
        let far = Some(Some(Timestamp(9_000_000)));
        assert_eq!(lease(&context, far, old), Ok(Some(Timestamp(1_060_000))));
        assert_eq!(lease(&context, None, old), Ok(old));
        assert_eq!(lease(&context, Some(None), old), Ok(None));
        assert_eq!(
            why(lease(&context, Some(Some(context.now)), old)),
            (Condition::BadRequest, Some(PubsubCondition::InvalidOptions))
        );
    }
}
