//! Jobs of a bot, on the server in memory with a paused clock. (bots.md, B46 to B53)
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use couplet::{Component, Condition, Config, StanzaError};
use couplet_bot::{Bot, BotResult, Context, Job, State, Text, no_reply, reply, with};
use couplet_test::Server;
use serde::{Deserialize, Serialize};

#[derive(Job, Serialize, Deserialize)]
struct Due(String);

#[derive(Job, Serialize, Deserialize)]
struct Daily;

#[derive(State, Default, Serialize, Deserialize)]
struct Rung(u32);

async fn on_text(ctx: Context<Text>) -> BotResult {
    match ctx.text().split_once(' ') {
        Some(("in", rest)) => {
            let (seconds, what) = rest.split_once(' ').unwrap_or((rest, "tea"));
            let delay = Duration::from_secs(seconds.parse()?);
            ctx.after(delay, Due(what.to_owned())).await?;
            reply("Noted.")
        }
        _ if ctx.text() == "daily" => {
            ctx.every(Duration::from_secs(86_400), Daily).await?;
            reply("Noted.")
        }
        _ if ctx.text() == "stop" => {
            let count = ctx.cancel::<Due>().await?;
            reply(format!("{count} stopped"))
        }
        _ if ctx.text() == "sleep" => {
            tokio::time::sleep(Duration::from_secs(55)).await;
            no_reply()
        }
        _ if ctx.text() == "count" => reply(ctx.state::<Rung>().await?.0.to_string()),
        _ => no_reply(),
    }
}

async fn on_due(ctx: Context<Due>) -> BotResult {
    ctx.update(|rung: &mut Rung| rung.0 += 1).await?;
    reply(format!("{} ({} s late)", ctx.0, ctx.late().as_secs()))
}

async fn on_daily(ctx: Context<Daily>) -> BotResult {
    reply(format!("A day, {} s late", ctx.late().as_secs()))
}

fn reminders(config: Config) -> Component {
    let bot = Bot::new("remind").text(on_text).job(on_due).job(on_daily);
    Component::new(config).extend(bot)
}

const BOT: &str = "remind@echo.test";
const ALICE: &str = "alice@example.org/phone";

