//! B25, B28, B40 and the round trip of forms.

use std::time::Duration;

use couplet_core::{
    element::{Scope, Tree},
    xml_writer::XmlWriter,
};
use proptest::prelude::*;
use xmpp_parsers::data_forms::{DataForm, DataFormType, Field, FieldType};

use super::{page, submitted, take, write_table};
use crate::{Choice, Form, Table, translations::Texts, value_error::Problem, values::Values};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Level {
    Info,
    /// All fires
    Fire,
}

/// Everything
///
/// All kinds of fields.
#[derive(Form, Clone, Debug, PartialEq)]
struct Everything {
    /// In how long
    after: Duration,
    #[field(min = 1, max = 10)]
    dice: u8,
    level: Level,
    levels: Vec<Level>,
    sure: bool,
    #[field(lines, default = "nothing")]
    text: String,
    #[field(hidden)]
    number: i64,
    #[field(page, pattern = "[a-z]*")]
    word: Option<String>,
    people: Vec<couplet::Jid>,
    ratio: f64,
    #[field(secret)]
    password: Option<String>,
}

fn everything() -> Everything {
    Everything {
        after: Duration::from_secs(600),
        dice: 3,
        level: Level::Fire,
        levels: vec![Level::Info],
        sure: true,
        text: "two\nlines".to_owned(),
        number: -4,
        word: None,
        people: vec!["alice@example.org".parse().unwrap()],
        ratio: 0.5,
        password: None,
    }
}

/// Returns a page as a client submits it when its user changes nothing.
fn submit(form: &DataForm) -> Values {
    let mut form = form.clone();
    form.type_ = DataFormType::Submit;
    let mut out = Vec::new();
    let mut xml = XmlWriter::new(&mut out);
    xml.raw("<command>");
    xml.payload(&form).unwrap();
    xml.raw("</command>");
    let tree = Tree::parse(out, &Scope::component()).unwrap();
    submitted(tree.root()).unwrap()
}

fn field<'a>(form: &'a DataForm, name: &str) -> &'a Field {
    let mut fields = form.fields.iter();
    fields
        .find(|field| field.var.as_deref() == Some(name))
        .unwrap()
}

#[test]
fn each_kind_of_field_has_its_type() {
    let form = page(Everything::FORM, 0, &Values::new(), Texts::ORIGINAL);
    assert_eq!(form.title.as_deref(), Some("Everything"));
    assert_eq!(form.instructions.as_deref(), Some("All kinds of fields."));
    let second = page(Everything::FORM, 1, &Values::new(), Texts::ORIGINAL);
    let types = |form: &DataForm| -> Vec<(String, FieldType)> {
        let fields = form.fields.iter();
        fields
            .map(|field| (field.var.clone().unwrap(), field.type_.clone()))
            .collect()
    };
    let expected = [
        ("after", FieldType::TextSingle),
        ("dice", FieldType::TextSingle),
        ("level", FieldType::ListSingle),
        ("levels", FieldType::ListMulti),
        ("sure", FieldType::Boolean),
        ("text", FieldType::TextMulti),
    ];
    assert_eq!(
        types(&form),
        expected.map(|(name, kind)| (name.to_owned(), kind))
    );
    let expected = [
        ("word", FieldType::TextSingle),
        ("people", FieldType::JidMulti),
        ("ratio", FieldType::TextSingle),
        ("password", FieldType::TextPrivate),
    ];
    assert_eq!(
        types(&second),
        expected.map(|(name, kind)| (name.to_owned(), kind))
    );
}

