//! Lists, a page at a time.

use couplet::BareJid;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged},
    request::Wanted,
    store::{Statistics, StoreError},
    subscription::Subscription,
};

use super::rows::{self, ITEM, NODE, Parsed, SUBSCRIPTION, integer};

pub(super) fn items(
    file: &Connection,
    node: NodeId,
    wanted: &Wanted,
) -> Result<Paged<Item>, StoreError> {
    match wanted {
        Wanted::Page(page) => {
            let all = count(file, "SELECT count(*) FROM item WHERE node = ?", [node.0])?;
            let place = page
                .cursor()
                .map(|cursor| place_of_item(file, node, cursor));
            let sql =
                format!("SELECT {ITEM} FROM item WHERE node = ? ORDER BY seq LIMIT ? OFFSET ?");
            let place = place.transpose()?.flatten();
            cut(file, page, all, place, &sql, &[&node.0], rows::item)
        }
        Wanted::Newest(max) => {
            let all = count(file, "SELECT count(*) FROM item WHERE node = ?", [node.0])?;
            let sql = format!("SELECT {ITEM} FROM item WHERE node = ? ORDER BY seq DESC LIMIT ?");
            let mut found = file.prepare_cached(&sql)?;
            let found = found.query_map(params![node.0, max], rows::item)?;
            let mut entries: Vec<Item> = found.collect::<Result<_, _>>()?;
            entries.reverse();
            Ok(Paged {
                index: all - entries.len() as u64,
                count: all,
                entries,
            })
        }
        Wanted::Ids(ids) => items_by_id(file, node, ids),
    }
}

fn items_by_id(file: &Connection, node: NodeId, ids: &[String]) -> Result<Paged<Item>, StoreError> {
    let sql = format!("SELECT {ITEM} FROM item WHERE node = ? AND id = ?");
    let mut found = file.prepare_cached(&sql)?;
    let mut entries: Vec<Item> = Vec::new();
    for id in ids {
        let item = found.query_row(params![node.0, id], rows::item);
        entries.extend(item.optional()?);
    }
    entries.sort_by_key(|item| item.head.seq);
    entries.dedup_by_key(|item| item.head.seq);
    Ok(Paged {
        index: 0,
        count: entries.len() as u64,
        entries,
    })
}

fn place_of_item(file: &Connection, node: NodeId, id: &str) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM item AS before
                       WHERE before.node = item.node AND before.seq < item.seq)
               FROM item WHERE node = ? AND id = ?";
    place(file, sql, params![node.0, id])
}

pub(super) fn nodes(file: &Connection, page: &Page) -> Result<Paged<Node>, StoreError> {
    let all = count(file, "SELECT count(*) FROM node WHERE deleted = 0", [])?;
    let sql = "SELECT (SELECT count(*) FROM node AS before
                       WHERE before.name < node.name AND before.deleted = 0)
               FROM node WHERE name = ? AND deleted = 0";
    let place = page.cursor().map(|cursor| place(file, sql, [cursor]));
    let sql = format!("SELECT {NODE} FROM node WHERE deleted = 0 ORDER BY name LIMIT ? OFFSET ?");
    let place = place.transpose()?.flatten();
    cut(file, page, all, place, &sql, &[], rows::node)
}

pub(super) fn subscriptions_of(
    file: &Connection,
    who: &BareJid,
    node: Option<&str>,
    page: &Page,
) -> Result<Paged<(String, Subscription)>, StoreError> {
    let held = "FROM subscription JOIN node ON node.id = subscription.node
                WHERE bare = ?1 AND deleted = 0 AND (?2 IS NULL OR name = ?2)";
    let who = who.prepared();
    let all = count(file, &format!("SELECT count(*) {held}"), params![who, node])?;
    let place = match page.cursor() {
        None => None,
        Some(cursor) => {
            // Whoever has many reads them page by page, and their number is bound.
            let sql = format!(
                "SELECT place FROM (SELECT subid, row_number() OVER (ORDER BY name, subid, jid) - 1
                 AS place {held}) WHERE subid = ?3 ORDER BY place"
            );
            place(file, &sql, params![who, node, cursor])?
        }
    };
    let sql =
        format!("SELECT name, {SUBSCRIPTION} {held} ORDER BY name, subid, jid LIMIT ?3 OFFSET ?4");
    cut(file, page, all, place, &sql, &[&who, &node], |row| {
        Ok((row.get(0)?, rows::subscription_from(row, 1)?))
    })
}

