//! [`Form`]: a data form and its fields. (XEP-0004)

use couplet_core::element::Element;

use super::trimmed;
use crate::ask::NS_DATA;
use crate::fault::{Checked, Fault, holds};

/// A data form.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    x: Element<'a>,
}

impl<'a> Form<'a> {
    pub(crate) fn new(x: Element<'a>) -> Form<'a> {
        Form { x }
    }

    /// It is of one of these types: `form`, `submit`, `result`, `cancel`.
    pub(crate) fn is_of(&self, kinds: &[&str]) -> Checked {
        let kind = self.x.attr("type").unwrap_or_default();
        let expected = format!("a form of type {}", kinds.join(" or "));
        holds(kinds.contains(&kind.as_ref()), expected, self.came())
    }

    /// Its FORM_TYPE is this one of pubsub's.
    pub(crate) fn is_for(&self, form_type: &str) -> Checked {
        let full = format!("http://jabber.org/protocol/pubsub#{form_type}");
        let met = self.any("FORM_TYPE").as_deref() == Some(&full);
        holds(met, format!("a form with FORM_TYPE {full}"), self.came())
    }

    /// The first value of this field of pubsub's.
    pub(crate) fn value(&self, field: &str) -> Option<String> {
        self.any(&format!("pubsub#{field}"))
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.field(&format!("pubsub#{field}")).is_some()
    }

    /// All values that this field offers to choose from.
    pub(crate) fn choices(&self, field: &str) -> Vec<String> {
        let field = self.field(&format!("pubsub#{field}"));
        let options = field.into_iter().flat_map(Element::children);
        options
            .filter(|child| child.is("option", NS_DATA))
            .filter_map(|option| option.child("value", NS_DATA))
            .map(|value| value.text().into_owned())
            .collect()
    }

    /// The field has this value; a boolean in either of its spellings (XEP-0004, 3.3).
    pub(crate) fn says(&self, field: &str, value: &str) -> Checked {
        let same =
            |came: &str| came == value || truth(came).is_some() && truth(came) == truth(value);
        let met = self.value(field).is_some_and(|came| same(&came));
        holds(met, format!("pubsub#{field} = {value}"), self.came())
    }

    /// The value of this field, which has to be there.
    pub(crate) fn needs(&self, field: &str) -> Checked<String> {
        let value = self.value(field);
        value.ok_or_else(|| Fault::unmet(format!("a value of pubsub#{field}"), self.came()))
    }

    /// The fields and their first values, for the table.
    pub(crate) fn came(&self) -> String {
        let kind = self.x.attr("type").unwrap_or_default();
        let mut came = format!("form of type {kind}:");
        for field in self.x.children().filter(|child| child.is("field", NS_DATA)) {
            let value = field.child("value", NS_DATA).map(|value| value.text());
            let var = field.attr("var").unwrap_or_default();
            came.push_str(&format!(" {var}={:?}", value.unwrap_or_default()));
        }
        trimmed(&came)
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
