//! Subscribes the bare JID with options, so that all clients of the user get the notifications.
//! (XEP-0060, 6.1 and 6.3)

use async_trait::async_trait;

use crate::{
    codec::form as codec,
    page::Page,
    pubsub_error::PubsubError,
    reply::Reply,
    request::{Request, SubmittedForm},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

use super::{
    Actions, Dialog, Execution, Step, Submitted,
    node_choice::{NodeChoice, label},
    nodes,
};

const NODE: &str = "node";

pub(super) struct Subscribe;

#[async_trait]
impl Dialog for Subscribe {
    async fn show(
        &self,
        execution: &Execution<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let choice = NodeChoice::listed(execution).await?;
        if choice.is_empty() {
            return Ok(Step::done("There are no nodes"));
        }
        let options = SubscribeOptions::of(&execution.service.policy.new_node());
        let mut fields = vec![choice.field(NODE)];
        fields.extend(codec::options_fields(options));
        let instructions =
            "Notifications come to all your clients. Subscribe again to change the options.";
        let form_type = codec::SUBSCRIBE_OPTIONS;
        Ok(execution.form(form_type, instructions, fields, Actions::Complete))
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError> {
        let node = form.need(NODE, nodes::CHOOSE)?.to_owned();
        let label = label(execution, &node).await?;
        let options = SubmittedForm::Submit(form.without(NODE));
        let state = match held(execution, &node).await? {
            Some(held) => {
                let request = Request::SetOptions {
                    node,
                    jid: held.jid,
                    subid: Some(held.subid),
                    form: options,
                };
                execution.serve(request).await?;
                held.state
            }
            None => {
                let request = Request::Subscribe {
                    node,
                    jid: execution.bare().into(),
                    options: Some(options),
                };
                match execution.serve(request).await? {
                    Reply::Subscribed { subscription, .. } => subscription.state,
                    _ => SubscriptionState::Subscribed,
                }
            }
        };
        Ok(Step::done(match state {
            SubscriptionState::Subscribed => format!("You are subscribed to {label}"),
            SubscriptionState::Pending => {
                format!("Your subscription to {label} waits for the approval of an owner")
            }
        }))
    }
}

/// Returns the subscription of the bare JID, if there is one.
async fn held(execution: &Execution<'_>, node: &str) -> Result<Option<Subscription>, PubsubError> {
    let request = Request::Subscriptions {
        node: Some(node.to_owned()),
        page: Page::default(),
    };
    let Reply::Subscriptions { held, .. } = execution.serve(request).await? else {
        return Ok(None);
    };
    let bare = execution.bare();
    let mut held = held.entries.into_iter().map(|(_, held)| held);
    Ok(held.find(|held| held.jid == bare))
}
