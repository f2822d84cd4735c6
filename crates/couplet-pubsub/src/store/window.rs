//! Pages as every list is read: skip so many, take so many.

use crate::page::{Page, Start};

use super::StoreError;

/// The part of a list that makes a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) skip: u64,
    pub(crate) take: u64,
}

impl Page {
    /// The entry that the page begins behind or ends before, whose place has to be found.
    pub(crate) fn cursor(&self) -> Option<&str> {
        match &self.from {
            Start::After(cursor) | Start::Before(cursor) => Some(cursor),
            Start::First | Start::Last | Start::Index(_) => None,
        }
    }

    /// Where the page is in a list of so many entries, `place` being the one of its cursor, from 0.
    ///
    /// # Errors
    ///
    /// The cursor has no place, or the list is shorter than the index.
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
            // XEP-0059, 2.6: a page that begins behind the end is not there.
            Start::Index(index) if index < count => (index, count),
            Start::Index(_) => return Err(StoreError::UnknownCursor),
        };
        Ok(Window {
            skip,
            take: max.min(end.saturating_sub(skip)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(max: Option<u32>, from: Start, place: Option<u64>) -> Option<(u64, u64)> {
        let window = Page { max, from }.window(10, place).ok()?;
        Some((window.skip, window.take))
    }

    #[test]
    fn a_page_is_where_its_start_says() {
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

    #[test]
    fn a_place_that_is_not_there_is_an_error() {
        assert_eq!(window(Some(3), Start::After("c".to_owned()), None), None);
        assert_eq!(window(Some(3), Start::Index(10), None), None);
    }
}
