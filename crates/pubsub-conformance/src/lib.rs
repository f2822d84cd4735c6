//! A conformance runner for XEP-0060: a hundred questions to any pubsub service, asked in raw XML
//! by ordinary users of an ordinary server, and a table of the answers.
//!
//! Start with [`Suite`]; the command `pubsub-conformance` is a thin layer over it.
//! Deliberately absent: making accounts, starting servers, anything about personal eventing.

mod suite;
mod cases;
mod world;
mod expect;
mod known;
mod report;
mod client;
mod ordeal;
mod ask;
mod account;
mod fault;

pub use crate::account::{Account, BadAccount, People};
pub use crate::cases::cases;
pub use crate::client::{Security, Server};
pub use crate::known::{BadList, KnownFailures};
pub use crate::ordeal::{BadSink, Crash, Ordeal, Sink, Victim};
pub use crate::report::{Outcome, Report, Row};
pub use crate::suite::{Suite, Unreachable};
