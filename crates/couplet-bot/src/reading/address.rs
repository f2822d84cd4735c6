//! To whom a message is addressed, and what of its body is not the author's text.

use std::ops::Range;

/// Returns the body without the quotation of the message that it replies to: the characters in the
/// range that the client marked, and lines with `>` at the beginning. (XEP-0428, XEP-0461, XEP-0393)
pub(crate) fn without_quote(body: &str, marked: Option<Range<usize>>) -> String {
    let kept: String = match marked {
        Some(range) => {
            let letters = body.chars().enumerate();
            letters
                .filter_map(|(at, letter)| (!range.contains(&at)).then_some(letter))
                .collect()
        }
        None => body.to_owned(),
    };
    let quoted = |line: &&str| line.starts_with('>') || line.trim().is_empty();
    let own: Vec<&str> = kept.lines().skip_while(quoted).collect();
    match own.is_empty() {
        true => kept,
        false => own.join("\n"),
    }
}

/// Whether the text describes what its author does. (XEP-0245)
pub(crate) fn is_action(text: &str) -> bool {
    text.strip_prefix("/me")
        .is_some_and(|rest| rest.starts_with(' '))
}

/// Returns the text behind a `/` or `!`, and whether there was one.
pub(super) fn in_chat(text: &str) -> (&str, bool) {
    match text.strip_prefix(['/', '!']) {
        Some(rest) => (rest, true),
        None => (text, false),
    }
}

/// Returns what follows `!`, `nick:`, `nick,` or `@nick`, and whether there was a prefix of commands.
pub(super) fn in_room<'a>(text: &'a str, nicks: &[&str]) -> Option<(&'a str, bool)> {
    if let Some(rest) = text.strip_prefix('!') {
        return Some((rest, true));
    }
    let rest = nicks.iter().find_map(|nick| behind_nick(text, nick))?;
    Some(in_chat(rest.trim_start()))
}

fn behind_nick<'a>(text: &'a str, nick: &str) -> Option<&'a str> {
    let mention = text.strip_prefix('@');
    let named = mention.unwrap_or(text);
    let length = nick.chars().count();
    let end = match named.char_indices().nth(length) {
        Some((end, _)) => end,
        None => named.len(),
    };
    let (name, rest) = named.split_at_checked(end)?;
    if nick.is_empty() || name.to_lowercase() != nick.to_lowercase() {
        return None;
    }
    match rest.strip_prefix([':', ',']) {
        Some(rest) => Some(rest),
        None if mention.is_none() => None,
        None => (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest),
    }
}
