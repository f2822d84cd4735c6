//! A bot of the kit: commands by chat and as forms, questions and jobs, on each server.

use std::path::Path;
use std::time::Duration;

use couplet::{Component, Config};
use couplet_bot::{
    Bot, BotResult, Commands, Context, Form, Job, SqliteStore, State, Table, ask, reply,
};
use couplet_test::{TestServer, TestUser};
use serde::{Deserialize, Serialize};

const REMIND: &str = "remind@echo.localhost";

#[derive(Commands)]
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
    ctx.update(|here: &mut Pending| here.0.retain(|what| *what != ctx.0))
        .await?;
    reply(format!("⏰ {}", ctx.0))
}

fn bot() -> Bot {
    let bot = Bot::new("remind").named("Reminders");
    bot.commands(on_command).form(on_forget).job(on_due)
}

fn reminders(config: Config) -> Component {
    Component::new(config).extend(bot())
}

fn kept_in(path: &Path) -> impl FnOnce(Config) -> Component {
    let store = SqliteStore::open(path).unwrap();
    move |config| Component::new(config).extend(bot().store(store))
}

async fn says(user: &mut TestUser, text: &str) -> String {
    user.chat(REMIND, text).await;
    user.next_chat().await.text().to_owned()
}

/// B1, B5, B8, B24
pub async fn a_command_is_read_from_a_chat(server: &mut TestServer) {
    let component = server.run(reminders).await;
    let mut alice = server.user("alice").await;
    alice.chat(REMIND, "/remind 1h tea").await;
    let noted = alice.next_chat().await;
    assert_eq!((noted.text(), noted.from()), ("Noted.", REMIND));
    let origin = noted.root().child("origin-id", "urn:xmpp:sid:0").unwrap();
    assert_eq!(origin.attr("id").unwrap(), noted.id());
    assert!(says(&mut alice, "remnid 1h tea").await.contains("remind"));
    assert!(says(&mut alice, "remind").await.starts_with("In how long"));
    assert!(says(&mut alice, "1h").await.starts_with("Of what"));
    assert_eq!(says(&mut alice, "cake").await, "Noted.");
    assert_eq!(says(&mut alice, "list").await, "What\ntea\ncake");
    component.stop().await.unwrap();
}

/// B21, B25 to B28
pub async fn a_command_is_a_form_of_the_client(server: &mut TestServer) {
    let component = server.run(reminders).await;
    let mut alice = server.user("alice").await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#items' \
                 node='http://jabber.org/protocol/commands'/>";
    let items = alice.ask("get", REMIND, query).await;
    for node in ["remind", "list", "clear"] {
        assert!(items.to_string().contains(node), "{items}");
    }
    let form = alice.run(REMIND, "remind").await;
    assert_eq!(form.field("after").label(), "In how long");
    let wrong = [("after", "soon"), ("what", "tea")];
    let again = alice.submit(&form, "complete", &wrong).await;
    assert_eq!(again.status(), "executing");
    assert!(again.note().contains("In how long"), "{again:?}");
    let right = [("after", "1h"), ("what", "tea")];
    let done = alice.submit(&again, "complete", &right).await;
    assert_eq!(
        (done.status(), done.note()),
        ("completed".into(), "Noted.".into())
    );
    let sure = alice.run(REMIND, "clear").await;
    let done = alice.submit(&sure, "complete", &[("sure", "true")]).await;
    assert_eq!(done.note(), "Forgotten.");
    component.stop().await.unwrap();
}

/// B36, B45
pub async fn a_question_and_a_form_outlive_a_restart(server: &mut TestServer) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.db");
    let component = server.run(kept_in(&path)).await;
    let (mut alice, mut bob) = (server.user("alice").await, server.user("bob").await);
    assert_eq!(says(&mut alice, "remind 1h tea").await, "Noted.");
    assert!(says(&mut alice, "clear").await.contains("Yes, all of it"));
    let form = bob.run(REMIND, "remind").await;
    component.stop().await.unwrap();
    let component = server.run(kept_in(&path)).await;
    assert_eq!(says(&mut alice, "yes").await, "Forgotten.");
    let values = [("after", "1h"), ("what", "cake")];
    let done = bob.submit(&form, "complete", &values).await;
    assert_eq!(done.note(), "Noted.");
    component.stop().await.unwrap();
}

/// B49, B50
pub async fn a_job_is_kept_through_a_restart_and_runs_once(server: &mut TestServer) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.db");
    let component = server.run(kept_in(&path)).await;
    let mut alice = server.user("alice").await;
    // A job goes to the person, whose server passes it on to devices that are online.
    alice.send_raw("<presence/>").await;
    assert_eq!(says(&mut alice, "remind 3s tea").await, "Noted.");
    component.stop().await.unwrap();
    let component = server.run(kept_in(&path)).await;
    let rung = alice.next_chat().await;
    assert_eq!((rung.text(), rung.from()), ("⏰ tea", REMIND));
    // A UUID of version 8, which is the same if the job runs again.
    assert_eq!(
        (rung.id().len(), rung.id().chars().nth(14)),
        (36, Some('8'))
    );
    assert_eq!(says(&mut alice, "list").await, "What: none");
    component.stop().await.unwrap();
}
