//! To whom a message is addressed, and what of its body is not the author's text.

/// Returns the text behind the quotation at its beginning: behind the lines with a `>`. A text that is
/// nothing else stays. (XEP-0393, 5.1.3)
///
/// [`Message::text`](couplet::Message::text) has left out what a client marked as a quotation.
pub(crate) fn without_quote(text: &str) -> &str {
    let mut own = text;
    while own.starts_with('>') {
        own = own.split_once('\n').map_or("", |(_, behind)| behind);
    }
    match own.trim() {
        "" => text,
        _ => own,
    }
}

/// Returns whether the text describes what its author does. (XEP-0245)
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
