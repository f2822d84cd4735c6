//! Subscribing with options, by the bare JID: whichever client is there gets the notifications.
//! (XEP-0060, 6.1 and 6.3)

use async_trait::async_trait;

use crate::{
    codec::form as codec,
    page::Page,
    refused::Refused,
    reply::Reply,
    request::{OptionsForm, Request},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
};

use super::{
    Actions, Dialog, Session, Step, Submitted,
    choice::{Choice, label},
    nodes,
};

const NODE: &str = "node";

pub(super) struct Subscribe;

#[async_trait]
impl Dialog for Subscribe {
    async fn ask(
        &self,
        session: &Session<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, Refused> {
        let choice = Choice::listed(session).await?;
        if choice.is_empty() {
            return Ok(Step::done("There are no nodes"));
        }
        let options = SubscribeOptions::of(&session.desk.policy.new_node());
        let mut fields = vec![choice.field(NODE)];
        fields.extend(codec::options_fields(options));
        let instructions =
            "Notifications come to all your clients. Subscribe again to change the options.";
        let form_type = codec::SUBSCRIBE_OPTIONS;
        Ok(session.form(form_type, instructions, fields, Actions::Complete))
    }

    async fn act(&self, session: &Session<'_>, form: &Submitted) -> Result<Step, Refused> {
        let node = form.need(NODE, nodes::CHOOSE)?.to_owned();
        let label = label(session, &node).await?;
        let options = OptionsForm::Submit(form.without(NODE));
        let state = match held(session, &node).await? {
            Some(held) => {
                let request = Request::SetOptions {
                    node,
                    jid: held.jid,
                    subid: Some(held.subid),
                    form: options,
                };
                session.serve(request).await?;
                held.state
            }
            None => {
                let request = Request::Subscribe {
                    node,
                    jid: session.bare().into(),
                    options: Some(options),
                };
                match session.serve(request).await? {
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

/// The subscription of the bare JID, if there is one.
async fn held(session: &Session<'_>, node: &str) -> Result<Option<Subscription>, Refused> {
    let request = Request::Subscriptions {
        node: Some(node.to_owned()),
        page: Page::default(),
    };
    let Reply::Subscriptions { held, .. } = session.serve(request).await? else {
        return Ok(None);
    };
    let bare = session.bare();
    let mut held = held.entries.into_iter().map(|(_, held)| held);
    Ok(held.find(|held| held.jid == bare))
}
