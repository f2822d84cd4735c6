//! The response to an ad-hoc command, as a client shows it. (XEP-0050)

use std::fmt;

use couplet_core::element::Element;

use super::Heard;
use crate::verdict::fail;

const NS_COMMANDS: &str = "http://jabber.org/protocol/commands";
const NS_FORMS: &str = "jabber:x:data";

/// The response to a request for a command; [`TestUser::run`](super::TestUser::run) returns it.
pub struct CommandReply(Heard);

impl CommandReply {
    pub(super) fn new(heard: Heard) -> CommandReply {
        CommandReply(heard)
    }

    /// Returns the whole response.
    #[must_use]
    pub fn heard(&self) -> &Heard {
        &self.0
    }

    /// Returns the status: `executing`, `completed` or `canceled`.
    #[must_use]
    pub fn status(&self) -> String {
        self.attribute("status")
    }

    /// Returns the id of the session.
    #[must_use]
    pub fn session(&self) -> String {
        self.attribute("sessionid")
    }

    /// Returns the name of the command.
    #[must_use]
    pub fn node(&self) -> String {
        self.attribute("node")
    }

    /// Returns the text of the note, or an empty one.
    #[must_use]
    pub fn note(&self) -> String {
        let note = self.command().child("note", NS_COMMANDS);
        note.map(|note| note.text().into_owned())
            .unwrap_or_default()
    }

    /// Returns a field of the form.
    ///
    /// # Panics
    ///
    /// There is no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> CommandField<'_> {
        let form = self.command().child("x", NS_FORMS);
        let mut fields = form.into_iter().flat_map(Element::children);
        let is_it = |field: &Element<'_>| {
            field.name() == "field" && field.attr("var").as_deref() == Some(name)
        };
        match fields.find(is_it) {
            Some(field) => CommandField(field),
            None => fail(&format!("no field {name} in {}", self.0)),
        }
    }

    fn attribute(&self, name: &str) -> String {
        let value = self.command().attr(name);
        value.map(|value| value.into_owned()).unwrap_or_default()
    }

    fn command(&self) -> Element<'_> {
        match self.0.root().child("command", NS_COMMANDS) {
            Some(command) => command,
            None => fail(&format!("not the response to a command: {}", self.0)),
        }
    }
}

impl fmt::Debug for CommandReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A field of a form; [`CommandReply::field`] returns it.
#[derive(Clone, Copy, Debug)]
pub struct CommandField<'a>(Element<'a>);

impl CommandField<'_> {
    /// Returns the label.
    #[must_use]
    pub fn label(&self) -> String {
        self.attribute("label")
    }

    /// Returns the type, such as `text-single`.
    #[must_use]
    pub fn type_(&self) -> String {
        self.attribute("type")
    }

    /// Returns the first value, or an empty one.
    #[must_use]
    pub fn value(&self) -> String {
        let value = self.0.child("value", NS_FORMS);
        value
            .map(|value| value.text().into_owned())
            .unwrap_or_default()
    }

    fn attribute(&self, name: &str) -> String {
        let value = self.0.attr(name);
        value.map(|value| value.into_owned()).unwrap_or_default()
    }
}
