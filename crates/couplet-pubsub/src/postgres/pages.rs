//! Pages of long lists, found by key instead of by counting.

use deadpool_postgres::Pool;
use tokio_postgres::Row;

use crate::{
    node::NodeId,
    page::{Page, Paged},
    store::{
        StoreError,
        page_plan::{NEAR, Near, Plan},
    },
};

use super::{
    change::COMMIT,
    connect::{READ, Session},
    pipeline::{Statement, Value, statement},
    rows::{count, integer},
};

/// A list and the requested page.
pub(super) struct List<'a> {
    /// Queries the stored count; returns no row if the list does not exist.
    pub(super) counted: Statement,
    /// Queries the key of the cursor; returns no row if there is none.
    pub(super) cursor: Option<Statement>,
    pub(super) columns: &'a str,
    /// Ends with a condition on `of`.
    pub(super) from: &'a str,
    pub(super) of: Option<NodeId>,
    /// The columns of the order, with which an index ends.
    pub(super) key: &'a [&'a str],
    pub(super) key_of: fn(&Row) -> Result<Vec<Value>, StoreError>,
}

/// The position of a page in its list.
pub(super) struct Found {
    index: Option<u64>,
    count: u64,
}

impl Found {
    pub(super) fn with<T>(self, entries: Vec<T>) -> Paged<T> {
        Paged {
            entries,
            index: self.index,
            count: self.count,
        }
    }
}

pub(super) fn whole<T>(entries: Vec<T>) -> Paged<T> {
    Paged {
        index: Some(0),
        count: entries.len() as u64,
        entries,
    }
}

impl List<'_> {
    /// Returns the rows of the page, in the order of the list.
    ///
    /// # Errors
    ///
    /// The cursor is unknown, or the index too high.
    pub(super) async fn page(
        mut self,
        pool: &Pool,
        page: &Page,
    ) -> Result<(Found, Vec<Row>), StoreError> {
        let mut session = Session::begin(pool).await?;
        let mut statements = vec![
            statement!(READ),
            std::mem::replace(&mut self.counted, statement!("SELECT 1")),
        ];
        statements.extend(self.cursor.take());
        let mut answers = session.run(&statements).await?;
        let counted = answers.nth(1).unwrap_or_default();
        let beside = answers.next().unwrap_or_default();
        let Some(total) = counted.first() else {
            session.end(&[statement!(COMMIT)]).await?;
            let nothing = Found {
                index: Some(0),
                count: 0,
            };
            return Ok((nothing, Vec::new()));
        };
        let total = count(total, 0)?;
        let is_unknown = page.cursor().is_some() && beside.is_empty();
        let plan = match page.plan(total) {
            Ok(plan) if !is_unknown => plan,
            refused => {
                session.end(&[statement!(COMMIT)]).await?;
                return Err(refused.err().unwrap_or(StoreError::UnknownCursor));
            }
        };
        let mut statements = vec![self.cut(plan, beside.first())?];
        if let Some(cursor) = beside.first() {
            for side in plan.sides() {
                statements.push(self.near(side, cursor)?);
            }
        }
        statements.push(statement!(COMMIT));
        let mut answers = session.end(&statements).await?;
        let mut rows = answers.next().unwrap_or_default();
        if plan.is_backwards {
            rows.reverse();
        }
        let mut number = || {
            let found = answers.next().unwrap_or_default();
            found.first().map_or(Ok(0), |row| count(row, 0))
        };
        let near = match beside.first() {
            Some(_) => Near {
                before: number()?,
                behind: number()?,
            },
            None => Near::default(),
        };
        let found = Found {
            index: plan.index(rows.len() as u64, total, &near),
            count: total,
        };
        Ok((found, rows))
    }

    fn cut(&self, plan: Plan, cursor: Option<&Row>) -> Result<Statement, StoreError> {
        let (mut values, beside) = self.beside(plan.side(), cursor)?;
        let List {
            columns, from, key, ..
        } = self;
        let order = if plan.is_backwards { " DESC" } else { "" };
        let order: Vec<String> = key.iter().map(|key| format!("{key}{order}")).collect();
        let sql = format!(
            "SELECT {columns} FROM {from}{beside} ORDER BY {} LIMIT ${} OFFSET ${}",
            order.join(", "),
            values.len() + 1,
            values.len() + 2
        );
        values.push(Box::new(integer(plan.take)));
        values.push(Box::new(integer(plan.skip)));
        Ok(Statement::new(sql, values))
    }

    /// Counts the entries on one side of the cursor, up to one more than [`NEAR`].
    fn near(&self, side: &str, cursor: &Row) -> Result<Statement, StoreError> {
        let (values, beside) = self.beside(side, Some(cursor))?;
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {}{beside} LIMIT {}) AS some_of_them",
            self.from,
            NEAR + 1
        );
        Ok(Statement::new(sql, values))
    }

    /// Returns the values and the text of the condition on the cursor.
    fn beside(&self, side: &str, cursor: Option<&Row>) -> Result<(Vec<Value>, String), StoreError> {
        let mut values: Vec<Value> = Vec::new();
        if let Some(of) = self.of {
            values.push(Box::new(of.0));
        }
        let Some(cursor) = cursor else {
            return Ok((values, String::new()));
        };
        let first = values.len() + 1;
        values.extend((self.key_of)(cursor)?);
        let places: Vec<String> = (first..=values.len()).map(|at| format!("${at}")).collect();
        let beside = format!(
            " AND ({}) {side} ({})",
            self.key.join(", "),
            places.join(", ")
        );
        Ok((values, beside))
    }
}
