//! Pages of lists. Those of long lists are found by key instead of by counting.

use couplet::BareJid;
use rusqlite::{
    Connection, OptionalExtension, Params, Row, params, params_from_iter, types::Value,
};

use crate::{
    page::{Page, Paged},
    store::{
        StoreError,
        page_plan::{NEAR, Near, Plan},
    },
};

use super::{
    rows::{self, integer},
    unreadable::{Reading, Table},
};

/// A long list, whose pages are found by key instead of by counting.
pub(super) struct List<'a> {
    pub(super) table: Table,
    pub(super) columns: &'a str,
    /// Ends with a condition.
    pub(super) from: &'a str,
    /// The columns of the order, with which a primary key or an index ends.
    pub(super) key: &'a [&'a str],
    /// The values of the condition.
    pub(super) of: Vec<Value>,
    /// The stored count of entries.
    pub(super) count: u64,
}

impl List<'_> {
    /// Returns the key of the cursor, if an entry has it.
    pub(super) fn known(
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
    /// The cursor is unknown, or the index too high.
    pub(super) fn page<T>(
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

pub(super) fn whole<T>(entries: Vec<T>) -> Paged<T> {
    Paged {
        index: Some(0),
        count: entries.len() as u64,
        entries,
    }
}

pub(super) fn nothing<T>() -> Paged<T> {
    whole(Vec::new())
}

/// A list of one JID over many nodes. It is bounded, so that a page is found by counting.
pub(super) struct OfOne<'a> {
    pub(super) table: Table,
    pub(super) columns: &'a str,
    /// Ends with a condition on the JID.
    pub(super) from: &'a str,
    pub(super) order: &'a str,
    /// The column of the cursor.
    pub(super) cursor: &'a str,
}

impl OfOne<'_> {
    pub(super) fn page<T>(
        &self,
        file: &Reading<'_>,
        (who, node): (&BareJid, Option<&str>),
        page: &Page,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Paged<T>, StoreError> {
        let OfOne {
            columns,
            from,
            order,
            cursor,
            ..
        } = self;
        let who = who.prepared();
        let held = format!("FROM {from} AND deleted = 0 AND (?2 IS NULL OR name = ?2)");
        let all = count(file, &format!("SELECT count(*) {held}"), params![who, node])?;
        let place = match page.cursor() {
            None => None,
            Some(beside) => {
                let sql = format!(
                    "SELECT place FROM (SELECT {cursor}, row_number() OVER (ORDER BY {order}) - 1
                     AS place {held}) WHERE {cursor} = ?3 ORDER BY place"
                );
                let mut found = file.prepare_cached(&sql)?;
                let found = found.query_row(params![who, node, beside], |row| rows::count(row, 0));
                found.optional()?
            }
        };
        let window = page.window(all, place)?;
        let (skip, take) = (integer(window.skip), integer(window.take));
        let sql = format!("SELECT {columns} {held} ORDER BY {order} LIMIT ?3 OFFSET ?4");
        let values = params![who, node, take, skip];
        Ok(Paged {
            entries: file.all(self.table, &sql, values, read)?,
            index: Some(window.skip),
            count: all,
        })
    }
}

pub(super) fn count(file: &Connection, sql: &str, values: impl Params) -> Result<u64, StoreError> {
    let mut found = file.prepare_cached(sql)?;
    Ok(found.query_row(values, |row| rows::count(row, 0))?)
}
