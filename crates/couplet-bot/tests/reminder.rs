//! The reminder bot, by chat and as forms, on the server in memory. (bots.md, 12)
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use couplet::{Component, Config};
use couplet_bot::{
    Bot, BotResult, Commands, Context, Form, Job, State, Table, ask, reply,
    settings::{Settings, StoreLocation},
};
use couplet_test::{Server, TestUser};
use serde::{Deserialize, Serialize};

#[derive(Commands)]
enum Command {
    /// Remind you later
    #[command(alias = "r", example = "remind 10m tea")]
    Remind {
        /// In how long
        #[field(min = "1s", max = "366d")]
        after: Duration,
        /// Of what
        what: String,
    },
    /// What is pending
    List,
    /// Forget everything
    Clear,
    /// Who reads
    #[command(hidden, every = "10s")]
    Readers,
    /// Takes a while
    #[command(hidden)]
    Slow { seconds: u64 },
    #[command(hidden)]
    Panic,
}

/// Forget everything?
#[derive(Form, Serialize, Deserialize)]
struct Forget {
    /// Yes, all of it
    sure: bool,
}

#[derive(Job, Serialize, Deserialize)]
struct Due(String);

#[derive(State, Default, Serialize, Deserialize)]
struct Pending(Vec<String>);

async fn on_command(ctx: Context<Command>) -> BotResult {
    match ctx.command() {
        Command::Remind { after, what } => {
            ctx.after(*after, Due(what.clone())).await?;
            ctx.update(|here: &mut Pending| here.0.push(what.clone()))
                .await?;
            reply("Noted.")
        }
        Command::List => reply(Table::list("What", ctx.state::<Pending>().await?.0)),
        Command::Clear => ask(Forget { sure: false }),
        Command::Readers => reply("Nobody"),
        Command::Slow { seconds } => {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            reply("At last")
        }
        Command::Panic => panic!("as the test wants it"),
    }
}

async fn on_forget(ctx: Context<Forget>) -> BotResult {
    if !ctx.sure {
        return reply("Nothing is forgotten.");
    }
    ctx.cancel::<Due>().await?;
    ctx.update(|here: &mut Pending| here.0.clear()).await?;
    reply("Forgotten.")
}

async fn on_due(ctx: Context<Due>) -> BotResult {
    reply(format!("⏰ {}", ctx.0))
}

fn reminders(config: Config) -> Component {
    let bot = Bot::new("remind").named("Reminders");
    Component::new(config).extend(bot.commands(on_command).form(on_forget).job(on_due))
}

const BOT: &str = "remind@echo.test";

async fn start() -> (Server, TestUser) {
    let server = Server::start(reminders).await;
    let alice = server.user("alice@example.org/phone");
    (server, alice)
}

/// Writes a text and returns what the bot replies.
async fn says(user: &mut TestUser, text: &str) -> String {
    user.chat(BOT, text).await;
    user.next_chat().await.text().to_owned()
}

mod commands_in_text {
    use super::*;

    /// B1
    #[tokio::test(start_paused = true)]
    async fn a_reply_keeps_type_thread_and_language_and_has_an_origin_id() {
        let (_server, mut alice) = start().await;
        let message = "<message type='chat' to='remind@echo.test' xml:lang='de'><thread>t1</thread>\
                       <body>remind 10m tea</body></message>";
        alice.send_raw(message).await;
        let noted = alice.next_chat().await;
        assert_eq!(
            (noted.text(), noted.from(), noted.type_()),
            ("Noted.", BOT, "chat")
        );
        assert_eq!(
            (noted.text_of("thread").as_str(), noted.lang().as_str()),
            ("t1", "de")
        );
        let origin = noted.root().child("origin-id", "urn:xmpp:sid:0").unwrap();
        assert_eq!(origin.attr("id").unwrap(), noted.id());
    }

    /// B2, B3
    #[tokio::test(start_paused = true)]
    async fn a_prefix_is_tolerated_and_an_alias_runs() {
        let (_server, mut alice) = start().await;
        for text in [
            "/remind 10m a",
            "!remind 10m b",
            " REMIND 10m c",
            "r 10m what's \"up\"",
        ] {
            assert_eq!(says(&mut alice, text).await, "Noted.", "{text}");
        }
        assert_eq!(
            says(&mut alice, "list").await,
            "What\na\nb\nc\nwhat's \"up\""
        );
    }

