//! A request to execute a command.

use couplet::{Condition, StanzaError};
use couplet_core::element::Element;
use xmpp_parsers::iq::IqSetPayload;
use xso::{AsXml, FromXml};

use super::errors::malformed_action;
use crate::{forms, values::Values};

/// Any `<command/>`: the type of the route. Its content is read from the stanza.
#[derive(Debug, FromXml, AsXml)]
#[xml(
    namespace = "http://jabber.org/protocol/commands",
    name = "command",
    on_unknown_attribute = Discard,
    on_unknown_child = Discard
)]
pub(crate) struct CommandPayload;

impl IqSetPayload for CommandPayload {}

/// A request to execute a command, or to continue.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The name of the command.
    pub(crate) node: String,
    /// The id of its session.
    pub(crate) session: Option<String>,
    /// The language of the request, where it has one of its own.
    pub(crate) lang: Option<String>,
    pub(super) form: Option<Values>,
    action: Option<String>,
}

/// The action of a request. (XEP-0050, 3.4)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Execute,
    Next,
    Complete,
    Prev,
    Cancel,
}

impl Request {
    /// Reads a `<command/>`.
    ///
    /// # Errors
    ///
    /// It has no node.
    pub(crate) fn read(payload: Element<'_>) -> Result<Request, StanzaError> {
        let filled = |name| payload.attr(name).filter(|value| !value.is_empty());
        let lang = payload.attr_ns(couplet_core::xml_writer::NS_XML, "lang");
        Ok(Request {
            node: filled("node").ok_or(Condition::BadRequest)?.into_owned(),
            session: filled("sessionid").map(String::from),
            lang: lang.filter(|lang| !lang.is_empty()).map(String::from),
            action: filled("action").map(String::from),
            form: forms::submitted(payload),
        })
    }

    /// Returns whether it begins a session when there is none with its id: a requester may propose an id,
    /// which is ignored. (XEP-0050, 3.3)
    pub(crate) fn may_begin(&self) -> bool {
        let executes = matches!(self.action.as_deref(), None | Some("execute"));
        executes && (self.session.is_none() || self.form.is_none())
    }

    pub(super) fn action(&self) -> Result<Action, StanzaError> {
        Ok(match self.action.as_deref() {
            None | Some("execute") => Action::Execute,
            Some("next") => Action::Next,
            Some("complete") => Action::Complete,
            Some("prev") => Action::Prev,
            Some("cancel") => Action::Cancel,
            Some(_) => return Err(malformed_action()),
        })
    }
}
