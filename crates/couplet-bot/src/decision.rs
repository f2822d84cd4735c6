//! What a message to the bot leads to: an answer to an open question, a command, help or text.

use crate::{
    catalog::{Catalog, Submission},
    help,
    question::{Asker, Next, Prompt, Question},
    reading::{Found, Place, Reader, Reading, address::without_quote},
    spec::{CommandSpec, Face},
    translations::Texts,
};

/// What to do with a message.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) act: Act,
    /// A line to send first: the open question is dropped.
    pub(crate) dropped: Option<String>,
}

/// The one thing to do.
#[derive(Debug)]
pub(crate) enum Act {
    /// Nothing: it is not for the bot.
    Ignore,
    /// Give this text to the handler of texts.
    Text(String),
    /// Run the handler of a command or a form.
    Run(Submission),
    /// Ask this, and store the question.
    Ask(Prompt, Question),
    /// Reply with this text.
    Reply(String),
    /// Reply with this text about a mistake: a correction of the message is read again.
    Complain(String),
    /// The author may not run this command here.
    Forbid(&'static CommandSpec),
}

/// What is needed to decide.
pub(crate) struct Decider<'a> {
    pub(crate) catalog: Catalog<'a>,
    /// Whether the author may run a command here.
    pub(crate) may: &'a dyn Fn(&CommandSpec) -> bool,
    /// Whether the bot has a handler of texts.
    pub(crate) takes_text: bool,
    pub(crate) place: Place<'a>,
    pub(crate) texts: Texts<'a>,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
}

impl Decider<'_> {
    /// Decides what a message leads to. `open` is the question that its author was asked last in this
    /// conversation; after this it is to be deleted, unless another takes its place.
    pub(crate) fn decide(&self, body: &str, open: Option<Question>) -> Decision {
        let body = without_quote(body);
        let reader = Reader {
            commands: self.catalog.commands,
            may: self.may,
            texts: self.texts,
        };
        let reading = reader.read(body, self.place);
        let open = open.filter(|question| question.is_open(self.now));
        let Some(question) = open else {
            return self.without_question(reading);
        };
        if reading.as_ref().is_some_and(is_command) {
            let dropped = self.asker().dropped(&question);
            return Decision {
                dropped,
                ..self.without_question(reading)
            };
        }
        match self.asker().answer(question, body) {
            Next::Closed => self.without_question(reading),
            next => act(asked(next)),
        }
    }

    fn without_question(&self, reading: Option<Reading>) -> Decision {
        let Some(reading) = reading else {
            return act(Act::Ignore);
        };
        if reading.text.trim().is_empty() {
            return act(Act::Ignore);
        }
        let is_text = reading.is_text() || self.catalog.commands.is_empty();
        if self.takes_text && is_text {
            return act(Act::Text(reading.text));
        }
        act(match reading.found {
            Found::Text => Act::Ignore,
            Found::Unknown { word, nearest } => self.unknown(&word, nearest),
            Found::Help(None) => {
                let commands = self.catalog.commands;
                Act::Reply(help::list(commands, self.face(), self.may, self.texts))
            }
            Found::Help(Some(topic)) => match self.topic(&topic) {
                Some(command) => Act::Reply(help::explain(command, self.face(), self.texts)),
                None if self.takes_text && !reading.has_prefix => Act::Text(reading.text),
                None => self.unknown(&topic, None),
            },
            Found::Command(call) | Found::Missing(call) | Found::Invalid(call, _)
                if !(self.may)(call.command) =>
            {
                Act::Forbid(call.command)
            }
            Found::Command(call) => Act::Run(Submission::Command(call)),
            Found::Missing(call) => match self.place {
                Place::Chat => asked(
                    self.asker()
                        .ask_for_missing(call.command.name(), call.values),
                ),
                // A question to one person would be one to all.
                Place::Room(_) => Act::Complain(help::usage(call.command, self.face(), self.texts)),
            },
            Found::Invalid(call, error) => {
                Act::Complain(help::invalid(call.command, &error, self.face(), self.texts))
            }
        })
    }

    /// Returns the command that help was asked about.
    fn topic(&self, name: &str) -> Option<&'static CommandSpec> {
        let mut commands = self.catalog.commands.iter();
        commands.find(|command| {
            command.is_called(name) && command.is_on(self.face()) && (self.may)(command)
        })
    }

    fn unknown(&self, word: &str, nearest: Option<&str>) -> Act {
        Act::Complain(help::unknown(word, nearest, self.face(), self.texts))
    }

    fn asker(&self) -> Asker<'_> {
        Asker {
            catalog: self.catalog,
            texts: self.texts,
            now: self.now,
        }
    }

    fn face(&self) -> Face {
        self.place.face()
    }
}

/// Returns whether a message is a command even while a question is open: one that is complete or has a
/// prefix. Anything else may be the answer.
fn is_command(reading: &Reading) -> bool {
    match reading.found {
        Found::Command(_) | Found::Help(_) => true,
        Found::Missing(..) | Found::Invalid(..) => reading.has_prefix,
        Found::Text | Found::Unknown { .. } => false,
    }
}

fn act(act: Act) -> Decision {
    Decision { act, dropped: None }
}

fn asked(next: Next) -> Act {
    match next {
        Next::Ask(prompt, question) => Act::Ask(prompt, question),
        Next::Run(submission) => Act::Run(submission),
        Next::Canceled(text) => Act::Reply(text),
        Next::Closed => Act::Ignore,
    }
}

#[cfg(test)]
mod tests;
