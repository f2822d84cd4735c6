//! What the derives make of enums and structs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use couplet_bot::{
    Arg, Choice, Commands, Form, Job, State,
    choice::ChoiceOption,
    spec::{CommandSpec, Face, FieldSpec},
    table::{Cell, Table},
    value_error::{Kind, Problem},
    values::Values,
};
use serde::{Deserialize, Serialize};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Level {
    /// Everything
    Info,
    #[choice(name = "red", label = "Fire!")]
    Fire,
}

#[derive(State, Default, Serialize, Deserialize)]
struct LastSeen(u64);

#[derive(State, Default, Serialize, Deserialize)]
#[state(name = "pending")]
struct Reminders(Vec<String>);

#[derive(Job, Serialize, Deserialize)]
#[job(name = "due")]
enum Reminder {
    Once,
}

fn teas() -> Vec<&'static str> {
    vec!["oolong", "assam"]
}

/// Not documented for users.
#[derive(Commands, Debug, PartialEq)]
enum Command {
    /// Remind you
    /// later
    ///
    /// At most a year ahead.
    #[command(
        alias = "r",
        alias = "rem",
        example = "remind 10m tea",
        every = "10s",
        rerun
    )]
    #[command(allow(direct, "tea-drinkers"), only(chat, form))]
    Remind {
        /// In how long
        #[field(min = "1s", max = "366d")]
        after: Duration,
        /// Again each
        every: Option<Duration>,
        /// Of what
        #[field(lines)]
        what: String,
    },
    ListAll,
    #[command(name = "order", hidden)]
    OrderTea {
        #[field(choices = teas)]
        tea: String,
        #[field(min = 1, max = 3, default = 1, name = "cups", label = "How many cups")]
        number: u8,
        #[field(default = -2.5)]
        r#type: f64,
        level: Level,
        more: Vec<Level>,
    },
    Nothing {},
}

/// Log in
#[derive(Form, Debug, PartialEq)]
#[form(name = "login")]
struct Credentials {
    #[field(hidden)]
    attempt: u32,
    /// User name
    #[field(pattern = "[a-z]+", max = 8)]
    user: String,
    /// Keep me logged in
    #[field(page)]
    keep: bool,
    /// Password
    #[field(secret)]
    password: String,
}

fn command(name: &str) -> &'static CommandSpec {
    let mut found = Command::COMMANDS.iter();
    found.find(|command| command.name() == name).unwrap()
}

fn field(command: &CommandSpec, name: &str) -> &'static FieldSpec {
    let mut found = command.form().all().iter();
    found.find(|field| field.name() == name).unwrap()
}

#[test]
fn a_variant_becomes_a_command() {
    let names: Vec<&str> = Command::COMMANDS.iter().map(CommandSpec::name).collect();
    assert_eq!(names, ["remind", "list-all", "order", "nothing"]);
    let remind = command("remind");
    assert_eq!(remind.summary(), "Remind you later");
    assert_eq!(remind.form().text(), "At most a year ahead.");
    assert_eq!(remind.other_names(), ["r", "rem"]);
    assert_eq!(remind.an_example(), Some("remind 10m tea"));
    assert_eq!(remind.allowed(), ["direct", "tea-drinkers"]);
    assert_eq!(remind.cooldown(), Some(Duration::from_secs(10)));
    assert!(remind.reruns() && !remind.is_hidden() && command("order").is_hidden());
    assert!(remind.is_on(Face::Chat) && remind.is_on(Face::Form) && !remind.is_on(Face::Rooms));
    assert_eq!(remind.usage(), "remind <after> [every=..] <what>");
    assert_eq!(command("list-all").summary(), "List all");
}

#[test]
fn a_field_becomes_an_argument() {
    let (remind, order) = (command("remind"), command("order"));
    let after = field(remind, "after");
    assert_eq!(after.label(), "In how long");
    assert_eq!(after.limits(), (Some("1s"), Some("366d")));
    assert_eq!(after.arg_type().kind(), Kind::Duration);
    assert!(after.is_required() && !field(remind, "every").is_required());
    assert!(field(remind, "what").has_lines());
    let cups = field(order, "cups");
    assert_eq!(
        (cups.label(), cups.default_text()),
        ("How many cups", Some("1"))
    );
    assert_eq!(field(order, "type").default_text(), Some("-2.5"));
    let options = field(order, "tea").options();
    assert_eq!(
        options,
        [ChoiceOption::from("oolong"), ChoiceOption::from("assam")]
    );
    assert!(field(order, "more").arg_type().is_list());
}

