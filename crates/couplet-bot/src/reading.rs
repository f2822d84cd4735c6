//! Reads a chat message as a command. It has no side effects and never fails.

pub(crate) mod address;
mod arguments;

use crate::{
    catalog::Call,
    spec::{CommandSpec, Face, FieldSpec},
    translations::Texts,
    value_error::{Problem, ValueError},
};

/// The name of the command that lists and explains the others.
pub(crate) const HELP: &str = "help";

/// No word that is longer is compared with the names of commands.
const LONGEST_NAME: usize = 40;

/// Where a message was written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// Between two people.
    Chat,
    /// In a room where the bot has one of these nicks.
    #[cfg_attr(not(test), expect(dead_code, reason = "bots do not enter rooms yet"))]
    Room(&'a [&'a str]),
}

impl Place<'_> {
    pub(crate) fn face(self) -> Face {
        match self {
            Place::Chat => Face::Chat,
            Place::Room(_) => Face::Rooms,
        }
    }
}

/// The commands that a message may name, and the language of its author.
pub(crate) struct Reader<'a> {
    pub(crate) commands: &'static [CommandSpec],
    /// Whether the author may run a command here: only such a command is proposed.
    pub(crate) may: &'a dyn Fn(&CommandSpec) -> bool,
    pub(crate) texts: Texts<'a>,
}

/// A message that is addressed to the bot.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The text without what addresses the bot.
    pub(crate) text: String,
    /// Whether a prefix says that it is a command.
    pub(crate) has_prefix: bool,
    pub(crate) found: Found,
}

/// What a message is.
#[derive(Debug)]
pub(crate) enum Found {
    /// Text that names no command.
    Text,
    /// Its first word is not a command, but this one has a similar name.
    Unknown {
        word: String,
        nearest: Option<&'static str>,
    },
    /// A request for help, maybe about one command.
    Help(Option<String>),
    /// A command with all values that are required, each of which fits.
    Command(Call),
    /// A command without a value for a field that is required; the other values fit.
    Missing(Call),
    /// A command with a value that does not fit.
    Invalid(Call, ValueError),
}

impl Reading {
    /// Returns whether a handler of texts gets the message: no command is named, or one without arguments
    /// begins a sentence.
    pub(crate) fn is_text(&self) -> bool {
        match &self.found {
            Found::Text => true,
            Found::Unknown { .. } => true,
            Found::Invalid(_, error) => !self.has_prefix && *error.problem() == Problem::Extra,
            _ => false,
        }
    }
}

impl Reader<'_> {
    /// Reads a message; `None` in a room where it is not addressed to the bot.
    pub(crate) fn read(&self, body: &str, place: Place<'_>) -> Option<Reading> {
        let body = body.trim();
        let (text, has_prefix) = match place {
            Place::Chat => address::in_chat(body),
            Place::Room(nicks) => address::in_room(body, nicks)?,
        };
        let found = match address::is_action(body) {
            true => Found::Text,
            false => self.find(text, place.face()),
        };
        let is_for_others = matches!(found, Found::Text | Found::Unknown { .. });
        // The command of another bot begins with `!` too.
        if is_for_others && matches!(place, Place::Room(_)) && body.starts_with('!') {
            return None;
        }
        Some(Reading {
            text: match found {
                Found::Text | Found::Unknown { .. } if matches!(place, Place::Chat) => body,
                _ => text,
            }
            .to_owned(),
            has_prefix,
            found,
        })
    }

    fn find(&self, text: &str, face: Face) -> Found {
        let (word, rest) = match text.split_once(char::is_whitespace) {
            Some((word, rest)) => (word, rest),
            None => (text, ""),
        };
        if word.is_empty() {
            return Found::Text;
        }
        let mut here = self.commands.iter().filter(|command| command.is_on(face));
        if let Some(command) = here.find(|command| command.is_called(word)) {
            return self.call(command, rest);
        }
        let mut words = rest.split_whitespace();
        match (word.to_lowercase() == HELP, words.next(), words.next()) {
            (true, Some(topic), None) if topic.to_lowercase() == HELP => Found::Help(None),
            (true, topic, None) => Found::Help(topic.map(str::to_lowercase)),
            _ => Found::Unknown {
                word: word.chars().take(LONGEST_NAME).collect(),
                nearest: self.nearest(word, face),
            },
        }
    }

    fn call(&self, command: &'static CommandSpec, rest: &str) -> Found {
        let form = command.form();
        let (mut values, extra) = arguments::read(&form, rest);
        for field in form.visible().filter(|field| !field.is_free_text()) {
            let given = values.get(field.name());
            let meant = given
                .iter()
                .map(|text| self.texts.meaning(&form, field, text));
            let meant: Vec<String> = meant.collect();
            if !meant.is_empty() {
                values.set(field.name(), meant);
            }
        }
        let wrong = form
            .visible()
            .filter(|field| values.has(field.name()))
            .find_map(|field| field.check(values.get(field.name())).err());
        let wrong = wrong.or_else(|| {
            let extra = extra?;
            Some(ValueError::new("", "", extra, Problem::Extra))
        });
        let is_missing = |field: &FieldSpec| field.is_required() && !values.has(field.name());
        let is_complete = !form.visible().any(is_missing);
        let call = Call { command, values };
        match wrong {
            Some(error) => Found::Invalid(call, error),
            None if is_complete => Found::Command(call),
            None => Found::Missing(call),
        }
    }

    /// Returns the command with the most similar name, if it is similar enough to be a typing error.
    fn nearest(&self, word: &str, face: Face) -> Option<&'static str> {
        let word = word.to_lowercase();
        let length = word.chars().count();
        if length > LONGEST_NAME {
            return None;
        }
        let here = self
            .commands
            .iter()
            .filter(|command| !command.is_hidden() && command.is_on(face) && (self.may)(command));
        let names = here.flat_map(|command| {
            [command.name()]
                .iter()
                .chain(command.other_names())
                .copied()
                .collect::<Vec<_>>()
        });
        let near = names.chain([HELP]).filter_map(|name| {
            let distance = strsim::osa_distance(&word, name);
            let most = (length.min(name.chars().count()) / 3).min(3);
            (distance <= most).then_some((distance, name))
        });
        near.min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests;
