//! What owners ask for. (XEP-0060, 8)

pub(super) mod affiliates;
pub(super) mod configure;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod pending;
pub(super) mod purge;
pub(super) mod subscribers;

use crate::facts::Needs;

use super::ask::Ask;

/// The node and the rights of whoever asks: all that most of an owner's requests need.
fn standing(ask: &Ask, node: String) -> Needs {
    Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        ..Needs::default()
    }
}