#[test]
fn values_become_the_variant() {
    let values = Values::new()
        .with("after", ["2h 30m"])
        .with("what", ["tea", "", "cake"]);
    let remind = Command::Remind {
        after: Duration::from_secs(9_000),
        every: None,
        what: "tea\n\ncake".to_owned(),
    };
    assert_eq!(Command::from_values("remind", &values), Ok(remind));
    assert_eq!(
        Command::from_values("list-all", &values),
        Ok(Command::ListAll)
    );
    assert_eq!(
        Command::from_values("nothing", &values),
        Ok(Command::Nothing {})
    );
    let values = Values::new()
        .with("tea", ["OOLONG"])
        .with("level", ["Fire!"])
        .with("more", ["info", "red"]);
    let order = Command::OrderTea {
        tea: "oolong".to_owned(),
        number: 1,
        r#type: -2.5,
        level: Level::Fire,
        more: vec![Level::Info, Level::Fire],
    };
    assert_eq!(Command::from_values("order", &values), Ok(order));
}

#[test]
fn a_value_that_does_not_fit_is_an_error_at_its_field() {
    let cases = [
        ("after", "soon", Problem::Unreadable(Kind::Duration)),
        ("after", "400d", Problem::TooLarge("366d".to_owned())),
        ("after", "1ms", Problem::TooSmall("1s".to_owned())),
        ("after", " ", Problem::Missing),
    ];
    for (name, value, problem) in cases {
        let values = Values::new().with("what", ["tea"]).with(name, [value]);
        let error = Command::from_values("remind", &values).unwrap_err();
        assert_eq!(
            (error.field(), error.problem()),
            (name, &problem),
            "{value}"
        );
    }
    let error = Command::from_values("dance", &Values::new()).unwrap_err();
    assert_eq!(error.problem(), &Problem::UnknownCommand);
    let dear = Values::new().with("tea", ["coffee"]);
    let error = Command::from_values("order", &dear).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Tea: \"coffee\" is not one of: oolong, assam"
    );
    let many = Values::new().with("tea", ["assam"]).with("cups", ["300"]);
    let error = Command::from_values("order", &many).unwrap_err();
    assert_eq!(error.to_string(), "How many cups: at most 255, not 300");
}

#[test]
fn a_struct_becomes_a_form() {
    assert_eq!(
        (Credentials::FORM.name(), Credentials::FORM.title()),
        ("login", "Log in")
    );
    let filled = Credentials {
        attempt: 2,
        user: "alice".to_owned(),
        keep: true,
        password: "hunter2".to_owned(),
    };
    let values = filled.to_values();
    assert!(!values.has("password"), "a secret is not among the values");
    let values = values.with("password", ["hunter2"]);
    assert_eq!(Credentials::from_values(&values), Ok(filled));
    let long = values.clone().with("user", ["alicealice"]);
    let error = Credentials::from_values(&long).unwrap_err();
    assert_eq!(error.to_string(), "User name: at most 8 characters");
    let error = Credentials::from_values(&values.with("user", ["Al ice"])).unwrap_err();
    assert_eq!(error.problem(), &Problem::Pattern);
}

#[test]
fn a_choice_is_an_argument_and_a_cell() {
    let values = [Level::OPTIONS[0].value(), Level::OPTIONS[1].value()];
    assert_eq!(values, ["info", "red"]);
    assert_eq!(Level::from_text(&["red".to_owned()]), Ok(Level::Fire));
    assert_eq!(Level::Fire.to_text(), ["red"]);
    assert_eq!(Level::Fire.cell(), "Fire!");
    let table = Table::of(["Place", "Level"], vec![("here", Level::Info)]);
    assert_eq!(table.to_string(), "Place | Level\nhere | Everything");
}

#[test]
fn what_is_stored_has_the_name_of_its_type_or_its_own() {
    assert_eq!(
        (LastSeen::NAME, Reminders::NAME, Reminder::NAME),
        ("last-seen", "pending", "due")
    );
    assert!(matches!(
        serde_json::from_str("\"Once\""),
        Ok(Reminder::Once)
    ));
}
