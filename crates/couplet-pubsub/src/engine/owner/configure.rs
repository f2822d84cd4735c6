//! Configuring nodes, and what it does to those who are there. (XEP-0060, 8.2, 8.3)

use crate::{
    change::Change,
    codec::{event, form},
    engine::{
        Engine,
        access::{Standing, owned},
        announce,
        ask::{Ask, Decision},
        room::room,
        settle::settle,
    },
    facts::{Facts, Needs},
    node::{Node, NodeConfig},
    refused::Refused,
    reply::Reply,
    request::{ConfigForm, Field},
};

/// Tells how the node is configured.
pub(in crate::engine) async fn show(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<Reply, Refused> {
    let facts = engine.look(super::standing(&ask, node)).await?;
    let node = owned(&ask, &facts)?;
    Ok(Reply::Configuration {
        node: node.name.clone(),
        config: Box::new(node.config.clone()),
    })
}

/// Configures it.
pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    form: ConfigForm,
) -> Result<Reply, Refused> {
    let needs = needs(&ask, node, &form);
    engine
        .change(needs, move |facts| decide(&ask, facts, &form))
        .await
}

/// Tells how a new node is configured.
pub(in crate::engine) fn defaults(ask: &Ask) -> Reply {
    Reply::DefaultConfiguration {
        config: Box::new(ask.policy.new_node()),
    }
}

fn needs(ask: &Ask, node: String, form: &ConfigForm) -> Needs {
    let mentions = |var: &str| match form {
        ConfigForm::Submit(fields) => fields.iter().any(|field: &Field| field.var == var),
        ConfigForm::Cancel => false,
    };
    Needs {
        everybody: mentions("pubsub#access_model"),
        oldest: if mentions("pubsub#max_items") {
            ask.limits().items
        } else {
            0
        },
        ..super::standing(ask, node)
    }
}

fn decide(ask: &Ask, facts: &Facts, form: &ConfigForm) -> Decision {
    let node = owned(ask, facts)?;
    let ConfigForm::Submit(fields) = form else {
        return Ok((Vec::new(), Reply::Done));
    };
    let house = ask.policy.limits(&node.creator);
    let config = form::apply_config(&node.config, fields, &house)?;
    if config == node.config {
        return Ok((Vec::new(), Reply::Done));
    }
    let mut changes = vec![Change::Configure(Box::new(config.clone()))];
    changes.extend(fewer_items(ask, facts, node, &config));
    if config.access != node.config.access {
        changes.extend(other_access(ask, facts, node, &config));
    }
    if config.notify_config {
        let form = Some(&config).filter(|config| config.payloads);
        let content = event::configured(&node.name, form);
        changes.push(announce::to_subscribers(&config, content));
    }
    Ok((changes, Reply::Done))
}

/// Items for which there is no room any more go, the oldest first.
fn fewer_items(ask: &Ask, facts: &Facts, node: &Node, config: &NodeConfig) -> Vec<Change> {
    if !config.persist && node.config.persist {
        return vec![Change::Purge];
    }
    let keep = room(config, &ask.policy.limits(&node.creator));
    let excess = usize::try_from(node.items.saturating_sub(keep)).unwrap_or(usize::MAX);
    let gone: Vec<String> = facts
        .oldest
        .iter()
        .take(excess)
        .map(|item| item.id.clone())
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let mut changes = vec![Change::Trim {
        keep: u32::try_from(keep).unwrap_or(u32::MAX),
    }];
    if config.notify_retract {
        changes.extend(announce::retracted(&node.name, config, &gone));
    }
    changes
}

/// Those who lose access go, those who waited for it begin. (pubsub.md, case 86)
fn other_access(ask: &Ask, facts: &Facts, node: &Node, config: &NodeConfig) -> Vec<Change> {
    facts
        .everybody
        .iter()
        .flat_map(|party| {
            let affiliation = Standing::of_party(ask, node, party).affiliation;
            settle(&node.name, config.access, affiliation, &party.subscriptions)
        })
        .collect()
}
