//! Lists and changes the subscribers of a node. (XEP-0060, 8.8)

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use couplet::{BareJid, Condition, Jid};

use crate::{
    change::Change,
    codec::{truncate::truncate_page, write_subscription},
    engine::{
        Engine,
        access::{Access, is_barred, is_listed, owned_node},
        announce,
        context::{Decision, RequestContext, is_paged},
        reconcile,
    },
    node::{AccessModel, Node},
    page::Page,
    pubsub_error::PubsubError,
    reply::Reply,
    request::SetSubscriber,
    snapshot::{Entity, Query, Snapshot},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

/// Lists subscriptions, without pending ones. (XEP-0060, 8.8.1)
pub(in crate::engine) async fn list(
    engine: &Engine,
    context: RequestContext,
    node: String,
    page: Page,
) -> Result<Reply, PubsubError> {
    let snapshot = engine.snapshot(super::owner_query(&context, node)).await?;
    let node = owned_node(&context, &snapshot)?;
    let mut held = engine
        .store()
        .subscribers(node.id, context.page(&page))
        .await?;
    truncate_page(
        &mut held,
        page.keep(),
        context.limits().answer_bytes,
        |held| Cow::from(held.cursor().to_string()),
        |held, xml| write_subscription(None, held, xml),
    );
    let paged = is_paged(&page, held.entries.len(), held.count);
    Ok(Reply::Subscribers {
        node: node.name.clone(),
        held,
        paged,
    })
}

/// Sets the state of some subscriptions. (XEP-0060, 8.8.2)
pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    wanted: Vec<SetSubscriber>,
) -> Result<Reply, PubsubError> {
    let mut seen = HashSet::new();
    if !wanted.iter().all(|one| seen.insert((&one.jid, &one.subid))) {
        return Err(PubsubError::bad_request("The same JID appears twice"));
    }
    let others: HashSet<BareJid> = wanted.iter().map(|one| one.jid.to_bare()).collect();
    let query = Query {
        others: others.into_iter().collect(),
        ..super::owner_query(&context, node)
    };
    engine
        .change(query, move |snapshot| decide(&context, snapshot, &wanted))
        .await
}

/// Makes the possible changes; the error lists the others. (XEP-0060, 8.8.2.4)
fn decide(context: &RequestContext, snapshot: &Snapshot, wanted: &[SetSubscriber]) -> Decision {
    let node = owned_node(context, snapshot)?;
    let entities: HashMap<&BareJid, &Entity> =
        snapshot.others.iter().map(|one| (&one.jid, one)).collect();
    let mut changes = Vec::new();
    let mut unchanged = Vec::new();
    for one in wanted {
        let entity = entities.get(&one.jid.to_bare()).copied();
        match set(context, node, entity, one) {
            Some(done) => changes.extend(done),
            None => unchanged.push(as_it_is(entity, one)),
        }
    }
    if unchanged.is_empty() {
        return Ok((changes, Reply::Empty));
    }
    let reply = Reply::SubscribersUnchanged {
        node: node.name.clone(),
        why: PubsubError::new(Condition::NotAcceptable),
        unchanged,
    };
    Ok((changes, reply))
}

/// Returns `None` if the change is not possible.
fn set(
    context: &RequestContext,
    node: &Node,
    entity: Option<&Entity>,
    one: &SetSubscriber,
) -> Option<Vec<Change>> {
    let held: Vec<&Subscription> = subscriptions_of(entity, one).collect();
    match one.state {
        _ if held.is_empty() && one.subid.is_some() => None,
        None => Some(
            held.iter()
                .flat_map(|held| reconcile::ended(&node.name, held))
                .collect(),
        ),
        Some(SubscriptionState::Pending) => {
            let waits = |held: &&Subscription| held.state == SubscriptionState::Pending;
            (!held.is_empty() && held.iter().all(waits)).then(Vec::new)
        }
        Some(SubscriptionState::Subscribed)
            if !may_be_subscribed(context, node, entity, &one.jid) =>
        {
            None
        }
        Some(SubscriptionState::Subscribed) if held.is_empty() => {
            let room = node.subscribers < context.policy.limits(&node.creator).subscribers;
            room.then(|| begin(node, &one.jid).into())
        }
        Some(SubscriptionState::Subscribed) => Some(
            held.iter()
                .filter(|held| held.state == SubscriptionState::Pending)
                .flat_map(|held| reconcile::approved(&node.name, held))
                .collect(),
        ),
    }
}