#[tokio::test(start_paused = true)]
async fn a_job_runs_once_in_its_conversation_when_it_is_due() {
    let server = Server::start(reminders).await;
    let (mut alice, mut bob) = (server.user(ALICE), server.user("bob@example.org/desk"));
    alice.chat(BOT, "in 600 tea").await;
    assert_eq!(alice.next_chat().await.text(), "Noted.");
    let rung = alice.next_chat().await;
    assert_eq!(rung.text(), "tea (0 s late)");
    assert_eq!(rung.from(), BOT);
    alice.chat(BOT, "count").await;
    assert_eq!(alice.next_chat().await.text(), "1");
    bob.chat(BOT, "count").await;
    assert_eq!(bob.next_chat().await.text(), "0");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_does_not_run() {
    let server = Server::start(reminders).await;
    let mut alice = server.user(ALICE);
    for text in ["in 60 tea", "in 90 cake"] {
        alice.chat(BOT, text).await;
        alice.next_chat().await;
    }
    alice.chat(BOT, "stop").await;
    assert_eq!(alice.next_chat().await.text(), "2 stopped");
    tokio::time::sleep(Duration::from_secs(120)).await;
    alice.chat(BOT, "count").await;
    assert_eq!(alice.next_chat().await.text(), "0");
}

/// B49
#[tokio::test(start_paused = true)]
async fn a_job_that_was_due_while_the_bot_was_away_runs_once_and_knows_how_late_it_is() {
    let mut server = Server::start(reminders).await;
    let mut alice = server.user(ALICE);
    alice.chat(BOT, "in 600 tea").await;
    assert_eq!(alice.next_chat().await.text(), "Noted.");
    server.stop();
    tokio::time::sleep(Duration::from_secs(1_200)).await;
    server.restart();
    let rung = alice.next_chat().await;
    let late: u64 = rung
        .text()
        .split([' ', '('])
        .nth(2)
        .unwrap()
        .parse()
        .unwrap();
    assert!((590..700).contains(&late), "{rung}");
    server.restart_component(reminders).await;
    alice.chat(BOT, "count").await;
    assert_eq!(alice.next_chat().await.text(), "1");
}

/// B51
#[tokio::test(start_paused = true)]
async fn a_daily_job_that_was_missed_three_times_runs_once() {
    let server = Server::start(reminders).await;
    let mut alice = server.user(ALICE);
    alice.chat(BOT, "daily").await;
    alice.next_chat().await;
    server.stop();
    tokio::time::sleep(Duration::from_secs(3 * 86_400 + 3_600)).await;
    server.restart();
    assert!(alice.next_chat().await.text().starts_with("A day, "));
    alice.hears_nothing().await;
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(alice.next_chat().await.text(), "A day, 0 s late");
}

#[tokio::test(start_paused = true)]
async fn jobs_of_others_are_on_time_while_a_conversation_has_no_room() {
    let server = Server::start(reminders).await;
    let (mut alice, mut bob) = (server.user(ALICE), server.user("bob@example.org/desk"));
    bob.chat(BOT, "in 20 cake").await;
    assert_eq!(bob.next_chat().await.text(), "Noted.");
    for number in 0..9 {
        alice.chat(BOT, &format!("in 5 tea{number}")).await;
        assert_eq!(alice.next_chat().await.text(), "Noted.");
    }
    // Five of her jobs wait behind this, the others find no room.
    alice.chat(BOT, "sleep").await;
    assert_eq!(bob.next_chat().await.text(), "cake (0 s late)");
    for number in 0..9 {
        let rung = alice.next_chat().await;
        assert!(rung.text().starts_with(&format!("tea{number} ")), "{rung}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(start_paused = true)]
async fn a_job_whose_end_cannot_be_recorded_does_not_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.db");
    let store = couplet_bot::SqliteStore::open(&file).unwrap();
    let sql = "CREATE TRIGGER refuse BEFORE DELETE ON job BEGIN SELECT RAISE(ABORT, 'no'); END";
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch(sql).unwrap();
    drop(other);
    let bot = Bot::new("remind").text(on_text).job(on_due).store(store);
    let server = Server::start(|config| Component::new(config).extend(bot)).await;
    let mut alice = server.user(ALICE);
    alice.chat(BOT, "in 1 tea").await;
    assert_eq!(alice.next_chat().await.text(), "Noted.");
    assert!(alice.next_chat().await.text().starts_with("tea "));
    tokio::time::sleep(Duration::from_secs(600)).await;
    alice.hears_nothing().await;
}

#[derive(Job, Serialize, Deserialize)]
struct Flaky;

async fn start_flaky(ctx: Context<Text>) -> BotResult {
    ctx.after(Duration::ZERO, Flaky).await?;
    reply("Noted.")
}

async fn fail(_ctx: Context<Flaky>, runs: Arc<AtomicU32>) -> BotResult {
    runs.fetch_add(1, Ordering::Relaxed);
    Err(StanzaError::new(Condition::InternalServerError).because("the kettle is broken"))
}

/// B52
#[tokio::test(start_paused = true)]
async fn a_job_that_fails_runs_again_after_10_s_1_min_10_min_and_1_h_and_is_then_parked() {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let server = Server::start(move |config| {
        let bot = Bot::new("remind")
            .text(start_flaky)
            .job(with(counted, fail));
        Component::new(config).extend(bot)
    })
    .await;
    let mut alice = server.user(ALICE);
    alice.chat(BOT, "go").await;
    assert_eq!(alice.next_chat().await.text(), "Noted.");
    for (expected, delay) in (1..).zip([10, 60, 600, 3_600]) {
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(runs.load(Ordering::Relaxed), expected);
        tokio::time::sleep(Duration::from_secs(delay)).await;
    }
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 5);
    alice.hears_nothing().await;
}
