//! Lists and ends the subscriptions of the user. (XEP-0060, 5.6 and 6.2)

use async_trait::async_trait;
use xmpp_parsers::data_forms::FieldType;

use crate::{
    page::{Page, Start},
    pubsub_error::PubsubError,
    reply::Reply,
    request::Request,
    subscription::{Subscription, SubscriptionState},
};

use super::{
    Actions, Dialog, Execution, Step, Submitted, form,
    node_choice::{self, MAX_CHOICES},
    text,
};

const FORM: &str = "couplet-pubsub#subscriptions";
const END: &str = "unsubscribe";

pub(super) struct Subscriptions;

#[async_trait]
impl Dialog for Subscriptions {
    async fn show(
        &self,
        execution: &Execution<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let held = held(execution).await?;
        if held.is_empty() {
            return Ok(Step::done("You have no subscriptions"));
        }
        let label = "Unsubscribe from";
        let mut list = form::field(END, FieldType::ListMulti, label, Vec::new());
        let shown = text::count(held.len(), "subscription");
        for (node, held) in held {
            let node = node_choice::label(execution, &node).await?;
            let label = describe(execution, &node, &held);
            list.options.push(form::option(label, held.subid));
        }
        let instructions =
            format!("{shown}. Choose those to end; complete without a choice to keep all.");
        Ok(execution.form(FORM, &instructions, vec![list], Actions::Complete))
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError> {
        let chosen = form.values(END);
        if chosen.is_empty() {
            return Ok(Step::done("No subscription was changed"));
        }
        let mut ended = 0;
        for (node, held) in held(execution).await? {
            if !chosen.contains(&held.subid) {
                continue;
            }
            let request = Request::Unsubscribe {
                node,
                jid: held.jid,
                subid: Some(held.subid),
            };
            execution.serve(request).await?;
            ended += 1;
        }
        let ended = text::count(ended, "subscription");
        Ok(Step::done(format!("{ended} ended")))
    }
}

/// Returns the first subscriptions, with the names of their nodes.
async fn held(execution: &Execution<'_>) -> Result<Vec<(String, Subscription)>, PubsubError> {
    let page = Page {
        max: u32::try_from(MAX_CHOICES).ok(),
        from: Start::First,
    };
    let node = None;
    match execution
        .serve(Request::Subscriptions { node, page })
        .await?
    {
        Reply::Subscriptions { held, .. } => Ok(held.entries),
        _ => Ok(Vec::new()),
    }
}

fn describe(execution: &Execution<'_>, node: &str, held: &Subscription) -> String {
    let mut said = vec![match held.state {
        SubscriptionState::Subscribed => "subscribed",
        SubscriptionState::Pending => "waits for approval",
    }];
    if held.options.include_body {
        said.push("with text");
    }
    if !held.options.deliver {
        said.push("paused");
    }
    let said = said.join(", ");
    if held.jid == execution.bare() {
        format!("{node}: {said}")
    } else {
        format!("{node}: {said}, as {}", held.jid)
    }
}
