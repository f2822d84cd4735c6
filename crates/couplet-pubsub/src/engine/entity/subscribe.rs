//! Subscribing. (XEP-0060, 6.1)
//!
//! Subscribing a JID again tells what there is; with options it makes a second subscription with
//! a subid of its own (`multi-subscribe`, 6.1.6).

use couplet::Condition;
use jid::Jid;

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        access::Standing,
        announce,
        ask::{Ask, Decision},
    },
    facts::{Facts, Needs},
    node::Node,
    refused::{Detail, Refused},
    reply::Reply,
    request::OptionsForm,
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

use super::options::lease;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    jid: Jid,
    options: Option<OptionsForm>,
) -> Result<Reply, Refused> {
    let needs = needs(&ask, node);
    engine
        .change(needs, move |facts| {
            decide(&ask, facts, &jid, options.as_ref())
        })
        .await
}

fn needs(ask: &Ask, node: String) -> Needs {
    Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        newest: 1,
        owners: true,
        usage: true,
        ..Needs::default()
    }
}

fn decide(ask: &Ask, facts: &Facts, jid: &Jid, options: Option<&OptionsForm>) -> Decision {
    if !ask.is_own(jid) {
        return Err(Refused::with(Condition::BadRequest, Detail::InvalidJid));
    }
    let standing = Standing::of(ask, facts)?;
    let state = standing.may_subscribe()?;
    let asked = match options {
        Some(OptionsForm::Submit(fields)) => Some(fields),
        Some(OptionsForm::Cancel) | None => None,
    };
    let held = standing.subscriptions.iter().find(|held| held.jid == *jid);
    if let (Some(held), None) = (held, asked) {
        return Ok(again(standing.node, held));
    }
    check_room(ask, facts, standing.node)?;
    let mut new = Subscription {
        jid: jid.clone(),
        subid: (ask.fresh)(),
        state,
        options: SubscribeOptions::default(),
        expires: None,
        bounces: 0,
        since: 0,
    };
    if let Some(fields) = asked {
        let wanted = form::read_options(new.options, fields)?;
        new.options = wanted.options;
        new.expires = lease(ask, wanted.expires, None)?;
    }
    let changes = begin(ask, facts, standing.node, &new);
    Ok((changes, reply(standing.node, new, asked.is_some())))
}

/// What there is already; somebody who asks is there, so what has bounced no longer counts.
fn again(node: &Node, held: &Subscription) -> (Vec<Change>, Reply) {
    let current = Subscription {
        bounces: 0,
        ..held.clone()
    };
    let mut changes = Vec::new();
    if held.bounces > 0 {
        changes.push(Change::Subscribe(current.clone()));
    }
    (changes, reply(node, current, false))
}

/// XEP-0060, 6.1.3.9.
fn check_room(ask: &Ask, facts: &Facts, node: &Node) -> Result<(), Refused> {
    let mine = facts.usage.subscriptions < ask.limits().subscriptions;
    let all = node.subscribers < ask.policy.limits(&node.creator).subscribers;
    if mine && all {
        return Ok(());
    }
    Err(Refused::with(
        Condition::PolicyViolation,
        Detail::TooManySubscriptions,
    ))
}

fn begin(ask: &Ask, facts: &Facts, node: &Node, new: &Subscription) -> Vec<Change> {
    let owners = &facts.owners;
    let mut changes = vec![Change::Subscribe(new.clone())];
    if new.state == SubscriptionState::Pending {
        changes.push(announce::approval(&node.name, owners, new));
        return changes;
    }
    let state = Some(new.state);
    changes.extend(announce::to_owners(node, owners, &ask.who, new, state));
    changes.extend(announce::last(node, owners, facts.newest.last(), new));
    changes
}

fn reply(node: &Node, subscription: Subscription, with_options: bool) -> Reply {
    Reply::Subscribed {
        node: node.name.clone(),
        subscription,
        with_options,
    }
}
