//! Scenarios: the behaviour of a component on a server, written once and run on memory, Prosody and
//! ejabberd.
//!
//! Each is a function of a [`TestServer`](couplet_test::TestServer) that panics on failure; the
//! files in `tests/` run those that [`every_scenario!`] lists.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a scenario fails by panicking"
)]

mod list;
pub mod addresses;
pub mod guarantees;
pub mod hostile;
pub mod overload;
pub mod manners;
pub mod messages;
pub mod features;
pub mod bot;
pub mod contact;
pub mod routing;
pub mod handle;
pub mod backpressure;
pub mod reconnect;
pub mod shutdown;
pub mod keepalive;
pub mod login;
pub mod pubsub_rig;
pub mod pubsub_sink;
pub mod pubsub;
pub mod pubsub_service;
mod capacity;
mod apps;
