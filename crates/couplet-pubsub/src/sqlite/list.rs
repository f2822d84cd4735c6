//! Lists, a page at a time.

use couplet::BareJid;
use rusqlite::{
    Connection, OptionalExtension, Params, Row, params, params_from_iter, types::Value,
};

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged, Start},
    request::Wanted,
    store::{
        Cursor, Statistics, StoreError,
        window::{NEAR, Near, Plan},
    },
    subscription::Subscription,
};

use super::{
    find,
    rows::{self, ITEM, NODE, Parsed, SUBSCRIPTION, integer},
    unreadable::{Reading, Table},
};

/// Items are kept under the shelf of their node, which another one takes the place of when the node
/// is purged.
pub(super) fn items(
    file: &Reading<'_>,
    node: NodeId,
    wanted: &Wanted,
) -> Result<Paged<Item>, StoreError> {
    let sql = "SELECT shelf, items FROM node WHERE id = ? AND deleted = 0";
    let found = file.prepare_cached(sql)?.query_row([node.0], |row| {
        Ok((row.get::<_, i64>(0)?, rows::count(row, 1)?))
    });
    let Some((shelf, count)) = found.optional()? else {
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
    let list = List {
        table: Table::Item(node),
        columns: ITEM,
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
    list.page(file, &page, cursor, rows::item)
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
    let table = Table::Subscription;
    cut(
        file,
        table,
        page,
        (all, place),
        &sql,
        &[&who, &node],
        |row| Ok((row.get(0)?, rows::subscription_from(row, 1)?)),
    )
}

pub(super) fn affiliations_of(
    file: &Reading<'_>,
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
    let table = Table::Affiliation;
    cut(
        file,
        table,
        page,
        (all, place),
        &sql,
        &[&who, &node],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
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
    if find::name_of(file, node)?.is_none() {
        return Ok(nothing());
    }
    // They are as many as the limit of affiliations to a node.
    let count = count(
        file,
        "SELECT count(*) FROM affiliation WHERE node = ?",
        [node.0],
    )?;
    let list = List {
        table: Table::Affiliation,
        columns: "jid, affiliation",
        from: "affiliation WHERE node = ?",
        key: &["jid"],
        of: vec![node.0.into()],
        count,
    };
    let there = "SELECT 1 FROM affiliation WHERE node = ? AND jid = ?";
    let cursor = page.cursor().map(|jid| vec![jid.to_owned().into()]);
    let cursor = list.known(file, there, cursor)?;
    list.page(file, page, cursor, |row| {
        Ok((row.get::<_, Parsed<_>>(0)?.0, row.get(1)?))
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

/// A list that may be long: a page of it is found by key and not by counting.
struct List<'a> {
    table: Table,
    columns: &'a str,
    /// Ends with a condition.
    from: &'a str,
    /// The columns that the list is ordered by and a primary key or an index ends with.
    key: &'a [&'a str],
    /// The values of the condition.
    of: Vec<Value>,
    /// How many entries it has, as it is kept.
    count: u64,
}

impl List<'_> {
    /// The cursor, where an entry has it.
    fn known(
        &self,
        file: &Connection,
        there: &str,
        cursor: Option<Vec<Value>>,
    ) -> Result<Option<Vec<Value>>, StoreError> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let values = params_from_iter(self.of.iter().chain(&cursor));
        let is_there = file.prepare_cached(there)?.exists(values)?;
        Ok(is_there.then_some(cursor))
    }

    /// # Errors
    ///
    /// The page begins at a cursor that no entry has, or at a number that is too high.
    fn page<T>(
        &self,
        file: &Reading<'_>,
        page: &Page,
        cursor: Option<Vec<Value>>,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Paged<T>, StoreError> {
        if page.cursor().is_some() && cursor.is_none() {
            return Err(StoreError::UnknownCursor);
        }
        let plan = page.plan(self.count)?;
        let mut values = self.of.clone();
        values.extend(cursor.iter().flatten().cloned());
        values.push(integer(plan.skip).into());
        let sql = self.sql(plan);
        let values = params_from_iter(&values);
        let mut entries = file.some(self.table, plan.take, &sql, values, read)?;
        if plan.is_backwards {
            entries.reverse();
        }
        let near = match cursor {
            Some(cursor) => self.near(file, plan, &cursor)?,
            None => Near::default(),
        };
        Ok(Paged {
            index: plan.index(entries.len() as u64, self.count, &near),
            count: self.count,
            entries,
        })
    }

    fn sql(&self, plan: Plan) -> String {
        let List {
            columns, from, key, ..
        } = self;
        let beside = match plan.from_cursor {
            true => format!("AND {}", self.compares(plan.side())),
            false => String::new(),
        };
        let order = if plan.is_backwards { " DESC, " } else { ", " };
        let order = format!("{}{}", key.join(order), order.trim_end_matches(", "));
        format!("SELECT {columns} FROM {from} {beside} ORDER BY {order} LIMIT -1 OFFSET ?")
    }

    fn compares(&self, how: &str) -> String {
        let places = vec!["?"; self.key.len()].join(", ");
        format!("({}) {how} ({places})", self.key.join(", "))
    }

    fn near(&self, file: &Connection, plan: Plan, cursor: &[Value]) -> Result<Near, StoreError> {
        let values = || params_from_iter(self.of.iter().chain(cursor));
        let counted = |how: &str| {
            let List { from, .. } = self;
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM {from} AND {} LIMIT {})",
                self.compares(how),
                NEAR + 1
            );
            count(file, &sql, values())
        };
        let [before, behind] = plan.sides();
        let before = counted(before)?;
        let behind = if before > NEAR { counted(behind)? } else { 0 };
        Ok(Near { before, behind })
    }
}

fn whole<T>(entries: Vec<T>) -> Paged<T> {
    Paged {
        index: Some(0),
        count: entries.len() as u64,
        entries,
    }
}

fn nothing<T>() -> Paged<T> {
    whole(Vec::new())
}

/// Reads a page of a short list, by counting. The last two parameters of the statement are how many
/// to take and to skip.
fn cut<T>(
    file: &Reading<'_>,
    table: Table,
    page: &Page,
    (count, place): (u64, Option<u64>),
    sql: &str,
    rest: &[&dyn rusqlite::ToSql],
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Paged<T>, StoreError> {
    let window = page.window(count, place)?;
    let (skip, take) = (integer(window.skip), integer(window.take));
    let mut values = rest.to_vec();
    values.extend([&take as &dyn rusqlite::ToSql, &skip]);
    Ok(Paged {
        entries: file.all(table, sql, &*values, read)?,
        index: Some(window.skip),
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
