//! Pages of long lists. (XEP-0059)

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// At most so many. `Some(0)` asks for the count only.
    pub(crate) max: Option<u32>,
    pub(crate) from: Start,
}

/// The end of a page that stays where not all of it can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    First,
    Last,
}

impl Page {
    /// Which end of the page stays where not all of it can be answered.
    pub(crate) fn keep(&self) -> Keep {
        match self.from {
            Start::Before(_) | Start::Last => Keep::Last,
            Start::First | Start::After(_) | Start::Index(_) => Keep::First,
        }
    }
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the first entry.
    #[default]
    First,
    /// At the one after this.
    After(String),
    /// So that it ends before this.
    Before(String),
    /// So that it ends with the last entry.
    Last,
    /// At the entry with this number, from 0.
    Index(u64),
}

/// A part of a list, in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paged<T> {
    pub(crate) entries: Vec<T>,
    /// The number of the first entry, from 0; none where counting to it would take long.
    pub(crate) index: Option<u64>,
    /// How many the whole list has.
    pub(crate) count: u64,
}
