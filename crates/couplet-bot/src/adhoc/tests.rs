//! B21, B23 to B38 and B40 of the specification, without a stream.

use std::{collections::HashMap, time::Duration};

use couplet::{Condition, IntoResponse, StanzaError};
use couplet_core::{
    element::{Scope, Tree},
    xml_writer::XmlWriter,
};
use minidom::Element;
use proptest::prelude::*;

use super::{
    Dialog, EXPIRES_AFTER, FORGOTTEN_AFTER, NS, Outcome, Reply, Session, Step,
    discovery::{info, items},
    errors::bad_session,
    request::Request,
};
use crate::{
    Commands, Form, Table,
    catalog::{Catalog, Submission},
    spec::{CommandSpec, FormSpec},
    translations::Texts,
};

#[derive(Commands, Debug, PartialEq)]
enum Command {
    /// Remind you later
    Remind {
        /// In how long
        #[field(max = "366d")]
        after: Duration,
        /// Of what
        what: String,
    },
    /// What is pending
    List,
    /// Forget everything
    Clear,
    /// Order tea
    Order {
        /// Which
        tea: String,
        /// How many
        #[field(page, min = 1, max = 5)]
        cups: u8,
        /// Your PIN
        #[field(secret, page)]
        pin: String,
    },
    #[command(hidden)]
    Debug,
    Forbidden,
    #[command(only(chat))]
    Chat,
}

/// Forget everything?
#[derive(Form, Debug, PartialEq)]
struct Forget {
    /// Yes, all of it
    sure: bool,
    #[field(hidden)]
    count: u8,
}

const FORMS: &[&FormSpec] = &[Forget::FORM];
const CATALOG: Catalog<'static> = Catalog {
    commands: Command::COMMANDS,
    forms: FORMS,
};

fn may(command: &CommandSpec) -> bool {
    command.name() != "forbidden"
}

/// A bot with its sessions as they are stored.
struct Bot {
    sessions: HashMap<String, String>,
    now: u64,
    lang: &'static str,
    /// What handlers got.
    ran: Vec<String>,
}

impl Bot {
    fn new() -> Bot {
        Bot {
            sessions: HashMap::new(),
            now: 1_000_000,
            lang: "",
            ran: Vec::new(),
        }
    }

    /// Serves a `<command/>` with these attributes and content.
    fn serve(&mut self, attributes: &str, content: &str) -> Result<Element, StanzaError> {
        let xml = format!("<command xmlns='{NS}' {attributes}>{content}</command>");
        let tree = Tree::parse(xml, &Scope::component()).unwrap();
        let request = Request::read(tree.root())?;
        let dialog = Dialog {
            catalog: CATALOG,
            may: &may,
            texts: Texts::new(None, self.lang),
            now: self.now,
        };
        let stored = request
            .session
            .as_ref()
            .and_then(|id| self.sessions.get(id));
        let stored: Option<Session> = stored.map(|json| serde_json::from_str(json).unwrap());
        let id = format!("s{}", self.sessions.len());
        let step = match stored {
            Some(session) => dialog.step(session, &request)?,
            None => dialog.begin(&request, id)?,
        };
        let (reply, session) = match step {
            Step::Reply(reply, session) => (reply, session),
            Step::Run(submission, session) => {
                let outcome = self.run(submission);
                dialog.finish(session, outcome)
            }
        };
        match session {
            Some(session) => {
                let json = serde_json::to_string(&session).unwrap();
                self.sessions.insert(session.id.clone(), json);
            }
            None => drop(request.session.map(|id| self.sessions.remove(&id))),
        }
        Ok(element(&reply))
    }

