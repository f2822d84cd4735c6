//! Reminds people of what they ask for, also after a restart.

use std::time::Duration;

use couplet::{Component, Config};
use couplet_bot::{Bot, BotResult, Commands, Context, Form, Job, State, Table, ask, reply};
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
    #[command(allow(direct, moderators))]
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

fn reminders(config: Config) -> Component {
    let bot = Bot::new("remind").named("Reminders");
    Component::new(config).extend(bot.commands(on_command).form(on_forget).job(on_due))
}

fn main() -> std::process::ExitCode {
    couplet::main(reminders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reminder_is_kept_through_a_restart() {
        let mut server = couplet_test::Server::start(reminders).await;
        let mut alice = server.user("alice@example.org/phone");
        alice.chat("remind@echo.test", "remind 10m tea").await;
        assert_eq!(alice.next_chat().await.text(), "Noted.");
        server.restart_component(reminders).await;
        assert_eq!(alice.next_chat().await.text(), "⏰ tea");
        let form = alice.run("remind@echo.test", "remind").await;
        assert_eq!(form.field("after").label(), "In how long");
    }
}
