//! A received stanza, with accessors for comparisons in tests.

use std::borrow::Cow;
use std::fmt;

use couplet_core::element::{Element, NS_CLIENT, NS_XML, Tree};
use couplet_core::stanza_error::NS_STANZAS;

/// A stanza that a user has received.
///
/// Absent values are empty strings, so that a test compares without unwrapping. It prints as its
/// XML.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use couplet::Component;
///
/// let server = couplet_test::Server::start(Component::new).await;
/// let mut alice = server.user("alice@example.org/phone");
/// let answer = alice.ask("get", "echo.test", "<nothing xmlns='urn:example:nothing'/>").await;
/// assert_eq!((answer.type_(), answer.condition()), ("error", "service-unavailable"));
/// # }
/// ```
#[derive(Clone)]
pub struct Heard {
    tree: Tree,
    from: String,
    to: String,
    id: String,
    type_: String,
    text: String,
    condition: String,
}

impl Heard {
    pub(crate) fn new(tree: Tree) -> Heard {
        let root = tree.root();
        let attr = |name| root.attr(name).map(Cow::into_owned).unwrap_or_default();
        let body = root.child("body", NS_CLIENT);
        let conditions = root
            .child("error", NS_CLIENT)
            .into_iter()
            .flat_map(Element::children);
        let condition = conditions
            .into_iter()
            .find(|child| child.ns() == NS_STANZAS && child.name() != "text");
        Heard {
            from: attr("from"),
            to: attr("to"),
            id: attr("id"),
            type_: attr("type"),
            text: body
                .map(|body| body.text().into_owned())
                .unwrap_or_default(),
            condition: condition
                .map(|found| found.name().to_owned())
                .unwrap_or_default(),
            tree,
        }
    }

    /// Returns `message`, `presence` or `iq`.
    pub fn name(&self) -> &str {
        self.tree.root().name()
    }

    /// Returns the sender.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Returns the recipient.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the type as written.
    pub fn type_(&self) -> &str {
        &self.type_
    }

    /// Returns the text of the body.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the condition of an error, such as `service-unavailable`. (RFC 6120, 8.3.3)
    pub fn condition(&self) -> &str {
        &self.condition
    }

    /// Returns the type of an error, such as `cancel`. (RFC 6120, 8.3.2)
    pub fn error_type(&self) -> String {
        let error = self.tree.root().child("error", NS_CLIENT);
        error
            .and_then(|error| error.attr("type"))
            .unwrap_or_default()
            .into_owned()
    }

    /// Returns the text of an error. (RFC 6120, 8.3.2)
    pub fn error_text(&self) -> String {
        let error = self.tree.root().child("error", NS_CLIENT);
        let text = error.and_then(|error| error.child("text", NS_STANZAS));
        text.map(|text| text.text().into_owned())
            .unwrap_or_default()
    }

    /// Returns the language. (RFC 6120, 8.1.5)
    pub fn lang(&self) -> String {
        self.tree
            .root()
            .attr_ns(NS_XML, "lang")
            .unwrap_or_default()
            .into_owned()
    }

    /// Returns the text of the child with this name, such as `thread`.
    pub fn text_of(&self, child: &str) -> String {
        let child = self.tree.root().child(child, NS_CLIENT);
        child
            .map(|child| child.text().into_owned())
            .unwrap_or_default()
    }

    /// Returns the whole stanza.
    pub fn root(&self) -> Element<'_> {
        self.tree.root()
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tree.as_str())
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tree.as_str())
    }
}
