//! Snapshots for decisions, and expired leases and items.

use couplet::BareJid;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    node::{Affiliation, Node, NodeId},
    snapshot::{
        Entity, MAX_SUBSCRIPTIONS, Query, Snapshot, SubscriptionFilter, SubscriptionRange, Usage,
        entities,
    },
    store::{Expired, JobId, StoreError},
    subscription::Subscription,
    timestamp::Timestamp,
};

use super::{
    rows::{self, HEAD, ITEM, NODE, Parsed, SHELF, SUBSCRIPTION},
    unreadable::{Reading, Table},
};

/// Returns the node of this name, unless it is deleted.
pub(super) fn node(file: &Connection, name: &str) -> Result<Option<Node>, StoreError> {
    let sql = format!("SELECT {NODE} FROM node WHERE name = ? AND deleted = 0");
    let mut found = file.prepare_cached(&sql)?;
    Ok(found.query_row([name], rows::node).optional()?)
}

/// Reads a snapshot, given the requested node.
pub(super) fn snapshot(
    file: &Reading<'_>,
    query: &Query,
    node: Option<&Node>,
    backlog: u64,
) -> Result<Snapshot, StoreError> {
    let id = node.map(|node| node.id);
    let no_filter = SubscriptionFilter::default();
    let entity = |who: &BareJid, filter: &SubscriptionFilter| entity_of(file, id, who, filter);
    let others = query.others.iter().map(|who| entity(who, &no_filter));
    let mut snapshot = Snapshot {
        node: node.cloned(),
        entity: query
            .entity
            .as_ref()
            .map(|who| entity(who, &query.filter))
            .transpose()?,
        others: others.collect::<Result<_, _>>()?,
        backlog,
        ..Snapshot::default()
    };
    if query.affiliated {
        let all = query.others.iter().map(|who| affiliated(file, who));
        snapshot.affiliated = all.collect::<Result<_, _>>()?;
    }
    if let (Some(name), None) = (&query.node, node) {
        snapshot.redirect = redirect(file, name)?;
    }
    if let (Some(who), true) = (&query.entity, query.usage) {
        snapshot.usage = usage(file, who)?;
    }
    if let Some(id) = id {
        add_items(file, &mut snapshot, id, query)?;
        add_people(file, &mut snapshot, id, query)?;
    }
    Ok(snapshot)
}

fn redirect(file: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    let mut found = file.prepare_cached("SELECT uri FROM redirect WHERE name = ?")?;
    Ok(found.query_row([name], |row| row.get(0)).optional()?)
}

fn entity_of(
    file: &Reading<'_>,
    node: Option<NodeId>,
    who: &BareJid,
    filter: &SubscriptionFilter,
) -> Result<Entity, StoreError> {
    let mut entity = Entity {
        jid: who.clone(),
        affiliation: Affiliation::None,
        subscriptions: Vec::new(),
    };
    if let Some(id) = node {
        let sql = "SELECT jid, affiliation FROM affiliation WHERE node = ? AND jid = ?";
        let values = params![id.0, who.prepared()];
        let found = file.all(Table::Affiliation, sql, values, |row| row.get(1))?;
        entity.affiliation = found.first().copied().unwrap_or(Affiliation::None);
        entity.subscriptions = held_by(file, id, who, filter)?;
    }
    Ok(entity)
}

fn held_by(
    file: &Reading<'_>,
    node: NodeId,
    who: &BareJid,
    filter: &SubscriptionFilter,
) -> Result<Vec<Subscription>, StoreError> {
    let sql = format!(
        "SELECT began, {SUBSCRIPTION} FROM subscription INDEXED BY subscription_bare
         WHERE bare = ? AND node = ?"
    );
    let values = params![who.prepared(), node.0];
    let few = u64::from(MAX_SUBSCRIPTIONS);
    let table = Table::Subscription;
    let mut held = file.some(table, few, &sql, values, began)?;
    if held.len() as u64 >= few && !filter.is_nothing() {
        let sql = format!("{sql} AND (?3 IS NULL OR jid = ?3) AND (?4 IS NULL OR subid = ?4)");
        let jid = filter.jid.as_ref().map(couplet::Jid::as_str);
        let values = params![who.prepared(), node.0, jid, filter.subid];
        let more = file.some(table, few, &sql, values, began)?;
        let is_new = |one: &(i64, Subscription)| !held.contains(one);
        let more: Vec<_> = more.into_iter().filter(is_new).collect();
        held.extend(more);
    }
    // They are few; without any, SQLite would set up its sorter for nothing.
    held.sort_by_key(|(began, _)| *began);
    Ok(held.into_iter().map(|(_, held)| held).collect())
}

/// Reads a subscription, and its number in the order in which they began.
fn began(row: &Row<'_>) -> rusqlite::Result<(i64, Subscription)> {
    Ok((row.get(0)?, rows::subscription_from(row, 1)?))
}

fn usage(file: &Connection, who: &BareJid) -> Result<Usage, StoreError> {
    let sql = "SELECT
        (SELECT count(*) FROM node WHERE creator = ?1 AND deleted = 0),
        (SELECT count(*) FROM subscription JOIN node ON node.id = subscription.node
         WHERE bare = ?1 AND deleted = 0)";
    let mut found = file.prepare_cached(sql)?;
    let usage = found.query_row([who.prepared()], |row| {
        Ok(Usage {
            nodes: rows::count(row, 0)?,
            subscriptions: rows::count(row, 1)?,
        })
    })?;
    Ok(usage)
}

