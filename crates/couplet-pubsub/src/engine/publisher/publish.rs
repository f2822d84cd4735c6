//! Publishing, to a node that is made for it if need be. (XEP-0060, 7.1)
//!
//! All items of a request or none; each is announced by itself, because a notification with a
//! hundred of them is more than servers carry.

use std::{collections::HashSet, sync::Arc};

use couplet::Condition;
use jid::BareJid;

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        access::{Standing, known},
        announce,
        ask::{Ask, Decision},
        owner::create,
        room::room,
    },
    facts::{Facts, Needs},
    node::{ItemReply, NodeConfig, WhenFull},
    policy::Limits,
    refused::{Detail, Refused},
    reply::Reply,
    request::{Field, NewItem},
};

use super::payload::{self, Ready};

/// What a request to publish brings.
struct Batch {
    node: String,
    items: Vec<Ready>,
    options: Option<Vec<Field>>,
}

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    items: Vec<NewItem>,
    options: Option<Vec<Field>>,
) -> Result<Reply, Refused> {
    let batch = Arc::new(ready(&ask, node, items, options)?);
    for extent in [Extent::Usual, Extent::All] {
        let (ask, batch) = (ask.clone(), Arc::clone(&batch));
        let needs = needs(&ask, &batch, extent);
        let reply = engine
            .change(needs, move |facts| {
                if extent == Extent::Usual && is_unusual(facts) {
                    return Ok((Vec::new(), None));
                }
                let (changes, reply) = decide(&ask, facts, &batch)?;
                Ok((changes, Some(reply)))
            })
            .await?;
        if let Some(reply) = reply {
            return Ok(reply);
        }
    }
    Err(Refused::plain(Condition::InternalServerError))
}

/// How much is found out. Counting what somebody has is left out until it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Usual,
    All,
}

/// Whether the usual facts do not suffice: the node has to be made, or its owner named.
fn is_unusual(facts: &Facts) -> bool {
    facts
        .node
        .as_ref()
        .map_or(facts.redirect.is_none(), |node| {
            node.config.item_reply == ItemReply::Owner
        })
}

fn ready(
    ask: &Ask,
    node: String,
    items: Vec<NewItem>,
    options: Option<Vec<Field>>,
) -> Result<Batch, Refused> {
    if items.len() > ask.limits().batch as usize {
        return Err(too_many());
    }
    let items = items
        .into_iter()
        .map(|item| Ready::new(item, ask.fresh))
        .collect::<Result<Vec<Ready>, Refused>>()?;
    let mut ids = HashSet::new();
    if !items.iter().all(|item| ids.insert(item.id.as_str())) {
        return Err(Refused::plain(Condition::BadRequest).text("Two items have the same id"));
    }
    Ok(Batch {
        node,
        items,
        options,
    })
}

fn needs(ask: &Ask, batch: &Batch, extent: Extent) -> Needs {
    Needs {
        node: Some(batch.node.clone()),
        actor: Some(ask.who.clone()),
        items: batch.items.iter().map(|item| item.id.clone()).collect(),
        // As many as may have to go: some of them may be among those that are overwritten.
        oldest: u32::try_from(batch.items.len()).unwrap_or(u32::MAX),
        owners: extent == Extent::All,
        usage: extent == Extent::All,
        ..Needs::default()
    }
}

fn decide(ask: &Ask, facts: &Facts, batch: &Batch) -> Decision {
    if facts.node.is_none() {
        return to_new_node(ask, facts, batch);
    }
    let standing = Standing::of(ask, facts)?;
    standing.may_publish()?;
    let (node, config) = (standing.node, &standing.node.config);
    if let Some(fields) = &batch.options {
        form::check_preconditions(config, fields)?;
    }
    let house = ask.policy.limits(&node.creator);
    payload::check(ask, &node.name, config, &house, &batch.items)?;
    if !facts
        .items
        .iter()
        .all(|item| standing.may_overwrite(ask, item))
    {
        return Err(
            Refused::plain(Condition::Forbidden).text("Only its publisher may overwrite this item")
        );
    }
    let evicted = make_room(config, &house, facts, node.items, batch)?;
    let changes = publish(ask, facts, config, &facts.owners, batch, evicted)?;
    Ok((changes, reply(batch)))
}

