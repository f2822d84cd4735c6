//! The capacity of a node. (XEP-0060, 16.4.4: `pubsub#max_items`)

use crate::{node::NodeConfig, policy::Limits};

/// Returns how many items a node keeps, at least one: a node that keeps none does not persist
/// items.
pub(super) fn capacity(config: &NodeConfig, rules: &Limits) -> u64 {
    let wanted = config.max_items.unwrap_or(rules.items);
    u64::from(wanted.min(rules.items).max(1))
}
