//! B2, B3, B4, B5, B6, B8, B16, B17, B18 and B75 of the specification.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    Found, HELP, Place, Reader, Reading,
    address::{is_action, without_quote},
};
use crate::{
    Choice, Commands,
    spec::CommandSpec,
    translations::Texts,
    value_error::{Kind, Problem},
};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Level {
    Info,
    /// All fires
    Fire,
}

#[derive(Commands, Debug, PartialEq)]
enum Command {
    /// Remind you later
    #[command(alias = "r", example = "remind 10m tea")]
    Remind {
        /// In how long
        #[field(min = "1s", max = "366d")]
        after: Duration,
        every: Option<Duration>,
        /// Of what
        what: String,
    },
    /// What is pending
    List,
    Subscribe {
        #[field(default = "fire")]
        level: Level,
    },
    Roll {
        dice: u8,
        #[field(default = 6)]
        sides: u8,
        levels: Vec<Level>,
    },
    Sleep {
        sure: bool,
        long: Duration,
    },
    #[command(only(rooms))]
    Topic {
        text: String,
    },
}

const NICKS: &[&str] = &["Reminders2", "Reminders"];

fn read(body: &str, place: Place<'_>) -> Option<Reading> {
    let reader = Reader {
        commands: Command::COMMANDS,
        may: &|command: &CommandSpec| command.name() != "list",
        texts: Texts::new(None, "de"),
    };
    reader.read(body, place)
}

fn chat(body: &str) -> Reading {
    read(body, Place::Chat).unwrap()
}

/// Reads a complete command.
fn command(body: &str) -> Command {
    match chat(body).found {
        Found::Command(call) => Command::from_values(call.command.name(), &call.values).unwrap(),
        other => panic!("{body}: {other:?}"),
    }
}

fn remind(what: &str) -> Command {
    Command::Remind {
        after: Duration::from_secs(600),
        every: None,
        what: what.to_owned(),
    }
}

#[test]
fn a_name_may_have_a_prefix_and_any_case() {
    for body in [
        "remind 10m tea",
        "/remind 10m tea",
        "!remind 10m tea",
        " REMIND  10m\ttea ",
        "r 10m tea",
    ] {
        assert_eq!(command(body), remind("tea"), "{body}");
    }
    assert_eq!(command("list"), Command::List);
}

#[test]
fn the_last_text_is_kept_as_it_was_written() {
    assert_eq!(command("r 10m what's \"up\""), remind("what's \"up\""));
    assert_eq!(
        command("r 10m \"up\"  and\n down"),
        remind("\"up\"  and\n down")
    );
    assert_eq!(command("r \"10m\" tea"), remind("tea"));
    assert_eq!(command("r 10m foo=1 every=1d"), remind("foo=1 every=1d"));
    assert_eq!(command("r 10m what=tea"), remind("what=tea"));
}

#[test]
fn optional_fields_are_given_by_name() {
    let daily = Command::Remind {
        after: Duration::from_secs(600),
        every: Some(Duration::from_secs(86_400)),
        what: "tea".to_owned(),
    };
    for body in [
        "r 10m every=1d tea",
        "r every=1d 10m tea",
        "r 10m EVERY=\"24 h\" tea",
    ] {
        assert_eq!(command(body), daily, "{body}");
    }
    let roll = |sides, levels: &[Level]| Command::Roll {
        dice: 2,
        sides,
        levels: levels.to_vec(),
    };
    assert_eq!(command("roll 2"), roll(6, &[]));
    assert_eq!(
        command("roll 2 sides=8 info fire"),
        roll(8, &[Level::Info, Level::Fire])
    );
    assert_eq!(
        command("roll 2 info,fire sides=8"),
        roll(8, &[Level::Info, Level::Fire])
    );
}

#[test]
fn options_are_read_by_value_or_label_and_yes_in_the_language() {
    let fire = Command::Subscribe { level: Level::Fire };
    for body in [
        "subscribe",
        "subscribe FIRE",
        "subscribe all fires",
        "subscribe level=fire",
    ] {
        assert_eq!(command(body), fire, "{body}");
    }
    let sleep = Command::Sleep {
        sure: true,
        long: Duration::from_secs(5_400),
    };
    for body in ["sleep ja 1h 30m", "sleep yes \"1h 30m\"", "sleep 1 90min"] {
        assert_eq!(command(body), sleep, "{body}");
    }
}

