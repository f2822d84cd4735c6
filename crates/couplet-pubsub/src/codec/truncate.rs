//! Truncates lists to the size of one stanza, counted in bytes as written.
//!
//! Peers choose names, ids and JIDs, and an apostrophe takes six bytes in an attribute.

use std::borrow::Cow;

use couplet_core::xml_writer::XmlWriter;

use crate::page::{Keep, Paged};

/// Truncates a page to at most `limit` bytes, but not below one entry. Returns whether it removed
/// anything.
///
/// `cursor` returns the cursor of an entry for the `<set/>` of the page (XEP-0059), and `write`
/// writes the entry.
pub(crate) fn truncate_page<T>(
    page: &mut Paged<T>,
    keep: Keep,
    limit: u32,
    cursor: impl for<'a> Fn(&'a T) -> Cow<'a, str>,
    write: impl Fn(&T, &mut XmlWriter<'_>),
) -> bool {
    let all = page.entries.len();
    let mut scratch = Vec::new();
    let longest_cursor = page.entries.iter().map(|entry| {
        scratch.clear();
        XmlWriter::new(&mut scratch).text(&cursor(entry));
        scratch.len()
    });
    let cursors = 2 * longest_cursor.max().unwrap_or_default();
    let limit = (limit as usize).saturating_sub(cursors);
    let kept = match keep {
        Keep::First => count_fitting(page.entries.iter(), limit, write),
        Keep::Last => count_fitting(page.entries.iter().rev(), limit, write),
    };
    match keep {
        Keep::First => page.entries.truncate(kept),
        Keep::Last => {
            page.entries.drain(..all - kept);
            page.index = page.index.map(|index| index + (all - kept) as u64);
        }
    }
    kept < all
}

/// Returns how many of the first entries fit into `limit` bytes; at least one.
pub(crate) fn count_fitting<T>(
    entries: impl Iterator<Item = T>,
    limit: usize,
    write: impl Fn(T, &mut XmlWriter<'_>),
) -> usize {
    let mut scratch = Vec::new();
    let mut left = limit;
    let mut count = 0;
    for entry in entries {
        scratch.clear();
        write(entry, &mut XmlWriter::new(&mut scratch));
        match left.checked_sub(scratch.len()) {
            Some(rest) => left = rest,
            None if count > 0 => break,
            None => left = 0,
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(entries: &[&str]) -> Paged<String> {
        Paged {
            entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
            index: Some(4),
            count: 9,
        }
    }

    fn shortened(keep: Keep, limit: u32) -> (Vec<String>, u64, bool) {
        let mut page = page(&["''", "a", "b"]);
        let left_out = truncate_page(
            &mut page,
            keep,
            limit,
            |_| "".into(),
            |entry, xml| {
                xml.attribute("n", entry);
            },
        );
        (page.entries, page.index.unwrap(), left_out)
    }

    #[test]
    fn entries_count_as_they_are_written() {
        // ` n='&apos;&apos;'` and ` n='a'`.
        assert_eq!(shortened(Keep::First, 22), (vec!["''".into()], 4, true));
        assert_eq!(
            shortened(Keep::First, 23),
            (vec!["''".into(), "a".into()], 4, true)
        );
        assert!(!shortened(Keep::First, 29).2);
    }

    #[test]
    fn a_page_with_a_requested_end_loses_its_beginning() {
        assert_eq!(
            shortened(Keep::Last, 12),
            (vec!["a".into(), "b".into()], 5, true)
        );
    }

    #[test]
    fn one_entry_always_stays() {
        assert_eq!(shortened(Keep::First, 0), (vec!["''".into()], 4, true));
        assert_eq!(shortened(Keep::Last, 0), (vec!["b".into()], 6, true));
        let mut nothing = page(&[]);
        assert!(!truncate_page(
            &mut nothing,
            Keep::Last,
            0,
            |_| "".into(),
            |_, _| {}
        ));
    }

    #[test]
    fn the_cursors_of_a_page_count_too() {
        let mut page = page(&["abc", "abc"]);
        let write = |_: &String, xml: &mut XmlWriter<'_>| xml.raw("<a/>");
        assert!(truncate_page(
            &mut page,
            Keep::First,
            10,
            |one| one.into(),
            write
        ));
        assert_eq!(page.entries.len(), 1);
    }
}
