//! Builds and parses forms of commands. (XEP-0004)

use couplet::Condition;
use couplet_core::{element::Element, xml_writer::XmlWriter};
use xmpp_parsers::data_forms::{DataForm, DataFormType, Field, FieldType, Option_};

use crate::{
    codec::{form as codec, truncate::count_fitting},
    pubsub_error::PubsubError,
    request,
};

/// A submitted form.
pub(super) struct Submitted(Vec<request::Field>);

impl Submitted {
    /// Returns `None` if there is no form, or one that is not submitted.
    pub(super) fn of(command: Element<'_>) -> Option<Submitted> {
        codec::submitted_fields(command).map(Submitted)
    }

    /// Returns whether the form has this FORM_TYPE. (XEP-0068)
    pub(super) fn is(&self, form_type: &str) -> bool {
        self.value(codec::FORM_TYPE) == Some(form_type)
    }

    /// Returns the value of a field, unless it is empty.
    pub(super) fn value(&self, var: &str) -> Option<&str> {
        self.values(var).first().map(String::as_str)
    }

    /// Returns the value of a required field.
    ///
    /// # Errors
    ///
    /// `bad-request` with this text. (XEP-0050, 4.4: bad-payload)
    pub(super) fn need(&self, var: &str, text: &str) -> Result<&str, PubsubError> {
        self.value(var)
            .ok_or_else(|| PubsubError::new(Condition::BadRequest).text(text))
    }

    /// Returns all values of a field; none if the first is empty.
    pub(super) fn values(&self, var: &str) -> &[String] {
        let field = self.0.iter().find(|field| field.var == var);
        match field.map(|field| field.values.as_slice()) {
            Some([first, ..]) if first.trim().is_empty() => &[],
            Some(values) => values,
            None => &[],
        }
    }

    /// Returns all fields except this one and FORM_TYPE.
    pub(super) fn without(&self, var: &str) -> Vec<request::Field> {
        let others = self.0.iter();
        others
            .filter(|field| field.var != var && field.var != codec::FORM_TYPE)
            .cloned()
            .collect()
    }

    /// Fills the submitted values into the form. A list accepts only its choices.
    pub(super) fn fill(&self, blank: &mut DataForm) {
        for field in &mut blank.fields {
            let sent = self
                .0
                .iter()
                .find(|sent| field.var.as_ref() == Some(&sent.var));
            let Some(sent) = sent.filter(|_| field.type_ != FieldType::Hidden) else {
                continue;
            };
            let is_list = matches!(field.type_, FieldType::ListSingle | FieldType::ListMulti);
            let offered = |value: &&String| {
                !is_list || field.options.iter().any(|option| option.value == **value)
            };
            field.values = sent.values.iter().filter(offered).cloned().collect();
        }
    }
}

/// Returns a form to fill in.
pub(super) fn form(
    form_type: &str,
    title: &str,
    instructions: &str,
    fields: Vec<Field>,
) -> DataForm {
    DataForm {
        title: Some(title.to_owned()),
        instructions: Some(instructions.to_owned()),
        ..DataForm::new(DataFormType::Form, form_type, fields)
    }
}

/// Removes the last options until the form fits one answer: peers choose the length of names.
pub(super) fn shorten(form: &mut DataForm, limit: usize) {
    let mut left = limit;
    for field in &mut form.fields {
        let write = |option: &Option_, xml: &mut XmlWriter<'_>| {
            xml.attribute("label", option.label.as_deref().unwrap_or_default());
            xml.element("option", "");
            xml.element("value", &option.value);
        };
        let size = |options: &[Option_]| {
            let mut out = Vec::new();
            options
                .iter()
                .for_each(|one| write(one, &mut XmlWriter::new(&mut out)));
            out.len()
        };
        field
            .options
            .truncate(count_fitting(field.options.iter(), left, write));
        left = left.saturating_sub(size(&field.options));
    }
}

/// Returns a result form.
pub(super) fn result(form_type: &str, title: &str, fields: Vec<Field>) -> DataForm {
    DataForm {
        title: Some(title.to_owned()),
        ..DataForm::new(DataFormType::Result_, form_type, fields)
    }
}

pub(super) fn field(var: &str, type_: FieldType, label: &str, values: Vec<String>) -> Field {
    Field {
        label: Some(label.to_owned()),
        values,
        ..Field::new(var, type_)
    }
}

/// Returns a required field.
pub(super) fn required(var: &str, type_: FieldType, label: &str) -> Field {
    Field {
        required: true,
        ..field(var, type_, label, Vec::new())
    }
}

/// Returns a hidden field, which the client sends back unchanged.
pub(super) fn hidden(var: &str, value: &str) -> Field {
    Field::new(var, FieldType::Hidden).with_value(value)
}

pub(super) fn option(label: String, value: String) -> Option_ {
    Option_ {
        label: Some(label),
        value,
    }
}
