//! An owner and the subscribers of its node. (XEP-0060, 8.8)

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use couplet::{BareJid, Condition, Jid};

use crate::{
    change::Change,
    codec::{fit::fit, write_subscription},
    engine::{
        Engine,
        access::{Standing, is_barred, is_listed, owned},
        announce,
        ask::{Ask, Decision, is_paged},
        settle,
    },
    facts::{Facts, Needs, Party},
    node::{AccessModel, Node},
    page::Page,
    refused::Refused,
    reply::Reply,
    request::SetSubscriber,
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

/// Lists those who are subscribed, not those who wait. (XEP-0060, 8.8.1)
pub(in crate::engine) async fn list(
    engine: &Engine,
    ask: Ask,
    node: String,
    page: Page,
) -> Result<Reply, Refused> {
    let facts = engine.look(super::standing(&ask, node)).await?;
    let node = owned(&ask, &facts)?;
    let mut held = engine.store().subscribers(node.id, ask.page(&page)).await?;
    fit(
        &mut held,
        page.keep(),
        ask.limits().answer_bytes,
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

/// Sets the state of some. (XEP-0060, 8.8.2)
pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    wanted: Vec<SetSubscriber>,
) -> Result<Reply, Refused> {
    let mut seen = HashSet::new();
    if !wanted.iter().all(|one| seen.insert((&one.jid, &one.subid))) {
        return Err(Refused::plain(Condition::BadRequest).text("The same JID stands there twice"));
    }
    let others: HashSet<BareJid> = wanted.iter().map(|one| one.jid.to_bare()).collect();
    let needs = Needs {
        others: others.into_iter().collect(),
        ..super::standing(&ask, node)
    };
    engine
        .change(needs, move |facts| decide(&ask, facts, &wanted))
        .await
}

/// What can be done is done; the answer tells what could not. (XEP-0060, 8.8.2.4)
fn decide(ask: &Ask, facts: &Facts, wanted: &[SetSubscriber]) -> Decision {
    let node = owned(ask, facts)?;
    let parties: HashMap<&BareJid, &Party> =
        facts.others.iter().map(|one| (&one.jid, one)).collect();
    let mut changes = Vec::new();
    let mut unchanged = Vec::new();
    for one in wanted {
        let party = parties.get(&one.jid.to_bare()).copied();
        match set(ask, node, party, one) {
            Some(done) => changes.extend(done),
            None => unchanged.push(as_it_is(party, one)),
        }
    }
    if unchanged.is_empty() {
        return Ok((changes, Reply::Done));
    }
    let reply = Reply::SubscribersUnchanged {
        node: node.name.clone(),
        why: Refused::plain(Condition::NotAcceptable),
        unchanged,
    };
    Ok((changes, reply))
}

/// None where it cannot be done.
fn set(ask: &Ask, node: &Node, party: Option<&Party>, one: &SetSubscriber) -> Option<Vec<Change>> {
    let held: Vec<&Subscription> = meant(party, one).collect();
    match one.state {
        _ if held.is_empty() && one.subid.is_some() => None,
        None => Some(
            held.iter()
                .flat_map(|held| settle::ended(&node.name, held))
                .collect(),
        ),
        Some(SubscriptionState::Pending) => {
            let waits = |held: &&Subscription| held.state == SubscriptionState::Pending;
            (!held.is_empty() && held.iter().all(waits)).then(Vec::new)
        }
        Some(SubscriptionState::Subscribed) if !may_be_subscribed(ask, node, party, &one.jid) => {
            None
        }
        Some(SubscriptionState::Subscribed) if held.is_empty() => {
            let room = node.subscribers < ask.policy.limits(&node.creator).subscribers;
            room.then(|| begin(node, &one.jid).into())
        }
        Some(SubscriptionState::Subscribed) => Some(
            held.iter()
                .filter(|held| held.state == SubscriptionState::Pending)
                .flat_map(|held| settle::approved(&node.name, held))
                .collect(),
        ),
    }
}

fn meant<'a>(
    party: Option<&'a Party>,
    one: &'a SetSubscriber,
) -> impl Iterator<Item = &'a Subscription> {
    let all = party.map_or(&[][..], |party| &party.subscriptions);
    all.iter().filter(|held| {
        held.jid == one.jid && one.subid.as_ref().is_none_or(|subid| *subid == held.subid)
    })
}

/// An owner approves, but does not lift a ban or a whitelist that way; that is what affiliations
/// are for. Nor can the service be made to write to itself.
fn may_be_subscribed(ask: &Ask, node: &Node, party: Option<&Party>, jid: &Jid) -> bool {
    let Some(party) = party else { return false };
    let affiliation = Standing::of_party(ask, node, party).affiliation;
    let listed = node.config.access != AccessModel::Whitelist || is_listed(affiliation);
    listed && !is_barred(affiliation) && !ask.is_service(&jid.to_bare())
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
    let told = announce::state(&node.name, &new, Some(new.state));
    [Change::Subscribe(new), told]
}