/// XEP-0060, 7.1.4; what the publisher wants of the node is how it is made. (7.1.5)
fn to_new_node(ask: &Ask, facts: &Facts, batch: &Batch) -> Decision {
    let name = &batch.node;
    let welcome = facts.redirect.is_none()
        && ask.policy.auto_create(&ask.who, name)
        && ask.policy.may_create(&ask.who, Some(name));
    if !welcome {
        known(facts)?;
    }
    create::check(ask, facts, name)?;
    let limits = ask.limits();
    let mut config = ask.policy.new_node();
    if let Some(fields) = &batch.options {
        config = form::apply_config(&config, fields, &limits)?;
        form::check_preconditions(&config, fields)?;
    }
    payload::check(ask, name, &config, &limits, &batch.items)?;
    let nobody = make_room(&config, &limits, facts, 0, batch)?;
    let owner = std::slice::from_ref(&ask.who);
    let published = publish(ask, facts, &config, owner, batch, nobody)?;
    let mut changes = create::make(ask, name, config);
    changes.extend(published);
    Ok((changes, reply(batch)))
}

/// The oldest items that have to go, if they may. (XEP-0060, 7.1.2.5, 7.1.3.4, 12.9)
fn make_room(
    config: &NodeConfig,
    house: &Limits,
    facts: &Facts,
    kept: u64,
    batch: &Batch,
) -> Result<Vec<String>, Refused> {
    if !config.persist {
        return Ok(Vec::new());
    }
    let room = room(config, house);
    if batch.items.len() as u64 > room {
        return Err(too_many());
    }
    let old: HashSet<&str> = facts.items.iter().map(|item| item.id.as_str()).collect();
    let coming: HashSet<&str> = batch.items.iter().map(|item| item.id.as_str()).collect();
    let new = coming.difference(&old).count() as u64;
    let excess = (kept + new).saturating_sub(room);
    if excess > 0 && new > 0 && config.when_full == WhenFull::Reject {
        return Err(Refused::with(Condition::Conflict, Detail::NodeFull));
    }
    Ok(facts
        .oldest
        .iter()
        .filter(|item| !coming.contains(item.id.as_str()))
        .take(usize::try_from(excess).unwrap_or(usize::MAX))
        .map(|item| item.id.clone())
        .collect())
}

fn publish(
    ask: &Ask,
    facts: &Facts,
    config: &NodeConfig,
    owners: &[BareJid],
    batch: &Batch,
    evicted: Vec<String>,
) -> Result<Vec<Change>, Refused> {
    if config.notify && facts.backlog >= ask.limits().backlog {
        return Err(Refused::plain(Condition::ResourceConstraint)
            .text("Too many notifications are still on their way; try again later"));
    }
    let name = &batch.node;
    let publishers = announce::publishers(config, owners);
    let publisher = announce::publisher(&publishers, &ask.who);
    let mut changes = Vec::new();
    if batch.items.is_empty() && config.notify {
        changes.push(announce::happened(name, config));
    }
    for item in &batch.items {
        if config.persist {
            changes.push(keep(ask, config, item));
        }
        if config.notify {
            let payload = item.payload.as_ref();
            changes.push(announce::published(
                name, config, &item.id, payload, publisher,
            ));
        }
    }
    if !evicted.is_empty() {
        let told = announce::retracted(name, config, &evicted);
        changes.push(Change::Retract { ids: evicted });
        changes.extend(told.into_iter().filter(|_| config.notify_retract));
    }
    Ok(changes)
}

fn keep(ask: &Ask, config: &NodeConfig, item: &Ready) -> Change {
    Change::Publish {
        id: item.id.clone(),
        publisher: ask.who.clone(),
        payload: item.payload.as_ref().map(|payload| payload.xml.clone()),
        at: ask.now,
        expires: config.item_expire.map(|seconds| ask.in_seconds(seconds)),
    }
}

fn reply(batch: &Batch) -> Reply {
    Reply::Published {
        node: batch.node.clone(),
        ids: batch.items.iter().map(|item| item.id.clone()).collect(),
    }
}

fn too_many() -> Refused {
    Refused::with(Condition::NotAllowed, Detail::MaxItemsExceeded)
}
