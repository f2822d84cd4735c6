//! B5 to B11, B16 and B42 to B45 of the specification, up to what is sent.

use std::time::Duration;

use super::{Act, Decider, Decision};
use crate::{
    Commands, Form,
    catalog::{Catalog, Submission},
    question::{Asker, EXPIRES_AFTER, Next, Question},
    reading::Place,
    spec::{CommandSpec, FormSpec},
    translations::Texts,
};

#[derive(Commands, Debug, PartialEq)]
enum Command {
    /// Remind you later
    #[command(example = "remind 10m tea")]
    Remind {
        /// In how long
        after: Duration,
        /// Of what
        what: String,
    },
    /// What is pending
    List,
    /// Forget everything
    Clear,
}

/// Forget everything?
#[derive(Form)]
struct Forget {
    /// Yes, all of it
    sure: bool,
}

const FORMS: &[&FormSpec] = &[Forget::FORM];
const ROOM: Place<'static> = Place::Room(&["Reminders"]);
const NOW: u64 = 1_000_000;

fn catalog() -> Catalog<'static> {
    Catalog {
        commands: Command::COMMANDS,
        forms: FORMS,
    }
}

fn decider(place: Place<'static>, takes_text: bool) -> Decider<'static> {
    Decider {
        catalog: catalog(),
        may: &|command: &CommandSpec| command.name() != "clear",
        takes_text,
        place,
        texts: Texts::ORIGINAL,
        now: NOW,
    }
}

fn decide(body: &str, place: Place<'static>) -> Act {
    decider(place, false).decide(body, None).act
}

fn forget(now: u64) -> Question {
    let asker = Asker {
        catalog: catalog(),
        texts: Texts::ORIGINAL,
        now,
    };
    match asker.ask_all(Forget::FORM, Forget { sure: false }.to_values()) {
        Next::Ask(_, question) => question,
        other => panic!("{other:?}"),
    }
}

fn ran(act: &Act) -> &'static str {
    match act {
        Act::Run(Submission::Command(call)) => call.command.name(),
        Act::Run(Submission::Form { form, .. }) => form.name(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_runs_and_one_that_is_not_permitted_does_not() {
    assert_eq!(ran(&decide("remind 10m tea", Place::Chat)), "remind");
    assert_eq!(ran(&decide("Reminders: list", ROOM)), "list");
    assert_eq!(ran(&decide("> What now?\nlist", Place::Chat)), "list");
    assert!(matches!(decide("!clear", ROOM), Act::Forbid(command) if command.name() == "clear"));
    assert!(matches!(decide("list", ROOM), Act::Ignore));
}

#[test]
fn a_missing_value_is_asked_for_in_a_chat_and_explained_in_a_room() {
    match decide("remind", Place::Chat) {
        Act::Ask(prompt, question) => {
            assert_eq!(prompt.text, "In how long");
            match decider(Place::Chat, true).decide("10m", Some(question)).act {
                Act::Ask(prompt, _) => assert_eq!(prompt.text, "Of what"),
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
    match decide("!remind", ROOM) {
        Act::Complain(text) => {
            assert_eq!(
                text,
                "Usage: !remind <after> <what>. Example: !remind 10m tea"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mistake_gets_one_line() {
    for (body, expected) in [
        (
            "remnid 10m tea",
            "There is no command \"remnid\". Did you mean \"remind\"?",
        ),
        (
            "help clear",
            "There is no command \"clear\"; \"help\" lists all",
        ),
        ("list all", "\"all\" is too much: there is no field for it"),
    ] {
        match decide(body, Place::Chat) {
            Act::Complain(text) => assert_eq!(text, expected),
            other => panic!("{body}: {other:?}"),
        }
    }
    match decide("help", Place::Chat) {
        Act::Reply(text) => assert!(!text.contains("clear") && text.contains("list"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(decide("/me waves", Place::Chat), Act::Ignore));
}

#[test]
fn a_handler_of_texts_gets_what_is_no_command() {
    for body in [
        "remnid 10m tea",
        "/me waves",
        "list all the planets",
        "help me",
    ] {
        match decider(Place::Chat, true).decide(body, None).act {
            Act::Text(text) => assert_eq!(text, body),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert_eq!(
        ran(&decider(Place::Chat, true).decide("list", None).act),
        "list"
    );
    assert!(matches!(
        decider(ROOM, true).decide("Reminders: ", None).act,
        Act::Ignore
    ));
    let chatty = Decider {
        catalog: Catalog {
            commands: &[],
            forms: &[],
        },
        ..decider(Place::Chat, true)
    };
    assert!(matches!(chatty.decide("help", None).act, Act::Text(_)));
}

/// B43, B44
#[test]
fn a_command_drops_the_question_and_says_so() {
    for body in ["list", "help", "/remind"] {
        let Decision { act, dropped } = decider(Place::Chat, true).decide(body, Some(forget(NOW)));
        assert_eq!(
            dropped.as_deref(),
            Some("The question \"Forget everything?\" is dropped")
        );
        assert!(
            !matches!(act, Act::Text(_) | Act::Ignore),
            "{body}: {act:?}"
        );
    }
    for (body, runs) in [("yes", true), ("remind", false), ("maybe", false)] {
        let Decision { act, dropped } = decider(Place::Chat, true).decide(body, Some(forget(NOW)));
        assert_eq!(dropped, None);
        assert_eq!(matches!(act, Act::Run(_)), runs, "{body}: {act:?}");
    }
    let canceled = decider(Place::Chat, false).decide("cancel", Some(forget(NOW)));
    assert!(matches!(canceled.act, Act::Reply(_)));
}

#[test]
fn an_old_question_takes_no_answer() {
    let old = forget(NOW - EXPIRES_AFTER - 1);
    let Decision { act, dropped } = decider(Place::Chat, true).decide("yes", Some(old));
    assert!(matches!(act, Act::Text(text) if text == "yes"));
    assert_eq!(dropped, None);
}
