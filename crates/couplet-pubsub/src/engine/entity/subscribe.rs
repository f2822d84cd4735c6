//! Subscribing. (XEP-0060, 6.1)
//!
//! Subscribing a JID again tells what there is; with options it makes a second subscription with
//! a subid of its own (`multi-subscribe`, 6.1.6).

use couplet::{Condition, Jid};

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        access::Standing,
        announce,
        ask::{Ask, Decision},
    },
    facts::{FEW, Facts, Meant, Needs},
    node::Node,
    refused::{Detail, Refused},
    reply::Reply,
    request::OptionsForm,
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

use super::options::lease;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    jid: Jid,
    options: Option<OptionsForm>,
) -> Result<Reply, Refused> {
    let needs = needs(&ask, node, &jid);
    engine
        .change(needs, move |facts| {
            decide(&ask, facts, &jid, options.as_ref())
        })
        .await
}

fn needs(ask: &Ask, node: String, jid: &Jid) -> Needs {
    Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        meant: Meant::of(jid),
        newest: 1,
        owners: true,
        usage: true,
        ..Needs::default()
    }
}

fn decide(ask: &Ask, facts: &Facts, jid: &Jid, options: Option<&OptionsForm>) -> Decision {
    if !ask.is_own(jid) {
        return Err(Refused::with(Condition::BadRequest, Detail::InvalidJid));
    }
    let standing = Standing::of(ask, facts)?;
    let state = standing.may_subscribe()?;
    let asked = match options {
        Some(OptionsForm::Submit(fields)) => Some(fields),
        Some(OptionsForm::Cancel) | None => None,
    };
    let held = standing.subscriptions.iter().find(|held| held.jid == *jid);
    if let (Some(held), None) = (held, asked) {
        return Ok(again(standing.node, held));
    }
    check_room(ask, facts, &standing)?;
    let mut new = Subscription {
        jid: ask.as_the_server_writes(jid),
        subid: Subscription::new_subid(),
        state,
        options: SubscribeOptions::of(&standing.node.config),
        expires: None,
        bounces: 0,
        since: 0,
    };
    if let Some(fields) = asked {
        let wanted = form::read_options(new.options, fields)?;
        new.options = wanted.options;
        new.expires = lease(ask, wanted.expires, None)?;
    }
    let changes = begin(ask, facts, standing.node, &new);
    Ok((changes, reply(standing.node, new, asked.is_some())))
}

/// What there is already; somebody who asks is there, so what has bounced no longer counts.
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

/// XEP-0060, 6.1.3.9.
fn check_room(ask: &Ask, facts: &Facts, standing: &Standing<'_>) -> Result<(), Refused> {
    let node = standing.node;
    let here = standing.subscriptions.len() < ask.limits().subscriptions_per_node.min(FEW) as usize;
    let mine = facts.usage.subscriptions < ask.limits().subscriptions;
    let all = node.subscribers < ask.policy.limits(&node.creator).subscribers;
    if here && mine && all {
        return Ok(());
    }
    Err(Refused::with(
        Condition::PolicyViolation,
        Detail::TooManySubscriptions,
    ))
}