fn as_it_is(party: Option<&Party>, one: &SetSubscriber) -> (Jid, Option<SubscriptionState>) {
    let state = meant(party, one).next().map(|held| held.state);
    (one.jid.clone(), state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::scene::{
            OTHER, OWNER, ask, ask_in, done, facts_with, jid, owners_facts, party, pending,
            strangers_facts, subscribed, told, why,
        },
        node::Affiliation,
        policy::House,
    };

    fn want(jid_: &str, subid: Option<&str>, state: Option<SubscriptionState>) -> SetSubscriber {
        SetSubscriber {
            jid: jid(jid_),
            subid: subid.map(str::to_owned),
            state,
        }
    }

    const IN: Option<SubscriptionState> = Some(SubscriptionState::Subscribed);

    fn with(others: Vec<Party>) -> Facts {
        Facts {
            others,
            ..owners_facts(|_| {})
        }
    }

    fn stranger(held: &[Subscription]) -> Party {
        party(OTHER, Affiliation::None, held)
    }

    fn set(facts: &Facts, wanted: &[SetSubscriber]) -> (Vec<Change>, Reply) {
        decide(&ask(OWNER), facts, wanted).unwrap()
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
    fn an_owner_subscribes_somebody_and_it_is_told() {
        let (changes, reply) = set(&with(vec![stranger(&[])]), &[want(OTHER, None, IN)]);
        assert!(matches!(&changes[0], Change::Subscribe(new) if new.jid == jid(OTHER)));
        assert_eq!(told(&changes, OTHER).len(), 1);
        assert_eq!(reply, Reply::Done);
    }

    #[test]
    fn an_owner_ends_subscriptions_and_it_is_told_of_each() {
        let held = [subscribed(OTHER, "a"), subscribed(OTHER, "b")];
        let facts = with(vec![stranger(&held)]);
        let (changes, _) = set(&facts, &[want(OTHER, None, None)]);
        assert_eq!(done(&changes).len(), 2);
        assert_eq!(told(&changes, OTHER).len(), 2);
        let (changes, _) = set(&facts, &[want(OTHER, Some("b"), None)]);
        assert_eq!(done(&changes).len(), 1);
        let (changes, reply) = set(&with(vec![stranger(&[])]), &[want(OTHER, None, None)]);
        assert_eq!((changes, reply), (vec![], Reply::Done));
    }

    #[test]
    fn an_owner_approves_that_way_too() {
        let facts = with(vec![stranger(&[pending(OTHER, "a")])]);
        let (changes, _) = set(&facts, &[want(OTHER, None, IN)]);
        let begun = Change::Subscribe(subscribed(OTHER, "a"));
        assert_eq!(done(&changes), [&begun]);
        assert_eq!(told(&changes, OTHER).len(), 1);
    }

    #[test]
    fn what_is_so_already_is_told_nobody() {
        let facts = with(vec![stranger(&[subscribed(OTHER, "a")])]);
        assert_eq!(set(&facts, &[want(OTHER, None, IN)]).0, []);
    }

    #[test]
    fn what_cannot_be_done_is_listed_and_the_rest_is_done() {
        let facts = with(vec![
            stranger(&[subscribed(OTHER, "a")]),
            party("out@a.lit", Affiliation::Outcast, &[]),
        ]);
        let (changes, reply) = set(
            &facts,
            &[want(OTHER, Some("a"), None), want("out@a.lit", None, IN)],
        );
        assert_eq!(done(&changes).len(), 1);
        assert_eq!(unchanged(reply), [(jid("out@a.lit"), None)]);
    }

    #[test]
    fn nobody_is_made_to_wait_and_no_subid_is_made_up() {
        let facts = with(vec![stranger(&[subscribed(OTHER, "a")])]);
        let waits = Some(SubscriptionState::Pending);
        for wanted in [want(OTHER, None, waits), want(OTHER, Some("x"), IN)] {
            let (changes, reply) = set(&facts, &[wanted]);
            assert_eq!(changes, []);
            assert_eq!(unchanged(reply).len(), 1);
        }
    }

    #[test]
    fn a_whitelist_holds_for_owners_too() {
        let mut facts = owners_facts(|config| config.access = AccessModel::Whitelist);
        facts.others = vec![
            stranger(&[]),
            party("member@a.lit", Affiliation::Member, &[]),
        ];
        let (changes, reply) = set(
            &facts,
            &[want(OTHER, None, IN), want("member@a.lit", None, IN)],
        );
        assert_eq!(done(&changes).len(), 1);
        assert_eq!(unchanged(reply), [(jid(OTHER), None)]);
    }

    #[test]
    fn the_service_is_not_made_to_write_to_itself() {
        let itself = "bot@pubsub.shakespeare.lit";
        let facts = with(vec![party(itself, Affiliation::None, &[])]);
        let (changes, reply) = set(&facts, &[want(itself, None, IN)]);
        assert_eq!(changes, []);
        assert_eq!(unchanged(reply).len(), 1);
    }

    #[test]
    fn a_node_has_room_for_so_many() {
        let mut house = House::default();
        house.limits.subscribers = 0;
        let facts = with(vec![stranger(&[])]);
        let wanted = [want(OTHER, None, IN)];
        let (changes, _) = decide(&ask_in(OWNER, house), &facts, &wanted).unwrap();
        assert_eq!(changes, []);
    }

    #[test]
    fn only_owners_do_this() {
        let decision = decide(&ask(OTHER), &strangers_facts(|_| {}), &[]);
        assert_eq!(why(decision), (Condition::Forbidden, None));
        let member = facts_with(party(OTHER, Affiliation::Publisher, &[]), |_| {});
        assert_eq!(
            why(decide(&ask(OTHER), &member, &[])),
            (Condition::Forbidden, None)
        );
    }
}
