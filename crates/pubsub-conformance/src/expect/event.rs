//! [`Event`]: a message of the service.

use couplet_core::element::{Element, Tree};

use super::{Form, trimmed};
use crate::ask::{NS_DATA, NS_EVENT, NS_SHIM};
use crate::fault::{Checked, Fault, holds};

/// A message of the service.
pub(crate) struct Event {
    tree: Tree,
}

impl Event {
    pub(crate) fn new(tree: Tree) -> Event {
        Event { tree }
    }

    pub(crate) fn root(&self) -> Element<'_> {
        self.tree.root()
    }

    /// What came, for the table.
    pub(crate) fn came(&self) -> String {
        trimmed(self.tree.as_str())
    }

    pub(crate) fn id(&self) -> String {
        self.root().attr("id").unwrap_or_default().into_owned()
    }

    pub(crate) fn to(&self) -> String {
        self.root().attr("to").unwrap_or_default().into_owned()
    }

    /// It is a message of this type.
    pub(crate) fn is_of(&self, kind: &str) -> Checked {
        let came = self.root().attr("type").unwrap_or("normal".into());
        let expected = format!("a message of type='{kind}'");
        holds(came == kind, expected, self.came())
    }

    /// The one child of its `<event/>`, which has this name and this node.
    pub(crate) fn about(&self, name: &str, node: &str) -> Checked<Element<'_>> {
        let event = self.root().child("event", NS_EVENT);
        let child = event.and_then(|event| event.child(name, NS_EVENT));
        let child = child.filter(|child| child.attr("node").as_deref() == Some(node));
        child.ok_or_else(|| Fault::unmet(format!("an event <{name} node='{node}'/>"), self.came()))
    }

    /// Whether it is an event of this name about this node.
    pub(crate) fn is_about(&self, name: &str, node: &str) -> bool {
        self.about(name, node).is_ok()
    }

    /// The one item that it is about.
    pub(crate) fn item(&self, node: &str) -> Checked<Element<'_>> {
        let items = self.about("items", node)?;
        let mut children = items.children();
        match (children.next(), children.next()) {
            (Some(item), None) if item.is("item", NS_EVENT) => Ok(item),
            _ => Err(Fault::unmet("an event with one item", self.came())),
        }
    }

    /// The one item that it is about, which has this id.
    pub(crate) fn brings(&self, node: &str, id: &str) -> Checked<Element<'_>> {
        let item = self.item(node)?;
        let met = item.attr("id").as_deref() == Some(id);
        holds(met, format!("an event with item {id:?}"), self.came())?;
        Ok(item)
    }

    /// It retracts this item and nothing else.
    pub(crate) fn retracts(&self, node: &str, id: &str) -> Checked {
        let items = self.about("items", node)?;
        let mut children = items.children();
        let met = children.next().is_some_and(|child| {
            child.is("retract", NS_EVENT) && child.attr("id").as_deref() == Some(id)
        });
        let expected = format!("an event with <retract id='{id}'/>");
        holds(met && children.next().is_none(), expected, self.came())
    }

    /// It tells this state of a subscription to the node.
    pub(crate) fn tells(&self, node: &str, state: &str) -> Checked<Element<'_>> {
        let subscription = self.about("subscription", node)?;
        let met = subscription.attr("subscription").as_deref() == Some(state);
        holds(met, format!("an event subscription='{state}'"), self.came())?;
        Ok(subscription)
    }

    /// The form that it is, as a request to approve a subscription is (XEP-0060, 8.6).
    pub(crate) fn form(&self) -> Checked<Form<'_>> {
        let x = self.root().child("x", NS_DATA);
        x.map(Form::new)
            .ok_or_else(|| Fault::unmet("a message with a form", self.came()))
    }

    /// The subscription ids in its headers (XEP-0060, 7.1.2.4).
    pub(crate) fn subids(&self) -> Vec<String> {
        let headers = self.root().child("headers", NS_SHIM);
        headers
            .into_iter()
            .flat_map(Element::children)
            .filter(|header| header.attr("name").as_deref() == Some("SubID"))
            .map(|header| header.text().into_owned())
            .collect()
    }
}
