//! Deleting nodes. (XEP-0060, 8.4)

use crate::{
    change::{Announcement, Audience, Change},
    codec::event,
    engine::{
        Engine,
        access::owned,
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
    redirect: Option<String>,
) -> Result<Reply, Refused> {
    let needs = super::standing(&ask, node);
    engine
        .change(needs, move |facts| decide(&ask, facts, redirect))
        .await
}

fn decide(ask: &Ask, facts: &Facts, redirect: Option<String>) -> Decision {
    let node = owned(ask, facts)?;
    let mut changes = Vec::new();
    if node.config.notify_delete {
        changes.push(Change::Announce(Announcement {
            to: Audience::SubscribersAndPending,
            type_: node.config.message_type,
            content: event::deleted(&node.name, redirect.as_deref()),
            body: None,
        }));
    }
    changes.push(Change::Delete { redirect });
    Ok((changes, Reply::Done))
}