    /// B4, B7, B8
    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_said_in_one_line() {
        let (_server, mut alice) = start().await;
        let line = says(&mut alice, "remind soon tea").await;
        for part in ["In how long", "soon", "remind 10m tea"] {
            assert!(line.contains(part), "{line}");
        }
        assert!(says(&mut alice, "remind 400d tea").await.contains("366d"));
        assert!(
            says(&mut alice, "remnid 10m tea")
                .await
                .contains("\"remind\"")
        );
        assert!(says(&mut alice, "list").await.contains("none"));
    }

    /// B5
    #[tokio::test(start_paused = true)]
    async fn missing_arguments_are_asked_for() {
        let (_server, mut alice) = start().await;
        assert!(says(&mut alice, "remind").await.starts_with("In how long"));
        assert!(says(&mut alice, "10m").await.starts_with("Of what"));
        assert_eq!(says(&mut alice, "tea").await, "Noted.");
    }

    /// B9, B10
    #[tokio::test(start_paused = true)]
    async fn help_lists_and_explains() {
        let (_server, mut alice) = start().await;
        let help = says(&mut alice, "help").await;
        assert!(
            help.contains("remind") && help.contains("What is pending"),
            "{help}"
        );
        assert!(!help.contains("readers"), "{help}");
        let help = says(&mut alice, "help remind").await;
        assert!(
            help.contains("In how long") && help.contains("remind 10m tea"),
            "{help}"
        );
    }

    /// B14
    #[tokio::test(start_paused = true)]
    async fn a_command_that_rests_says_for_how_long() {
        let (server, mut alice) = start().await;
        assert_eq!(says(&mut alice, "readers").await, "Nobody");
        assert!(says(&mut alice, "readers").await.starts_with("Again in "));
        let mut bob = server.user("bob@example.org/desk");
        assert_eq!(says(&mut bob, "readers").await, "Nobody");
    }

    /// B19
    #[tokio::test(start_paused = true)]
    async fn turns_of_one_person_are_in_order_and_others_do_not_wait() {
        let (server, mut alice) = start().await;
        let mut bob = server.user("bob@example.org/desk");
        alice.chat(BOT, "slow 2").await;
        alice.chat(BOT, "list").await;
        assert_eq!(says(&mut bob, "list").await, "What: none");
        assert_eq!(alice.next_chat().await.text(), "At last");
        assert_eq!(alice.next_chat().await.text(), "What: none");
    }

    /// B20
    #[tokio::test(start_paused = true)]
    async fn a_handler_that_panics_is_an_incident_and_the_next_message_is_handled() {
        let (_server, mut alice) = start().await;
        let text = says(&mut alice, "panic").await;
        assert!(
            text.starts_with("Something went wrong (incident "),
            "{text}"
        );
        assert_eq!(says(&mut alice, "list").await, "What: none");
    }
}

mod questions {
    use super::*;

    /// B42, B44
    #[tokio::test(start_paused = true)]
    async fn a_question_is_answered_by_number_word_or_not_at_all() {
        let (_server, mut alice) = start().await;
        for (answer, expected) in [
            ("1", "Forgotten."),
            ("yes", "Forgotten."),
            ("no", "Nothing is forgotten."),
            ("cancel", "Canceled; nothing was changed"),
        ] {
            alice.chat(BOT, "clear").await;
            let question = alice.next_chat().await;
            assert!(question.text().contains("1. yes"), "{question}");
            let responses = question.root().children();
            assert_eq!(
                responses.filter(|child| child.name() == "response").count(),
                2
            );
            assert_eq!(says(&mut alice, answer).await, expected);
        }
        says(&mut alice, "clear").await;
        assert!(says(&mut alice, "maybe").await.contains("1. yes"));
    }

    /// B43
    #[tokio::test(start_paused = true)]
    async fn a_command_drops_the_question_and_says_so() {
        let (_server, mut alice) = start().await;
        says(&mut alice, "clear").await;
        assert!(says(&mut alice, "list").await.contains("dropped"));
        assert_eq!(alice.next_chat().await.text(), "What: none");
    }

