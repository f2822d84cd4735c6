//! B5, B28 and B42 to B45 of the specification, and what else may be answered.

use std::time::Duration;

use proptest::prelude::*;

use super::{Asker, EXPIRES_AFTER, Next, Prompt, Question};
use crate::{
    Choice, Commands, Form,
    catalog::{Catalog, Submission},
    spec::FormSpec,
    translations::Texts,
    values::Values,
};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Size {
    Small,
    /// A pot
    Large,
    #[choice(name = "1")]
    One,
}

#[derive(Commands, Debug, PartialEq)]
enum Command {
    Remind {
        /// In how long
        after: Duration,
        every: Option<Duration>,
        /// Of what
        what: String,
    },
}

/// Forget everything?
#[derive(Form, Debug, PartialEq)]
struct Forget {
    /// Yes, all of it
    sure: bool,
}

/// Order tea
#[derive(Form, Debug, PartialEq)]
struct Order {
    /// Which
    tea: String,
    size: Size,
    #[field(default = 1)]
    cups: u8,
    /// With
    with: Vec<Size>,
    #[field(hidden)]
    number: u32,
    note: Option<String>,
}

const FORMS: &[&FormSpec] = &[Forget::FORM, Order::FORM];

/// A conversation with its question as it is stored.
struct Conversation {
    question: Option<String>,
    now: u64,
    lang: &'static str,
}

impl Conversation {
    fn new() -> Conversation {
        Conversation {
            question: None,
            now: 1_000_000,
            lang: "",
        }
    }

    fn asker(&self) -> Asker<'static> {
        Asker {
            catalog: Catalog {
                commands: Command::COMMANDS,
                forms: FORMS,
            },
            texts: Texts::new(None, self.lang),
            now: self.now,
        }
    }

    /// Stores the question that `next` asks and returns its prompt.
    fn prompt(&mut self, next: Next) -> Prompt {
        match next {
            Next::Ask(prompt, question) => {
                self.question = Some(serde_json::to_string(&question).unwrap());
                prompt
            }
            other => panic!("{other:?}"),
        }
    }

    fn stored(&self) -> Question {
        serde_json::from_str(self.question.as_ref().unwrap()).unwrap()
    }

    fn answer(&mut self, text: &str) -> Next {
        self.asker().answer(self.stored(), text)
    }

    /// Answers and returns the text of the next question.
    fn next(&mut self, text: &str) -> String {
        let next = self.answer(text);
        self.prompt(next).text
    }

    fn forget(&mut self) -> Prompt {
        let values = Forget { sure: false }.to_values();
        let next = self.asker().ask_all(Forget::FORM, values);
        self.prompt(next)
    }

    fn order(&mut self) -> Prompt {
        let order = Order {
            tea: String::new(),
            size: Size::Large,
            cups: 2,
            with: Vec::new(),
            number: 7,
            note: None,
        };
        let next = self.asker().ask_all(Order::FORM, order.to_values());
        self.prompt(next)
    }
}

fn forgotten(next: Next) -> Option<bool> {
    match next {
        Next::Run(Submission::Form { values, .. }) => {
            Some(Forget::from_values(&values).unwrap().sure)
        }
        _ => None,
    }
}

/// B5
#[test]
fn missing_fields_of_a_command_are_asked_for_one_by_one() {
    let mut chat = Conversation::new();
    let next = chat.asker().ask_for_missing("remind", Values::new());
    assert_eq!(
        chat.prompt(next),
        Prompt {
            text: "In how long".to_owned(),
            responses: vec![]
        }
    );
    assert_eq!(
        chat.next("soon"),
        "In how long: \"soon\" is not a duration, such as 10m or 2h30m\nIn how long"
    );
    assert_eq!(chat.next("10m"), "Of what");
    match chat.answer("a cup of \"tea\", please") {
        Next::Run(Submission::Command(call)) => assert_eq!(
            Command::from_values(call.command.name(), &call.values),
            Ok(Command::Remind {
                after: Duration::from_secs(600),
                every: None,
                what: "a cup of \"tea\", please".to_owned(),
            })
        ),
        other => panic!("{other:?}"),
    }
    let given = Values::new().with("after", ["1h"]);
    let next = chat.asker().ask_for_missing("remind", given);
    assert_eq!(chat.prompt(next).text, "Of what");
}

