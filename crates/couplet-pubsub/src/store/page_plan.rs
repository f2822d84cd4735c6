//! Finds the part of a list that makes a page: by counting in short lists, and by key in long ones.

use crate::page::{Page, Start};

use super::StoreError;

/// The range of a page in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) skip: u64,
    pub(crate) take: u64,
}

impl Page {
    /// Returns the cursor of the page, whose index has to be found.
    pub(crate) fn cursor(&self) -> Option<&str> {
        match &self.from {
            Start::After(cursor) | Start::Before(cursor) => Some(cursor),
            Start::First | Start::Last | Start::Index(_) => None,
        }
    }

    /// Returns the range of the page in a list of `count` entries; `place` is the index of the
    /// cursor, from 0.
    ///
    /// # Errors
    ///
    /// The cursor is unknown, or the list is shorter than the index.
    pub(crate) fn window(&self, count: u64, place: Option<u64>) -> Result<Window, StoreError> {
        let max = self.max.map_or(count, u64::from);
        let (skip, end) = match self.from {
            Start::First => (0, count),
            Start::Last => (count.saturating_sub(max), count),
            Start::After(_) => (place.ok_or(StoreError::UnknownCursor)? + 1, count),
            Start::Before(_) => {
                let end = place.ok_or(StoreError::UnknownCursor)?;
                (end.saturating_sub(max), end)
            }
            Start::Index(0) => (0, count),
            // XEP-0059, 2.6: an index after the end is an error.
            Start::Index(index) if index < count => (index, count),
            Start::Index(_) => return Err(StoreError::UnknownCursor),
        };
        Ok(Window {
            skip,
            take: max.min(end.saturating_sub(skip)),
        })
    }
}

/// Maximum distance of an index from the nearer end of its list.
pub(crate) const FAR: u64 = 10_000;

/// Maximum number of entries that are counted to find the index of the first one.
pub(crate) const NEAR: u64 = 1_000;

/// The way to read a page from a list whose entries have keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Whether it is read backwards, so that its entries have to be reversed.
    pub(crate) is_backwards: bool,
    /// Whether it begins at the cursor, which does not belong to it; otherwise at an end of the
    /// list.
    pub(crate) from_cursor: bool,
    pub(crate) skip: u64,
    pub(crate) take: u64,
    place: Anchor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    At(u64),
    AtEnd,
    BesideCursor,
}

impl Page {
    /// Plans the reading of the page from a list of `count` entries.
    ///
    /// # Errors
    ///
    /// The list is shorter than the index, or the index too far from both ends.
    pub(crate) fn plan(&self, count: u64) -> Result<Plan, StoreError> {
        let take = self.max.map_or(u64::MAX, u64::from);
        let plan = |is_backwards, from_cursor, place| Plan {
            is_backwards,
            from_cursor,
            skip: 0,
            take,
            place,
        };
        Ok(match self.from {
            Start::First | Start::Index(0) => plan(false, false, Anchor::At(0)),
            Start::Last => plan(true, false, Anchor::AtEnd),
            Start::After(_) => plan(false, true, Anchor::BesideCursor),
            Start::Before(_) => plan(true, true, Anchor::BesideCursor),
            // XEP-0059, 2.6: an index after the end is an error.
            Start::Index(index) if index >= count => return Err(StoreError::UnknownCursor),
            Start::Index(index) if index <= FAR => Plan {
                skip: index,
                ..plan(false, false, Anchor::At(index))
            },
            Start::Index(index) if count - index <= FAR => {
                let take = take.min(count - index);
                Plan {
                    skip: count - index - take,
                    take,
                    ..plan(true, false, Anchor::At(index))
                }
            }
            Start::Index(_) => return Err(StoreError::FarIndex),
        })
    }
}

impl Plan {
    /// Returns the index of the first entry of the page, which has `found` of `count` entries.
    /// Entries before and after the cursor are counted up to [`NEAR`]; the cursor itself belongs to
    /// the other side.
    pub(crate) fn index(self, found: u64, count: u64, near: &Near) -> Option<u64> {
        let on_page = if self.is_backwards { found } else { 0 };
        match self.place {
            Anchor::At(index) => Some(index),
            Anchor::AtEnd => Some(count.saturating_sub(found)),
            Anchor::BesideCursor if near.before <= NEAR => {
                Some(near.before.saturating_sub(on_page))
            }
            Anchor::BesideCursor if near.behind <= NEAR => {
                Some(count.saturating_sub(near.behind + on_page))
            }
            Anchor::BesideCursor => None,
        }
    }