fn begin(ask: &Ask, facts: &Facts, node: &Node, new: &Subscription) -> Vec<Change> {
    let owners = &facts.owners;
    let mut changes = vec![Change::Subscribe(new.clone())];
    if new.state == SubscriptionState::Pending {
        let owners = announce::jids(owners.iter());
        changes.push(announce::approval(ask, node, owners, new));
        return changes;
    }
    let state = Some(new.state);
    changes.extend(announce::to_owners(node, owners, &ask.who, new, state));
    changes.extend(announce::last(node, owners, facts.newest.last(), new));
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
        engine::scene::{
            NODE, OTHER, OWNER, announced, ask, ask_in, bare, done, facts_with, field, jid, kept,
            no_node, party, pending, strangers_facts, subscribed, told, told_subscribers, why,
        },
        moment::Moment,
        node::{AccessModel, Affiliation, NodeConfig, SendLast},
        policy::House,
    };

    fn plain(facts: &Facts) -> Decision {
        decide(&ask(OTHER), facts, &jid(OTHER), None)
    }

    fn with(facts: &Facts, var: &str, value: &str) -> Decision {
        let form = OptionsForm::Submit(vec![field(var, value)]);
        decide(&ask(OTHER), facts, &jid(OTHER), Some(&form))
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

    fn somebody(affiliation: Affiliation, held: &[Subscription]) -> Facts {
        facts_with(party(OTHER, affiliation, held), |_| {})
    }

    fn to(access: AccessModel, affiliation: Affiliation, held: &[Subscription]) -> Facts {
        facts_with(party(OTHER, affiliation, held), |config| {
            config.access = access;
        })
    }

    #[test]
    fn everybody_may_subscribe_to_an_open_node_and_to_any_own_resource() {
        let facts = strangers_facts(|_| {});
        let full = jid("francisco@denmark.lit/elsewhere");
        let (changes, reply) = decide(&ask("francisco@denmark.lit/barracks"), &facts, &full, None)
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
        let facts = strangers_facts(|_| {});
        for (typed, kept) in [
            ("u@xn--bdk.example", "u@ツ.example"),
            ("U@XN--BDK.example/Desk", "u@ツ.example/Desk"),
            ("u@ツ.example/🐎", "u@ツ.example/🐎"),
        ] {
            let decision = decide(&ask("u@ツ.example/desk"), &facts, &jid(typed), None);
            assert_eq!(subscription(decision).jid.as_str(), kept);
        }
        let other = decide(
            &ask("u@strasse.example"),
            &facts,
            &jid("u@straße.example"),
            None,
        );
        let expected = (Condition::BadRequest, Some(Detail::InvalidJid));
        assert_eq!(why(other), expected);
    }

    #[test]
    fn nobody_subscribes_somebody_else_not_even_an_owner() {
        let expected = (Condition::BadRequest, Some(Detail::InvalidJid));
        let facts = strangers_facts(|_| {});
        assert_eq!(
            why(decide(&ask(OTHER), &facts, &jid("b@denmark.lit"), None)),
            expected
        );
        assert_eq!(
            why(decide(&ask(OWNER), &facts, &jid(OTHER), None)),
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
    fn outcasts_and_those_who_only_publish_may_not_subscribe() {
        for affiliation in [Affiliation::Outcast, Affiliation::PublishOnly] {
            let decision = plain(&somebody(affiliation, &[]));
            assert_eq!(why(decision), (Condition::Forbidden, None));
        }
    }

    #[test]
    fn a_whitelist_is_closed_to_all_who_are_not_on_it() {
        let access = AccessModel::Whitelist;
        let stranger = plain(&to(access, Affiliation::None, &[]));
        assert_eq!(
            why(stranger),
            (Condition::NotAllowed, Some(Detail::ClosedNode))
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
    fn an_owner_has_to_approve_where_the_node_says_so() {
        let facts = to(AccessModel::Authorize, Affiliation::None, &[]);
        let (changes, _) = plain(&facts).unwrap();
        assert_eq!(state(plain(&facts)), SubscriptionState::Pending);
        assert_eq!(told(&changes, OWNER).len(), 1);
        assert_eq!(announced(&changes).len(), 1);
        let member = to(AccessModel::Authorize, Affiliation::Member, &[]);
        assert_eq!(state(plain(&member)), SubscriptionState::Subscribed);
    }

    #[test]
    fn who_waits_for_approval_is_told_so() {
        let held = [pending(OTHER, "s")];
        let facts = to(AccessModel::Authorize, Affiliation::None, &held);
        assert_eq!(
            why(plain(&facts)),
            (Condition::NotAuthorized, Some(Detail::PendingSubscription))
        );
    }

    #[test]
    fn an_approval_is_good_for_further_resources() {
        let held = [subscribed(OTHER, "s")];
        let facts = to(AccessModel::Authorize, Affiliation::None, &held);
        let full = jid("francisco@denmark.lit/elsewhere");
        let decision = decide(&ask(OTHER), &facts, &full, None);
        assert_eq!(state(decision), SubscriptionState::Subscribed);
    }

    #[test]
    fn subscribing_again_tells_what_there_is() {
        let held = [subscribed(OTHER, "first")];
        let (changes, reply) = plain(&somebody(Affiliation::None, &held)).unwrap();
        assert_eq!(changes, []);
        let Reply::Subscribed { subscription, .. } = reply else {
            panic!()
        };
        assert_eq!(subscription.subid, "first");
    }

    #[test]
    fn subscribing_again_forgives_what_has_bounced() {
        let held = [Subscription {
            bounces: 9,
            ..subscribed(OTHER, "first")
        }];
        let (changes, _) = plain(&somebody(Affiliation::None, &held)).unwrap();
        assert_eq!(changes, [Change::Subscribe(subscribed(OTHER, "first"))]);
    }

    #[test]
    fn subscribing_again_with_options_makes_a_second_subscription() {
        let held = [subscribed(OTHER, "first")];
        let facts = somebody(Affiliation::None, &held);
        let second = subscription(with(&facts, "pubsub#include_body", "1"));
        assert_ne!(second.subid, "first");
        assert!(second.options.include_body);
    }

    #[test]
    fn options_that_were_cancelled_are_none() {
        let held = [subscribed(OTHER, "first")];
        let facts = somebody(Affiliation::None, &held);
        let decision = decide(&ask(OTHER), &facts, &jid(OTHER), Some(&OptionsForm::Cancel));
        assert_eq!(subscription(decision).subid, "first");
    }

    #[test]
    fn options_that_are_wrong_subscribe_nobody() {
        let facts = strangers_facts(|_| {});
        assert_eq!(
            why(with(&facts, "pubsub#deliver", "maybe")),
            (Condition::BadRequest, Some(Detail::InvalidOptions))
        );
    }

    #[test]
    fn a_lease_is_cut_to_the_limit() {
        let mut house = House::default();
        house.limits.lease = 60;
        let form = OptionsForm::Submit(vec![field("pubsub#expire", "1970-01-01T00:40:00Z")]);
        let facts = strangers_facts(|_| {});
        let decision = decide(&ask_in(OTHER, house), &facts, &jid(OTHER), Some(&form));
        assert_eq!(subscription(decision).expires, Some(Moment(1_060_000)));
    }

    #[test]
    fn a_lease_that_is_over_is_no_option() {
        let facts = strangers_facts(|_| {});
        assert_eq!(
            why(with(&facts, "pubsub#expire", "1970-01-01T00:10:00Z")),
            (Condition::BadRequest, Some(Detail::InvalidOptions))
        );
    }

    #[test]
    fn a_node_may_take_no_subscriptions_at_all() {
        let facts = strangers_facts(|config| config.subscribe = false);
        assert_eq!(
            why(plain(&facts)),
            (
                Condition::FeatureNotImplemented,
                Some(Detail::Unsupported("subscribe"))
            )
        );
    }

    #[test]
    fn there_are_limits_to_what_one_has_and_to_what_a_node_has() {
        let expected = (
            Condition::PolicyViolation,
            Some(Detail::TooManySubscriptions),
        );
        let mut house = House::default();
        house.limits.subscriptions = 2;
        house.limits.subscribers = 5;
        let ask = ask_in(OTHER, house);
        let mut facts = strangers_facts(|_| {});
        facts.usage.subscriptions = 2;
        assert_eq!(why(decide(&ask, &facts, &jid(OTHER), None)), expected);
        facts.usage.subscriptions = 1;
        assert!(decide(&ask, &facts, &jid(OTHER), None).is_ok());
        facts.node.as_mut().unwrap().subscribers = 5;
        assert_eq!(why(decide(&ask, &facts, &jid(OTHER), None)), expected);
    }

    #[test]
    fn one_subscriber_has_few_subscriptions_to_one_node_however_many_resources_it_has() {
        let mut house = House::default();
        house.limits.subscriptions_per_node = 3;
        let ask = ask_in(OTHER, house);
        let held: Vec<_> = ["", "/a", "/b"]
            .iter()
            .map(|resource| subscribed(&format!("{OTHER}{resource}"), "s"))
            .collect();
        let one_more = jid(&format!("{OTHER}/c"));
        let two = somebody(Affiliation::None, &held[..2]);
        assert!(decide(&ask, &two, &one_more, None).is_ok());
        let three = somebody(Affiliation::None, &held);
        assert_eq!(
            why(decide(&ask, &three, &one_more, None)),
            (
                Condition::PolicyViolation,
                Some(Detail::TooManySubscriptions)
            )
        );
        // What there is already is told.
        assert!(decide(&ask, &three, &jid(OTHER), None).is_ok());
    }

    fn with_an_item(configure: impl FnOnce(&mut NodeConfig)) -> Facts {
        let mut facts = strangers_facts(configure);
        facts.newest = vec![kept("last", OWNER)];
        facts
    }

    #[test]
    fn the_last_item_is_sent_to_a_new_subscriber_and_to_nobody_else() {
        let (changes, _) = plain(&with_an_item(|_| {})).unwrap();
        assert_eq!(announced(&changes).len(), 1);
        let last = told(&changes, OTHER);
        assert!(last[0].contains("last"), "{last:?}");
    }

    #[test]
    fn the_last_item_is_not_sent_where_nobody_wants_it() {
        let never: [fn(&mut NodeConfig); 3] = [
            |config| config.send_last = SendLast::Never,
            |config| config.notify = false,
            |config| config.access = AccessModel::Authorize,
        ];
        for configure in never {
            let (changes, _) = plain(&with_an_item(configure)).unwrap();
            assert_eq!(told(&changes, OTHER), Vec::<&str>::new());
        }
        let (changes, _) = with(&with_an_item(|_| {}), "pubsub#deliver", "0").unwrap();
        assert_eq!(announced(&changes), Vec::<&_>::new());
    }

    #[test]
    fn owners_learn_of_new_subscribers_if_they_want() {
        let (changes, _) = plain(&strangers_facts(|config| config.notify_sub = true)).unwrap();
        assert_eq!(told(&changes, OWNER).len(), 1);
        assert_eq!(told_subscribers(&changes), Vec::<&str>::new());
        let mut own = strangers_facts(|config| config.notify_sub = true);
        own.owners = vec![bare(OTHER)];
        let (changes, _) = plain(&own).unwrap();
        assert_eq!(done(&changes).len(), changes.len());
    }
}
