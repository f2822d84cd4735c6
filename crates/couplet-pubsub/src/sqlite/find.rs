//! The facts for a decision, and what has run out.

use couplet::BareJid;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    facts::{FEW, Facts, Meant, Needs, Party, Slice, Usage, parties},
    moment::Moment,
    node::{Affiliation, Node, NodeId},
    store::{JobId, Overdue, StoreError},
    subscription::Subscription,
};

use super::{
    rows::{self, HEAD, ITEM, NODE, Parsed, SHELF, SUBSCRIPTION},
    unreadable::{Reading, Table},
};

/// The node of this name, unless it is deleted.
pub(super) fn node(file: &Connection, name: &str) -> Result<Option<Node>, StoreError> {
    let sql = format!("SELECT {NODE} FROM node WHERE name = ? AND deleted = 0");
    let mut found = file.prepare_cached(&sql)?;
    Ok(found.query_row([name], rows::node).optional()?)
}

pub(super) fn name_of(file: &Connection, id: NodeId) -> Result<Option<String>, StoreError> {
    let mut found = file.prepare_cached("SELECT name FROM node WHERE id = ? AND deleted = 0")?;
    Ok(found.query_row([id.0], |row| row.get(0)).optional()?)
}

/// What is to be known, given the node that has the name that was asked for.
pub(super) fn facts(
    file: &Reading<'_>,
    needs: &Needs,
    node: Option<&Node>,
    backlog: u64,
) -> Result<Facts, StoreError> {
    let id = node.map(|node| node.id);
    let nobody = Meant::default();
    let party = |who: &BareJid, meant: &Meant| party(file, id, who, meant);
    let others = needs.others.iter().map(|who| party(who, &nobody));
    let mut facts = Facts {
        node: node.cloned(),
        actor: needs
            .actor
            .as_ref()
            .map(|who| party(who, &needs.meant))
            .transpose()?,
        others: others.collect::<Result<_, _>>()?,
        backlog,
        ..Facts::default()
    };
    if needs.affiliated {
        let all = needs.others.iter().map(|who| affiliated(file, who));
        facts.affiliated = all.collect::<Result<_, _>>()?;
    }
    if let (Some(name), None) = (&needs.node, node) {
        facts.redirect = redirect(file, name)?;
    }
    if let (Some(who), true) = (&needs.actor, needs.usage) {
        facts.usage = usage(file, who)?;
    }
    if let Some(id) = id {
        add_items(file, &mut facts, id, needs)?;
        add_people(file, &mut facts, id, needs)?;
    }
    Ok(facts)
}

fn redirect(file: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    let mut found = file.prepare_cached("SELECT uri FROM redirect WHERE name = ?")?;
    Ok(found.query_row([name], |row| row.get(0)).optional()?)
}

fn party(
    file: &Reading<'_>,
    node: Option<NodeId>,
    who: &BareJid,
    meant: &Meant,
) -> Result<Party, StoreError> {
    let mut party = Party {
        jid: who.clone(),
        affiliation: Affiliation::None,
        subscriptions: Vec::new(),
    };
    if let Some(id) = node {
        let sql = "SELECT jid, affiliation FROM affiliation WHERE node = ? AND jid = ?";
        let values = params![id.0, who.prepared()];
        let found = file.all(Table::Affiliation, sql, values, |row| row.get(1))?;
        party.affiliation = found.first().copied().unwrap_or(Affiliation::None);
        party.subscriptions = held_by(file, id, who, meant)?;
    }
    Ok(party)
}

fn held_by(
    file: &Reading<'_>,
    node: NodeId,
    who: &BareJid,
    meant: &Meant,
) -> Result<Vec<Subscription>, StoreError> {
    let sql = format!(
        "SELECT began, {SUBSCRIPTION} FROM subscription INDEXED BY subscription_bare
         WHERE bare = ? AND node = ?"
    );
    let values = params![who.prepared(), node.0];
    let few = u64::from(FEW);
    let table = Table::Subscription;
    let mut held = file.some(table, few, &sql, values, began)?;
    if held.len() as u64 >= few && !meant.is_nothing() {
        let sql = format!("{sql} AND (?3 IS NULL OR jid = ?3) AND (?4 IS NULL OR subid = ?4)");
        let jid = meant.jid.as_ref().map(couplet::Jid::as_str);
        let values = params![who.prepared(), node.0, jid, meant.subid];
        let more = file.some(table, few, &sql, values, began)?;
        let is_new = |one: &(i64, Subscription)| !held.contains(one);
        let more: Vec<_> = more.into_iter().filter(is_new).collect();
        held.extend(more);
    }
    // They are few, and SQLite would set up its sorter for none.
    held.sort_by_key(|(began, _)| *began);
    Ok(held.into_iter().map(|(_, held)| held).collect())
}

