//! Long texts in parts that clients show whole.

/// At most as many characters of a message: Conversations shows 4,096.
const PART: usize = 4_000;

/// At most as many parts.
const PARTS: usize = 5;

/// What ends the last part of a text that is longer.
const ENDING: &str = "\n[shortened]";

const FENCE: &str = "```";

/// Splits a text on a paragraph, a line, a word or a character, in this order of preference. An open block of
/// code is closed and opened again. (XEP-0393, 4.2)
pub(crate) fn split(text: &str) -> Vec<String> {
    let (mut parts, mut rest, mut opening) = (Vec::new(), text, None);
    loop {
        let mut part = opening
            .take()
            .map_or_else(String::new, |line| format!("{line}\n"));
        // Room for a fence at the end.
        let room = PART.saturating_sub(part.chars().count() + FENCE.len() + 1);
        let is_last = rest.chars().count() <= room;
        if parts.len() + 1 == PARTS && !is_last {
            part.push_str(cut(rest, room.saturating_sub(ENDING.len())).0);
            if open_fence(&part).is_some() {
                part.push('\n');
                part.push_str(FENCE);
            }
            part.push_str(ENDING);
            parts.push(part);
            return parts;
        }
        let (head, tail) = if is_last { (rest, "") } else { cut(rest, room) };
        part.push_str(head);
        opening = open_fence(&part).filter(|_| !is_last);
        if opening.is_some() {
            part.push('\n');
            part.push_str(FENCE);
        }
        parts.push(part);
        if is_last {
            return parts;
        }
        rest = tail;
    }
}

/// Returns at most `room` characters, and what follows the separator behind them.
fn cut(text: &str, room: usize) -> (&str, &str) {
    let end = text
        .char_indices()
        .nth(room)
        .map_or(text.len(), |(at, _)| at);
    let head = text.get(..end).unwrap_or(text);
    // Not in the first half: the parts would become short.
    let found = ["\n\n", "\n", " "].into_iter().find_map(|separator| {
        let at = head.rfind(separator).filter(|at| *at > head.len() / 2)?;
        Some((at, at + separator.len()))
    });
    let (until, from) = found.unwrap_or_else(|| {
        let at = before_marks(text, end);
        (at, at)
    });
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    (part(0..until), part(from..text.len()))
}

/// Moves a cut before the character that combining marks and joined symbols belong to.
fn before_marks(text: &str, end: usize) -> usize {
    let joins = |c: char| matches!(c, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
    let behind = |at: usize| text.get(at..).and_then(|rest| rest.chars().next());
    let before = |at: usize| {
        text.get(..at)
            .and_then(|head| head.char_indices().next_back())
    };
    let mut at = end;
    for _ in 0..16 {
        let is_joined = behind(at).is_some_and(joins)
            || before(at).is_some_and(|(_, character)| character == '\u{200d}');
        match before(at).filter(|_| is_joined) {
            Some((earlier, _)) => at = earlier,
            None => return at,
        }
    }
    end
}

/// Returns the line that opens a block of code which is not closed.
fn open_fence(text: &str) -> Option<String> {
    let fences = text.lines().filter(|line| line.starts_with(FENCE));
    fences.fold(None, |open, line| match open {
        Some(_) => None,
        None => Some(line.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_whole() {
        assert_eq!(split("tea"), ["tea"]);
        assert_eq!(split(""), [""]);
    }

    /// B67
    #[test]
    fn nine_thousand_characters_with_code_are_three_messages_with_closed_fences() {
        let code = "let x = 1;\n".repeat(750);
        let text = format!("Look:\n```rust\n{code}```\n{}", "and so on ".repeat(70));
        assert!(text.chars().count() > 8_900);
        let parts = split(&text);
        assert_eq!(parts.len(), 3);
        for part in &parts {
            assert!(part.chars().count() <= PART);
            assert_eq!(
                part.lines().filter(|line| line.starts_with(FENCE)).count() % 2,
                0,
                "{part}"
            );
        }
        assert!(parts[1].starts_with("```rust\nlet x"));
    }

    #[test]
    fn words_and_joined_characters_stay_whole() {
        let words = split(&"coffee ".repeat(1_000));
        assert!(
            words
                .iter()
                .all(|part| part.ends_with("coffee") || part.ends_with("coffee "))
        );
        let family = "👨\u{200d}👩\u{200d}👧";
        let parts = split(&family.repeat(1_000));
        assert!(parts.len() > 1);
        assert!(
            parts
                .iter()
                .all(|part| part.starts_with('👨') && part.ends_with('👧'))
        );
    }

    #[test]
    fn more_than_five_parts_end_honestly() {
        let parts = split(&"word ".repeat(10_000));
        assert_eq!(parts.len(), PARTS);
        assert!(parts[4].ends_with(ENDING));
        assert!(parts.iter().all(|part| part.chars().count() <= PART));
    }
}
