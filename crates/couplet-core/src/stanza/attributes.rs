//! Attributes of a stanza's start tag that are read once, because they are needed repeatedly.

use crate::address::position;

/// The position of an attribute's value.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Missing,
    /// A range of the stanza's bytes.
    At(usize, usize),
    /// The value contained a reference; its unescaped copy is stored elsewhere.
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

/// The type, parsed once.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Missing,
    Known(&'static str),
    Unknown,
}

impl Type {
    /// The values of RFC 6120, 8.2.3 and RFC 6121, 4.7.1 and 5.2.2.
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
