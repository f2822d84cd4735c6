//! Servers to test a component on: one in memory, for every `cargo test`; Prosody and ejabberd as
//! child processes, for the behaviour of real servers; and PostgreSQL, for a component's database.
//!
//! Start with [`Server`]. [`TestServer`] runs one scenario on all three.

mod test_server;
mod memory;
mod running;
mod test_user;
mod exchange;
mod prosody;
mod ejabberd;
mod postgres;
mod client;
mod setup;
mod certificate;
mod root;
mod process;
mod error;
mod verdict;

pub use crate::client::Client;
pub use crate::ejabberd::Ejabberd;
pub use crate::error::{ClientError, TestServerError};
pub use crate::memory::Server;
pub use crate::postgres::Postgres;
pub use crate::prosody::Prosody;
pub use crate::root::Packages;
pub use crate::running::Running;
pub use crate::setup::Setup;
pub use crate::test_server::{Backend, TestServer};
pub use crate::test_user::{CommandField, CommandReply, Heard, TestUser};
