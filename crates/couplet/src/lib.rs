//! Couplet.

pub mod error;
pub mod config;
pub mod secret;