    fn run(&mut self, submission: Submission) -> Outcome {
        match submission {
            Submission::Command(call) => {
                let command = Command::from_values(call.command.name(), &call.values).unwrap();
                self.ran.push(format!("{command:?}"));
                match command {
                    Command::List => Outcome::Table(Table::list("What", ["tea"])),
                    Command::Clear => Outcome::Ask(
                        Forget::FORM,
                        Forget {
                            sure: false,
                            count: 3,
                        }
                        .to_values(),
                    ),
                    Command::Order { .. } => Outcome::Failed("There is no tea".to_owned()),
                    _ => Outcome::Text("Noted.".to_owned()),
                }
            }
            Submission::Form { form, values } => {
                assert_eq!(form.name(), "forget");
                let forget = Forget::from_values(&values).unwrap();
                self.ran.push(format!("{forget:?}"));
                match forget.sure {
                    true => Outcome::Text("Forgotten.".to_owned()),
                    false => Outcome::Nothing,
                }
            }
        }
    }

    fn error(&mut self, attributes: &str, content: &str) -> String {
        describe(&self.serve(attributes, content).unwrap_err())
    }
}

fn element(reply: &Reply) -> Element {
    let mut out = Vec::new();
    reply.write(&mut XmlWriter::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap().parse().unwrap()
}

/// The condition and the condition of ad-hoc commands.
fn describe(error: &StanzaError) -> String {
    let mut out = Vec::new();
    error.write(&mut XmlWriter::new(&mut out));
    let element = String::from_utf8(out)
        .unwrap()
        .replace("<error", "<error xmlns='jabber:client'");
    let element: Element = element.parse().unwrap();
    let names: Vec<&str> = element.children().map(Element::name).collect();
    names.join(" ")
}

fn submit(fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("<field var='{name}'><value>{value}</value></field>"));
    let fields: String = fields.collect();
    format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
}

fn form(reply: &Element) -> &Element {
    reply.get_child("x", "jabber:x:data").unwrap()
}

fn field<'a>(reply: &'a Element, name: &str) -> &'a Element {
    let mut fields = form(reply).children();
    fields
        .find(|field| field.attr("var") == Some(name))
        .unwrap()
}

fn value(reply: &Element, name: &str) -> String {
    let value = field(reply, name).get_child("value", "jabber:x:data");
    value.map(Element::text).unwrap_or_default()
}

fn status(reply: &Element) -> &str {
    reply.attr("status").unwrap()
}

fn note(reply: &Element) -> (String, String) {
    let note = reply.get_child("note", NS).unwrap();
    (note.attr("type").unwrap().to_owned(), note.text())
}

/// The action that `execute` is, and all actions.
fn actions(reply: &Element) -> (String, Vec<&str>) {
    let actions = reply.get_child("actions", NS).unwrap();
    let execute = actions.attr("execute").unwrap().to_owned();
    (execute, actions.children().map(Element::name).collect())
}

/// B21, B23
#[test]
fn discovery_lists_what_the_requester_may_run() {
    let at = "remind@d/bot".parse().unwrap();
    let all = items(CATALOG, &may, &at, Texts::ORIGINAL);
    assert_eq!(all.node.as_deref(), Some(NS));
    let nodes: Vec<_> = all
        .items
        .iter()
        .map(|item| item.node.as_deref().unwrap())
        .collect();
    assert_eq!(nodes, ["remind", "list", "clear", "order"]);
    assert_eq!(all.items[0].jid, at);
    assert_eq!(all.items[0].name.as_deref(), Some("Remind you later"));
    let described = info(CATALOG, &may, "remind", Texts::new(None, "de")).unwrap();
    assert_eq!(described.identities[0].category, "automation");
    assert_eq!(described.identities[0].type_, "command-node");
    assert_eq!(described.features.len(), 2);
    for (node, condition) in [
        ("dance", Condition::ItemNotFound),
        ("chat", Condition::ItemNotFound),
        ("forbidden", Condition::Forbidden),
    ] {
        let error = info(CATALOG, &may, node, Texts::ORIGINAL).unwrap_err();
        assert_eq!(error.condition(), condition, "{node}");
        let mut bot = Bot::new();
        let error = bot.serve(&format!("node='{node}'"), "").unwrap_err();
        assert_eq!(error.condition(), condition, "{node}");
    }
    assert!(
        info(CATALOG, &may, "debug", Texts::ORIGINAL).is_ok(),
        "hidden, not absent"
    );
}

