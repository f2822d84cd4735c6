//! Pages of long lists. (XEP-0059)

/// The requested part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Maximum number of entries. `Some(0)` requests the count only.
    pub(crate) max: Option<u32>,
    pub(crate) from: Start,
}

/// The end of a page that is kept when it is truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    First,
    Last,
}

impl Page {
    /// Returns which end of the page is kept when it is truncated.
    pub(crate) fn keep(&self) -> Keep {
        match self.from {
            Start::Before(_) | Start::Last => Keep::Last,
            Start::First | Start::After(_) | Start::Index(_) => Keep::First,
        }
    }
}

/// The start point of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the first entry.
    #[default]
    First,
    /// After this entry.
    After(String),
    /// Ends before this entry.
    Before(String),
    /// Ends with the last entry.
    Last,
    /// At the entry with this index, from 0.
    Index(u64),
}

/// A part of a list, in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paged<T> {
    pub(crate) entries: Vec<T>,
    /// The index of the first entry, from 0; `None` if counting to it would take long.
    pub(crate) index: Option<u64>,
    /// The length of the whole list.
    pub(crate) count: u64,
}