    /// B45
    #[tokio::test(start_paused = true)]
    async fn an_answer_after_a_restart_counts() {
        let (mut server, mut alice) = start().await;
        says(&mut alice, "remind 1h tea").await;
        says(&mut alice, "clear").await;
        server.restart_component(reminders).await;
        assert_eq!(says(&mut alice, "yes").await, "Forgotten.");
        assert_eq!(says(&mut alice, "list").await, "What: none");
    }
}

mod forms {
    use super::*;

    /// B21, B23
    #[tokio::test(start_paused = true)]
    async fn commands_are_listed_and_described() {
        let (_server, mut alice) = start().await;
        let query = "<query xmlns='http://jabber.org/protocol/disco#items' \
                     node='http://jabber.org/protocol/commands'/>";
        let items = alice.ask("get", BOT, query).await;
        let nodes: Vec<String> = items
            .root()
            .children()
            .flat_map(|query| query.children())
            .filter_map(|item| item.attr("node").map(|node| node.into_owned()))
            .collect();
        assert_eq!(nodes, ["remind", "list", "clear"], "{items}");
        let query = "<query xmlns='http://jabber.org/protocol/disco#info' node='remind'/>";
        let info = alice.ask("get", BOT, query).await;
        assert!(info.to_string().contains("command-node"), "{info}");
    }

    /// B24, B26 to B28
    #[tokio::test(start_paused = true)]
    async fn a_form_is_filled_in_with_the_same_result_as_in_a_chat() {
        let (_server, mut alice) = start().await;
        let form = alice.run(BOT, "remind").await;
        assert_eq!(form.status(), "executing");
        let wrong = alice
            .submit(&form, "complete", &[("after", "soon"), ("what", "tea")])
            .await;
        assert_eq!(
            (wrong.status(), wrong.session()),
            ("executing".to_owned(), form.session())
        );
        assert!(wrong.note().contains("In how long"));
        assert_eq!(wrong.field("what").value(), "tea");
        let done = alice
            .submit(&wrong, "complete", &[("after", "10m"), ("what", "tea")])
            .await;
        assert_eq!(
            (done.status().as_str(), done.note().as_str()),
            ("completed", "Noted.")
        );
        let list = alice.run(BOT, "list").await;
        assert!(
            list.heard().to_string().contains("<value>tea</value>"),
            "{list:?}"
        );
        let sure = alice.run(BOT, "clear").await;
        assert_eq!(sure.field("sure").label(), "Yes, all of it");
        let done = alice.submit(&sure, "complete", &[("sure", "true")]).await;
        assert_eq!(done.note(), "Forgotten.");
    }

    /// B31, B36
    #[tokio::test(start_paused = true)]
    async fn a_session_is_one_person_s_and_outlives_a_restart() {
        let (mut server, mut alice) = start().await;
        let form = alice.run(BOT, "clear").await;
        let mut bob = server.user("bob@example.org/desk");
        let stolen = format!(
            "<command xmlns='http://jabber.org/protocol/commands' node='clear' action='complete' sessionid='{}'/>",
            form.session()
        );
        let refused = bob.ask("set", BOT, &stolen).await;
        assert!(refused.to_string().contains("bad-sessionid"), "{refused}");
        server.restart_component(reminders).await;
        let done = alice.submit(&form, "complete", &[("sure", "false")]).await;
        assert_eq!(done.note(), "Nothing is forgotten.");
    }

    /// B39
    #[tokio::test(start_paused = true)]
    async fn a_slow_command_is_answered_and_its_result_comes_as_a_message() {
        let (_server, mut alice) = start().await;
        let form = alice.run(BOT, "slow").await;
        let done = alice.submit(&form, "complete", &[("seconds", "20")]).await;
        assert_eq!(done.status(), "completed");
        assert!(done.note().contains("comes as a message"));
        assert_eq!(alice.next_chat().await.text(), "At last");
    }
}

mod contact_list {
    use super::*;

