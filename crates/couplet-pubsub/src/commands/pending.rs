//! Who waits for an owner's approval: as messages, as XEP-0060, 8.7 has it, or in the command itself.

use async_trait::async_trait;
use couplet::Condition;
use xmpp_parsers::data_forms::{Field, FieldType};

use crate::{
    clock, codec::SUBSCRIBE_AUTHORIZATION, refused::Refused, request::Approval,
    subscription::Subscription,
};

use super::{
    Actions, Dialog, Session, Step, Submitted,
    choice::{Choice, MOST, label},
    form, nodes, text,
};

/// The FORM_TYPE of the form that says who waits.
const FORM: &str = "couplet-pubsub#approve";
const NODE: &str = "pubsub#node";
const ALLOW: &str = "allow";
const DENY: &str = "deny";
const NONE_WAITS: &str = "No subscription waits for approval";

pub(super) struct Pending;

#[async_trait]
impl Dialog for Pending {
    async fn ask(
        &self,
        session: &Session<'_>,
        answered: Option<&Submitted>,
    ) -> Result<Step, Refused> {
        let decided = answered.filter(|form| form.is(FORM));
        if let Some(node) = decided.and_then(|form| form.value(NODE)) {
            return who_waits(session, node).await;
        }
        let most = u32::try_from(MOST).unwrap_or(u32::MAX);
        let nodes = session
            .desk
            .store
            .nodes_with_pending(session.bare(), most)
            .await?;
        if nodes.is_empty() {
            return Ok(Step::done(NONE_WAITS));
        }
        let choice = Choice::named(session, nodes).await?;
        let instructions = "Next shows who wants to subscribe to the node. Complete sends you a \
                            message for each of them.";
        let (form_type, node) = (SUBSCRIBE_AUTHORIZATION, choice.field(NODE));
        Ok(session.form(form_type, instructions, vec![node], Actions::NextOrComplete))
    }

    async fn act(&self, session: &Session<'_>, form: &Submitted) -> Result<Step, Refused> {
        let node = form.need(NODE, nodes::CHOOSE)?;
        if form.is(FORM) {
            return decide(session, node, form).await;
        }
        if session.next {
            return who_waits(session, node).await;
        }
        let engine = &session.desk.engine;
        let sent = engine.send_pending(session.who, node, clock::now()).await?;
        Ok(Step::done(match sent {
            0 => NONE_WAITS.to_owned(),
            1 => "1 request was sent to you as a message".to_owned(),
            more => format!("{more} requests were sent to you as messages"),
        }))
    }
}

async fn waiting(session: &Session<'_>, node: &str) -> Result<Vec<Subscription>, Refused> {
    let engine = &session.desk.engine;
    engine.pending(session.who, node, clock::now()).await
}

async fn who_waits(session: &Session<'_>, node: &str) -> Result<Step, Refused> {
    let waiting = waiting(session, node).await?;
    if waiting.is_empty() {
        return Ok(Step::done(NONE_WAITS));
    }
    let count = text::count(waiting.len(), "request");
    let list = |var, label| {
        let options = waiting.iter().take(MOST);
        Field {
            options: options
                .map(|held| form::option(held.jid.to_string(), held.subid.clone()))
                .collect(),
            ..form::field(var, FieldType::ListMulti, label, Vec::new())
        }
    };
    let label = label(session, node).await?;
    let instructions = format!("{count} to subscribe to {label}. The others keep waiting.");
    let fields = vec![
        form::hidden(NODE, node),
        list(ALLOW, "Allow"),
        list(DENY, "Deny"),
    ];
    Ok(session.form(FORM, &instructions, fields, Actions::PrevOrComplete))
}

async fn decide(session: &Session<'_>, node: &str, form: &Submitted) -> Result<Step, Refused> {
    let (allow, deny) = (form.values(ALLOW), form.values(DENY));
    let waiting = waiting(session, node).await?;
    if let Some(both) = waiting
        .iter()
        .find(|held| allow.contains(&held.subid) && deny.contains(&held.subid))
    {
        let text = format!("{} is both allowed and denied", both.jid);
        return Err(Refused::plain(Condition::BadRequest).text(text));
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
        let engine = &session.desk.engine;
        engine.approve(session.who, approval, clock::now()).await?;
        if is_allowed {
            allowed += 1;
        } else {
            denied += 1;
        }
    }
    Ok(Step::done(format!("{allowed} allowed, {denied} denied")))
}
