//! Ad-hoc commands: what waits for an owner's approval, and the administration of the service.
//! (XEP-0050; XEP-0060, 8.7)
//!
//! Deliberately absent: sessions. A form that comes back carries all that is needed.

mod admin;
mod pending;

use std::sync::Arc;

use async_trait::async_trait;
use couplet::{Condition, Incoming, IntoResult, IqHandler, Jid, Refusal};
use couplet_core::{element::Element, wire::Wire};
use xmpp_parsers::{
    data_forms::{DataForm, Field, FieldType},
    iq::IqSetPayload,
};
use xso::{AsXml, FromXml};

use crate::desk::Desk;

/// The namespace of commands, and the node they are listed at.
pub(crate) const NS: &str = "http://jabber.org/protocol/commands";
const NS_DATA: &str = "jabber:x:data";

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Pending,
    List,
    Delete,
    Transfer,
    Statistics,
}

impl Command {
    pub(crate) fn all() -> impl Iterator<Item = Command> {
        [
            Command::Pending,
            Command::List,
            Command::Delete,
            Command::Transfer,
            Command::Statistics,
        ]
        .into_iter()
    }

    pub(crate) fn named(node: &str) -> Option<Command> {
        Command::all().find(|command| command.node() == node)
    }

    pub(crate) fn node(self) -> &'static str {
        match self {
            Command::Pending => "http://jabber.org/protocol/pubsub#get-pending",
            Command::List => "couplet-pubsub#list",
            Command::Delete => "couplet-pubsub#delete",
            Command::Transfer => "couplet-pubsub#transfer",
            Command::Statistics => "couplet-pubsub#statistics",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Command::Pending => "Show who waits for approval",
            Command::List => "List all nodes",
            Command::Delete => "Delete a node",
            Command::Transfer => "Give a node to another owner",
            Command::Statistics => "Show how much there is",
        }
    }

    pub(crate) fn is_for_admins(self) -> bool {
        self != Command::Pending
    }
}

/// Any `<command/>`; its form is read from the stanza.
#[derive(Debug, FromXml, AsXml)]
#[xml(namespace = "http://jabber.org/protocol/commands", name = "command", on_unknown_child = Discard, on_unknown_attribute = Discard)]
pub(crate) struct Ordered;

impl IqSetPayload for Ordered {}

/// Carries commands out.
pub(crate) struct Commands(pub(crate) Arc<Desk>);

#[async_trait]
impl IqHandler for Commands {
    type Request = Ordered;
    type Response = Outcome;

    async fn handle(&self, ask: Incoming<Ordered>) -> Result<Outcome, Refusal> {
        let payload = ask.stanza().payloads().next();
        let payload = payload.ok_or(Condition::BadRequest)?;
        let node = payload.attr("node").unwrap_or_default();
        let command = Command::named(&node).ok_or(Condition::ItemNotFound)?;
        let is_admin = self.0.policy.is_admin(&ask.from().to_bare());
        if command.is_for_admins() && !is_admin {
            return Err(Condition::Forbidden.into());
        }
        let session = payload.attr("sessionid").filter(|id| !id.is_empty());
        let session = session.map_or_else(|| uuid::Uuid::new_v4().to_string(), String::from);
        let step = match payload.attr("action").as_deref() {
            Some("cancel") => Step::Cancelled,
            None | Some("execute" | "complete" | "next") => {
                let form = Submitted::of(payload);
                Box::pin(self.carry_out(command, ask.from(), form)).await?
            }
            // XEP-0050, 4.4: bad-action
            Some(_) => return Err(Refusal::new(Condition::BadRequest).text("No such action")),
        };
        Ok(Outcome {
            command,
            session,
            step,
        })
    }
}

impl Commands {
    async fn carry_out(
        &self,
        command: Command,
        who: &Jid,
        form: Option<Submitted>,
    ) -> Result<Step, Refusal> {
        match command {
            Command::Pending => pending::show(&self.0, who, form).await,
            Command::List => admin::list(&self.0).await,
            Command::Delete => admin::delete(&self.0, who, form).await,
            Command::Transfer => admin::transfer(&self.0, who, form).await,
            Command::Statistics => admin::statistics(&self.0).await,
        }
    }
}

/// A form that came back.
struct Submitted(Vec<(String, String)>);

impl Submitted {
    fn of(command: Element<'_>) -> Option<Submitted> {
        let form = command.child("x", NS_DATA)?;
        if form
            .attr("type")
            .as_deref()
            .is_some_and(|type_| type_ != "submit")
        {
            return None;
        }
        let fields = form.children().filter(|child| child.is("field", NS_DATA));
        let filled = fields.filter_map(|field| {
            let value = field.child("value", NS_DATA)?.text().into_owned();
            Some((field.attr("var")?.into_owned(), value))
        });
        Some(Submitted(filled.collect()))
    }

    /// The value of a field that has to be there.
    fn value(&self, var: &str) -> Result<&str, Refusal> {
        let found = self.0.iter().find(|(name, _)| name == var);
        let value = found
            .map(|(_, value)| value.as_str())
            .filter(|v| !v.is_empty());
        value.ok_or_else(|| {
            // XEP-0050, 4.4: bad-payload
            Refusal::new(Condition::BadRequest).text(format!("{var} is missing"))
        })
    }
}

/// How far a command is.
enum Step {
    /// This is to be filled in.
    Form(DataForm),
    /// Done; this is what came of it.
    Done(Option<DataForm>, Option<String>),
    Cancelled,
}

/// The answer to a command.
pub(crate) struct Outcome {
    command: Command,
    session: String,
    step: Step,
}

impl IntoResult for Outcome {
    fn write(&self, wire: &mut Wire<'_>) -> Result<(), xso::error::Error> {
        let status = match &self.step {
            Step::Form(_) => "executing",
            Step::Done(..) => "completed",
            Step::Cancelled => "canceled",
        };
        wire.raw("<command xmlns='http://jabber.org/protocol/commands'");
        wire.attribute("node", self.command.node());
        wire.attribute("sessionid", &self.session);
        wire.attribute("status", status);
        wire.raw(">");
        match &self.step {
            Step::Form(form) => {
                wire.raw("<actions execute='complete'><complete/></actions>");
                wire.payload(form)?;
            }
            Step::Done(form, note) => {
                if let Some(note) = note {
                    wire.raw("<note type='info'>");
                    wire.text(note);
                    wire.raw("</note>");
                }
                if let Some(form) = form {
                    wire.payload(form)?;
                }
            }
            Step::Cancelled => {}
        }
        wire.raw("</command>");
        Ok(())
    }
}

fn field(var: &str, type_: FieldType, label: &str, values: Vec<String>) -> Field {
    Field {
        label: Some(label.to_owned()),
        values,
        ..Field::new(var, type_)
    }
}