fn subscriptions_of<'a>(
    entity: Option<&'a Entity>,
    one: &'a SetSubscriber,
) -> impl Iterator<Item = &'a Subscription> {
    let all = entity.map_or(&[][..], |entity| &entity.subscriptions);
    all.iter().filter(|held| {
        held.jid == one.jid && one.subid.as_ref().is_none_or(|subid| *subid == held.subid)
    })
}

/// Returns whether the entity may be subscribed. Owners approve subscriptions, but cannot override
/// a ban or a whitelist: affiliations do that. The service cannot be made to send to itself.
fn may_be_subscribed(
    context: &RequestContext,
    node: &Node,
    entity: Option<&Entity>,
    jid: &Jid,
) -> bool {
    let Some(entity) = entity else { return false };
    let affiliation = Access::of_entity(context, node, entity).affiliation;
    let listed = node.config.access != AccessModel::Whitelist || is_listed(affiliation);
    listed && !is_barred(affiliation) && !context.is_service(&jid.to_bare())
}

fn begin(node: &Node, jid: &Jid) -> [Change; 2] {
    let new = Subscription {
        jid: jid.clone(),
        subid: Subscription::new_subid(),
        state: SubscriptionState::Subscribed,
        options: SubscribeOptions::of(&node.config),
        expires: None,
        bounces: 0,
        since: 0,
    };
    let notice = announce::state(&node.name, &new, Some(new.state));
    [Change::Subscribe(new), notice]
}

