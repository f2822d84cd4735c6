//! Parses and writes data forms of any FORM_TYPE. (XEP-0004)
//!
//! Parsing is lenient: the place of a form identifies it, so FORM_TYPE is not checked.

use std::borrow::Cow;

use couplet_core::{element::Element, xml_writer::XmlWriter};

use crate::{
    pubsub_error::PubsubError,
    request::{Field, SubmittedForm},
};

/// The namespace of data forms.
pub(in crate::codec) const NS_DATA: &str = "jabber:x:data";
/// The field that identifies a form. (XEP-0068)
pub(crate) const FORM_TYPE: &str = "FORM_TYPE";

/// Returns the form in an element, without its FORM_TYPE.
///
/// # Errors
///
/// `bad-request` for a form that is neither submitted nor cancelled.
pub(in crate::codec) fn submitted(
    parent: Element<'_>,
) -> Result<Option<SubmittedForm>, PubsubError> {
    let Some(form) = parent.child("x", NS_DATA) else {
        return Ok(None);
    };
    match form.attr("type").as_deref() {
        Some("cancel") => Ok(Some(SubmittedForm::Cancel)),
        Some("submit" | "") | None => {
            let mut fields = fields(form);
            fields.retain(|field| field.var != FORM_TYPE);
            Ok(Some(SubmittedForm::Submit(fields)))
        }
        Some(_) => Err(PubsubError::bad_request("A form is submitted or cancelled")),
    }
}

/// Returns all fields that have a name.
pub(in crate::codec) fn fields(form: Element<'_>) -> Vec<Field> {
    let all = form.children().filter(|child| child.is("field", NS_DATA));
    all.filter_map(|field| {
        let values = field.children().filter(|child| child.is("value", NS_DATA));
        Some(Field {
            var: field.attr("var")?.into_owned(),
            values: values.map(|value| value.text().into_owned()).collect(),
        })
    })
    .collect()
}

/// Parses a boolean. (XEP-0004, 3.3)
pub(in crate::codec) fn flag(word: &str) -> Option<bool> {
    match word.trim() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// Writes a boolean.
pub(in crate::codec) fn flag_word(flag: bool) -> &'static str {
    if flag { "1" } else { "0" }
}

/// The style in which a form is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::codec) enum Style {
    /// To be filled in, with types, labels and choices.
    Form,
    /// Current values only.
    Result,
}

/// A field to write.
pub(in crate::codec) struct FormField<'a> {
    pub(in crate::codec) var: &'a str,
    pub(in crate::codec) kind: &'static str,
    pub(in crate::codec) label: &'a str,
    pub(in crate::codec) choices: &'a [(&'static str, &'static str)],
    pub(in crate::codec) values: &'a [Cow<'a, str>],
}

impl FormField<'_> {
    pub(in crate::codec) fn write(&self, style: Style, xml: &mut XmlWriter<'_>) {
        xml.raw("<field");
        xml.attribute("var", self.var);
        if style == Style::Form {
            xml.attribute("type", self.kind);
            if !self.label.is_empty() {
                xml.attribute("label", self.label);
            }
        }
        xml.raw(">");
        if style == Style::Form {
            for (word, label) in self.choices {
                xml.raw("<option");
                xml.attribute("label", label);
                xml.raw(">");
                xml.element("value", word);
                xml.raw("</option>");
            }
            self.write_other_choice(xml);
        }
        for value in self.values {
            xml.element("value", value);
        }
        xml.raw("</field>");
    }

    /// Writes the current value as a choice, for lists whose choices are only proposals.
    fn write_other_choice(&self, xml: &mut XmlWriter<'_>) {
        let is_list = self.kind == "list-single";
        for value in self.values.iter().filter(|_| is_list) {
            if self.choices.iter().all(|(word, _)| word != value) {
                xml.raw("<option>");
                xml.element("value", value);
                xml.raw("</option>");
            }
        }
    }
}

/// Writes a form: FORM_TYPE, then `content`. (XEP-0068, 3.1)
pub(in crate::codec) fn write(
    style: Style,
    form_type: &str,
    xml: &mut XmlWriter<'_>,
    content: impl FnOnce(&mut XmlWriter<'_>),
) {
    write_titled(style, None, form_type, xml, content);
}

/// Writes a form with title and instructions before its fields. (XEP-0004, 3.1)
pub(in crate::codec) fn write_titled(
    style: Style,
    title: Option<(&str, &str)>,
    form_type: &str,
    xml: &mut XmlWriter<'_>,
    content: impl FnOnce(&mut XmlWriter<'_>),
) {
    xml.raw("<x xmlns='");
    xml.raw(NS_DATA);
    xml.raw(match style {
        Style::Form => "' type='form'>",
        Style::Result => "' type='result'>",
    });
    if let Some((title, instructions)) = title {
        xml.element("title", title);
        xml.element("instructions", instructions);
    }
    xml.raw("<field var='FORM_TYPE' type='hidden'>");
    xml.element("value", form_type);
    xml.raw("</field>");
    content(xml);
    xml.raw("</x>");
}

#[cfg(test)]
mod tests {
    use couplet_core::element::{Scope, Tree};

    use super::*;

    fn read(form: &str) -> Result<Option<SubmittedForm>, PubsubError> {
        let text = format!("<a>{form}</a>");
        submitted(Tree::parse(text, &Scope::client()).unwrap().root())
    }

    #[test]
    fn a_form_without_a_type_is_submitted() {
        let fields = "<field var='a'><value>1</value><value>&lt;</value></field><field var='b'/><field/><field var='FORM_TYPE'><value>whatever</value></field>";
        let expected = vec![
            Field {
                var: "a".into(),
                values: vec!["1".into(), "<".into()],
            },
            Field {
                var: "b".into(),
                values: vec![],
            },
        ];
        for type_ in ["", " type=''", " type='submit'"] {
            let form = format!("<x xmlns='jabber:x:data'{type_}>{fields}</x>");
            assert_eq!(
                read(&form),
                Ok(Some(SubmittedForm::Submit(expected.clone())))
            );
        }
    }

    #[test]
    fn a_form_that_is_not_on_its_way_back_is_refused() {
        for type_ in ["form", "result", "bogus"] {
            assert!(read(&format!("<x xmlns='jabber:x:data' type='{type_}'/>")).is_err());
        }
    }

    #[test]
    fn no_form_is_none_and_a_cancelled_one_has_no_fields() {
        assert_eq!(read("<x xmlns='urn:other'/>"), Ok(None));
        assert_eq!(
            read("<x xmlns='jabber:x:data' type='cancel'><field var='a'/></x>"),
            Ok(Some(SubmittedForm::Cancel))
        );
    }
}
