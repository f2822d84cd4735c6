//! Bots for Couplet components: commands, forms, conversations, state and timers.
//!
//! A [`Bot`] is an extension of a component. Commands are an enum, forms are structs, and each handler is one
//! function of a [`Context`] that returns what the bot replies:
//!
//! ```
//! use couplet::{Component, Config};
//! use couplet_bot::{Bot, BotResult, Commands, Context, Job, reply};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Commands)]
//! enum Command {
//!     /// Remind you later
//!     Remind {
//!         /// In how long
//!         after: std::time::Duration,
//!         /// Of what
//!         what: String,
//!     },
//! }
//!
//! #[derive(Job, Serialize, Deserialize)]
//! struct Due(String);
//!
//! async fn on_command(ctx: Context<Command>) -> BotResult {
//!     let Command::Remind { after, what } = ctx.command();
//!     ctx.after(*after, Due(what.clone())).await?;
//!     reply("Noted.")
//! }
//!
//! async fn on_due(ctx: Context<Due>) -> BotResult {
//!     reply(format!("⏰ {}", ctx.0))
//! }
//!
//! fn reminders(config: Config) -> Component {
//!     Component::new(config).extend(Bot::new("remind").commands(on_command).job(on_due))
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let server = couplet_test::Server::start(reminders).await;
//! let mut alice = server.user("alice@example.org/phone");
//! alice.chat("remind@echo.test", "remind 10m tea").await;
//! assert_eq!(alice.next_chat().await.text(), "Noted.");
//! assert_eq!(alice.next_chat().await.text(), "⏰ tea"); // ten minutes later, by a paused clock
//! # }
//! ```
//!
//! # Cargo features
//!
//! - `sqlite` (on): [`SqliteStore`], state and jobs in one file.

// The derives write paths that begin with the name of this crate.
#[cfg(test)]
extern crate self as couplet_bot;

mod bot;
mod chat;
mod command_requests;
mod jobs;
mod interpret;
mod app;
mod turns;
mod waiting;
mod runner;
mod handlers;
mod handler;
mod context;
mod stream;
mod turn;
mod result;
mod bot_handle;
mod outbound;
mod subscriptions;
mod shared;
mod permissions;
mod adhoc;
mod decision;
mod question;
mod forms;
mod help;
mod reading;
mod catalog;
mod rate;
mod cooldown;
mod chat_states;
mod recent;
mod split;
mod text;
mod store;
mod state;
pub mod settings;
mod address_list;
mod conversation;
pub mod table;
pub mod translations;
pub mod spec;
pub mod values;
pub mod arg;
pub mod choice;
pub mod value_error;
pub mod texts;
mod clock;
mod ids;

pub use couplet_bot_derive::{Choice, Commands, Form, Job, State};

#[cfg(feature = "sqlite")]
pub use crate::store::SqliteStore;
#[doc(hidden)]
pub use crate::store::suite;
pub use crate::{
    arg::Arg,
    bot::Bot,
    bot_handle::BotHandle,
    choice::Choice,
    context::Context,
    conversation::Conversation,
    handler::{Handler, Handling, with},
    result::{BotResult, Reply, ask, no_reply, reply},
    spec::{Commands, Form},
    state::{Job, State},
    store::{
        JobEnd, JobId, JobRecord, MemoryStore, NewJob, SessionRecord, StateKey, Store, StoreError,
    },
    stream::ReplyStream,
    table::Table,
    text::Text,
    translations::Translations,
};
