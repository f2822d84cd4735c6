//! The component that is tried out: the echo in this process, or somebody's own as a child.
//!
//! Deliberately absent: starting it again. A component that ends is what its author wants to see.

use std::ffi::OsString;

use couplet::Config;

use super::child::Child;
use super::inside::Inside;
use crate::failure::Failure;

/// A component at work.
#[derive(Debug)]
pub(super) enum Component {
    Inside(Inside),
    Child(Box<Child>),
}

impl Component {
    pub(super) fn start(command: &[OsString], config: Config) -> Result<Component, Failure> {
        match command.split_first() {
            None => Ok(Component::Inside(Inside::start(config))),
            Some((program, arguments)) => {
                let child = Child::start(program, arguments, &config)?;
                Ok(Component::Child(Box::new(child)))
            }
        }
    }

    /// Waits until it ends by itself, and tells why. Nothing is lost when the future is dropped.
    pub(super) async fn ended(&mut self) -> Failure {
        match self {
            Component::Inside(inside) => inside.ended().await,
            Component::Child(child) => child.ended().await,
        }
    }

    /// Asks it to end, and sees to it.
    pub(super) async fn stop(&mut self) {
        match self {
            Component::Inside(inside) => inside.stop().await,
            Component::Child(child) => child.stop().await,
        }
    }
}

/// What to call it.
pub(super) fn name(command: &[OsString], domain: &str) -> String {
    command.first().map_or_else(
        || format!("the echo {domain}"),
        |program| program.to_string_lossy().into_owned(),
    )
}
