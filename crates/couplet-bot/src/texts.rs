//! The texts of the bot kit in English, each with the key of its translation.

/// A text in English with its key. `{name}` stands for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// The key under which [`Translations`](crate::Translations) finds its translation.
    pub key: &'static str,
    /// The text in English.
    pub english: &'static str,
}

macro_rules! texts {
    ($($name:ident = $key:literal, $english:literal;)*) => {
        $(pub(crate) const $name: Text = Text { key: concat!("couplet.", $key), english: $english };)*

        /// All texts of the bot kit, for translators.
        ///
        /// # Examples
        ///
        /// ```
        /// let all = couplet_bot::texts::ALL;
        /// assert!(all.iter().any(|text| text.key == "couplet.missing"));
        /// ```
        pub const ALL: &[Text] = &[$($name),*];
    };
}

texts! {
    // What is wrong with a value.
    MISSING = "missing", "{label}: a value is missing";
    NOT_AN_INTEGER = "not-an-integer", "{label}: \"{value}\" is not a whole number";
    NOT_A_NUMBER = "not-a-number", "{label}: \"{value}\" is not a number";
    NOT_YES_OR_NO = "not-yes-or-no", "{label}: \"{value}\" is neither yes nor no";
    NOT_A_DURATION = "not-a-duration", "{label}: \"{value}\" is not a duration, such as 10m or 2h30m";
    NOT_A_TIME = "not-a-time", "{label}: \"{value}\" is not a time, such as 2030-01-31T18:00:00Z";
    NOT_AN_ADDRESS = "not-an-address", "{label}: \"{value}\" is not an address, such as alice@example.org";
    NOT_AN_OPTION = "not-an-option", "{label}: \"{value}\" is not one of: {options}";
    TOO_SMALL = "too-small", "{label}: at least {limit}, not {value}";
    TOO_LARGE = "too-large", "{label}: at most {limit}, not {value}";
    TOO_SHORT = "too-short", "{label}: at least {limit} characters";
    TOO_LONG = "too-long", "{label}: at most {limit} characters";
    PATTERN = "pattern", "{label}: \"{value}\" does not have the expected form";
    EXTRA = "extra", "\"{value}\" is too much: there is no field for it";
    UNKNOWN_COMMAND = "unknown-command", "There is no command \"{value}\"";
    OTHER = "other", "{label}: {value}";

    // Reading a chat message.
    EXAMPLE = "example", "{text}. Example: {example}";
    NEAREST = "nearest", "There is no command \"{word}\". Did you mean \"{nearest}\"?";
    UNKNOWN_WORD = "unknown-word", "There is no command \"{word}\"; \"{help}\" lists all";
    USAGE = "usage", "Usage: {usage}";

    // Help.
    HELP = "help", "{help} NAME explains a command";
    NO_COMMANDS = "no-commands", "There is no command that you may use here";
    ALIASES = "aliases", "Also: {names}";
    AN_EXAMPLE = "an-example", "Example: {example}";
    OPTIONAL = "optional", "optional";
    DEFAULT = "default", "without it {value}";
    AT_LEAST = "at-least", "at least {limit}";
    AT_MOST = "at-most", "at most {limit}";
    BETWEEN = "between", "{min} to {max}";
    SEVERAL = "several", "may be several";
    KIND_TEXT = "kind-text", "text";
    KIND_INTEGER = "kind-integer", "whole number";
    KIND_NUMBER = "kind-number", "number";
    KIND_BOOLEAN = "kind-boolean", "yes or no";
    KIND_DURATION = "kind-duration", "duration";
    KIND_TIME = "kind-time", "time";
    KIND_ADDRESS = "kind-address", "address";
    DURATION_EXAMPLE = "duration-example", "For example 10m or 2h30m";
    TIME_EXAMPLE = "time-example", "For example 2030-01-31T18:00:00Z";

    // Questions.
    YES = "yes", "yes";
    NO = "no", "no";
    BACK = "back", "back";
    CANCEL = "cancel", "cancel";
    SKIP = "skip", "skip";
    SKIP_HINT = "skip-hint", "\"{skip}\" leaves it as it is";
    CANCELED = "canceled", "Canceled; nothing was changed";
    DROPPED = "dropped", "The question \"{title}\" is dropped";

    // What the bot says by itself.
    SLOWER = "slower", "Slower, please; again in {seconds} s";
    BUSY = "busy", "Too many messages wait here already; this one is not read";
    MESSAGE_TOO_LONG = "message-too-long", "A message may have {limit} characters; this one is not read";
    LATE = "late", "You wrote this {ago} ago; write it again if you still mean it";
    AGAIN_IN = "again-in", "Again in {seconds} s, please";
    FORBIDDEN = "forbidden", "You may not use \"{command}\" here";
    INCIDENT = "incident", "Something went wrong (incident {number})";

    // Tables and ad-hoc commands.
    EMPTY_TABLE = "empty-table", "{column}: none";
    STILL_RUNNING = "still-running", "Still at it; the result comes as a message";
    COMPLETED = "completed", "Done";
}

/// Replaces each `{name}` of a template by its value; other braces stay.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let named = behind.split_once('}').and_then(|(name, tail)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((*value, tail))
        });
        match named {
            Some((value, tail)) => {
                filled.push_str(value);
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = behind;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::{ALL, fill};

    #[test]
    fn names_in_braces_are_replaced_and_nothing_else() {
        assert_eq!(
            fill("{a} and {b}", &[("a", "{b}"), ("b", "2")]),
            "{b} and 2"
        );
        assert_eq!(fill("{x} {", &[("a", "1")]), "{x} {");
    }

    #[test]
    fn no_key_is_used_twice() {
        let mut keys: Vec<&str> = ALL.iter().map(|text| text.key).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }
}
