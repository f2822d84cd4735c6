//! Couplet.

#[cfg(feature = "launch")]
pub mod launch;
#[cfg(feature = "launch")]
pub mod logging;
pub mod error;
pub mod config;
pub mod secret;
