//! Lists and decides pending subscriptions: by messages, as in XEP-0060, 8.7, or in the command
//! itself.

use async_trait::async_trait;
use couplet::Condition;
use xmpp_parsers::data_forms::{Field, FieldType};

use crate::{
    clock, codec::SUBSCRIBE_AUTHORIZATION, pubsub_error::PubsubError, request::Approval,
    subscription::Subscription,
};

use super::{
    Actions, Dialog, Execution, Step, Submitted, form,
    node_choice::{MAX_CHOICES, NodeChoice, label},
    nodes, text,
};

/// The FORM_TYPE of the form that lists pending subscriptions.
const FORM: &str = "couplet-pubsub#approve";
const NODE: &str = "pubsub#node";
const ALLOW: &str = "allow";
const DENY: &str = "deny";
const NONE_WAITS: &str = "No subscription waits for approval";

pub(super) struct Pending;

#[async_trait]
impl Dialog for Pending {
    async fn show(
        &self,
        execution: &Execution<'_>,
        answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let decided = answered.filter(|form| form.is(FORM));
        if let Some(node) = decided.and_then(|form| form.value(NODE)) {
            return who_waits(execution, node).await;
        }
        let most = u32::try_from(MAX_CHOICES).unwrap_or(u32::MAX);
        let nodes = execution
            .service
            .store
            .nodes_with_pending(execution.bare(), most)
            .await?;
        if nodes.is_empty() {
            return Ok(Step::done(NONE_WAITS));
        }
        let choice = NodeChoice::named(execution, nodes).await?;
        let instructions = "Next shows who wants to subscribe to the node. Complete sends you a \
                            message for each of them.";
        let (form_type, node) = (SUBSCRIBE_AUTHORIZATION, choice.field(NODE));
        Ok(execution.form(form_type, instructions, vec![node], Actions::NextOrComplete))
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError> {
        let node = form.need(NODE, nodes::CHOOSE)?;
        if form.is(FORM) {
            return decide(execution, node, form).await;
        }
        if execution.next {
            return who_waits(execution, node).await;
        }
        let engine = &execution.service.engine;
        let sent = engine
            .send_pending(execution.who, node, clock::now())
            .await?;
        Ok(Step::done(match sent {
            0 => NONE_WAITS.to_owned(),
            1 => "1 request was sent to you as a message".to_owned(),
            more => format!("{more} requests were sent to you as messages"),
        }))
    }
}

async fn waiting(execution: &Execution<'_>, node: &str) -> Result<Vec<Subscription>, PubsubError> {
    let engine = &execution.service.engine;
    engine.pending(execution.who, node, clock::now()).await
}

async fn who_waits(execution: &Execution<'_>, node: &str) -> Result<Step, PubsubError> {
    let waiting = waiting(execution, node).await?;
    if waiting.is_empty() {
        return Ok(Step::done(NONE_WAITS));
    }
    let count = text::count(waiting.len(), "request");
    let list = |var, label| {
        let options = waiting.iter().take(MAX_CHOICES);
        Field {
            options: options
                .map(|held| form::option(held.jid.to_string(), held.subid.clone()))
                .collect(),
            ..form::field(var, FieldType::ListMulti, label, Vec::new())
        }
    };
    let label = label(execution, node).await?;
    let instructions = format!("{count} to subscribe to {label}. The others keep waiting.");
    let fields = vec![
        form::hidden(NODE, node),
        list(ALLOW, "Allow"),
        list(DENY, "Deny"),
    ];
    Ok(execution.form(FORM, &instructions, fields, Actions::PrevOrComplete))
}

async fn decide(
    execution: &Execution<'_>,
    node: &str,
    form: &Submitted,
) -> Result<Step, PubsubError> {
    let (allow, deny) = (form.values(ALLOW), form.values(DENY));
    let waiting = waiting(execution, node).await?;
    if let Some(both) = waiting
        .iter()
        .find(|held| allow.contains(&held.subid) && deny.contains(&held.subid))
    {
        let text = format!("{} is both allowed and denied", both.jid);
        return Err(PubsubError::new(Condition::BadRequest).text(text));
    }
    let (mut allowed, mut denied) = (0, 0);
    for held in waiting {
        let is_allowed = allow.contains(&held.subid);
        if !is_allowed && !deny.contains(&held.subid) {
            continue;
        }
        let approval = Approval {
            node: node.to_owned(),
            subid: Some(held.subid),
            subscriber: held.jid,
            allow: is_allowed,
        };
        let engine = &execution.service.engine;
        engine
            .approve(execution.who, approval, clock::now())
            .await?;
        if is_allowed {
            allowed += 1;
        } else {
            denied += 1;
        }
    }
    Ok(Step::done(format!("{allowed} allowed, {denied} denied")))
}
