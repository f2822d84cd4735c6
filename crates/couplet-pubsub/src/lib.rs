//! Publish-subscribe (XEP-0060) for Couplet components.

#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod measure;
mod service;
mod discovery;
mod commands;
mod node_list;
mod service_context;
pub mod settings;
mod fanout;
mod in_flight;
mod metrics;
mod archive;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod memory;
mod engine;
mod store;
mod log_limit;
mod codec;
pub mod policy;
mod change;
mod snapshot;
mod reply;
mod request;
mod pubsub_error;
mod page;
mod item;
pub mod subscription;
pub mod node;
mod payload_type;
mod clock;
mod cursor;
mod timestamp;

pub use service::{ImportMode, OpenError, Pubsub, TransferError, TransferStats};
