//! Tables: what a command returns as rows.

use std::{borrow::Cow, time::Duration};

use couplet::{BareJid, Jid};

/// Rows that a handler replies with: lines in a chat, a table in a client with forms. (XEP-0004, 3.4)
///
/// # Examples
///
/// ```
/// use couplet_bot::table::Table;
///
/// let table = Table::of(["Place", "Level"], [("alice@example.org", 3), ("ops@rooms.example.org", 1)]);
/// assert_eq!(
///     table.to_string(),
///     "Place | Level\nalice@example.org | 3\nops@rooms.example.org | 1"
/// );
/// assert_eq!(Table::list("What", ["tea", "cake"]).to_string(), "What\ntea\ncake");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table with these columns; each row is a tuple or an array with one cell for each.
    pub fn of<const N: usize, R: Row<N>>(
        columns: [impl Into<String>; N],
        rows: impl IntoIterator<Item = R>,
    ) -> Table {
        Table {
            columns: columns.map(Into::into).into(),
            rows: rows.into_iter().map(|row| row.cells().into()).collect(),
        }
    }

    /// Creates a table with one column.
    pub fn list<C: Cell>(column: impl Into<String>, cells: impl IntoIterator<Item = C>) -> Table {
        Table {
            columns: vec![column.into()],
            rows: cells.into_iter().map(|cell| vec![cell.cell()]).collect(),
        }
    }

    /// Returns the titles of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the rows, each with one cell for each column.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// One line for the columns and one for each row, cells separated by `|`.
impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.columns.join(" | "))?;
        for row in &self.rows {
            let cells: Vec<Cow<'_, str>> = row.iter().map(|cell| one_line(cell)).collect();
            write!(f, "\n{}", cells.join(" | "))?;
        }
        Ok(())
    }
}

fn one_line(cell: &str) -> Cow<'_, str> {
    match cell.contains(['\n', '\r']) {
        true => cell.split_whitespace().collect::<Vec<_>>().join(" ").into(),
        false => cell.into(),
    }
}

/// A value that can stand in a cell of a [`Table`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a cell of a table",
    label = "implement `couplet_bot::table::Cell` for it or convert it to a `String`"
)]
pub trait Cell {
    /// Returns the text of the cell.
    fn cell(&self) -> String;
}

macro_rules! cells {
    ($($shown:ty)*) => {$(
        impl Cell for $shown {
            fn cell(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

cells!(String str bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64 Jid BareJid);

impl Cell for Duration {
    fn cell(&self) -> String {
        humantime::format_duration(*self).to_string()
    }
}

impl<T: Cell + ?Sized> Cell for &T {
    fn cell(&self) -> String {
        T::cell(self)
    }
}

impl<T: Cell> Cell for Option<T> {
    fn cell(&self) -> String {
        self.as_ref().map(T::cell).unwrap_or_default()
    }
}

/// A row of a [`Table`] with `N` cells: an array, or a tuple of up to six.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row with {N} cells",
    label = "write a tuple or an array with one cell for each column"
)]
pub trait Row<const N: usize> {
    /// Returns the texts of the cells.
    fn cells(&self) -> [String; N];
}

impl<const N: usize, C: Cell> Row<N> for [C; N] {
    fn cells(&self) -> [String; N] {
        self.each_ref().map(C::cell)
    }
}

macro_rules! rows {
    ($($count:literal: $($name:ident)*;)*) => {$(
        impl<$($name: Cell),*> Row<$count> for ($($name,)*) {
            #[allow(non_snake_case, reason = "the variables are called as their types")]
            fn cells(&self) -> [String; $count] {
                let ($($name,)*) = self;
                [$($name.cell()),*]
            }
        }
    )*};
}

rows! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
}
