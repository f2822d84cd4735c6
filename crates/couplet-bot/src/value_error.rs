//! Why a value does not fit its field.

use std::{borrow::Cow, error::Error, fmt};

use crate::texts::{self, Text};

/// The kind of value that a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Number,
    /// Yes or no.
    Boolean,
    /// A duration, such as `10m` or `2h30m`.
    Duration,
    /// A point in time, as in RFC 3339.
    Time,
    /// An XMPP address.
    Address,
    /// One of the options that the type has.
    Choice,
}

impl Kind {
    fn not_one(self) -> Text {
        match self {
            Kind::Text => texts::PATTERN,
            Kind::Integer => texts::NOT_AN_INTEGER,
            Kind::Number => texts::NOT_A_NUMBER,
            Kind::Boolean => texts::NOT_YES_OR_NO,
            Kind::Duration => texts::NOT_A_DURATION,
            Kind::Time => texts::NOT_A_TIME,
            Kind::Address => texts::NOT_AN_ADDRESS,
            Kind::Choice => texts::NOT_AN_OPTION,
        }
    }
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There is no value and no default.
    Missing,
    /// The text is not of this kind.
    Unreadable(Kind),
    /// The value is below this limit.
    TooSmall(String),
    /// The value is above this limit.
    TooLarge(String),
    /// The text has fewer characters than this.
    TooShort(String),
    /// The text has more characters than this.
    TooLong(String),
    /// The value is none of these options.
    NotAnOption(Vec<String>),
    /// The text does not match the pattern of the field.
    Pattern,
    /// A command without arguments got one.
    Extra,
    /// There is no such command.
    UnknownCommand,
    /// Any other reason, in words for the user. It is not translated.
    Other(String),
}

/// A value that does not fit its field: which field, which value and what is wrong.
///
/// `Display` writes it in English for the user who gave the value.
///
/// # Examples
///
/// ```
/// use couplet_bot::value_error::{Kind, Problem, ValueError};
///
/// let error = ValueError::new("after", "In how long", "soon", Problem::Unreadable(Kind::Duration));
/// assert_eq!(
///     error.to_string(),
///     "In how long: \"soon\" is not a duration, such as 10m or 2h30m"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    field: &'static str,
    label: &'static str,
    value: String,
    problem: Problem,
}

/// No error text shows more characters of a value.
const SHOWN: usize = 100;

impl ValueError {
    /// Creates an error about the value of a field.
    pub fn new(
        field: &'static str,
        label: &'static str,
        value: impl Into<String>,
        problem: Problem,
    ) -> ValueError {
        ValueError {
            field,
            label,
            value: value.into(),
            problem,
        }
    }

    /// Creates the error of [`Commands::from_values`](crate::Commands::from_values) for a name that
    /// is not the name of a command.
    pub fn unknown_command(name: &str) -> ValueError {
        ValueError::new("", "", name, Problem::UnknownCommand)
    }

    /// Returns the name of the field; empty where the error is not about a field.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns what is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns the text, and its values without the label.
    pub(crate) fn text(&self) -> (Text, Vec<(&'static str, Cow<'_, str>)>) {
        let value: Cow<'_, str> = match self.value.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", self.value.get(..end).unwrap_or_default()).into(),
            None => self.value.as_str().into(),
        };
        let limit = |text, limit| (text, Some(("limit", Cow::from(limit))));
        let (text, more) = match &self.problem {
            Problem::Missing => (texts::MISSING, None),
            Problem::Unreadable(kind) => (kind.not_one(), None),
            Problem::TooSmall(least) => limit(texts::TOO_SMALL, least),
            Problem::TooLarge(most) => limit(texts::TOO_LARGE, most),
            Problem::TooShort(least) => limit(texts::TOO_SHORT, least),
            Problem::TooLong(most) => limit(texts::TOO_LONG, most),
            Problem::NotAnOption(options) => (
                texts::NOT_AN_OPTION,
                Some(("options", options.join(", ").into())),
            ),
            Problem::Pattern => (texts::PATTERN, None),
            Problem::Extra => (texts::EXTRA, None),
            Problem::UnknownCommand => (texts::UNKNOWN_COMMAND, None),
            Problem::Other(why) => return (texts::OTHER, vec![("value", why.into())]),
        };
        (text, [("value", value)].into_iter().chain(more).collect())
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, values) = self.text();
        let mut named = vec![("label", self.label)];
        named.extend(values.iter().map(|(name, value)| (*name, value.as_ref())));
        f.write_str(&texts::fill(text.english, &named))
    }
}

impl Error for ValueError {}
