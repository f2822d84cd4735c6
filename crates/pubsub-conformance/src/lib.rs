//! A conformance runner for XEP-0060: a hundred cases against any pubsub service, in raw XML from
//! ordinary users of an ordinary server, with a table of results.
//!
//! Start with [`Suite`]; the command `pubsub-conformance` is a thin layer over it. Registering
//! accounts, starting servers and personal eventing are out of scope.

mod suite;
mod cases;
mod test_context;
mod expect;
mod known;
mod report;
mod client;
mod crash_test;
mod request;
mod account;
mod error;

pub use crate::account::{Account, Accounts, BadAccount};
pub use crate::cases::cases;
pub use crate::client::{Security, Server};
pub use crate::crash_test::{BadSink, CrashTarget, CrashTest, ProcessControl, Sink};
pub use crate::known::{BadList, KnownFailures};
pub use crate::report::{Outcome, Report, Row};
pub use crate::suite::{Suite, Unreachable};