pub(super) fn affiliations_of(
    file: &Connection,
    who: &BareJid,
    node: Option<&str>,
    page: &Page,
) -> Result<Paged<(String, Affiliation)>, StoreError> {
    let held = "FROM affiliation JOIN node ON node.id = affiliation.node
                WHERE jid = ?1 AND deleted = 0 AND (?2 IS NULL OR name = ?2)";
    let who = who.prepared();
    let all = count(file, &format!("SELECT count(*) {held}"), params![who, node])?;
    let place = match page.cursor() {
        None => None,
        Some(cursor) => {
            let sql = format!(
                "SELECT place FROM (SELECT name, row_number() OVER (ORDER BY name) - 1
                 AS place {held}) WHERE name = ?3"
            );
            place(file, &sql, params![who, node, cursor])?
        }
    };
    let sql = format!("SELECT name, affiliation {held} ORDER BY name LIMIT ?3 OFFSET ?4");
    cut(file, page, all, place, &sql, &[&who, &node], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

pub(super) fn subscribers(
    file: &Connection,
    node: NodeId,
    page: &Page,
) -> Result<Paged<Subscription>, StoreError> {
    let wanted = "node = (SELECT id FROM node WHERE id = ?1 AND deleted = 0) AND pending = 0";
    let all = format!("SELECT count(*) FROM subscription WHERE {wanted}");
    let all = count(file, &all, [node.0])?;
    let sql = "SELECT (SELECT count(*) FROM subscription AS before
                       WHERE before.node = subscription.node AND before.pending = 0
                       AND (before.jid, before.subid) < (subscription.jid, subscription.subid))
               FROM subscription WHERE node = ? AND subid = ? AND pending = 0 ORDER BY jid LIMIT 1";
    let place = page
        .cursor()
        .map(|cursor| place(file, sql, params![node.0, cursor]));
    let sql = format!(
        "SELECT {SUBSCRIPTION} FROM subscription WHERE {wanted}
         ORDER BY jid, subid LIMIT ?2 OFFSET ?3"
    );
    let place = place.transpose()?.flatten();
    cut(file, page, all, place, &sql, &[&node.0], rows::subscription)
}

pub(super) fn affiliates(
    file: &Connection,
    node: NodeId,
) -> Result<Vec<(BareJid, Affiliation)>, StoreError> {
    let sql = "SELECT jid, affiliation FROM affiliation WHERE node = ? ORDER BY jid";
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_map([node.0], |row| {
        Ok((row.get::<_, Parsed<_>>(0)?.0, row.get(1)?))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn nodes_with_pending(
    file: &Connection,
    owner: &BareJid,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM affiliation JOIN node ON node.id = affiliation.node
               WHERE jid = ? AND affiliation = 'owner' AND deleted = 0
               AND EXISTS (SELECT 1 FROM subscription
                           WHERE subscription.node = affiliation.node AND pending = 1)
               ORDER BY name";
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_map([owner.prepared()], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn statistics(file: &Connection, announcements: u64) -> Result<Statistics, StoreError> {
    let sql = "SELECT count(*), coalesce(sum(items), 0), coalesce(sum(subscribers), 0)
               FROM node WHERE deleted = 0";
    let found = file.prepare_cached(sql)?.query_row([], |row| {
        Ok(Statistics {
            nodes: rows::count(row, 0)?,
            items: rows::count(row, 1)?,
            subscriptions: rows::count(row, 2)?,
            announcements,
        })
    });
    Ok(found?)
}

/// Reads the page. The last two parameters of the statement are how many to take and to skip.
fn cut<T>(
    file: &Connection,
    page: &Page,
    count: u64,
    place: Option<u64>,
    sql: &str,
    rest: &[&dyn rusqlite::ToSql],
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Paged<T>, StoreError> {
    let window = page.window(count, place)?;
    let (skip, take) = (integer(window.skip), integer(window.take));
    let mut values = rest.to_vec();
    values.extend([&take as &dyn rusqlite::ToSql, &skip]);
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_map(&*values, read)?;
    Ok(Paged {
        entries: found.collect::<Result<_, _>>()?,
        index: window.skip,
        count,
    })
}

fn count(file: &Connection, sql: &str, values: impl Params) -> Result<u64, StoreError> {
    let mut found = file.prepare_cached(sql)?;
    Ok(found.query_row(values, |row| rows::count(row, 0))?)
}

fn place(file: &Connection, sql: &str, values: impl Params) -> Result<Option<u64>, StoreError> {
    let mut found = file.prepare_cached(sql)?;
    let place = found.query_row(values, |row| rows::count(row, 0));
    Ok(place.optional()?)
}
