//! Bots for Couplet components: commands, forms, conversations, state and timers.

#![allow(
    dead_code,
    reason = "the runtime that uses all of it comes in a later change"
)]

// The derives write paths that begin with the name of this crate.
#[cfg(test)]
extern crate self as couplet_bot;

mod adhoc;
mod decision;
mod question;
mod forms;
mod help;
mod reading;
mod catalog;
pub mod table;
pub mod translations;
pub mod spec;
pub mod values;
pub mod arg;
pub mod choice;
pub mod value_error;
pub mod texts;

pub use couplet_bot_derive::{Choice, Commands, Form, Job, State};

pub use crate::{
    arg::Arg,
    choice::Choice,
    spec::{Commands, Form},
    table::Table,
    translations::Translations,
};
