//! Subscribing. (XEP-0060, 6.1)
//!
//! Subscribing a JID again returns its current subscription; with options it creates a second one
//! with another subid (`multi-subscribe`, 6.1.6).

use couplet::{Condition, Jid};

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        access::Access,
        announce,
        context::{Decision, RequestContext},
    },
    node::Node,
    pubsub_error::{PubsubCondition, PubsubError},
    reply::Reply,
    request::SubmittedForm,
    snapshot::{MAX_SUBSCRIPTIONS, Query, Snapshot, SubscriptionFilter},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

use super::options::lease;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    jid: Jid,
    options: Option<SubmittedForm>,
) -> Result<Reply, PubsubError> {
    let query = query(&context, node, &jid);
    engine
        .change(query, move |snapshot| {
            decide(&context, snapshot, &jid, options.as_ref())
        })
        .await
}

fn query(context: &RequestContext, node: String, jid: &Jid) -> Query {
    Query {
        node: Some(node),
        entity: Some(context.who.clone()),
        filter: SubscriptionFilter::of(jid),
        newest: 1,
        owners: true,
        usage: true,
        ..Query::default()
    }
}

fn decide(
    context: &RequestContext,
    snapshot: &Snapshot,
    jid: &Jid,
    options: Option<&SubmittedForm>,
) -> Decision {
    if !context.is_own(jid) {
        return Err(PubsubError::with(
            Condition::BadRequest,
            PubsubCondition::InvalidJid,
        ));
    }
    let access = Access::of(context, snapshot)?;
    let state = access.may_subscribe()?;
    let requested = match options {
        Some(SubmittedForm::Submit(fields)) => Some(fields),
        Some(SubmittedForm::Cancel) | None => None,
    };
    let held = access.subscriptions.iter().find(|held| held.jid == *jid);
    if let (Some(held), None) = (held, requested) {
        return Ok(again(access.node, held));
    }
    check_room(context, snapshot, &access)?;
    let mut new = Subscription {
        jid: context.with_server_domain(jid),
        subid: Subscription::new_subid(),
        state,
        options: SubscribeOptions::of(&access.node.config),
        expires: None,
        bounces: 0,
        since: 0,
    };
    if let Some(fields) = requested {
        let wanted = form::read_options(new.options, fields)?;
        new.options = wanted.options;
        new.expires = lease(context, wanted.expires, None)?;
    }
    let changes = begin(context, snapshot, access.node, &new);
    Ok((changes, reply(access.node, new, requested.is_some())))
}

/// Returns the current subscription. A request proves that the subscriber is reachable, so the
/// count of bounces is reset.
fn again(node: &Node, held: &Subscription) -> (Vec<Change>, Reply) {
    let current = Subscription {
        bounces: 0,
        ..held.clone()
    };
    let mut changes = Vec::new();
    if held.bounces > 0 {
        changes.push(Change::Subscribe(current.clone()));
    }
    (changes, reply(node, current, false))
}

/// Checks the limits of subscriptions. (XEP-0060, 6.1.3.9)
fn check_room(
    context: &RequestContext,
    snapshot: &Snapshot,
    access: &Access<'_>,
) -> Result<(), PubsubError> {
    let node = access.node;
    let here = access.subscriptions.len()
        < context
            .limits()
            .subscriptions_per_node
            .min(MAX_SUBSCRIPTIONS) as usize;
    let mine = snapshot.usage.subscriptions < context.limits().subscriptions;
    let all = node.subscribers < context.policy.limits(&node.creator).subscribers;
    if here && mine && all {
        return Ok(());
    }
    Err(PubsubError::with(
        Condition::PolicyViolation,
        PubsubCondition::TooManySubscriptions,
    ))
}

fn begin(
    context: &RequestContext,
    snapshot: &Snapshot,
    node: &Node,
    new: &Subscription,
) -> Vec<Change> {
    let owners = &snapshot.owners;
    let mut changes = vec![Change::Subscribe(new.clone())];
    if new.state == SubscriptionState::Pending {
        let owners = announce::jids(owners.iter());
        changes.push(announce::approval(context, node, owners, new));
        return changes;
    }
    let state = Some(new.state);
    changes.extend(announce::to_owners(node, owners, &context.who, new, state));
    changes.extend(announce::last(node, owners, snapshot.newest.last(), new));
    changes
}

