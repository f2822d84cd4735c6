//! What the entrances of a bot share: chats, ad-hoc commands and jobs all become turns here.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use couplet::Jid;
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    bot_handle::BotHandle,
    catalog::{Catalog, Submission},
    conversation::Conversation,
    cooldown::Cooldowns,
    handlers::{Call, Handlers},
    ids::Ids,
    outbound::Recipient,
    rate::Rate,
    recent::Recent,
    shared::Shared,
    spec::{CommandSpec, Face, FormSpec},
    store::StoreError,
    table::Table,
    texts,
    turn::Turn,
    turns::Turns,
    value_error::ValueError,
    waiting::WaitingMessages,
};

pub(crate) struct App {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handlers: Handlers,
    pub(crate) turns: Turns,
    pub(crate) rate: Rate,
    pub(crate) cooldowns: Cooldowns,
    pub(crate) waiting: WaitingMessages,
    pub(crate) recent: Recent,
}

/// Why a handler is not called, as the person reads it.
pub(crate) enum Unrunnable {
    /// The command rests.
    Later(String),
    /// A value does not fit after all.
    Wrong(String, ValueError),
}

impl App {
    /// Returns the name of a conversation in the queue of turns.
    pub(crate) fn lane(&self, conversation: &Conversation) -> String {
        let mut key = String::new();
        let person = conversation.address().prepared();
        couplet_core::lanes::write_key(&mut key, person, &self.shared.bot);
        key
    }

    /// Returns a turn that a person begins.
    pub(crate) fn turn_of(
        &self,
        person: &Jid,
        recipient: Recipient,
        corrects: Option<String>,
        interrupted: watch::Receiver<bool>,
    ) -> Arc<Turn> {
        Arc::new(Turn {
            bot: BotHandle(Arc::clone(&self.shared)),
            conversation: Conversation::with(person),
            person: person.clone(),
            recipient,
            ids: Ids::Random,
            late: Duration::ZERO,
            corrects: Mutex::new(corrects),
            interrupted,
        })
    }

    pub(crate) fn catalog<'a>(&self, forms: &'a [&'static FormSpec]) -> Catalog<'a> {
        Catalog {
            commands: self.handlers.commands,
            forms,
        }
    }

    /// Returns the time in seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.shared.clock.now() / 1_000
    }

    /// Returns the call of a command or a form that is filled in.
    pub(crate) fn call_of(
        &self,
        submission: &Submission,
        person: &Jid,
        lang: &str,
    ) -> Result<Call, Unrunnable> {
        let texts = self.shared.texts(lang);
        match submission {
            Submission::Command(call) => {
                let handler = self.handlers.command(call.command.name(), &call.values);
                let handler = handler.map_err(|error| {
                    let text = crate::help::invalid(call.command, &error, Face::Chat, texts);
                    Unrunnable::Wrong(text, error)
                })?;
                let person = person.to_bare();
                let rests = self.cooldowns.begin(person.prepared(), call.command);
                rests.map_err(|left| {
                    let seconds = left.as_secs().max(1).to_string();
                    Unrunnable::Later(texts.fill(texts::AGAIN_IN, &[("seconds", &seconds)]))
                })?;
                Ok(handler)
            }
            Submission::Form { form, values } => self
                .handlers
                .form(form.name(), values)
                .map_err(|error| Unrunnable::Wrong(texts.problem(form, &error), error)),
        }
    }

    /// Returns the line for someone who may not run a command.
    pub(crate) fn forbidden(&self, command: &CommandSpec, lang: &str) -> String {
        let texts = self.shared.texts(lang);
        texts.fill(texts::FORBIDDEN, &[("command", command.name())])
    }

    /// Returns a table as lines.
    pub(crate) fn table_text(&self, table: &Table, lang: &str) -> String {
        match table.columns().first() {
            Some(column) if table.is_empty() => {
                let texts = self.shared.texts(lang);
                texts.fill(texts::EMPTY_TABLE, &[("column", column)])
            }
            _ => table.to_string(),
        }
    }

    pub(crate) fn written(&self, value: &impl Serialize) -> Result<String, StoreError> {
        serde_json::to_string(value)
            .map_err(|error| StoreError::Broken(format!("a session cannot be stored: {error}")))
    }
}
