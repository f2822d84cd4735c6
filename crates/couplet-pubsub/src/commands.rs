//! Ad-hoc commands, for users whose client has no forms for pubsub, and for the administration of
//! the service. (XEP-0050; XEP-0060, 8.7)
//!
//! There are no sessions: a submitted form carries all state.

mod subscriptions;
mod subscribe;
mod pending;
mod create;
mod configure;
mod nodes;
mod node_choice;
mod text;
mod admin;
mod form;

use std::sync::Arc;

use async_trait::async_trait;
use couplet::{BareJid, Condition, Incoming, IntoResponse, IqHandler, Jid, StanzaError};
use couplet_core::{element::Element, xml_writer::XmlWriter};
use xmpp_parsers::{
    data_forms::{DataForm, Field},
    iq::IqSetPayload,
};

use crate::{
    codec::{self, event::PENDING_TITLE},
    payload_type::payload_type,
    pubsub_error::PubsubError,
    reply::Reply,
    request::Request,
    service_context::ServiceContext,
};

use form::Submitted;

/// The namespace of commands, and the disco node that lists them.
pub(crate) const NS: &str = "http://jabber.org/protocol/commands";

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Subscribe,
    Subscriptions,
    Create,
    Configure,
    Pending,
    Transfer,
    Delete,
    List,
    Statistics,
}

impl Command {
    const ALL: [Command; 9] = [
        Command::Subscribe,
        Command::Subscriptions,
        Command::Create,
        Command::Configure,
        Command::Pending,
        Command::Transfer,
        Command::Delete,
        Command::List,
        Command::Statistics,
    ];

    pub(crate) fn named(node: &str) -> Option<Command> {
        Command::ALL
            .into_iter()
            .find(|command| command.node() == node)
    }

    /// Returns the commands that this entity may execute, in the order of the list.
    pub(crate) fn offered(
        service: &ServiceContext,
        who: &BareJid,
    ) -> impl Iterator<Item = Command> {
        let is_admin = service.policy.is_admin(who);
        let may_create = service.policy.may_create(who, None);
        Command::ALL
            .into_iter()
            .filter(move |command| match command {
                Command::Create => may_create,
                _ => is_admin || !command.is_for_admins(),
            })
    }

    pub(crate) fn node(self) -> &'static str {
        match self {
            Command::Subscribe => "couplet-pubsub#subscribe",
            Command::Subscriptions => "couplet-pubsub#subscriptions",
            Command::Create => "couplet-pubsub#create",
            Command::Configure => "couplet-pubsub#configure",
            Command::Pending => "http://jabber.org/protocol/pubsub#get-pending",
            Command::Transfer => "couplet-pubsub#transfer",
            Command::Delete => "couplet-pubsub#delete",
            Command::List => "couplet-pubsub#list",
            Command::Statistics => "couplet-pubsub#statistics",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Command::Subscribe => "Subscribe to a node",
            Command::Subscriptions => "My subscriptions",
            Command::Create => "Create a node",
            Command::Configure => "Configure a node",
            Command::Pending => PENDING_TITLE,
            Command::Transfer => "Change the owner of a node",
            Command::Delete => "Delete a node",
            Command::List => "List all nodes",
            Command::Statistics => "Show statistics",
        }
    }

    fn is_for_admins(self) -> bool {
        matches!(self, Command::List | Command::Statistics)
    }

    fn dialog(self) -> &'static dyn Dialog {
        match self {
            Command::Subscribe => &subscribe::Subscribe,
            Command::Subscriptions => &subscriptions::Subscriptions,
            Command::Create => &create::Create,
            Command::Configure => &configure::Configure,
            Command::Pending => &pending::Pending,
            Command::Transfer => &nodes::Transfer,
            Command::Delete => &nodes::Delete,
            Command::List => &admin::List,
            Command::Statistics => &admin::Statistics,
        }
    }
}

