//! The handlers of a bot, by what they handle, without its types.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    context::Context,
    handler::{Handler, Handling},
    shared::read,
    spec::{CommandSpec, Commands, Form, FormSpec},
    state::Job,
    store::StoreError,
    text::Text,
    turn::Turn,
    value_error::ValueError,
    values::Values,
};

/// A call of a handler that is given its turn.
pub(crate) type Call = Box<dyn FnOnce(Arc<Turn>) -> Handling + Send>;

type CommandHandler = Box<dyn Fn(&str, &Values) -> Result<Call, ValueError> + Send + Sync>;
type FormHandler = Box<dyn Fn(&Values) -> Result<Call, ValueError> + Send + Sync>;
type JobHandler = Box<dyn Fn(&str) -> Result<Call, StoreError> + Send + Sync>;
type TextHandler = Box<dyn Fn(Text) -> Call + Send + Sync>;

#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) commands: &'static [CommandSpec],
    command: Option<CommandHandler>,
    forms: BTreeMap<&'static str, (&'static FormSpec, FormHandler)>,
    jobs: BTreeMap<&'static str, JobHandler>,
    text: Option<TextHandler>,
    /// What is handled twice.
    pub(crate) twice: Vec<String>,
}

impl Handlers {
    pub(crate) fn set_commands<C: Commands>(&mut self, handler: impl Handler<C>) {
        let handler = Arc::new(handler);
        self.commands = C::COMMANDS;
        let former = self.command.replace(Box::new(move |name, values| {
            let command = C::from_values(name, values)?;
            Ok(call(&handler, command))
        }));
        if former.is_some() {
            self.twice.push("the commands".to_owned());
        }
    }

    pub(crate) fn add_form<F: Form>(&mut self, handler: impl Handler<F>) {
        let handler = Arc::new(handler);
        let read: FormHandler = Box::new(move |values| Ok(call(&handler, F::from_values(values)?)));
        let former = self.forms.insert(F::FORM.name(), (F::FORM, read));
        if former.is_some() {
            self.twice.push(format!("the form `{}`", F::FORM.name()));
        }
    }

    pub(crate) fn add_job<J: Job>(&mut self, handler: impl Handler<J>) {
        let handler = Arc::new(handler);
        let run: JobHandler = Box::new(move |value| Ok(call(&handler, read::<J>(J::NAME, value)?)));
        if self.jobs.insert(J::NAME, run).is_some() {
            self.twice.push(format!("the job `{}`", J::NAME));
        }
    }

    pub(crate) fn set_text(&mut self, handler: impl Handler<Text>) {
        let handler = Arc::new(handler);
        let former = self
            .text
            .replace(Box::new(move |text| call(&handler, text)));
        if former.is_some() {
            self.twice.push("texts".to_owned());
        }
    }

    /// Returns the call of a command.
    pub(crate) fn command(&self, name: &str, values: &Values) -> Result<Call, ValueError> {
        match &self.command {
            Some(handler) => handler(name, values),
            None => Err(ValueError::unknown_command(name)),
        }
    }

    /// Returns the call of a form.
    pub(crate) fn form(&self, name: &str, values: &Values) -> Result<Call, ValueError> {
        match self.forms.get(name) {
            Some((_, handler)) => handler(values),
            None => Err(ValueError::unknown_command(name)),
        }
    }

    pub(crate) fn form_specs(&self) -> Vec<&'static FormSpec> {
        self.forms.values().map(|(spec, _)| *spec).collect()
    }

    /// Returns the call of a job; none if nothing handles it.
    pub(crate) fn job(&self, name: &str, value: &str) -> Option<Result<Call, StoreError>> {
        self.jobs.get(name).map(|handler| handler(value))
    }

    pub(crate) fn job_names(&self) -> Vec<&'static str> {
        self.jobs.keys().copied().collect()
    }

    pub(crate) fn takes_text(&self) -> bool {
        self.text.is_some()
    }

    pub(crate) fn text(&self, text: Text) -> Option<Call> {
        self.text.as_ref().map(|handler| handler(text))
    }
}

fn call<T: Send + 'static>(handler: &Arc<impl Handler<T>>, value: T) -> Call {
    let handler = Arc::clone(handler);
    Box::new(move |turn| {
        // Within the future, so that a panic of the function itself is one of the turn.
        Box::pin(async move { handler.handle(Context::new(value, turn)).await })
    })
}
