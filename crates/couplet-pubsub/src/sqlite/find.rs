//! The facts for a decision, and what has run out.

use couplet::BareJid;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    facts::{Facts, Needs, Party, Usage},
    moment::Moment,
    node::{Affiliation, Node, NodeId},
    store::{JobId, Overdue, StoreError},
    subscription::Subscription,
};

use super::rows::{self, HEAD, ITEM, NODE, Parsed, SUBSCRIPTION};

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
    file: &Connection,
    needs: &Needs,
    node: Option<&Node>,
    backlog: u64,
) -> Result<Facts, StoreError> {
    let id = node.map(|node| node.id);
    let party = |who: &BareJid| party(file, id, who);
    let mut facts = Facts {
        node: node.cloned(),
        actor: needs.actor.as_ref().map(party).transpose()?,
        others: needs.others.iter().map(party).collect::<Result<_, _>>()?,
        backlog,
        ..Facts::default()
    };
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

fn party(file: &Connection, node: Option<NodeId>, who: &BareJid) -> Result<Party, StoreError> {
    let mut party = Party {
        jid: who.clone(),
        affiliation: Affiliation::None,
        subscriptions: Vec::new(),
    };
    if let Some(id) = node {
        let sql = "SELECT affiliation FROM affiliation WHERE node = ? AND jid = ?";
        let mut found = file.prepare_cached(sql)?;
        let affiliation = found.query_row(params![id.0, who.prepared()], |row| row.get(0));
        party.affiliation = affiliation.optional()?.unwrap_or(Affiliation::None);
        party.subscriptions = held_by(file, id, who)?;
    }
    Ok(party)
}

fn held_by(
    file: &Connection,
    node: NodeId,
    who: &BareJid,
) -> Result<Vec<Subscription>, StoreError> {
    let sql = format!(
        "SELECT began, {SUBSCRIPTION} FROM subscription INDEXED BY subscription_bare
         WHERE bare = ? AND node = ?"
    );
    let mut held = file.prepare_cached(&sql)?;
    let held = held.query_map(params![who.prepared(), node.0], |row| {
        Ok((row.get::<_, i64>(0)?, rows::subscription_from(row, 1)?))
    })?;
    let mut held = held.collect::<Result<Vec<_>, _>>()?;
    // They are few, and SQLite would set up its sorter for none.
    held.sort_by_key(|(began, _)| *began);
    Ok(held.into_iter().map(|(_, held)| held).collect())
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

fn add_items(
    file: &Connection,
    facts: &mut Facts,
    node: NodeId,
    needs: &Needs,
) -> Result<(), StoreError> {
    if !needs.items.is_empty() {
        let sql = format!("SELECT {HEAD} FROM item WHERE node = ? AND id = ?");
        let mut found = file.prepare_cached(&sql)?;
        for id in &needs.items {
            let head = found.query_row(params![node.0, id], rows::head);
            facts.items.extend(head.optional()?);
        }
    }
    if needs.oldest > 0 {
        let sql = format!("SELECT {HEAD} FROM item WHERE node = ? ORDER BY seq LIMIT ?");
        let mut found = file.prepare_cached(&sql)?;
        let found = found.query_map(params![node.0, needs.oldest], rows::head)?;
        facts.oldest = found.collect::<Result<_, _>>()?;
    }
    if needs.newest > 0 {
        let sql = format!("SELECT {ITEM} FROM item WHERE node = ? ORDER BY seq DESC LIMIT ?");
        let mut found = file.prepare_cached(&sql)?;
        let found = found.query_map(params![node.0, needs.newest], rows::item)?;
        facts.newest = found.collect::<Result<_, _>>()?;
        facts.newest.reverse();
    }
    Ok(())
}

fn add_people(
    file: &Connection,
    facts: &mut Facts,
    node: NodeId,
    needs: &Needs,
) -> Result<(), StoreError> {
    if needs.owners {
        let sql = "SELECT jid FROM affiliation WHERE node = ? AND affiliation = 'owner'
                   ORDER BY jid";
        let mut found = file.prepare_cached(sql)?;
        let found = found.query_map([node.0], |row| Ok(row.get::<_, Parsed<_>>(0)?.0))?;
        facts.owners = found.collect::<Result<_, _>>()?;
    }
    if needs.affiliations {
        let mut found = file.prepare_cached("SELECT count(*) FROM affiliation WHERE node = ?")?;
        facts.affiliations = found.query_row([node.0], |row| rows::count(row, 0))?;
    }
    if needs.pending {
        let sql = format!(
            "SELECT {SUBSCRIPTION} FROM subscription WHERE node = ? AND pending = 1 ORDER BY began"
        );
        let mut found = file.prepare_cached(&sql)?;
        let found = found.query_map([node.0], rows::subscription)?;
        facts.pending = found.collect::<Result<_, _>>()?;
    }
    if needs.everybody {
        facts.everybody = everybody(file, node)?;
    }
    Ok(())
}

fn everybody(file: &Connection, node: NodeId) -> Result<Vec<Party>, StoreError> {
    let sql = format!(
        "SELECT subscription.bare, affiliation.affiliation, {}
         FROM subscription LEFT JOIN affiliation
         ON affiliation.node = subscription.node AND affiliation.jid = subscription.bare
         WHERE subscription.node = ? ORDER BY subscription.bare, began",
        SUBSCRIPTION.replace("jid", "subscription.jid")
    );
    let mut found = file.prepare_cached(&sql)?;
    let mut found = found.query([node.0])?;
    let mut everybody: Vec<Party> = Vec::new();
    while let Some(row) = found.next()? {
        let Parsed(jid) = row.get::<_, Parsed<BareJid>>(0)?;
        let held = rows::subscription_from(row, 2)?;
        match everybody.last_mut() {
            Some(last) if last.jid == jid => last.subscriptions.push(held),
            _ => everybody.push(Party {
                jid,
                affiliation: row.get::<_, Option<_>>(1)?.unwrap_or(Affiliation::None),
                subscriptions: vec![held],
            }),
        }
    }
    Ok(everybody)
}

pub(super) fn overdue(file: &Connection, now: Moment, max: u32) -> Result<Overdue, StoreError> {
    let sql = "SELECT name, jid, subid FROM subscription
               JOIN node ON node.id = subscription.node
               WHERE expires <= ? AND deleted = 0 ORDER BY expires, node.id, jid, subid LIMIT ?";
    let mut leases = file.prepare_cached(sql)?;
    let leases = leases.query_map([now.0, i64::from(max)], |row| {
        Ok((row.get(0)?, row.get::<_, Parsed<_>>(1)?.0, row.get(2)?))
    })?;
    let sql = "SELECT name, item.id FROM item JOIN node ON node.id = item.node
               WHERE expires <= ? AND deleted = 0 ORDER BY expires, node.id, seq LIMIT ?";
    let mut items = file.prepare_cached(sql)?;
    let items = items.query_map([now.0, i64::from(max)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(Overdue {
        leases: leases.collect::<Result<_, _>>()?,
        items: items.collect::<Result<_, _>>()?,
    })
}

/// Which announcements wait, each node's in its order.
pub(super) fn waiting(file: &Connection) -> Result<Vec<(NodeId, JobId)>, StoreError> {
    let mut found = file.prepare("SELECT node, id FROM announcement ORDER BY node, seq")?;
    let found = found.query_map([], |row| Ok((NodeId(row.get(0)?), JobId(row.get(1)?))))?;
    Ok(found.collect::<Result<_, _>>()?)
}