payload_type! {
    /// Any `<command/>`; its form is read from the stanza.
    pub(crate) struct CommandPayload = "http://jabber.org/protocol/commands", "command";
}

impl IqSetPayload for CommandPayload {}

/// The forms of one command.
#[async_trait]
trait Dialog: Sync {
    /// Returns the form that this submission answers, with current values; without a submission the
    /// first form.
    async fn show(
        &self,
        execution: &Execution<'_>,
        answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError>;

    /// Executes the submission, or returns the next form.
    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError>;
}

/// The execution of a command: its requester and the service.
struct Execution<'a> {
    service: &'a ServiceContext,
    who: &'a Jid,
    command: Command,
    /// Whether the client requested the next form instead of the end of the command.
    next: bool,
}

impl Execution<'_> {
    async fn serve(&self, request: Request) -> Result<Reply, PubsubError> {
        self.service.serve(self.who, request).await
    }

    fn bare(&self) -> BareJid {
        self.who.to_bare()
    }

    /// Returns a step with a form of this command.
    fn form(
        &self,
        form_type: &str,
        instructions: &str,
        fields: Vec<Field>,
        actions: Actions,
    ) -> Step {
        let title = self.command.title();
        Step::form(form::form(form_type, title, instructions, fields), actions)
    }

    /// Returns the maximum size of an answer in bytes.
    fn answer_bytes(&self) -> usize {
        self.service.policy.limits(&self.bare()).answer_bytes as usize
    }
}

/// The state of a command after a request.
enum Step {
    /// A form for the user to fill in.
    Form {
        form: Box<DataForm>,
        actions: Actions,
        /// Why the last submission was rejected.
        error: Option<String>,
    },
    /// The command is completed, with this result.
    Done {
        result: Option<Box<DataForm>>,
        note: Option<String>,
    },
    Cancelled,
}

impl Step {
    fn form(form: DataForm, actions: Actions) -> Step {
        Step::Form {
            form: Box::new(form),
            actions,
            error: None,
        }
    }

    /// Completes the command with a note.
    fn done(note: impl Into<String>) -> Step {
        Step::Done {
            result: None,
            note: Some(note.into()),
        }
    }

    fn result(result: DataForm, note: Option<String>) -> Step {
        Step::Done {
            result: Some(Box::new(result)),
            note,
        }
    }
}

/// The actions of a form besides cancel. (XEP-0050, 3.4)
#[derive(Clone, Copy)]
enum Actions {
    Complete,
    Next,
    NextOrComplete,
    PrevOrComplete,
}

impl Actions {
    fn xml(self) -> &'static str {
        match self {
            Actions::Complete => "<actions execute='complete'><complete/></actions>",
            Actions::Next => "<actions execute='next'><next/></actions>",
            Actions::NextOrComplete => "<actions execute='complete'><next/><complete/></actions>",
            Actions::PrevOrComplete => "<actions execute='complete'><prev/><complete/></actions>",
        }
    }
}

/// Executes commands.
pub(crate) struct Commands(pub(crate) Arc<ServiceContext>);

#[async_trait]
impl IqHandler<CommandPayload> for Commands {
    type Response = CommandResponse;

    async fn handle(
        &self,
        incoming: Incoming<CommandPayload>,
    ) -> Result<CommandResponse, StanzaError> {
        let payload = incoming.stanza().payloads().next();
        let request = CommandRequest::of(payload.ok_or(Condition::BadRequest)?)?;
        let who = incoming.from().clone();
        // Frees the tree before waiting: it may take several times the memory of the values parsed
        // from it.
        drop(incoming);
        let command = request.command;
        if command.is_for_admins() && !self.0.policy.is_admin(&who.to_bare()) {
            return Err(Condition::Forbidden.into());
        }
        let id = request.execution;
        let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let execution = Execution {
            service: &self.0,
            who: &who,
            command,
            next: matches!(request.action, Action::Execute { next: true }),
        };
        let mut step = match (request.action, request.form) {
            (Action::Cancel, _) => Step::Cancelled,
            (Action::Execute { .. }, Some(form)) => answer(&execution, &form).await?,
            (Action::Execute { .. } | Action::Back, _) => first(&execution).await?,
        };
        if let Step::Form { form, .. } = &mut step {
            form::shorten(form, execution.answer_bytes());
        }
        Ok(CommandResponse {
            command,
            execution: id,
            step,
        })
    }
}

