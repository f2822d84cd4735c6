//! [`Form`]: a data form and its fields. (XEP-0004)

use couplet_core::element::Element;

use super::trimmed;
use crate::error::{CaseError, CaseResult, check};
use crate::request::NS_DATA;

/// A data form.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    x: Element<'a>,
}

impl<'a> Form<'a> {
    pub(crate) fn new(x: Element<'a>) -> Form<'a> {
        Form { x }
    }

    /// Checks that it has one of these types: `form`, `submit`, `result`, `cancel`.
    pub(crate) fn is_of(&self, kinds: &[&str]) -> CaseResult {
        let kind = self.x.attr("type").unwrap_or_default();
        let expected = format!("a form of type {}", kinds.join(" or "));
        check(kinds.contains(&kind.as_ref()), expected, self.received())
    }

    /// Checks its FORM_TYPE, without the namespace of pubsub.
    pub(crate) fn is_for(&self, form_type: &str) -> CaseResult {
        let full = format!("http://jabber.org/protocol/pubsub#{form_type}");
        let met = self.any("FORM_TYPE").as_deref() == Some(&full);
        check(
            met,
            format!("a form with FORM_TYPE {full}"),
            self.received(),
        )
    }

    /// Returns the first value of this pubsub field.
    pub(crate) fn value(&self, field: &str) -> Option<String> {
        self.any(&format!("pubsub#{field}"))
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.field(&format!("pubsub#{field}")).is_some()
    }

    /// Returns all choices of this field.
    pub(crate) fn choices(&self, field: &str) -> Vec<String> {
        let field = self.field(&format!("pubsub#{field}"));
        let options = field.into_iter().flat_map(Element::children);
        options
            .filter(|child| child.is("option", NS_DATA))
            .filter_map(|option| option.child("value", NS_DATA))
            .map(|value| value.text().into_owned())
            .collect()
    }

    /// Checks that the field has this value; a boolean in either form (XEP-0004, 3.3).
    pub(crate) fn has_value(&self, field: &str, value: &str) -> CaseResult {
        let same = |received: &str| {
            received == value || truth(received).is_some() && truth(received) == truth(value)
        };
        let met = self.value(field).is_some_and(|received| same(&received));
        check(met, format!("pubsub#{field} = {value}"), self.received())
    }

    /// Returns the value of this required field.
    pub(crate) fn required_value(&self, field: &str) -> CaseResult<String> {
        let value = self.value(field);
        value.ok_or_else(|| CaseError::unmet(format!("a value of pubsub#{field}"), self.received()))
    }

    /// Returns the fields and their first values, for the table.
    pub(crate) fn received(&self) -> String {
        let kind = self.x.attr("type").unwrap_or_default();
        let mut received = format!("form of type {kind}:");
        for field in self.x.children().filter(|child| child.is("field", NS_DATA)) {
            let value = field.child("value", NS_DATA).map(|value| value.text());
            let var = field.attr("var").unwrap_or_default();
            received.push_str(&format!(" {var}={:?}", value.unwrap_or_default()));
        }
        trimmed(&received)
    }

    fn any(&self, var: &str) -> Option<String> {
        let value = self.field(var)?.child("value", NS_DATA)?;
        Some(value.text().into_owned())
    }

    fn field(&self, var: &str) -> Option<Element<'a>> {
        self.x
            .children()
            .find(|child| child.is("field", NS_DATA) && child.attr("var").as_deref() == Some(var))
    }
}

fn truth(value: &str) -> Option<bool> {
    match value {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}