/// B24
#[test]
fn a_command_without_fields_completes_at_once() {
    let mut bot = Bot::new();
    let reply = bot
        .serve("node='list' action='execute' sessionid='mine'", "")
        .unwrap();
    assert_eq!(status(&reply), "completed");
    assert!(reply.attr("sessionid").is_some_and(|id| id != "mine"));
    assert!(reply.get_child("actions", NS).is_none());
    assert_eq!(form(&reply).attr("type"), Some("result"));
    assert!(
        form(&reply)
            .get_child("reported", "jabber:x:data")
            .is_some()
    );
    assert_eq!(
        form(&reply)
            .children()
            .filter(|child| child.name() == "item")
            .count(),
        1
    );
    assert!(bot.sessions.is_empty());
}

/// B25, B26
#[test]
fn a_command_with_fields_shows_its_form_and_runs_with_it() {
    let mut bot = Bot::new();
    let reply = bot.serve("node='remind'", "").unwrap();
    assert_eq!(status(&reply), "executing");
    assert_eq!(actions(&reply), ("complete".to_owned(), vec!["complete"]));
    let after = field(&reply, "after");
    // No type means text-single. (XEP-0004, 3.3)
    assert_eq!(
        (after.attr("type"), after.attr("label")),
        (None, Some("In how long"))
    );
    assert!(after.get_child("required", "jabber:x:data").is_some());
    let given = submit(&[("after", "10m"), ("what", "tea")]);
    let reply = bot
        .serve("node='remind' sessionid='s0' action='complete'", &given)
        .unwrap();
    assert_eq!(status(&reply), "completed");
    assert_eq!(note(&reply), ("info".to_owned(), "Noted.".to_owned()));
    assert_eq!(bot.ran, ["Remind { after: 600s, what: \"tea\" }"]);
    assert_eq!(
        bot.error("node='remind' sessionid='s0' action='complete'", &given),
        "bad-request bad-sessionid"
    );
}

/// B27, B7
#[test]
fn a_value_that_does_not_fit_is_shown_again_with_a_note() {
    let mut bot = Bot::new();
    bot.serve("node='remind'", "").unwrap();
    for (given, text) in [
        (
            "soon",
            "In how long: \"soon\" is not a duration, such as 10m or 2h30m",
        ),
        ("400d", "In how long: at most 366d, not 400d"),
        ("", "In how long: a value is missing"),
    ] {
        let given = submit(&[("after", given), ("what", "tea")]);
        let reply = bot
            .serve("node='remind' sessionid='s0' action='complete'", &given)
            .unwrap();
        assert_eq!(status(&reply), "executing");
        assert_eq!(note(&reply), ("error".to_owned(), text.to_owned()));
        assert_eq!(value(&reply, "what"), "tea");
    }
    assert!(bot.ran.is_empty());
    let given = submit(&[("after", "1h"), ("what", "tea")]);
    assert_eq!(
        status(&bot.serve("node='remind' sessionid='s0'", &given).unwrap()),
        "completed"
    );
}

/// B28
#[test]
fn a_form_that_a_handler_asks_with_is_the_next_page() {
    for (sure, ran, text) in [
        ("1", "Forget { sure: true, count: 3 }", "Forgotten."),
        ("0", "Forget { sure: false, count: 3 }", "Done"),
    ] {
        let mut bot = Bot::new();
        let reply = bot.serve("node='clear'", "").unwrap();
        assert_eq!(status(&reply), "executing");
        let field = field(&reply, "sure");
        assert_eq!(
            (field.attr("type"), field.attr("label")),
            (Some("boolean"), Some("Yes, all of it"))
        );
        assert_eq!(value(&reply, "sure"), "false");
        assert_eq!(
            actions(&reply).1,
            ["complete"],
            "the command has no form to go back to"
        );
        let given = submit(&[("sure", sure), ("count", "9")]);
        let reply = bot
            .serve("node='clear' sessionid='s0' action='complete'", &given)
            .unwrap();
        assert_eq!(note(&reply).1, text);
        assert_eq!(bot.ran, ["Clear", ran]);
    }
}

