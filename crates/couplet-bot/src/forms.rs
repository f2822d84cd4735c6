//! Data forms: one to fill in, one that was filled in, and tables. (XEP-0004, XEP-0122)

use couplet_core::{element::Element, xml_writer::XmlWriter};
use xmpp_parsers::{
    data_forms::{DataForm, DataFormType, Field, FieldType, Option_},
    data_forms_validate::{Datatype, Method, Validate},
};

use crate::{
    spec::{FieldSpec, FormSpec},
    table::Table,
    texts,
    translations::Texts,
    value_error::{Kind, ValueError},
    values::Values,
};

const NS: &str = "jabber:x:data";

/// Returns a page of a form with its current values.
pub(crate) fn page(form: &FormSpec, page: usize, values: &Values, texts: Texts<'_>) -> DataForm {
    let instructions = texts.description(form).into_owned();
    let fields = form.page(page);
    DataForm {
        type_: DataFormType::Form,
        title: Some(texts.title(form).into_owned()),
        instructions: (!instructions.is_empty()).then_some(instructions),
        fields: fields
            .map(|field| write_field(form, field, values, texts))
            .collect(),
    }
}

/// Returns the values of a form that was submitted; `None` if there is none.
pub(crate) fn submitted(parent: Element<'_>) -> Option<Values> {
    let form = parent.child("x", NS)?;
    if !matches!(form.attr("type").as_deref(), None | Some("submit")) {
        return None;
    }
    let mut values = Values::new();
    for field in form.children().filter(|child| child.is("field", NS)) {
        if let Some(name) = field.attr("var") {
            let given = field.children().filter(|child| child.is("value", NS));
            values.set(name, given.map(|value| value.text().into_owned()).collect());
        }
    }
    Some(values)
}

/// Takes the fields of a page from a form that was submitted; a field that it lacks has its default.
///
/// # Errors
///
/// The first value that does not fit. All are taken nevertheless.
pub(crate) fn take(
    form: &FormSpec,
    page: usize,
    submitted: &Values,
    values: &mut Values,
) -> Result<(), ValueError> {
    let mut wrong = None;
    for field in form.page(page) {
        let given = submitted.get(field.name());
        if let (Err(error), None) = (field.check(given), &wrong) {
            wrong = Some(error);
        }
        match given {
            [] => values.remove(field.name()),
            given => values.set(field.name(), given.to_vec()),
        }
    }
    wrong.map_or(Ok(()), Err)
}

/// Removes the values that must not be stored.
pub(crate) fn forget_secrets(form: &FormSpec, values: &mut Values) {
    for field in form.all().iter().filter(|field| field.is_secret()) {
        values.remove(field.name());
    }
}

/// Writes a table as a form of type `result`. (XEP-0004, 3.4)
pub(crate) fn write_table(xml: &mut XmlWriter<'_>, table: &Table) {
    let name = |column: usize| format!("column-{}", column + 1);
    xml.raw("<x xmlns='jabber:x:data' type='result'><reported>");
    for (column, label) in table.columns().iter().enumerate() {
        xml.raw("<field type='text-single'");
        xml.attribute("var", &name(column));
        xml.attribute("label", label);
        xml.raw("/>");
    }
    xml.raw("</reported>");
    for row in table.rows() {
        xml.raw("<item>");
        for (column, cell) in row.iter().enumerate() {
            xml.raw("<field");
            xml.attribute("var", &name(column));
            xml.raw(">");
            xml.element("value", cell);
            xml.raw("</field>");
        }
        xml.raw("</item>");
    }
    xml.raw("</x>");
}

fn write_field(form: &FormSpec, field: &FieldSpec, values: &Values, texts: Texts<'_>) -> Field {
    let type_ = field_type(field);
    let has_options = matches!(type_, FieldType::ListSingle | FieldType::ListMulti);
    let options = match has_options {
        true => texts.options(form, field),
        false => Vec::new(),
    };
    let option = |value: &str, label: &str| Option_ {
        label: Some(label.to_owned()),
        value: value.to_owned(),
    };
    Field {
        label: Some(texts.label(form, field).into_owned()),
        required: field.is_required() && type_ != FieldType::Boolean,
        desc: description(form, field, texts),
        values: current(field, &type_, values),
        options: options
            .iter()
            .map(|one| option(one.value(), one.label()))
            .collect(),
        validate: validation(field).filter(|_| type_ == FieldType::TextSingle),
        ..Field::new(field.name(), type_)
    }
}

fn field_type(field: &FieldSpec) -> FieldType {
    let is_list = field.arg_type().is_list();
    match field.arg_type().kind() {
        _ if field.is_secret() => FieldType::TextPrivate,
        _ if field.has_options() && is_list => FieldType::ListMulti,
        _ if field.has_options() => FieldType::ListSingle,
        Kind::Boolean if !is_list => FieldType::Boolean,
        Kind::Address if is_list => FieldType::JidMulti,
        Kind::Address => FieldType::JidSingle,
        _ if is_list || field.has_lines() => FieldType::TextMulti,
        _ => FieldType::TextSingle,
    }
}

/// Returns the explanation; for a duration or a time how it is written, since clients do not say.
fn description(form: &FormSpec, field: &FieldSpec, texts: Texts<'_>) -> Option<String> {
    let text = texts.field_description(form, field);
    if !text.is_empty() {
        return Some(text.into_owned());
    }
    let text = match field.arg_type().kind() {
        Kind::Duration => texts::DURATION_EXAMPLE,
        Kind::Time => texts::TIME_EXAMPLE,
        _ => return None,
    };
    Some(texts.get(text).into_owned())
}

/// Returns the current values, or the default. A text with several lines has one value for each.
fn current(field: &FieldSpec, type_: &FieldType, values: &Values) -> Vec<String> {
    if field.is_secret() {
        return Vec::new();
    }
    let current = match values.has(field.name()) {
        true => values.get(field.name()).to_vec(),
        false => field
            .default_text()
            .map(str::to_owned)
            .into_iter()
            .collect(),
    };
    match type_ {
        FieldType::TextMulti if field.is_free_text() => {
            let lines = current.iter().flat_map(|text| text.split('\n'));
            lines.map(str::to_owned).collect()
        }
        FieldType::Boolean => current.iter().take(1).map(|text| boolean(text)).collect(),
        _ => current,
    }
}

/// Returns a boolean as clients read it. (XEP-0004, 3.3)
fn boolean(text: &str) -> String {
    use crate::arg::Arg;
    let value = bool::from_text(&[text.to_owned()]);
    value.map_or_else(|_| text.to_owned(), |value| value.to_string())
}

fn validation(field: &FieldSpec) -> Option<Validate> {
    let datatype = match field.arg_type().kind() {
        Kind::Integer => Datatype::Integer,
        Kind::Number => Datatype::Double,
        Kind::Time => Datatype::DateTime,
        Kind::Text if field.regex().is_some() => Datatype::String,
        _ => return None,
    };
    let method = match (field.regex(), field.limits()) {
        (Some(pattern), _) => Method::Regex(pattern.to_owned()),
        (None, (None, None)) => Method::Basic,
        (None, (min, max)) => Method::Range {
            min: min.map(str::to_owned),
            max: max.map(str::to_owned),
        },
    };
    Some(Validate {
        datatype: Some(datatype),
        method: Some(method),
        list_range: None,
    })
}

#[cfg(test)]
mod tests;
