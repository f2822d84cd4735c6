//! Lists in pages.

use couplet::BareJid;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged, Start},
    request::Wanted,
    store::{Cursor, Statistics, StoreError, prepared},
    subscription::Subscription,
};

use super::{
    node_name,
    pages::{List, OfOne, count, nothing, whole},
    rows::{self, ITEM, NODE, SUBSCRIPTION},
    unreadable::{Reading, Table},
};

/// Returns items of a node. Items are stored with the shelf of their node, which a purge replaces.
pub(super) fn items(
    file: &Reading<'_>,
    node: NodeId,
    wanted: &Wanted,
) -> Result<Paged<Item>, StoreError> {
    let Some((shelf, count)) = shelf(file, node)? else {
        return Ok(nothing());
    };
    let page = match wanted {
        Wanted::Page(page) => page.clone(),
        Wanted::Newest(max) => Page {
            max: Some(*max),
            from: Start::Last,
        },
        Wanted::Ids(ids) => return items_by_id(file, node, shelf, ids),
    };
    page_of_items(file, node, (shelf, count), ITEM, &page, rows::item)
}

pub(super) fn item_ids(
    file: &Reading<'_>,
    node: NodeId,
    page: &Page,
) -> Result<Paged<String>, StoreError> {
    let Some(shelf) = shelf(file, node)? else {
        return Ok(nothing());
    };
    page_of_items(file, node, shelf, "id, seq", page, |row| row.get(0))
}

/// Returns the shelf of a node and the number of its items.
fn shelf(file: &Connection, node: NodeId) -> Result<Option<(i64, u64)>, StoreError> {
    let sql = "SELECT shelf, items FROM node WHERE id = ? AND deleted = 0";
    let found = file
        .prepare_cached(sql)?
        .query_row([node.0], |row| Ok((row.get(0)?, rows::count(row, 1)?)));
    Ok(found.optional()?)
}

fn page_of_items<T>(
    file: &Reading<'_>,
    node: NodeId,
    (shelf, count): (i64, u64),
    columns: &str,
    page: &Page,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Paged<T>, StoreError> {
    let list = List {
        table: Table::Item(node),
        columns,
        from: "item WHERE node = ?",
        key: &["seq"],
        of: vec![shelf.into()],
        count,
    };
    let cursor = match page.cursor() {
        None => None,
        Some(id) => {
            let sql = "SELECT seq FROM item WHERE node = ? AND id = ?";
            let mut found = file.prepare_cached(sql)?;
            let seq = found.query_row(params![shelf, id], |row| row.get::<_, i64>(0));
            seq.optional()?.map(|seq| vec![seq.into()])
        }
    };
    list.page(file, page, cursor, read)
}

fn items_by_id(
    file: &Reading<'_>,
    node: NodeId,
    shelf: i64,
    ids: &[String],
) -> Result<Paged<Item>, StoreError> {
    let sql = format!("SELECT {ITEM} FROM item WHERE node = ? AND id = ?");
    let mut entries: Vec<Item> = Vec::new();
    for id in ids {
        let found = file.all(Table::Item(node), &sql, params![shelf, id], rows::item)?;
        entries.extend(found);
    }
    entries.sort_by_key(|item| item.head.seq);
    entries.dedup_by_key(|item| item.head.seq);
    Ok(whole(entries))
}

pub(super) fn nodes(file: &Reading<'_>, page: &Page) -> Result<Paged<Node>, StoreError> {
    let list = List {
        table: Table::Node,
        columns: NODE,
        from: "node WHERE deleted = 0",
        key: &["name"],
        of: Vec::new(),
        count: count(file, "SELECT nodes FROM total", [])?,
    };
    let there = "SELECT 1 FROM node WHERE name = ? AND deleted = 0";
    let cursor = page.cursor().map(|name| vec![name.to_owned().into()]);
    let cursor = list.known(file, there, cursor)?;
    list.page(file, page, cursor, rows::node)
}

pub(super) fn subscriptions_of(
    file: &Reading<'_>,
    who: &BareJid,
    node: Option<&str>,
    page: &Page,
) -> Result<Paged<(String, Subscription)>, StoreError> {
    let list = OfOne {
        table: Table::Subscription,
        columns: &format!("name, {SUBSCRIPTION}"),
        from: "subscription JOIN node ON node.id = subscription.node WHERE bare = ?1",
        order: "name, subid, jid",
        cursor: "subid",
    };
    list.page(file, (who, node), page, |row| {
        Ok((row.get(0)?, rows::subscription_from(row, 1)?))
    })
}

pub(super) fn affiliations_of(
    file: &Reading<'_>,
    who: &BareJid,
    node: Option<&str>,
    page: &Page,
) -> Result<Paged<(String, Affiliation)>, StoreError> {
    let list = OfOne {
        table: Table::Affiliation,
        columns: "name, affiliation",
        from: "affiliation JOIN node ON node.id = affiliation.node WHERE jid = ?1",
        order: "name",
        cursor: "name",
    };
    list.page(file, (who, node), page, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

pub(super) fn subscribers(
    file: &Reading<'_>,
    node: NodeId,
    page: &Page,
) -> Result<Paged<Subscription>, StoreError> {
    let sql = "SELECT subscribers FROM node WHERE id = ? AND deleted = 0";
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_row([node.0], |row| rows::count(row, 0));
    let Some(count) = found.optional()? else {
        return Ok(nothing());
    };
    let list = List {
        table: Table::Subscription,
        columns: SUBSCRIPTION,
        from: "subscription WHERE node = ? AND pending = 0",
        key: &["jid", "subid"],
        of: vec![node.0.into()],
        count,
    };
    let there = "SELECT 1 FROM subscription WHERE node = ? AND jid = ? AND subid = ?
                 AND pending = 0";
    let cursor = page.cursor().and_then(Cursor::parse);
    let cursor = cursor.map(|cursor| vec![cursor.jid.into(), cursor.subid.into()]);
    let cursor = list.known(file, there, cursor)?;
    list.page(file, page, cursor, rows::subscription)
}

pub(super) fn affiliates(
    file: &Reading<'_>,
    node: NodeId,
    page: &Page,
) -> Result<Paged<(BareJid, Affiliation)>, StoreError> {
    if node_name::name_of(file, node)?.is_none() {
        return Ok(nothing());
    }
    // Their number is within the limit of affiliations to a node.
    let count = count(
        file,
        "SELECT count(*) FROM affiliation WHERE node = ?",
        [node.0],
    )?;
    let list = List {
        table: Table::Affiliation,
        columns: "jid, affiliation, address",
        from: "affiliation WHERE node = ?",
        key: &["jid"],
        of: vec![node.0.into()],
        count,
    };
    let there = "SELECT 1 FROM affiliation WHERE node = ? AND jid = ?";
    let cursor = page.cursor().map(|jid| vec![prepared(jid).into()]);
    let cursor = list.known(file, there, cursor)?;
    list.page(file, page, cursor, |row| {
        Ok((rows::affiliate(row)?, row.get(1)?))
    })
}

pub(super) fn nodes_with_pending(
    file: &Connection,
    owner: &BareJid,
    max: u32,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM affiliation JOIN node ON node.id = affiliation.node
               WHERE jid = ? AND affiliation = 'owner' AND deleted = 0
               AND EXISTS (SELECT 1 FROM subscription
                           WHERE subscription.node = affiliation.node AND pending = 1)
               ORDER BY name LIMIT ?";
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_map(params![owner.prepared(), max], |row| row.get(0))?;
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
