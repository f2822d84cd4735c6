//! Unsubscribing. (XEP-0060, 6.2)

use couplet::Condition;
use jid::Jid;

use crate::{
    engine::{
        Engine,
        access::Standing,
        announce,
        ask::{Ask, Decision},
        settle,
    },
    facts::{Facts, Needs},
    refused::Refused,
    reply::Reply,
};

use super::meant;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    jid: Jid,
    subid: Option<String>,
) -> Result<Reply, Refused> {
    let needs = Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        owners: true,
        ..Needs::default()
    };
    engine
        .change(needs, move |facts| {
            decide(&ask, facts, &jid, subid.as_deref())
        })
        .await
}

fn decide(ask: &Ask, facts: &Facts, jid: &Jid, subid: Option<&str>) -> Decision {
    let standing = Standing::of(ask, facts)?;
    if !ask.is_own(jid) {
        return Err(Refused::plain(Condition::Forbidden));
    }
    let held = meant(standing.subscriptions, jid, subid)?;
    let node = standing.node;
    let mut changes = vec![settle::end(held)];
    changes.extend(announce::to_owners(
        node,
        &facts.owners,
        &ask.who,
        held,
        None,
    ));
    let reply = Reply::Unsubscribed {
        node: node.name.clone(),
        jid: held.jid.clone(),
        subid: held.subid.clone(),
    };
    Ok((changes, reply))
}
