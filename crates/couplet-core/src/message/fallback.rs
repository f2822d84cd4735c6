//! Removes the parts of a body that stand for another element. (XEP-0428)

use std::{borrow::Cow, ops::Range};

use crate::{element::Element, stanza::Stanza};

/// The current namespace of the element, and that of version 0.1.
const NAMESPACES: [&str; 2] = ["urn:xmpp:fallback:0", "urn:xmpp:feature-fallback:0"];

/// The range of a whole body.
const WHOLE: Range<usize> = 0..usize::MAX;

/// Returns whether the element is a fallback indication.
pub(super) fn is_fallback(element: Element<'_>) -> bool {
    element.name() == "fallback" && NAMESPACES.contains(&element.ns())
}

/// Returns `body` without the parts that the stanza marks as a fallback.
///
/// Takes time linear in the body and the number of marks, even if the marks overlap.
pub(super) fn without_fallback<'a>(stanza: &Stanza, body: Cow<'a, str>) -> Cow<'a, str> {
    let mut indications = stanza.payloads().filter(|part| is_fallback(*part));
    let Some(first) = indications.next() else {
        return body;
    };
    let mut marked = ranges_of(first);
    marked.extend(indications.flat_map(ranges_of));
    marked.sort_unstable_by_key(|range| range.start);
    Cow::Owned(cut(&body, &marked))
}

/// Returns the ranges of one indication, counted in code points. (XEP-0428, 3.1; XEP-0426)
///
/// An indication without a child, or with a `<body/>` without a readable range, covers the whole
/// body.
fn ranges_of(fallback: Element<'_>) -> Vec<Range<usize>> {
    let mut parts = fallback
        .children()
        .filter(|part| part.ns() == fallback.ns())
        .peekable();
    if parts.peek().is_none() {
        return vec![WHOLE];
    }
    parts
        .filter(|part| part.name() == "body")
        .map(|part| {
            let position = |name| part.attr(name).and_then(|at| at.trim().parse().ok());
            match (position("start"), position("end")) {
                (Some(start), Some(end)) => start..end,
                _ => WHOLE,
            }
        })
        .collect()
}

/// Returns the text outside of the ranges, which must be sorted by their start.
fn cut(body: &str, marked: &[Range<usize>]) -> String {
    let mut marked = marked.iter().peekable();
    let mut end = 0;
    body.chars()
        .enumerate()
        .filter(|(at, _)| {
            while let Some(range) = marked.next_if(|range| range.start <= *at) {
                end = end.max(range.end);
            }
            *at >= end
        })
        .map(|(_, character)| character)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice;

    #[test]
    fn ranges_may_overlap_touch_and_reach_past_the_end() {
        let of = |ranges: &[Range<usize>]| cut("0123456789", ranges);
        assert_eq!(of(slice::from_ref(&(0..3))), "3456789");
        assert_eq!(of(&[0..3, 1..2, 2..5]), "56789");
        assert_eq!(of(&[2..4, 4..6, 9..99]), "01678");
        assert_eq!(of(&[WHOLE]), "");
        let backwards = Range { start: 7, end: 2 };
        assert_eq!(of(&[5..5, backwards]), "0123456789");
    }

    #[test]
    fn ranges_count_code_points() {
        assert_eq!(cut("😀é> x", slice::from_ref(&(0..3))), " x");
    }
}
