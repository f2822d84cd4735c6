//! Purging nodes of their items. (XEP-0060, 8.5)

use crate::{
    change::Change,
    codec::event,
    engine::{
        Engine,
        access::{owned, unsupported},
        announce,
        ask::{Ask, Decision},
    },
    facts::Facts,
    refused::Refused,
    reply::Reply,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<Reply, Refused> {
    let needs = super::standing(&ask, node);
    engine.change(needs, move |facts| decide(&ask, facts)).await
}

/// One notification instead of one for each item, from nodes that would send those. (8.5.2)
fn decide(ask: &Ask, facts: &Facts) -> Decision {
    let node = owned(ask, facts)?;
    let config = &node.config;
    if !config.persist {
        return Err(unsupported("persistent-items"));
    }
    let mut changes = vec![Change::Purge];
    if config.notify && config.notify_retract {
        changes.push(announce::to_subscribers(config, event::purged(&node.name)));
    }
    Ok((changes, Reply::Done))
}