fn as_it_is(entity: Option<&Entity>, one: &SetSubscriber) -> (Jid, Option<SubscriptionState>) {
    let state = subscriptions_of(entity, one).next().map(|held| held.state);
    (one.jid.clone(), state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fixtures::{
            OTHER, OWNER, context, context_in, done, entity, facts_with, jid, notices_to,
            owners_facts, pending, strangers_facts, subscribed, why,
        },
        node::Affiliation,
        policy::Rules,
    };

    fn want(jid_: &str, subid: Option<&str>, state: Option<SubscriptionState>) -> SetSubscriber {
        SetSubscriber {
            jid: jid(jid_),
            subid: subid.map(str::to_owned),
            state,
        }
    }

    const IN: Option<SubscriptionState> = Some(SubscriptionState::Subscribed);

    fn with(others: Vec<Entity>) -> Snapshot {
        Snapshot {
            others,
            ..owners_facts(|_| {})
        }
    }

    fn stranger(held: &[Subscription]) -> Entity {
        entity(OTHER, Affiliation::None, held)
    }

    fn set(snapshot: &Snapshot, wanted: &[SetSubscriber]) -> (Vec<Change>, Reply) {
        decide(&context(OWNER), snapshot, wanted).unwrap()
    }

    fn unchanged(reply: Reply) -> Vec<(Jid, Option<SubscriptionState>)> {
        match reply {
            Reply::SubscribersUnchanged { unchanged, why, .. } => {
                assert_eq!(why.condition, Condition::NotAcceptable);
                unchanged
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_owner_subscribes_an_entity_and_it_is_notified() {
        let (changes, reply) = set(&with(vec![stranger(&[])]), &[want(OTHER, None, IN)]);
        assert!(matches!(&changes[0], Change::Subscribe(new) if new.jid == jid(OTHER)));
        assert_eq!(notices_to(&changes, OTHER).len(), 1);
        assert_eq!(reply, Reply::Empty);
    }

    #[test]
    fn an_owner_ends_subscriptions_and_each_subscriber_is_notified() {
        let held = [subscribed(OTHER, "a"), subscribed(OTHER, "b")];
        let snapshot = with(vec![stranger(&held)]);
        let (changes, _) = set(&snapshot, &[want(OTHER, None, None)]);
        assert_eq!(done(&changes).len(), 2);
        assert_eq!(notices_to(&changes, OTHER).len(), 2);
        let (changes, _) = set(&snapshot, &[want(OTHER, Some("b"), None)]);
        assert_eq!(done(&changes).len(), 1);
        let (changes, reply) = set(&with(vec![stranger(&[])]), &[want(OTHER, None, None)]);
        assert_eq!((changes, reply), (vec![], Reply::Empty));
    }

    #[test]
    fn an_owner_approves_that_way_too() {
        let snapshot = with(vec![stranger(&[pending(OTHER, "a")])]);
        let (changes, _) = set(&snapshot, &[want(OTHER, None, IN)]);
        let begun = Change::Subscribe(subscribed(OTHER, "a"));
        assert_eq!(done(&changes), [&begun]);
        assert_eq!(notices_to(&changes, OTHER).len(), 1);
    }

    #[test]
    fn an_unchanged_subscription_notifies_no_one() {
        let snapshot = with(vec![stranger(&[subscribed(OTHER, "a")])]);
        assert_eq!(set(&snapshot, &[want(OTHER, None, IN)]).0, []);
    }

    #[test]
    fn what_cannot_be_done_is_listed_and_the_rest_is_done() {
        let snapshot = with(vec![
            stranger(&[subscribed(OTHER, "a")]),
            entity("out@a.lit", Affiliation::Outcast, &[]),
        ]);
        let (changes, reply) = set(
            &snapshot,
            &[want(OTHER, Some("a"), None), want("out@a.lit", None, IN)],
        );
        assert_eq!(done(&changes).len(), 1);
        assert_eq!(unchanged(reply), [(jid("out@a.lit"), None)]);
    }

    #[test]
    fn owners_cannot_set_pending_or_invent_a_subid() {
        let snapshot = with(vec![stranger(&[subscribed(OTHER, "a")])]);
        let waits = Some(SubscriptionState::Pending);
        for wanted in [want(OTHER, None, waits), want(OTHER, Some("x"), IN)] {
            let (changes, reply) = set(&snapshot, &[wanted]);
            assert_eq!(changes, []);
            assert_eq!(unchanged(reply).len(), 1);
        }
    }

    #[test]
    fn a_whitelist_holds_for_owners_too() {
        let mut snapshot = owners_facts(|config| config.access = AccessModel::Whitelist);
        snapshot.others = vec![
            stranger(&[]),
            entity("member@a.lit", Affiliation::Member, &[]),
        ];
        let (changes, reply) = set(
            &snapshot,
            &[want(OTHER, None, IN), want("member@a.lit", None, IN)],
        );
        assert_eq!(done(&changes).len(), 1);
        assert_eq!(unchanged(reply), [(jid(OTHER), None)]);
    }

    #[test]
    fn the_service_is_not_made_to_write_to_itself() {
        let itself = "bot@pubsub.shakespeare.lit";
        let snapshot = with(vec![entity(itself, Affiliation::None, &[])]);
        let (changes, reply) = set(&snapshot, &[want(itself, None, IN)]);
        assert_eq!(changes, []);
        assert_eq!(unchanged(reply).len(), 1);
    }

    #[test]
    fn a_node_keeps_max_items_within_the_limit() {
        let mut rules = Rules::default();
        rules.limits.subscribers = 0;
        let snapshot = with(vec![stranger(&[])]);
        let wanted = [want(OTHER, None, IN)];
        let (changes, _) = decide(&context_in(OWNER, rules), &snapshot, &wanted).unwrap();
        assert_eq!(changes, []);
    }

    #[test]
    fn only_owners_do_this() {
        let decision = decide(&context(OTHER), &strangers_facts(|_| {}), &[]);
        assert_eq!(why(decision), (Condition::Forbidden, None));
        let member = facts_with(entity(OTHER, Affiliation::Publisher, &[]), |_| {});
        assert_eq!(
            why(decide(&context(OTHER), &member, &[])),
            (Condition::Forbidden, None)
        );
    }
}
