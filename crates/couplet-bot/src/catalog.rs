//! The commands and forms of a bot, as stored conversations refer to them.

use serde::{Deserialize, Serialize};

use crate::{
    spec::{CommandSpec, FormSpec},
    values::Values,
};

/// What is filled in: a command or a form, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Subject {
    Command(String),
    Form(String),
}

/// A command and the values of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) command: &'static CommandSpec,
    pub(crate) values: Values,
}

/// A command or a form that is filled in: what a handler gets.
#[derive(Clone, Debug)]
pub(crate) enum Submission {
    Command(Call),
    Form {
        form: &'static FormSpec,
        values: Values,
    },
}

/// The commands and forms that have a handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Catalog<'a> {
    pub(crate) commands: &'static [CommandSpec],
    pub(crate) forms: &'a [&'static FormSpec],
}

impl Catalog<'_> {
    pub(crate) fn command(&self, name: &str) -> Option<&'static CommandSpec> {
        self.commands.iter().find(|command| command.name() == name)
    }

    /// Returns the fields of what is filled in; `None` if a later version of the program does not
    /// have it.
    pub(crate) fn form(&self, subject: &Subject) -> Option<FormSpec> {
        match subject {
            Subject::Command(name) => self.command(name).map(CommandSpec::form),
            Subject::Form(name) => self.asked(name).copied(),
        }
    }

    /// Returns what a handler gets.
    pub(crate) fn submission(&self, subject: &Subject, values: Values) -> Option<Submission> {
        Some(match subject {
            Subject::Command(name) => Submission::Command(Call {
                command: self.command(name)?,
                values,
            }),
            Subject::Form(name) => Submission::Form {
                form: self.asked(name)?,
                values,
            },
        })
    }

    fn asked(&self, name: &str) -> Option<&'static FormSpec> {
        self.forms.iter().copied().find(|form| form.name() == name)
    }
}
