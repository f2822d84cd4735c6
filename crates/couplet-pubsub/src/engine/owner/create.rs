//! Creating nodes. (XEP-0060, 8.1)

use couplet::Condition;

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        ask::{Ask, Decision},
    },
    facts::{Facts, Needs},
    node::{Affiliation, NodeConfig},
    refused::Refused,
    reply::Reply,
    request::ConfigForm,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: Option<String>,
    configure: Option<ConfigForm>,
) -> Result<Reply, Refused> {
    if !ask.policy.may_create(&ask.who, node.as_deref()) {
        return Err(Refused::plain(Condition::Forbidden));
    }
    let wanted = Wanted {
        is_news: node.is_none(),
        name: node.unwrap_or_else(ask.fresh),
        configure,
    };
    let needs = Needs {
        usage: true,
        ..super::standing(&ask, wanted.name.clone())
    };
    engine
        .change(needs, move |facts| decide(&ask, facts, &wanted))
        .await
}

struct Wanted {
    name: String,
    /// An instant node: its creator has to learn the name. (XEP-0060, 8.1.2)
    is_news: bool,
    configure: Option<ConfigForm>,
}

fn decide(ask: &Ask, facts: &Facts, wanted: &Wanted) -> Decision {
    if facts.node.is_some() {
        return Err(Refused::plain(Condition::Conflict));
    }
    check(ask, facts, &wanted.name)?;
    let mut config = ask.policy.new_node();
    if let Some(ConfigForm::Submit(fields)) = &wanted.configure {
        config = form::apply_config(&config, fields, &ask.limits())?;
    }
    let node = wanted.is_news.then(|| wanted.name.clone());
    Ok((make(ask, &wanted.name, config), Reply::Created { node }))
}

/// Whether one more node of that name is within the limits.
///
/// # Errors
///
/// `not-acceptable` for a long name, `policy-violation` where there are enough.
pub(in crate::engine) fn check(ask: &Ask, facts: &Facts, name: &str) -> Result<(), Refused> {
    let limits = ask.limits();
    if name.len() > limits.node_name_bytes as usize {
        return Err(Refused::plain(Condition::NotAcceptable).text("The name is too long"));
    }
    if facts.usage.nodes >= limits.nodes {
        let text = format!("You have {} nodes, which is the limit", facts.usage.nodes);
        return Err(Refused::plain(Condition::PolicyViolation).text(text));
    }
    Ok(())
}

/// A node that belongs to whoever asks.
pub(in crate::engine) fn make(ask: &Ask, name: &str, config: NodeConfig) -> Vec<Change> {
    vec![
        Change::Create {
            name: name.to_owned(),
            config: Box::new(config),
            creator: ask.who.clone(),
            at: ask.now,
        },
        Change::Affiliate {
            jid: ask.who.clone(),
            affiliation: Affiliation::Owner,
        },
    ]
}
