//! Publish-subscribe for Couplet components: XEP-0060 as a library.

#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod measure;
mod service;
mod discovery;
mod commands;
mod listed;
mod desk;
pub mod settings;
mod fanout;
mod answering;
mod figures;
mod archive;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod memory;
mod engine;
mod store;
mod told;
mod codec;
pub mod policy;
mod change;
mod facts;
mod reply;
mod request;
mod refused;
mod page;
mod item;
pub mod subscription;
pub mod node;
mod by_name;
mod clock;
mod cursor;
mod moment;

pub use service::{Import, MoveError, Moved, OpenError, Pubsub};
