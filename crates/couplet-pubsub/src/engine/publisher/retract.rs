//! Retracting. (XEP-0060, 7.2)
//!
//! All items of a request or none. Whether subscribers are told is the publisher's choice, and the
//! node's (`notify_retract`) where it says nothing. (pubsub.md, 5b)

use std::collections::HashSet;

use couplet::Condition;

use crate::{
    change::Change,
    engine::{
        Engine,
        access::{Standing, unsupported},
        announce,
        ask::{Ask, Decision},
    },
    facts::{Facts, Needs},
    refused::{Detail, Refused},
    reply::Reply,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    ids: Vec<String>,
    notify: Option<bool>,
) -> Result<Reply, Refused> {
    let needs = Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        items: ids.clone(),
        ..Needs::default()
    };
    engine
        .change(needs, move |facts| decide(&ask, facts, &ids, notify))
        .await
}

fn decide(ask: &Ask, facts: &Facts, ids: &[String], notify: Option<bool>) -> Decision {
    let standing = Standing::of(ask, facts)?;
    let (node, config) = (standing.node, &standing.node.config);
    standing.may_publish()?;
    if !config.persist {
        return Err(unsupported("persistent-items"));
    }
    if ids.is_empty() {
        return Err(Refused::with(Condition::BadRequest, Detail::ItemRequired));
    }
    if !facts
        .items
        .iter()
        .all(|item| standing.may_retract(ask, item))
    {
        return Err(Refused::plain(Condition::Forbidden));
    }
    let there: HashSet<&str> = facts.items.iter().map(|item| item.id.as_str()).collect();
    if !ids.iter().all(|id| there.contains(id.as_str())) {
        return Err(Refused::plain(Condition::ItemNotFound));
    }
    let mut changes = vec![Change::Retract { ids: ids.to_vec() }];
    if notify.unwrap_or(config.notify_retract) {
        changes.extend(announce::retracted(&node.name, config, ids));
    }
    Ok((changes, Reply::Done))
}
