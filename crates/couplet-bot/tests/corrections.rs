//! Corrections of people's messages, and replies that grow. (bots.md, B57 to B63)
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use couplet::{Component, Config};
use couplet_bot::{Bot, BotResult, Commands, Context, State, Table, Text, no_reply, reply};
use couplet_test::{Heard, Server, TestUser};
use serde::{Deserialize, Serialize};

#[derive(Commands)]
enum Command {
    /// Keep something
    Keep {
        /// How often
        times: u8,
        /// What
        what: String,
    },
    /// What is kept
    List,
    /// Takes two seconds
    Slow,
}

#[derive(State, Default, Serialize, Deserialize)]
struct Kept(Vec<String>);

async fn on_command(ctx: Context<Command>) -> BotResult {
    match ctx.command() {
        Command::Keep { times, what } => {
            ctx.update(|kept: &mut Kept| {
                let more = vec![what.clone(); usize::from(*times)];
                kept.0.extend(more);
            })
            .await?;
            reply("Kept.")
        }
        Command::List => reply(Table::list("What", ctx.state::<Kept>().await?.0)),
        Command::Slow => {
            tokio::time::sleep(Duration::from_secs(2)).await;
            reply("At last")
        }
    }
}

fn keeper(config: Config) -> Component {
    Component::new(config).extend(Bot::new("keep").commands(on_command))
}

const BOT: &str = "keep@echo.test";

async fn start() -> (Server, TestUser) {
    let server = Server::start(keeper).await;
    let alice = server.user("alice@example.org/phone");
    (server, alice)
}

async fn writes(user: &mut TestUser, id: &str, text: &str, replaces: Option<&str>) {
    let replace = replaces.map_or(String::new(), |id| {
        format!("<replace xmlns='urn:xmpp:message-correct:0' id='{id}'/>")
    });
    let message =
        format!("<message type='chat' id='{id}' to='{BOT}'><body>{text}</body>{replace}</message>");
    user.send_raw(message).await;
}

fn replaced(message: &Heard) -> Option<String> {
    let replace = message
        .root()
        .child("replace", "urn:xmpp:message-correct:0")?;
    replace.attr("id").map(|id| id.into_owned())
}

mod corrections {
    use super::*;

    /// B57
    #[tokio::test(start_paused = true)]
    async fn of_a_message_that_waits_only_the_corrected_text_runs() {
        let (_server, mut alice) = start().await;
        writes(&mut alice, "m1", "slow", None).await;
        writes(&mut alice, "m2", "keep 1 tea", None).await;
        writes(&mut alice, "m3", "keep 1 cake", Some("m2")).await;
        assert_eq!(alice.next_chat().await.text(), "At last");
        assert_eq!(alice.next_chat().await.text(), "Kept.");
        writes(&mut alice, "m4", "list", None).await;
        assert_eq!(alice.next_chat().await.text(), "What\ncake");
    }

    /// B58
    #[tokio::test(start_paused = true)]
    async fn a_corrected_mistake_runs_and_the_reply_replaces_the_complaint() {
        let (_server, mut alice) = start().await;
        writes(&mut alice, "m1", "keep some tea", None).await;
        let complaint = alice.next_chat().await;
        assert!(complaint.text().contains("How often"), "{complaint}");
        writes(&mut alice, "m2", "keep many tea", Some("m1")).await;
        let again = alice.next_chat().await;
        assert!(again.text().contains("many"), "{again}");
        assert_eq!(replaced(&again).as_deref(), Some(complaint.id()));
        writes(&mut alice, "m3", "keep 2 tea", Some("m1")).await;
        let kept = alice.next_chat().await;
        assert_eq!(kept.text(), "Kept.");
        assert_eq!(replaced(&kept).as_deref(), Some(complaint.id()));
    }

    /// B59
    #[tokio::test(start_paused = true)]
    async fn of_what_succeeded_nothing_runs_again() {
        let (_server, mut alice) = start().await;
        writes(&mut alice, "m1", "keep 1 tea", None).await;
        assert_eq!(alice.next_chat().await.text(), "Kept.");
        writes(&mut alice, "m2", "keep 1 cake", Some("m1")).await;
        writes(&mut alice, "m3", "list", None).await;
        assert_eq!(alice.next_chat().await.text(), "What\ntea");
    }
}

mod streams {
    use super::*;

    /// Streams a hundred words in ten seconds, unless it is interrupted.
    async fn on_text(ctx: Context<Text>) -> BotResult {
        let mut answer = ctx.stream();
        for word in 0..100 {
            answer.push(&format!("{word} ")).await?;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
                () = ctx.interrupted() => break,
            }
        }
        answer.finish().await?;
        no_reply()
    }

    async fn streaming() -> (Server, TestUser) {
        let streamer = |config| Component::new(config).extend(Bot::new("keep").text(on_text));
        let server = Server::start(streamer).await;
        let alice = server.user("alice@example.org/phone");
        (server, alice)
    }

    fn is_passing(message: &Heard) -> bool {
        message.root().child("no-store", "urn:xmpp:hints").is_some()
    }

    async fn until_end(alice: &mut TestUser, word: &str) -> Vec<Heard> {
        let mut all = Vec::new();
        loop {
            let message = alice.next_chat().await;
            let is_last = message.text().ends_with(word) && !is_passing(&message);
            all.push(message);
            if is_last {
                return all;
            }
        }
    }

    /// B61
    #[tokio::test(start_paused = true)]
    async fn a_hundred_words_are_one_message_with_a_correction_a_second() {
        let (_server, mut alice) = streaming().await;
        alice.chat(BOT, "go").await;
        let all = until_end(&mut alice, "99 ").await;
        assert!((5..=12).contains(&all.len()), "{}", all.len());
        assert!(replaced(&all[0]).is_none() && !is_passing(&all[0]));
        for correction in &all[1..] {
            assert_eq!(replaced(correction).as_deref(), Some(all[0].id()));
        }
        let passing = all[1..].iter().filter(|message| is_passing(message));
        assert_eq!(passing.count(), all.len() - 2);
    }

    /// B62
    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_interrupted_ends_and_the_next_turn_begins() {
        let (_server, mut alice) = streaming().await;
        alice.chat(BOT, "go").await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        alice.chat(BOT, "stop").await;
        let mut messages = Vec::new();
        for _ in 0..6 {
            messages.push(alice.next_chat().await);
        }
        let last = messages
            .iter()
            .position(|message| replaced(message).is_some() && !is_passing(message));
        let last = last.expect("the interrupted reply has a final correction");
        assert!(
            replaced(&messages[last + 1]).is_none(),
            "the next reply is a message of its own"
        );
    }

    /// B63
    #[tokio::test(start_paused = true)]
    async fn after_a_bounce_the_final_text_follows_as_a_message() {
        let (_server, mut alice) = streaming().await;
        alice.chat(BOT, "go").await;
        let first = alice.next_chat().await;
        let bounce = format!(
            "<message type='error' to='{BOT}' id='{}'><error type='cancel'>\
             <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
            first.id()
        );
        alice.send_raw(bounce).await;
        let last = alice.next_chat().await;
        assert!(last.text().ends_with("99 "), "{last}");
        assert!(replaced(&last).is_none());
        alice.hears_nothing().await;
    }
}