fn reply(node: &Node, subscription: Subscription, with_options: bool) -> Reply {
    Reply::Subscribed {
        node: node.name.clone(),
        subscription,
        with_options,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fixtures::{
            NODE, OTHER, OWNER, announced, announced_to_subscribers, bare, context, context_in,
            done, entity, facts_with, field, jid, kept, no_node, notices_to, pending,
            strangers_facts, subscribed, why,
        },
        node::{AccessModel, Affiliation, NodeConfig, SendLast},
        policy::Rules,
        timestamp::Timestamp,
    };

    fn plain(snapshot: &Snapshot) -> Decision {
        decide(&context(OTHER), snapshot, &jid(OTHER), None)
    }

    fn with(snapshot: &Snapshot, var: &str, value: &str) -> Decision {
        let form = SubmittedForm::Submit(vec![field(var, value)]);
        decide(&context(OTHER), snapshot, &jid(OTHER), Some(&form))
    }

    fn state(decision: Decision) -> SubscriptionState {
        subscription(decision).state
    }

    fn subscription(decision: Decision) -> Subscription {
        match decision.unwrap().1 {
            Reply::Subscribed { subscription, .. } => subscription,
            other => panic!("{other:?}"),
        }
    }

    fn requester(affiliation: Affiliation, held: &[Subscription]) -> Snapshot {
        facts_with(entity(OTHER, affiliation, held), |_| {})
    }

    fn to(access: AccessModel, affiliation: Affiliation, held: &[Subscription]) -> Snapshot {
        facts_with(entity(OTHER, affiliation, held), |config| {
            config.access = access;
        })
    }

    #[test]
    fn any_entity_subscribes_any_of_its_resources_to_an_open_node() {
        let snapshot = strangers_facts(|_| {});
        let full = jid("francisco@denmark.lit/elsewhere");
        let (changes, reply) = decide(
            &context("francisco@denmark.lit/barracks"),
            &snapshot,
            &full,
            None,
        )
        .expect("an own resource");
        let Reply::Subscribed {
            node, subscription, ..
        } = reply
        else {
            panic!()
        };
        assert_eq!(node, NODE);
        assert_eq!(subscription.jid, full);
        assert_eq!(subscription.state, SubscriptionState::Subscribed);
        assert_eq!(changes, [Change::Subscribe(subscription)]);
    }

    #[test]
    fn a_jid_may_have_a_labels_and_is_subscribed_as_the_server_writes_it() {
        let snapshot = strangers_facts(|_| {});
        for (typed, kept) in [
            ("u@xn--bdk.example", "u@ツ.example"),
            ("U@XN--BDK.example/Phone", "u@ツ.example/Phone"),
            ("u@ツ.example/🐎", "u@ツ.example/🐎"),
        ] {
            let decision = decide(&context("u@ツ.example/desk"), &snapshot, &jid(typed), None);
            assert_eq!(subscription(decision).jid.as_str(), kept);
        }
        let other = decide(
            &context("u@strasse.example"),
            &snapshot,
            &jid("u@straße.example"),
            None,
        );
        let expected = (Condition::BadRequest, Some(PubsubCondition::InvalidJid));
        assert_eq!(why(other), expected);
    }

    #[test]
    fn entities_subscribe_only_themselves_owners_too() {
        let expected = (Condition::BadRequest, Some(PubsubCondition::InvalidJid));
        let snapshot = strangers_facts(|_| {});
        assert_eq!(
            why(decide(
                &context(OTHER),
                &snapshot,
                &jid("b@denmark.lit"),
                None
            )),
            expected
        );
        assert_eq!(
            why(decide(&context(OWNER), &snapshot, &jid(OTHER), None)),
            expected
        );
    }

    #[test]
    fn a_node_that_is_not_there_is_not_found_and_one_that_moved_is_gone() {
        assert_eq!(why(plain(&no_node(None))), (Condition::ItemNotFound, None));
        let gone = plain(&no_node(Some("xmpp:a.lit?;node=b"))).unwrap_err();
        assert_eq!(gone.condition, Condition::Gone);
        assert_eq!(gone.uri.as_deref(), Some("xmpp:a.lit?;node=b"));
    }

    #[test]
    fn outcasts_and_publish_only_entities_may_not_subscribe() {
        for affiliation in [Affiliation::Outcast, Affiliation::PublishOnly] {
            let decision = plain(&requester(affiliation, &[]));
            assert_eq!(why(decision), (Condition::Forbidden, None));
        }
    }

    #[test]
    fn a_whitelist_is_closed_to_all_entities_not_on_it() {
        let access = AccessModel::Whitelist;
        let stranger = plain(&to(access, Affiliation::None, &[]));
        assert_eq!(
            why(stranger),
            (Condition::NotAllowed, Some(PubsubCondition::ClosedNode))
        );
        for affiliation in [
            Affiliation::Member,
            Affiliation::Publisher,
            Affiliation::Owner,
        ] {
            let decision = plain(&to(access, affiliation, &[]));
            assert_eq!(state(decision), SubscriptionState::Subscribed);
        }
    }

    #[test]
    fn an_owner_must_approve_as_configured() {
        let snapshot = to(AccessModel::Authorize, Affiliation::None, &[]);
        let (changes, _) = plain(&snapshot).unwrap();
        assert_eq!(state(plain(&snapshot)), SubscriptionState::Pending);
        assert_eq!(notices_to(&changes, OWNER).len(), 1);
        assert_eq!(announced(&changes).len(), 1);
        let member = to(AccessModel::Authorize, Affiliation::Member, &[]);
        assert_eq!(state(plain(&member)), SubscriptionState::Subscribed);
    }

    #[test]
    fn a_pending_subscriber_gets_pending_subscription() {
        let held = [pending(OTHER, "s")];
        let snapshot = to(AccessModel::Authorize, Affiliation::None, &held);
        assert_eq!(
            why(plain(&snapshot)),
            (
                Condition::NotAuthorized,
                Some(PubsubCondition::PendingSubscription)
            )
        );
    }

    #[test]
    fn an_approval_is_good_for_further_resources() {
        let held = [subscribed(OTHER, "s")];
        let snapshot = to(AccessModel::Authorize, Affiliation::None, &held);
        let full = jid("francisco@denmark.lit/elsewhere");
        let decision = decide(&context(OTHER), &snapshot, &full, None);
        assert_eq!(state(decision), SubscriptionState::Subscribed);
    }

    #[test]
    fn subscribing_again_returns_the_current_subscription() {
        let held = [subscribed(OTHER, "first")];
        let (changes, reply) = plain(&requester(Affiliation::None, &held)).unwrap();
        assert_eq!(changes, []);
        let Reply::Subscribed { subscription, .. } = reply else {
            panic!()
        };
        assert_eq!(subscription.subid, "first");
    }

    #[test]
    fn subscribing_again_resets_the_bounce_count() {
        let held = [Subscription {
            bounces: 9,
            ..subscribed(OTHER, "first")
        }];
        let (changes, _) = plain(&requester(Affiliation::None, &held)).unwrap();
        assert_eq!(changes, [Change::Subscribe(subscribed(OTHER, "first"))]);
    }

    #[test]
    fn subscribing_again_with_options_makes_a_second_subscription() {
        let held = [subscribed(OTHER, "first")];
        let snapshot = requester(Affiliation::None, &held);
        let second = subscription(with(&snapshot, "pubsub#include_body", "1"));
        assert_ne!(second.subid, "first");
        assert!(second.options.include_body);
    }

    #[test]
    fn options_that_were_cancelled_are_none() {
        let held = [subscribed(OTHER, "first")];
        let snapshot = requester(Affiliation::None, &held);
        let decision = decide(
            &context(OTHER),
            &snapshot,
            &jid(OTHER),
            Some(&SubmittedForm::Cancel),
        );
        assert_eq!(subscription(decision).subid, "first");
    }

    #[test]
    fn invalid_options_create_no_subscription() {
        let snapshot = strangers_facts(|_| {});
        assert_eq!(
            why(with(&snapshot, "pubsub#deliver", "maybe")),
            (Condition::BadRequest, Some(PubsubCondition::InvalidOptions))
        );
    }

    #[test]
    fn a_lease_is_cut_to_the_limit() {
        let mut rules = Rules::default();
        rules.limits.lease = 60;
        let form = SubmittedForm::Submit(vec![field("pubsub#expire", "1970-01-01T00:40:00Z")]);
        let snapshot = strangers_facts(|_| {});
        let decision = decide(
            &context_in(OTHER, rules),
            &snapshot,
            &jid(OTHER),
            Some(&form),
        );
        assert_eq!(subscription(decision).expires, Some(Timestamp(1_060_000)));
    }

    #[test]
    fn a_lease_that_is_over_is_no_option() {
        let snapshot = strangers_facts(|_| {});
        assert_eq!(
            why(with(&snapshot, "pubsub#expire", "1970-01-01T00:10:00Z")),
            (Condition::BadRequest, Some(PubsubCondition::InvalidOptions))
        );
    }

    #[test]
    fn a_node_may_take_no_subscriptions_at_all() {
        let snapshot = strangers_facts(|config| config.subscribe = false);
        assert_eq!(
            why(plain(&snapshot)),
            (
                Condition::FeatureNotImplemented,
                Some(PubsubCondition::Unsupported("subscribe"))
            )
        );
    }

    #[test]
    fn there_are_limits_to_what_one_has_and_to_what_a_node_has() {
        let expected = (
            Condition::PolicyViolation,
            Some(PubsubCondition::TooManySubscriptions),
        );
        let mut rules = Rules::default();
        rules.limits.subscriptions = 2;
        rules.limits.subscribers = 5;
        let context = context_in(OTHER, rules);
        let mut snapshot = strangers_facts(|_| {});
        snapshot.usage.subscriptions = 2;
        assert_eq!(
            why(decide(&context, &snapshot, &jid(OTHER), None)),
            expected
        );
        snapshot.usage.subscriptions = 1;
        assert!(decide(&context, &snapshot, &jid(OTHER), None).is_ok());
        snapshot.node.as_mut().unwrap().subscribers = 5;
        assert_eq!(
            why(decide(&context, &snapshot, &jid(OTHER), None)),
            expected
        );
    }

    #[test]
    fn one_subscriber_has_few_subscriptions_to_one_node_however_many_resources_it_has() {
        let mut rules = Rules::default();
        rules.limits.subscriptions_per_node = 3;
        let context = context_in(OTHER, rules);
        let held: Vec<_> = ["", "/a", "/b"]
            .iter()
            .map(|resource| subscribed(&format!("{OTHER}{resource}"), "s"))
            .collect();
        let one_more = jid(&format!("{OTHER}/c"));
        let two = requester(Affiliation::None, &held[..2]);
        assert!(decide(&context, &two, &one_more, None).is_ok());
        let three = requester(Affiliation::None, &held);
        assert_eq!(
            why(decide(&context, &three, &one_more, None)),
            (
                Condition::PolicyViolation,
                Some(PubsubCondition::TooManySubscriptions)
            )
        );
        // An existing subscription is returned.
        assert!(decide(&context, &three, &jid(OTHER), None).is_ok());
    }

    fn with_an_item(configure: impl FnOnce(&mut NodeConfig)) -> Snapshot {
        let mut snapshot = strangers_facts(configure);
        snapshot.newest = vec![kept("last", OWNER)];
        snapshot
    }

    #[test]
    fn the_last_item_is_sent_only_to_the_new_subscriber() {
        let (changes, _) = plain(&with_an_item(|_| {})).unwrap();
        assert_eq!(announced(&changes).len(), 1);
        let last = notices_to(&changes, OTHER);
        assert!(last[0].contains("last"), "{last:?}");
    }

    #[test]
    fn the_last_item_is_not_sent_against_the_configuration() {
        let never: [fn(&mut NodeConfig); 3] = [
            |config| config.send_last = SendLast::Never,
            |config| config.notify = false,
            |config| config.access = AccessModel::Authorize,
        ];
        for configure in never {
            let (changes, _) = plain(&with_an_item(configure)).unwrap();
            assert_eq!(notices_to(&changes, OTHER), Vec::<&str>::new());
        }
        let (changes, _) = with(&with_an_item(|_| {}), "pubsub#deliver", "0").unwrap();
        assert_eq!(announced(&changes), Vec::<&_>::new());
    }

    #[test]
    fn owners_are_notified_of_new_subscribers_with_notify_sub() {
        let (changes, _) = plain(&strangers_facts(|config| config.notify_sub = true)).unwrap();
        assert_eq!(notices_to(&changes, OWNER).len(), 1);
        assert_eq!(announced_to_subscribers(&changes), Vec::<&str>::new());
        let mut own = strangers_facts(|config| config.notify_sub = true);
        own.owners = vec![bare(OTHER)];
        let (changes, _) = plain(&own).unwrap();
        assert_eq!(done(&changes).len(), changes.len());
    }
}
