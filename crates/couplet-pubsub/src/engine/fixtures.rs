//! Snapshots and contexts for tests of decisions.

use std::sync::Arc;

use couplet::{BareJid, Condition, Jid};

use crate::{
    change::{Announcement, Audience, Change},
    item::{Item, ItemHead},
    node::{Affiliation, Node, NodeConfig, NodeId},
    policy::{Policy, Rules},
    pubsub_error::{PubsubCondition, PubsubError},
    request::{Field, NewItem, Payload},
    snapshot::{Entity, Snapshot},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

use super::context::RequestContext;

pub(super) const NODE: &str = "princely_musings";
pub(super) const OWNER: &str = "hamlet@denmark.lit";
pub(super) const OTHER: &str = "francisco@denmark.lit";
pub(super) const NOW: Timestamp = Timestamp(1_000_000);

/// Returns the context of a request under the default policy.
pub(super) fn context(from: &str) -> RequestContext {
    context_in(from, Rules::default())
}

/// Returns the context of a request under this policy.
pub(super) fn context_in(from: &str, rules: impl Policy) -> RequestContext {
    let from = jid(from);
    RequestContext {
        who: from.to_bare(),
        from,
        policy: Arc::new(rules),
        domain: bare("pubsub.shakespeare.lit"),
        now: NOW,
        new_id: || uuid::Uuid::new_v4().to_string(),
    }
}

pub(super) fn jid(jid: &str) -> Jid {
    Jid::new(jid).unwrap()
}

pub(super) fn bare(jid: &str) -> BareJid {
    BareJid::new(jid).unwrap()
}

pub(super) fn entity(jid: &str, affiliation: Affiliation, held: &[Subscription]) -> Entity {
    Entity {
        jid: bare(jid),
        affiliation,
        subscriptions: held.to_vec(),
    }
}

pub(super) fn subscribed(jid_: &str, subid: &str) -> Subscription {
    Subscription {
        jid: jid(jid_),
        subid: subid.to_owned(),
        state: SubscriptionState::Subscribed,
        options: SubscribeOptions::default(),
        expires: None,
        bounces: 0,
        since: 0,
    }
}

pub(super) fn pending(jid: &str, subid: &str) -> Subscription {
    Subscription {
        state: SubscriptionState::Pending,
        ..subscribed(jid, subid)
    }
}

/// Returns a snapshot of the node with its defaults, for this entity.
pub(super) fn snapshot(entity: Entity) -> Snapshot {
    facts_with(entity, |_| {})
}

/// Returns a snapshot of the node with another configuration.
pub(super) fn facts_with(entity: Entity, configure: impl FnOnce(&mut NodeConfig)) -> Snapshot {
    let mut config = NodeConfig::default();
    configure(&mut config);
    Snapshot {
        node: Some(Node {
            revision: 1,
            ..Node::new(
                NodeId(1),
                NODE.to_owned(),
                config,
                bare(OWNER),
                Timestamp(0),
            )
        }),
        entity: Some(entity),
        owners: vec![bare(OWNER)],
        ..Snapshot::default()
    }
}

/// Returns a snapshot of the node for its owner.
pub(super) fn owners_facts(configure: impl FnOnce(&mut NodeConfig)) -> Snapshot {
    facts_with(entity(OWNER, Affiliation::Owner, &[]), configure)
}

/// Returns a snapshot of the node for an entity without affiliation.
pub(super) fn strangers_facts(configure: impl FnOnce(&mut NodeConfig)) -> Snapshot {
    facts_with(entity(OTHER, Affiliation::None, &[]), configure)
}

/// Returns a snapshot without node, with or without a redirect.
pub(super) fn no_node(redirect: Option<&str>) -> Snapshot {
    Snapshot {
        redirect: redirect.map(str::to_owned),
        ..Snapshot::default()
    }
}

pub(super) fn head(id: &str, publisher: &str) -> ItemHead {
    ItemHead {
        id: id.to_owned(),
        seq: 1,
        publisher: bare(publisher),
        published: Timestamp(5),
        expires: None,
    }
}

pub(super) fn kept(id: &str, publisher: &str) -> Item {
    Item {
        head: head(id, publisher),
        payload: Some("<entry xmlns='urn:e'/>".to_owned()),
    }
}

pub(super) fn new_item(id: Option<&str>, payload: Option<&str>) -> NewItem {
    NewItem {
        id: id.map(str::to_owned),
        payload: payload.map(|xml| Payload {
            xml: xml.to_owned(),
            text: Some("Soliloquy".to_owned()),
        }),
    }
}

pub(super) fn field(var: &str, value: &str) -> Field {
    Field {
        var: var.to_owned(),
        values: vec![value.to_owned()],
    }
}

/// Returns the two conditions of an error.
pub(super) fn why<T: std::fmt::Debug>(
    decision: Result<T, PubsubError>,
) -> (Condition, Option<PubsubCondition>) {
    let error = decision.unwrap_err();
    (error.condition, error.detail)
}

/// Returns the announcements among changes.
pub(super) fn announced(changes: &[Change]) -> Vec<&Announcement> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Announce(announcement) => Some(announcement),
            _ => None,
        })
        .collect()
}

/// Returns the contents of announcements to this JID by name.
pub(super) fn notices_to<'a>(changes: &'a [Change], recipient: &str) -> Vec<&'a str> {
    announced(changes)
        .into_iter()
        .filter(|one| matches!(&one.to, Audience::Named(jids) if jids.contains(&jid(recipient))))
        .map(|one| one.content.as_str())
        .collect()
}

/// Returns the contents of announcements to all subscribers.
pub(super) fn announced_to_subscribers(changes: &[Change]) -> Vec<&str> {
    announced(changes)
        .into_iter()
        .filter(|one| one.to == Audience::Subscribers)
        .map(|one| one.content.as_str())
        .collect()
}

/// Returns the changes without the announcements.
pub(super) fn done(changes: &[Change]) -> Vec<&Change> {
    changes
        .iter()
        .filter(|change| !matches!(change, Change::Announce(_)))
        .collect()
}
