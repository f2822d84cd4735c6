//! Skips unreadable rows one by one.
//!
//! Nothing is repaired: items and announcements are moved to the table `set_aside`, where an
//! operator finds them; other rows stay.

use std::{cell::RefCell, collections::HashSet, ops::Deref};

use rusqlite::{Connection, Error, Params, Row, types::ValueRef};

use crate::{node::NodeId, store::StoreError};

use super::node_name;

/// The kind of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Table {
    Item(NodeId),
    /// An expired item of any node.
    Expired,
    Subscription,
    Affiliation,
    Node,
    Announcement,
    Redirect,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Item(_) | Table::Expired => "item",
            Table::Subscription => "subscription",
            Table::Affiliation => "affiliation",
            Table::Node => "node",
            Table::Announcement => "announcement",
            Table::Redirect => "redirect",
        }
    }
}

/// A skipped row.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub(super) table: Table,
    /// The name of its node, if known.
    pub(super) node: Option<String>,
    /// The id, JID or name, as far as it is readable.
    pub(super) key: String,
    pub(super) seq: Option<i64>,
    pub(super) why: String,
}

/// A reading connection, which collects skipped rows.
pub(super) struct Reading<'a> {
    file: &'a Connection,
    left_out: RefCell<Vec<Unreadable>>,
}

impl Deref for Reading<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.file
    }
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a Connection) -> Reading<'a> {
        Reading {
            file,
            left_out: RefCell::default(),
        }
    }

    pub(super) fn into_left_out(self) -> Vec<Unreadable> {
        self.left_out.into_inner()
    }

    /// Reads all readable rows.
    pub(super) fn all<T>(
        &self,
        table: Table,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.some(table, u64::MAX, sql, values, read)
    }

    /// Reads up to `max` readable rows; the statement has no limit itself.
    pub(super) fn some<T>(
        &self,
        table: Table,
        max: u64,
        sql: &str,
        values: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        if max == 0 {
            return Ok(found);
        }
        let mut rows = self.file.prepare_cached(sql)?;
        let mut rows = rows.query(values)?;
        while let Some(row) = rows.next()? {
            match read(row) {
                Ok(one) => found.push(one),
                Err(why) if is_of_row(&why) => self.leave_out(table, row, &why),
                Err(why) => return Err(why.into()),
            }
            if found.len() as u64 >= max {
                break;
            }
        }
        Ok(found)
    }

    pub(super) fn leave_out(&self, table: Table, row: &Row<'_>, why: &Error) {
        let key = ["id", "jid", "name"].into_iter().find_map(|column| {
            let value = row.get_ref(column).ok()?;
            Some(lossy(value))
        });
        let node = match table {
            Table::Item(node) => node_name::name_of(self.file, node).ok().flatten(),
            _ => None,
        };
        self.left_out.borrow_mut().push(Unreadable {
            table,
            node,
            key: key.unwrap_or_default(),
            seq: row.get("seq").ok(),
            why: why.to_string(),
        });
    }
}

/// Returns whether the row is invalid, not the file.
pub(super) fn is_of_row(why: &Error) -> bool {
    matches!(
        why,
        Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
    )
}

fn lossy(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Null | ValueRef::Real(_) => String::new(),
    }
}

/// The rows that are already logged.
#[derive(Debug, Default)]
pub(super) struct ReportedRows(HashSet<(Table, String)>);

/// Maximum number of rows; with more, all are forgotten, and may be logged again.
const KNOWN: usize = 1_024;

impl ReportedRows {
    /// Returns whether this row was not logged yet.
    pub(super) fn is_new(&mut self, row: &Unreadable) -> bool {
        if self.0.len() >= KNOWN {
            self.0.clear();
        }
        self.0.insert((row.table, row.key.clone()))
    }
}