    async fn available(user: &mut TestUser) {
        loop {
            let heard = user.next().await;
            if heard.name() == "presence" && heard.type_().is_empty() {
                return assert_eq!(heard.from(), "remind@echo.test/bot");
            }
        }
    }

    /// B93
    #[tokio::test(start_paused = true)]
    async fn subscribers_get_presence_after_a_restart() {
        let (mut server, mut alice) = start().await;
        let subscribe = "<presence type='subscribe' to='remind@echo.test'/>";
        alice.send_raw(subscribe).await;
        available(&mut alice).await;
        server.restart_component(reminders).await;
        available(&mut alice).await;
    }
}

mod guard_rails {
    use super::*;

    /// B64
    #[tokio::test(start_paused = true)]
    async fn a_message_that_was_long_on_its_way_runs_nothing() {
        let (_server, mut alice) = start().await;
        let late = "<message type='chat' to='remind@echo.test'><body>remind 1h tea</body>\
                    <delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/></message>";
        alice.send_raw(late).await;
        assert!(alice.next_chat().await.text().contains("write it again"));
        alice.send_raw(late).await;
        assert_eq!(says(&mut alice, "list").await, "What: none");
    }

    /// B99
    #[tokio::test(start_paused = true)]
    async fn thirty_commands_at_once_are_ten_replies_one_warning_and_silence() {
        let (server, mut alice) = start().await;
        for _ in 0..30 {
            alice.chat(BOT, "list").await;
        }
        let mut replies = Vec::new();
        for _ in 0..11 {
            replies.push(alice.next_chat().await.text().to_owned());
        }
        let slower = replies
            .iter()
            .filter(|text| text.starts_with("Slower"))
            .count();
        assert_eq!(slower, 1, "{replies:?}");
        alice.hears_nothing().await;
        let mut bob = server.user("bob@example.org/desk");
        assert_eq!(says(&mut bob, "list").await, "What: none");
    }

    /// B100
    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_refused_once_an_hour_and_sees_no_commands() {
        let sources = couplet::config::Sources::none()
            .variable("COUPLET_DOMAIN", "echo.test")
            .variable("COUPLET_SECRET", "secret")
            .variable("COUPLET_BOT_ALLOW", "example.net")
            .with_section::<Settings>();
        let config = sources.load().unwrap();
        let server = Server::start(|_| reminders(config)).await;
        let mut alice = server.user("alice@example.org/phone");
        alice.chat(BOT, "list").await;
        assert_eq!(alice.next_chat().await.condition(), "forbidden");
        alice.chat(BOT, "list").await;
        alice.hears_nothing().await;
        let command = "<command xmlns='http://jabber.org/protocol/commands' node='list'/>";
        assert_eq!(
            alice.ask("set", BOT, command).await.condition(),
            "forbidden"
        );
        let mut bob = server.user("bob@example.net/desk");
        assert_eq!(says(&mut bob, "list").await, "What: none");
    }

    /// B56
    #[tokio::test(start_paused = true)]
    async fn who_sends_chat_states_sees_that_the_bot_is_writing() {
        let (_server, mut alice) = start().await;
        let slow = |seconds: u32| {
            format!(
                "<message type='chat' to='remind@echo.test'><body>slow {seconds}</body>\
                 <active xmlns='http://jabber.org/protocol/chatstates'/></message>"
            )
        };
        alice.send_raw(slow(3)).await;
        let composing = alice.next_chat().await;
        assert!(composing.to_string().contains("<composing"), "{composing}");
        let answer = alice.next_chat().await;
        assert!(
            answer.text() == "At last" && answer.to_string().contains("<active"),
            "{answer}"
        );
        alice.chat(BOT, "slow 3").await;
        let answer = alice.next_chat().await;
        assert!(
            answer.text() == "At last" && !answer.to_string().contains("<active"),
            "{answer}"
        );
    }
}

#[test]
fn a_store_is_named_by_its_kind() {
    assert_eq!("memory".parse(), Ok(StoreLocation::Memory));
    assert_eq!(
        "sqlite:a.db".parse(),
        Ok(StoreLocation::Sqlite("a.db".into()))
    );
    assert!("postgres:x".parse::<StoreLocation>().is_err());
}