/// B29, B34, B32
#[test]
fn pages_are_left_in_both_directions() {
    let mut bot = Bot::new();
    let reply = bot.serve("node='order'", "").unwrap();
    assert_eq!(actions(&reply), ("next".to_owned(), vec!["next"]));
    let tea = submit(&[("tea", "assam")]);
    let reply = bot
        .serve("node='order' sessionid='s0' action='next'", &tea)
        .unwrap();
    assert_eq!(actions(&reply), ("next".to_owned(), vec!["prev", "next"]));
    let reply = bot
        .serve("node='order' sessionid='s0' action='prev'", "")
        .unwrap();
    assert_eq!(value(&reply, "tea"), "assam");
    assert_eq!(
        bot.error("node='order' sessionid='s0' action='prev'", ""),
        "bad-request bad-action"
    );
    let oolong = submit(&[("tea", "oolong")]);
    bot.serve("node='order' sessionid='s0' action='execute'", &oolong)
        .unwrap();
    let many = submit(&[("cups", "9")]);
    let reply = bot
        .serve("node='order' sessionid='s0' action='prev'", &many)
        .unwrap();
    assert_eq!(value(&reply, "tea"), "oolong");
    let reply = bot
        .serve("node='order' sessionid='s0' action='next'", &oolong)
        .unwrap();
    assert_eq!(
        value(&reply, "cups"),
        "9",
        "what was typed is kept, right or wrong"
    );
    let cups = submit(&[("cups", "2")]);
    assert_eq!(
        bot.error("node='order' sessionid='s0' action='complete'", &cups),
        "bad-request bad-action"
    );
    let reply = bot.serve("node='order' sessionid='s0'", &cups).unwrap();
    assert_eq!(
        actions(&reply),
        ("complete".to_owned(), vec!["prev", "complete"])
    );
    let pin = submit(&[("pin", "1234")]);
    assert_eq!(
        bot.error("node='order' sessionid='s0' action='next'", &pin),
        "bad-request bad-action"
    );
    let reply = bot
        .serve("node='order' sessionid='s0' action='complete'", &pin)
        .unwrap();
    assert_eq!(
        note(&reply),
        ("error".to_owned(), "There is no tea".to_owned())
    );
    assert_eq!(
        bot.ran,
        ["Order { tea: \"oolong\", cups: 2, pin: \"1234\" }"]
    );
}

#[test]
fn a_secret_is_neither_stored_nor_shown_again() {
    let mut bot = Bot::new();
    bot.serve("node='order'", "").unwrap();
    bot.serve("node='order' sessionid='s0'", &submit(&[("tea", "assam")]))
        .unwrap();
    bot.serve("node='order' sessionid='s0'", &submit(&[("cups", "2")]))
        .unwrap();
    let reply = bot.serve(
        "node='order' sessionid='s0' action='prev'",
        &submit(&[("pin", "1234")]),
    );
    assert!(!bot.sessions["s0"].contains("1234") && bot.sessions["s0"].contains("assam"));
    assert!(!String::from(&reply.unwrap()).contains("1234"));
}