/// B42
#[test]
fn yes_and_no_have_numbers_quick_responses_and_words() {
    let mut chat = Conversation::new();
    let prompt = chat.forget();
    assert_eq!(
        prompt.text,
        "Forget everything?\nYes, all of it\n1. yes\n2. no"
    );
    let responses = [("true", "yes"), ("false", "no")];
    assert_eq!(
        prompt.responses,
        responses.map(|(value, label)| (value.to_owned(), label.to_owned()))
    );
    for (text, sure) in [
        ("1", true),
        ("yes", true),
        (" Yes ", true),
        ("true", true),
        ("2", false),
        ("no", false),
    ] {
        assert_eq!(forgotten(chat.answer(text)), Some(sure), "{text}");
    }
    let again = chat.next("maybe");
    assert_eq!(
        again,
        "Yes, all of it: \"maybe\" is neither yes nor no\nYes, all of it\n1. yes\n2. no"
    );
    chat.lang = "de";
    assert_eq!(forgotten(chat.answer("ja")), Some(true));
    assert!(chat.forget().text.ends_with("1. ja\n2. nein"));
}

#[test]
fn options_are_answered_by_value_label_or_number() {
    let mut chat = Conversation::new();
    assert_eq!(chat.order().text, "Order tea\nWhich");
    let prompt = "Size [A pot]\n1. Small\n2. A pot\n3. One\n\"skip\" leaves it as it is";
    assert_eq!(chat.next("assam"), prompt);
    for (text, size) in [
        ("small", "small"),
        ("SMALL", "small"),
        ("a pot", "large"),
        ("2", "large"),
        ("3.", "1"),
        ("1", "1"),
        ("skip", "large"),
    ] {
        match chat.answer(text) {
            Next::Ask(_, question) => assert_eq!(question.values.get("size"), [size], "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let again = chat.next("4");
    assert!(
        again.starts_with("Size: \"4\" is not one of: Small, A pot, One\nSize [A pot]"),
        "{again}"
    );
}

#[test]
fn a_form_is_filled_in_field_by_field() {
    let mut chat = Conversation::new();
    chat.order();
    chat.next("assam");
    assert_eq!(chat.next("small"), "Cups [2]\n\"skip\" leaves it as it is");
    assert_eq!(chat.next("back").lines().next(), Some("Size [Small]"));
    chat.next("skip");
    assert!(chat.next("3").starts_with("With\n1. Small"));
    assert_eq!(chat.next("small, 2"), "Note\n\"skip\" leaves it as it is");
    let order = Order {
        tea: "assam".to_owned(),
        size: Size::Small,
        cups: 3,
        with: vec![Size::Small, Size::Large],
        number: 7,
        note: None,
    };
    match chat.answer("skip") {
        Next::Run(Submission::Form { form, values }) => {
            assert_eq!(form.name(), "order");
            assert_eq!(Order::from_values(&values), Ok(order));
        }
        other => panic!("{other:?}"),
    }
}

/// B44
#[test]
fn a_question_can_be_canceled() {
    let mut chat = Conversation::new();
    chat.forget();
    assert_eq!(
        chat.next("back"),
        "Yes, all of it\n1. yes\n2. no",
        "there is nothing before it"
    );
    match chat.answer("Cancel") {
        Next::Canceled(text) => assert_eq!(text, "Canceled; nothing was changed"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        chat.asker().dropped(&chat.stored()).as_deref(),
        Some("The question \"Forget everything?\" is dropped")
    );
}

#[test]
fn a_question_expires_and_one_of_a_form_that_is_gone_is_closed() {
    let mut chat = Conversation::new();
    chat.forget();
    chat.now += EXPIRES_AFTER;
    assert_eq!(forgotten(chat.answer("yes")), Some(true));
    chat.now += 1;
    assert!(matches!(chat.answer("yes"), Next::Closed));
    chat.now = 1_000_000;
    chat.question = chat
        .question
        .map(|json| json.replace("forget", "forgotten"));
    assert!(matches!(chat.answer("yes"), Next::Closed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_answers_end_in_values_that_fit(
        answers in proptest::collection::vec("(skip|back|1|2|small|yes|a, 2|[a-z]{1,5}|\\PC{0,9})", 1..60),
    ) {
        let mut chat = Conversation::new();
        chat.order();
        for answer in answers {
            match chat.answer(&answer) {
                Next::Ask(prompt, question) => {
                    prop_assert!(!prompt.text.is_empty() && prompt.responses.len() <= 8);
                    chat.question = Some(serde_json::to_string(&question).unwrap());
                }
                Next::Run(Submission::Form { values, .. }) => {
                    prop_assert!(Order::from_values(&values).is_ok());
                    break;
                }
                Next::Canceled(_) => break,
                other => panic!("{other:?}"),
            }
        }
    }
}