fn affiliated(file: &Connection, who: &BareJid) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM affiliation JOIN node ON node.id = affiliation.node
               WHERE jid = ? AND deleted = 0";
    let mut found = file.prepare_cached(sql)?;
    Ok(found.query_row([who.prepared()], |row| rows::count(row, 0))?)
}

fn add_items(
    file: &Reading<'_>,
    snapshot: &mut Snapshot,
    node: NodeId,
    query: &Query,
) -> Result<(), StoreError> {
    let table = Table::Item(node);
    if !query.items.is_empty() {
        let sql = format!("SELECT {HEAD} FROM item WHERE node = {SHELF} AND id = ?");
        for id in &query.items {
            let found = file.all(table, &sql, params![node.0, id], rows::head)?;
            snapshot.items.extend(found);
        }
    }
    if query.oldest > 0 {
        let sql = format!("SELECT {HEAD} FROM item WHERE node = {SHELF} ORDER BY seq");
        snapshot.oldest = file.some(table, query.oldest.into(), &sql, [node.0], rows::head)?;
    }
    if query.newest > 0 {
        let sql = format!("SELECT {ITEM} FROM item WHERE node = {SHELF} ORDER BY seq DESC");
        snapshot.newest = file.some(table, query.newest.into(), &sql, [node.0], rows::item)?;
        snapshot.newest.reverse();
    }
    Ok(())
}

fn add_people(
    file: &Reading<'_>,
    snapshot: &mut Snapshot,
    node: NodeId,
    query: &Query,
) -> Result<(), StoreError> {
    if query.owners {
        let sql = "SELECT jid, affiliation, address FROM affiliation
                   WHERE node = ? AND affiliation = 'owner' ORDER BY jid";
        snapshot.owners = file.all(Table::Affiliation, sql, [node.0], rows::affiliate)?;
    }
    if query.affiliations {
        let mut found = file.prepare_cached("SELECT count(*) FROM affiliation WHERE node = ?")?;
        snapshot.affiliations = found.query_row([node.0], |row| rows::count(row, 0))?;
    }
    if query.pending > 0 {
        let sql = format!(
            "SELECT {SUBSCRIPTION} FROM subscription WHERE node = ? AND pending = 1 ORDER BY began"
        );
        let (table, max) = (Table::Subscription, query.pending.into());
        snapshot.pending = file.some(table, max, &sql, [node.0], rows::subscription)?;
    }
    if let Some(slice) = &query.subscriber_range {
        snapshot.subscriber_range = entities(subscriber_range(file, node, slice)?);
    }
    Ok(())
}

fn subscriber_range(
    file: &Reading<'_>,
    node: NodeId,
    slice: &SubscriptionRange,
) -> Result<Vec<(Subscription, Affiliation)>, StoreError> {
    let sql = format!(
        "SELECT affiliation.affiliation, {}
         FROM subscription LEFT JOIN affiliation
         ON affiliation.node = subscription.node AND affiliation.jid = subscription.bare
         WHERE subscription.node = ? AND (subscription.jid, subid) > (?, ?)
         ORDER BY subscription.jid, subid",
        SUBSCRIPTION.replace("jid", "subscription.jid")
    );
    let after = slice.after.as_ref();
    let (jid, subid) = after.map_or(("", ""), |after| (&*after.jid, &*after.subid));
    let values = params![node.0, jid, subid];
    file.some(Table::Subscription, slice.max.into(), &sql, values, |row| {
        let affiliation = row.get::<_, Option<_>>(0)?;
        let held = rows::subscription_from(row, 1)?;
        Ok((held, affiliation.unwrap_or(Affiliation::None)))
    })
}

pub(super) fn expired(file: &Reading<'_>, now: Timestamp, max: u32) -> Result<Expired, StoreError> {
    let max = u64::from(max);
    let sql = "SELECT name, jid, subid FROM subscription
               JOIN node ON node.id = subscription.node
               WHERE expires <= ? AND deleted = 0 ORDER BY expires, node.id, jid, subid";
    let leases = file.some(Table::Subscription, max, sql, [now.0], |row| {
        Ok((row.get(0)?, row.get::<_, Parsed<_>>(1)?.0, row.get(2)?))
    })?;
    let sql = "SELECT name, item.id FROM item JOIN node ON node.shelf = item.node
               WHERE expires <= ? AND deleted = 0 ORDER BY expires, node.id, seq";
    let items = file.some(Table::Expired, max, sql, [now.0], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(Expired { leases, items })
}

/// Returns nodes whose configuration is not applied to all yet.
pub(super) fn unapplied(file: &Connection, max: u32) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM node WHERE unsettled > 0 AND deleted = 0 ORDER BY name LIMIT ?";
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_map([max], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Returns the waiting announcements, each node's in its order.
pub(super) fn waiting(file: &Connection) -> Result<Vec<(NodeId, JobId)>, StoreError> {
    let mut found = file.prepare("SELECT node, id FROM announcement ORDER BY node, seq")?;
    let found = found.query_map([], |row| Ok((NodeId(row.get(0)?), JobId(row.get(1)?))))?;
    Ok(found.collect::<Result<_, _>>()?)
}
