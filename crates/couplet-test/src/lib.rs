//! Test servers.

mod prosody;
mod ejabberd;
mod client;
mod setup;
mod certificate;
mod process;
mod error;

pub use crate::client::Client;
pub use crate::ejabberd::Ejabberd;
pub use crate::error::{ClientError, StageError};
pub use crate::prosody::Prosody;
pub use crate::setup::Setup;