/// A command request.
struct CommandRequest {
    command: Command,
    execution: Option<String>,
    action: Action,
    form: Option<Submitted>,
}

/// The requested action. (XEP-0050, 3.4)
enum Action {
    Cancel,
    Back,
    Execute { next: bool },
}

impl CommandRequest {
    fn of(payload: Element<'_>) -> Result<CommandRequest, StanzaError> {
        let filled = |name| payload.attr(name).filter(|value| !value.is_empty());
        let node = filled("node").ok_or(Condition::BadRequest)?;
        let command = Command::named(&node).ok_or(Condition::ItemNotFound)?;
        let action = match filled("action").as_deref() {
            Some("cancel") => Action::Cancel,
            Some("prev") => Action::Back,
            None | Some("execute" | "complete") => Action::Execute { next: false },
            Some("next") => Action::Execute { next: true },
            // XEP-0050, 4.4: bad-action
            Some(_) => return Err(StanzaError::new(Condition::BadRequest).text("Unknown action")),
        };
        Ok(CommandRequest {
            command,
            execution: filled("sessionid").map(String::from),
            action,
            form: Submitted::of(payload),
        })
    }
}

async fn first(execution: &Execution<'_>) -> Result<Step, StanzaError> {
    let requested = execution.command.dialog().show(execution, None).await;
    requested.map_err(codec::stanza_error)
}

/// Returns the form again with the reason when a submission is rejected: an error would end the
/// command in most clients. (XEP-0050, 3.2)
async fn answer(execution: &Execution<'_>, form: &Submitted) -> Result<Step, StanzaError> {
    let dialog = execution.command.dialog();
    let error = match dialog.submit(execution, form).await {
        Ok(step) => return Ok(step),
        Err(error) if error.condition == Condition::InternalServerError => {
            return Err(codec::stanza_error(error));
        }
        Err(error) => error,
    };
    match dialog.show(execution, Some(form)).await {
        Ok(Step::Form {
            form: mut blank,
            actions,
            ..
        }) => {
            form.fill(&mut blank);
            Ok(Step::Form {
                form: blank,
                actions,
                error: Some(text::of(&error)),
            })
        }
        // The form itself cannot be shown: its node is gone.
        _ => Err(codec::stanza_error(error)),
    }
}

/// The response to a command.
pub(crate) struct CommandResponse {
    command: Command,
    execution: String,
    step: Step,
}

impl IntoResponse for CommandResponse {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        let status = match &self.step {
            Step::Form { .. } => "executing",
            Step::Done { .. } => "completed",
            Step::Cancelled => "canceled",
        };
        xml.raw("<command xmlns='http://jabber.org/protocol/commands'");
        xml.attribute("node", self.command.node());
        xml.attribute("sessionid", &self.execution);
        xml.attribute("status", status);
        xml.raw(">");
        let (form, note) = match &self.step {
            Step::Form {
                form,
                actions,
                error,
            } => {
                xml.raw(actions.xml());
                let note = error.as_ref().map(|error| ("<note type='error'>", error));
                (Some(form), note)
            }
            Step::Done { result, note } => {
                let note = note.as_ref().map(|note| ("<note type='info'>", note));
                (result.as_ref(), note)
            }
            Step::Cancelled => (None, None),
        };
        if let Some((open, text)) = note {
            xml.raw(open);
            xml.text(text);
            xml.raw("</note>");
        }
        if let Some(form) = form {
            xml.payload(&**form)?;
        }
        xml.raw("</command>");
        Ok(())
    }
}