#[test]
fn a_field_says_what_it_takes() {
    let form = page(Everything::FORM, 0, &Values::new(), Texts::ORIGINAL);
    let after = field(&form, "after");
    assert!(after.required && after.validate.is_none());
    assert_eq!(after.label.as_deref(), Some("In how long"));
    assert_eq!(after.desc.as_deref(), Some("For example 10m or 2h30m"));
    let level = field(&form, "level");
    let options = level
        .options
        .iter()
        .map(|one| (one.value.as_str(), one.label.as_deref()));
    assert_eq!(
        options.collect::<Vec<_>>(),
        [("info", Some("Info")), ("fire", Some("All fires"))]
    );
    assert!(!field(&form, "sure").required && !field(&form, "levels").required);
    assert_eq!(field(&form, "text").values, ["nothing"]);
    let dice: minidom::Element = field(&form, "dice").clone().into();
    let xml = String::from(&dice);
    assert!(
        xml.contains("datatype='xs:integer'") || xml.contains("datatype=\"xs:integer\""),
        "{xml}"
    );
    assert!(xml.contains("<range"), "{xml}");
}

#[test]
fn what_is_absent_or_unknown_in_a_submission_does_not_matter() {
    let tree = |xml: &str| Tree::parse(xml, &Scope::component()).unwrap();
    let given = tree(
        "<command><x xmlns='jabber:x:data' type='submit'><field var='odd'><value>1</value></field>\
         <field><value>2</value></field><field var='ratio' odd='1'><value>2</value><odd/></field>\
         <field var='number'><value>7</value></field></x></command>",
    );
    let given = submitted(given.root()).unwrap();
    let mut values = everything().to_values();
    assert_eq!(take(Everything::FORM, 1, &given, &mut values), Ok(()));
    let read = Everything::from_values(&values).unwrap();
    assert_eq!(
        (read.ratio, read.number, read.people),
        (2.0, -4, Vec::new())
    );
    for none in [
        "",
        "<x xmlns='jabber:x:data' type='cancel'/>",
        "<x xmlns='jabber:x:data' type='form'/>",
    ] {
        let given = tree(&format!("<command>{none}</command>"));
        assert!(submitted(given.root()).is_none());
    }
}

#[test]
fn the_first_value_that_does_not_fit_is_reported_and_the_others_are_kept() {
    let given = submit(&page(
        Everything::FORM,
        0,
        &everything().to_values(),
        Texts::ORIGINAL,
    ));
    let given = given.with("after", ["soon"]).with("dice", ["11"]);
    let mut values = Values::new();
    let error = take(Everything::FORM, 0, &given, &mut values).unwrap_err();
    assert_eq!(error.field(), "after");
    assert_eq!(values.get("text"), ["two", "lines"]);
    let given = given.with("after", ["1h"]);
    let error = take(Everything::FORM, 0, &given, &mut values).unwrap_err();
    assert_eq!(error.problem(), &Problem::TooLarge("10".to_owned()));
}

#[test]
fn a_table_has_its_columns_and_items() {
    let mut out = Vec::new();
    let table = Table::of(["What", "Left"], [("<tea>", 2_u8)]);
    write_table(&mut XmlWriter::new(&mut out), &table);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "<x xmlns='jabber:x:data' type='result'><reported>\
         <field type='text-single' var='column-1' label='What'/>\
         <field type='text-single' var='column-2' label='Left'/></reported>\
         <item><field var='column-1'><value>&lt;tea&gt;</value></field>\
         <field var='column-2'><value>2</value></field></item></x>"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_form_that_is_submitted_unchanged_has_the_same_values(
        seconds in 0_u64..100_000_000,
        dice in 1_u8..=10,
        sure: bool,
        fire: bool,
        text in "[a-z<&'\"]\\PC{0,20}(\n\n?\\PC{0,10}[a-z])?",
        word in proptest::option::of("[a-z]{1,9}"),
        number: i64,
        ratio in -1e9_f64..1e9,
    ) {
        let filled = Everything {
            after: Duration::from_secs(seconds),
            dice,
            level: if fire { Level::Fire } else { Level::Info },
            sure,
            text,
            word,
            number,
            ratio,
            ..everything()
        };
        let mut values = filled.to_values();
        for number in 0..Everything::FORM.page_count() {
            let given = submit(&page(Everything::FORM, number, &values, Texts::ORIGINAL));
            prop_assert_eq!(take(Everything::FORM, number, &given, &mut values), Ok(()));
        }
        prop_assert_eq!(Everything::from_values(&values), Ok(filled));
    }
}
