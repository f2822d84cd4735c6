//! What ends by itself: leases and items. (XEP-0060, 12.19, 16.4.4: `pubsub#item_expire`)

use std::collections::BTreeMap;

use jid::Jid;

use crate::{
    change::Change,
    facts::{Facts, Needs},
    moment::Moment,
    refused::Refused,
    store::Overdue,
};

use super::{Engine, access::known, announce, settle};

/// So much is ended in one go.
const HANDFUL: u32 = 500;

/// So many goes in one sweep: others want the store too.
const GOES: u32 = 20;

/// When a store that could not do it is asked again, in milliseconds.
const LATER: i64 = 30_000;

/// Ends what has run out; tells when to look again, none if nothing will run out.
pub(super) async fn sweep(engine: &Engine, now: Moment) -> Option<Moment> {
    let later = Some(Moment(now.0.saturating_add(LATER)));
    for _ in 0..GOES {
        let overdue = match engine.store().overdue(now, HANDFUL).await {
            Ok(overdue) => overdue,
            Err(why) => {
                tracing::warn!(%why, "what has run out stays a while longer");
                return later;
            }
        };
        if overdue.leases.is_empty() && overdue.items.is_empty() {
            return overdue.next;
        }
        if let Err(why) = end(engine, overdue, now).await {
            tracing::warn!(?why, "what has run out stays a while longer");
            return later;
        }
    }
    Some(now)
}

async fn end(engine: &Engine, overdue: Overdue, now: Moment) -> Result<(), Refused> {
    for (node, jid, subid) in overdue.leases {
        let needs = Needs {
            node: Some(node),
            actor: Some(jid.to_bare()),
            owners: true,
            ..Needs::default()
        };
        let decide = move |facts: &Facts| Ok((lease_over(facts, &jid, &subid, now), ()));
        engine.change(needs, decide).await?;
    }
    let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (node, id) in overdue.items {
        nodes.entry(node).or_default().push(id);
    }
    for (node, items) in nodes {
        let needs = Needs {
            node: Some(node),
            items,
            ..Needs::default()
        };
        let decide = move |facts: &Facts| Ok((items_over(facts, now), ()));
        engine.change(needs, decide).await?;
    }
    Ok(())
}

/// Nothing where the lease was renewed in the meantime.
fn lease_over(facts: &Facts, jid: &Jid, subid: &str, now: Moment) -> Vec<Change> {
    let (Ok(node), Some(party)) = (known(facts), &facts.actor) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let over = party.subscriptions.iter().filter(|held| {
        held.jid == *jid && held.subid == subid && held.expires.is_some_and(|end| end <= now)
    });
    for held in over {
        changes.extend(settle::ended(&node.name, held));
        let owners = &facts.owners;
        changes.extend(announce::to_owners(node, owners, &party.jid, held, None));
    }
    changes
}

/// Nothing of what was published again in the meantime.
fn items_over(facts: &Facts, now: Moment) -> Vec<Change> {
    let Ok(node) = known(facts) else {
        return Vec::new();
    };
    let ids: Vec<String> = facts
        .items
        .iter()
        .filter(|item| item.expires.is_some_and(|end| end <= now))
        .map(|item| item.id.clone())
        .collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let told = announce::retracted(&node.name, &node.config, &ids);
    let mut changes = vec![Change::Retract { ids }];
    changes.extend(told.into_iter().filter(|_| node.config.notify_retract));
    changes
}
