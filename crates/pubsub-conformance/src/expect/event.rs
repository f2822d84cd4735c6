//! [`Event`]: a message of the service.

use couplet_core::element::{Element, Tree};

use super::{Form, trimmed};
use crate::error::{CaseError, CaseResult, check};
use crate::request::{NS_DATA, NS_EVENT, NS_SHIM};

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

    /// Returns the received XML, for the table.
    pub(crate) fn received(&self) -> String {
        trimmed(self.tree.as_str())
    }

    pub(crate) fn id(&self) -> String {
        self.root().attr("id").unwrap_or_default().into_owned()
    }

    pub(crate) fn to(&self) -> String {
        self.root().attr("to").unwrap_or_default().into_owned()
    }

    /// Checks that it is a message of this type.
    pub(crate) fn is_of(&self, kind: &str) -> CaseResult {
        let received = self.root().attr("type").unwrap_or("normal".into());
        let expected = format!("a message of type='{kind}'");
        check(received == kind, expected, self.received())
    }

    /// Returns the only child of `<event/>`, which must have this name and this node.
    pub(crate) fn about(&self, name: &str, node: &str) -> CaseResult<Element<'_>> {
        let event = self.root().child("event", NS_EVENT);
        let child = event.and_then(|event| event.child(name, NS_EVENT));
        let child = child.filter(|child| child.attr("node").as_deref() == Some(node));
        child.ok_or_else(|| {
            CaseError::unmet(format!("an event <{name} node='{node}'/>"), self.received())
        })
    }

    /// Returns whether it is an event of this name about this node.
    pub(crate) fn is_about(&self, name: &str, node: &str) -> bool {
        self.about(name, node).is_ok()
    }

    /// Returns its only item.
    pub(crate) fn item(&self, node: &str) -> CaseResult<Element<'_>> {
        let items = self.about("items", node)?;
        let mut children = items.children();
        match (children.next(), children.next()) {
            (Some(item), None) if item.is("item", NS_EVENT) => Ok(item),
            _ => Err(CaseError::unmet("an event with one item", self.received())),
        }
    }

    /// Returns its only item, which must have this id.
    pub(crate) fn has_item(&self, node: &str, id: &str) -> CaseResult<Element<'_>> {
        let item = self.item(node)?;
        let met = item.attr("id").as_deref() == Some(id);
        check(met, format!("an event with item {id:?}"), self.received())?;
        Ok(item)
    }

    /// Checks that it retracts this item and nothing else.
    pub(crate) fn retracts(&self, node: &str, id: &str) -> CaseResult {
        let items = self.about("items", node)?;
        let mut children = items.children();
        let met = children.next().is_some_and(|child| {
            child.is("retract", NS_EVENT) && child.attr("id").as_deref() == Some(id)
        });
        let expected = format!("an event with <retract id='{id}'/>");
        check(met && children.next().is_none(), expected, self.received())
    }

    /// Checks that it announces this state of a subscription to the node.
    pub(crate) fn has_state(&self, node: &str, state: &str) -> CaseResult<Element<'_>> {
        let subscription = self.about("subscription", node)?;
        let met = subscription.attr("subscription").as_deref() == Some(state);
        check(
            met,
            format!("an event subscription='{state}'"),
            self.received(),
        )?;
        Ok(subscription)
    }

    /// Returns its form, such as a request to approve a subscription (XEP-0060, 8.6).
    pub(crate) fn form(&self) -> CaseResult<Form<'_>> {
        let x = self.root().child("x", NS_DATA);
        x.map(Form::new)
            .ok_or_else(|| CaseError::unmet("a message with a form", self.received()))
    }

    /// Returns the SubIDs in its headers (XEP-0060, 7.1.2.4).
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
