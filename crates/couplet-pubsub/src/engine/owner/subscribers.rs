//! An owner and the subscribers of its node. (XEP-0060, 8.8)

use std::collections::{HashMap, HashSet};

use couplet::Condition;
use jid::{BareJid, Jid};

use crate::{
    change::Change,
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
    let paged = is_paged(&page, held.entries.len(), held.count);
    held.entries
        .retain(|held| held.state == SubscriptionState::Subscribed);
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
            room.then(|| begin(ask, node, &one.jid).into())
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

fn begin(ask: &Ask, node: &Node, jid: &Jid) -> [Change; 2] {
    let new = Subscription {
        jid: jid.clone(),
        subid: (ask.fresh)(),
        state: SubscriptionState::Subscribed,
        options: SubscribeOptions::default(),
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
