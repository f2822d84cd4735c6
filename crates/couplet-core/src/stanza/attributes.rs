//! What is read of a stanza's start tag once, because it is asked for again and again.

use crate::address::position;

/// Where the value of an attribute stands: found once, as it is asked for again.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Missing,
    /// In the stanza's own characters.
    At(usize, usize),
    /// It held a reference, and was unescaped to somewhere else.
    Unescaped,
}

impl Value {
    pub(super) fn of(stanza: &str, value: &str) -> Value {
        match position(stanza, value) {
            Some(start) => Value::At(start, start + value.len()),
            None => Value::Unescaped,
        }
    }
}

/// The type, read once: it is asked for at every turn of a stanza's way.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Missing,
    Known(&'static str),
    Unknown,
}

impl Type {
    /// RFC 6120, 8.2.3; RFC 6121, 4.7.1 and 5.2.2.
    const WORDS: [&str; 14] = [
        "chat",
        "get",
        "set",
        "result",
        "error",
        "groupchat",
        "headline",
        "normal",
        "unavailable",
        "probe",
        "subscribe",
        "subscribed",
        "unsubscribe",
        "unsubscribed",
    ];

    pub(super) fn of(word: &str) -> Type {
        Type::WORDS
            .into_iter()
            .find(|known| *known == word)
            .map_or(Type::Unknown, Type::Known)
    }
}