/// A subscription behind its number in the order in which they began.
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
    facts: &mut Facts,
    node: NodeId,
    needs: &Needs,
) -> Result<(), StoreError> {
    let table = Table::Item(node);
    if !needs.items.is_empty() {
        let sql = format!("SELECT {HEAD} FROM item WHERE node = {SHELF} AND id = ?");
        for id in &needs.items {
            let found = file.all(table, &sql, params![node.0, id], rows::head)?;
            facts.items.extend(found);
        }
    }
    if needs.oldest > 0 {
        let sql = format!("SELECT {HEAD} FROM item WHERE node = {SHELF} ORDER BY seq");
        facts.oldest = file.some(table, needs.oldest.into(), &sql, [node.0], rows::head)?;
    }
    if needs.newest > 0 {
        let sql = format!("SELECT {ITEM} FROM item WHERE node = {SHELF} ORDER BY seq DESC");
        facts.newest = file.some(table, needs.newest.into(), &sql, [node.0], rows::item)?;
        facts.newest.reverse();
    }
    Ok(())
}

fn add_people(
    file: &Reading<'_>,
    facts: &mut Facts,
    node: NodeId,
    needs: &Needs,
) -> Result<(), StoreError> {
    if needs.owners {
        let sql = "SELECT jid, affiliation, address FROM affiliation
                   WHERE node = ? AND affiliation = 'owner' ORDER BY jid";
        facts.owners = file.all(Table::Affiliation, sql, [node.0], rows::affiliate)?;
    }
    if needs.affiliations {
        let mut found = file.prepare_cached("SELECT count(*) FROM affiliation WHERE node = ?")?;
        facts.affiliations = found.query_row([node.0], |row| rows::count(row, 0))?;
    }
    if needs.pending > 0 {
        let sql = format!(
            "SELECT {SUBSCRIPTION} FROM subscription WHERE node = ? AND pending = 1 ORDER BY began"
        );
        let (table, max) = (Table::Subscription, needs.pending.into());
        facts.pending = file.some(table, max, &sql, [node.0], rows::subscription)?;
    }
    if let Some(slice) = &needs.everybody {
        facts.everybody = parties(everybody(file, node, slice)?);
    }
    Ok(())
}

fn everybody(
    file: &Reading<'_>,
    node: NodeId,
    slice: &Slice,
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

pub(super) fn overdue(file: &Reading<'_>, now: Moment, max: u32) -> Result<Overdue, StoreError> {
    let max = u64::from(max);
    let sql = "SELECT name, jid, subid FROM subscription
               JOIN node ON node.id = subscription.node
               WHERE expires <= ? AND deleted = 0 ORDER BY expires, node.id, jid, subid";
    let leases = file.some(Table::Subscription, max, sql, [now.0], |row| {
        Ok((row.get(0)?, row.get::<_, Parsed<_>>(1)?.0, row.get(2)?))
    })?;
    let sql = "SELECT name, item.id FROM item JOIN node ON node.shelf = item.node
               WHERE expires <= ? AND deleted = 0 ORDER BY expires, node.id, seq";
    let items = file.some(Table::Overdue, max, sql, [now.0], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(Overdue { leases, items })
}

/// Nodes whose configuration does not hold for all yet.
pub(super) fn unsettled(file: &Connection, max: u32) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM node WHERE unsettled > 0 AND deleted = 0 ORDER BY name LIMIT ?";
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_map([max], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Which announcements wait, each node's in its order.
pub(super) fn waiting(file: &Connection) -> Result<Vec<(NodeId, JobId)>, StoreError> {
    let mut found = file.prepare("SELECT node, id FROM announcement ORDER BY node, seq")?;
    let found = found.query_map([], |row| Ok((NodeId(row.get(0)?), JobId(row.get(1)?))))?;
    Ok(found.collect::<Result<_, _>>()?)
}