/// B30, B31, B32, B33
#[test]
fn a_request_that_does_not_fit_leaves_the_session_as_it_is() {
    let mut bot = Bot::new();
    bot.serve("node='remind'", "").unwrap();
    let given = submit(&[("after", "1h"), ("what", "tea")]);
    for (attributes, content, error) in [
        (
            "node='remind' sessionid='s0' action='dance'",
            "",
            "bad-request malformed-action",
        ),
        (
            "node='remind' sessionid='s0' action='complete'",
            "",
            "bad-request bad-payload",
        ),
        (
            "node='remind' sessionid='s0'",
            "<x xmlns='jabber:x:data' type='cancel'/>",
            "bad-request bad-payload",
        ),
        (
            "node='remind' sessionid='s0' action='next'",
            given.as_str(),
            "bad-request bad-action",
        ),
        (
            "node='remind' sessionid='s0' action='prev'",
            "",
            "bad-request bad-action",
        ),
        (
            "node='clear' sessionid='s0' action='complete'",
            given.as_str(),
            "bad-request bad-sessionid",
        ),
        (
            "node='remind' sessionid='s7' action='complete'",
            given.as_str(),
            "bad-request bad-sessionid",
        ),
        (
            "node='remind' sessionid='s7' action='execute'",
            given.as_str(),
            "bad-request bad-sessionid",
        ),
        (
            "node='remind' action='next'",
            given.as_str(),
            "bad-request bad-sessionid",
        ),
        ("sessionid='s0'", "", "bad-request"),
    ] {
        assert_eq!(bot.error(attributes, content), error, "{attributes}");
    }
    let reply = bot
        .serve("node='remind' sessionid='s0' action='cancel'", "")
        .unwrap();
    assert_eq!((status(&reply), bot.sessions.len()), ("canceled", 0));
    let again = bot.error("node='remind' sessionid='s0' action='cancel'", "");
    assert_eq!(again, describe(&bad_session()));
}

/// B35
#[test]
fn a_session_expires_and_is_forgotten_an_hour_later() {
    let mut bot = Bot::new();
    bot.serve("node='remind'", "").unwrap();
    let bad = submit(&[("after", "soon")]);
    let request = "node='remind' sessionid='s0' action='complete'";
    bot.now += EXPIRES_AFTER;
    assert_eq!(status(&bot.serve(request, &bad).unwrap()), "executing");
    bot.now += EXPIRES_AFTER + 1;
    assert_eq!(bot.error(request, &bad), "not-allowed session-expired");
    bot.now += FORGOTTEN_AFTER;
    assert_eq!(bot.error(request, &bad), "bad-request bad-sessionid");
}

/// B38
#[test]
fn a_session_keeps_the_language_of_its_first_request() {
    let mut bot = Bot::new();
    bot.lang = "de";
    let reply = bot.serve("node='remind'", "").unwrap();
    assert_eq!(
        reply.attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
        Some("de")
    );
    bot.lang = "en";
    let reply = bot
        .serve("node='remind' sessionid='s0'", &submit(&[]))
        .unwrap();
    assert_eq!(
        reply.attr_ns("http://www.w3.org/XML/1998/namespace", "lang"),
        Some("de")
    );
}

#[test]
fn a_session_of_a_form_that_is_gone_is_bad() {
    let mut bot = Bot::new();
    bot.serve("node='clear'", "").unwrap();
    let stored = bot.sessions["s0"].replace("\"forget\"", "\"forgotten\"");
    bot.sessions.insert("s0".to_owned(), stored);
    let given = submit(&[("sure", "1")]);
    let error = bot.error("node='clear' sessionid='s0' action='complete'", &given);
    assert_eq!(error, "bad-request bad-sessionid");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_requests_get_one_response_each_and_store_no_secret(
        requests in proptest::collection::vec(
            (
                "(order|remind|clear|list|chat)",
                "(| sessionid='s0'| sessionid='s1'| sessionid='s2')",
                "(| action='execute'| action='next'| action='prev'| action='complete'| action='cancel')",
                proptest::option::of(("(assam|)", "(1|2|9|x)", "(10m|soon)")),
                0_u64..700,
            ),
            1..30,
        ),
    ) {
        let mut bot = Bot::new();
        for (node, session, action, form, wait) in requests {
            bot.now += wait;
            let form = form.map(|(tea, cups, after)| {
                submit(&[("tea", &tea), ("cups", &cups), ("pin", "4321"), ("after", &after), ("what", "x"), ("sure", "1")])
            });
            let attributes = format!("node='{node}'{session}{action}");
            if let Ok(reply) = bot.serve(&attributes, &form.unwrap_or_default()) {
                prop_assert!(["executing", "completed", "canceled"].contains(&status(&reply)));
                prop_assert_eq!(reply.get_child("actions", NS).is_some(), status(&reply) == "executing");
            }
            prop_assert!(bot.sessions.values().all(|stored| !stored.contains("4321")));
        }
    }
}