#[test]
fn a_value_that_does_not_fit_comes_before_one_that_is_missing() {
    for (body, problem) in [
        ("remind soon tea", Problem::Unreadable(Kind::Duration)),
        ("remind soon", Problem::Unreadable(Kind::Duration)),
        ("remind 400d tea", Problem::TooLarge("366d".to_owned())),
        ("list all", Problem::Extra),
        ("subscribe level=fire now", Problem::Extra),
    ] {
        match chat(body).found {
            Found::Invalid(_, error) => assert_eq!(error.problem(), &problem, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_required_field_that_is_not_given_is_missing() {
    for (body, missing, place) in [
        ("remind", "after", Place::Chat),
        ("remind 10m", "what", Place::Chat),
        ("!remind", "after", Place::Room(NICKS)),
    ] {
        match read(body, place).map(|reading| reading.found) {
            Some(Found::Missing(call)) => assert!(!call.values.has(missing), "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn an_unknown_word_gets_the_nearest_name_that_may_be_used() {
    for (body, expected) in [
        ("remnid 10m tea", Some("remind")),
        ("subscrib", Some("subscribe")),
        ("hlep", Some(HELP)),
        ("lits", None),
        ("hello", None),
        ("topic", None),
    ] {
        let reading = chat(body);
        assert!(reading.is_text() && reading.text == body);
        match reading.found {
            Found::Unknown { nearest, .. } => assert_eq!(nearest, expected, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn help_is_a_command_and_a_sentence_is_not() {
    assert!(matches!(chat("help").found, Found::Help(None)));
    assert!(matches!(chat("help Help").found, Found::Help(None)));
    assert!(matches!(chat("/HELP Remind").found, Found::Help(Some(topic)) if topic == "remind"));
    assert!(chat("help me to write a letter").is_text());
    assert!(chat("list the planets").is_text());
    assert!(!chat("!list the planets").is_text());
}

#[test]
fn an_action_is_text() {
    assert!(is_action("/me waves") && !is_action("/memory"));
    let reading = chat("/me waves");
    assert!(matches!(reading.found, Found::Text));
    assert_eq!(reading.text, "/me waves");
    assert!(read("/me waves", Place::Room(NICKS)).is_none());
}

#[test]
fn in_a_room_only_what_is_addressed_is_read() {
    for body in [
        "Reminders: list",
        "reminders, LIST",
        "@Reminders list",
        "@Reminders: !list",
        "Reminders2: list",
        "!list",
    ] {
        let reading = read(body, Place::Room(NICKS)).unwrap();
        assert!(matches!(reading.found, Found::Command(_)), "{body}");
    }
    for body in [
        "list",
        "Reminders list",
        "/list",
        "@Remind list",
        "!weather",
        "Reminders3: list",
        "",
    ] {
        assert!(read(body, Place::Room(NICKS)).is_none(), "{body}");
    }
    let reading = read("Reminders: how are you?", Place::Room(NICKS)).unwrap();
    assert!(reading.is_text());
    assert_eq!(reading.text, "how are you?");
    assert!(read("!topic tea", Place::Room(NICKS)).is_some());
}

/// B17
#[test]
fn a_quotation_is_cut() {
    assert_eq!(without_quote("> what now?\nlist"), "list");
    assert_eq!(
        without_quote("> wüßte\r\n> ich\nlist\n> all"),
        "list\n> all"
    );
    assert_eq!(
        without_quote("> only a quotation\n"),
        "> only a quotation\n"
    );
    assert_eq!(without_quote("list > all"), "list > all");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_message_makes_reading_fail(body in r"[>\n]{0,3}\PC{0,60}") {
        let body = without_quote(&body);
        read(body, Place::Chat);
        read(body, Place::Room(NICKS));
    }

    #[test]
    fn no_arguments_make_reading_fail(
        name in "(remind|r|roll|sleep|subscribe|list|help|topic)",
        rest in r#"([ =",]|10m|every|sides|2|fire|\PC){0,20}"#,
    ) {
        read(&format!("{name} {rest}"), Place::Chat);
        read(&format!("Reminders: {name} {rest}"), Place::Room(NICKS));
    }

    #[test]
    fn any_last_text_is_kept(what in "[^\\s=][^\\x00]{0,40}") {
        let what = what.trim();
        prop_assert_eq!(command(&format!("remind 10m {what}")), remind(what));
    }
}