    /// Returns the comparison of keys on the page's side of the cursor.
    pub(crate) fn side(self) -> &'static str {
        if self.is_backwards { "<" } else { ">" }
    }

    /// Returns the comparisons of keys before and after the page, which are counted.
    pub(crate) fn sides(self) -> [&'static str; 2] {
        if self.is_backwards {
            ["<", ">="]
        } else {
            ["<=", ">"]
        }
    }
}

/// The numbers of entries around a cursor, counted to one more than [`NEAR`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Near {
    pub(crate) before: u64,
    pub(crate) behind: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(max: Option<u32>, from: Start, place: Option<u64>) -> Option<(u64, u64)> {
        let window = Page { max, from }.window(10, place).ok()?;
        Some((window.skip, window.take))
    }

    #[test]
    fn a_page_begins_at_its_start() {
        let cursor = || "c".to_owned();
        assert_eq!(window(Some(3), Start::First, None), Some((0, 3)));
        assert_eq!(window(Some(3), Start::Last, None), Some((7, 3)));
        assert_eq!(
            window(Some(3), Start::After(cursor()), Some(8)),
            Some((9, 1))
        );
        assert_eq!(
            window(Some(3), Start::After(cursor()), Some(9)),
            Some((10, 0))
        );
        assert_eq!(
            window(Some(3), Start::Before(cursor()), Some(2)),
            Some((0, 2))
        );
        assert_eq!(
            window(Some(3), Start::Before(cursor()), Some(8)),
            Some((5, 3))
        );
        assert_eq!(window(Some(3), Start::Index(9), None), Some((9, 1)));
        assert_eq!(window(None, Start::First, None), Some((0, 10)));
        assert_eq!(window(Some(0), Start::First, None), Some((0, 0)));
    }

    fn plan(max: u32, from: Start, count: u64) -> Option<Plan> {
        let page = Page {
            max: Some(max),
            from,
        };
        page.plan(count).ok()
    }

    #[test]
    fn a_page_by_number_is_read_from_the_end_that_is_nearer() {
        let million = 1_000_000;
        let early = plan(50, Start::Index(9_000), million).unwrap();
        assert_eq!((early.is_backwards, early.skip), (false, 9_000));
        let late = plan(50, Start::Index(million - 100), million).unwrap();
        assert_eq!((late.is_backwards, late.skip, late.take), (true, 50, 50));
        let last = plan(50, Start::Index(million - 1), million).unwrap();
        assert_eq!((last.is_backwards, last.skip, last.take), (true, 0, 1));
        assert_eq!(plan(50, Start::Index(million / 2), million), None);
        assert_eq!(plan(50, Start::Index(million), million), None);
    }

    #[test]
    fn the_index_of_a_page_near_an_end_is_returned() {
        let after = plan(50, Start::After("c".to_owned()), 9_999).unwrap();
        let before = plan(50, Start::Before("c".to_owned()), 9_999).unwrap();
        let near = |before, behind| Near { before, behind };
        assert_eq!(after.index(50, 9_999, &near(7, 1_001)), Some(7));
        assert_eq!(after.index(50, 9_999, &near(1_001, 60)), Some(9_939));
        assert_eq!(after.index(50, 9_999, &near(1_001, 1_001)), None);
        assert_eq!(before.index(50, 9_999, &near(90, 1_001)), Some(40));
        assert_eq!(before.index(50, 9_999, &near(1_001, 60)), Some(9_889));
        let last = plan(50, Start::Last, 9_999).unwrap();
        assert_eq!(last.index(50, 9_999, &near(0, 0)), Some(9_949));
    }

    #[test]
    fn a_place_that_is_not_there_is_an_error() {
        assert_eq!(window(Some(3), Start::After("c".to_owned()), None), None);
        assert_eq!(window(Some(3), Start::Index(10), None), None);
    }
}
