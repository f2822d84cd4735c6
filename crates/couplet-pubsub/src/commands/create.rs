//! Creates a node. (XEP-0060, 8.1)

use async_trait::async_trait;
use xmpp_parsers::data_forms::FieldType;

use crate::{
    codec::form::{self as codec, NODE_CONFIG},
    pubsub_error::PubsubError,
    reply::Reply,
    request::{Request, SubmittedForm},
};

use super::{Actions, Dialog, Execution, Step, Submitted, form};

const NODE: &str = "node";

/// The options that are set at creation; the others have a command of their own.
const FIELDS: &[&str] = &[
    "pubsub#title",
    "pubsub#description",
    "pubsub#access_model",
    "pubsub#publish_model",
    "couplet#include_body",
];

pub(super) struct Create;

#[async_trait]
impl Dialog for Create {
    async fn show(
        &self,
        execution: &Execution<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let label = "Name of the node (empty: the service chooses one)";
        let mut fields = vec![form::field(NODE, FieldType::TextSingle, label, Vec::new())];
        let config = execution.service.policy.new_node();
        fields.extend(codec::configuration_fields(&config, |var| {
            FIELDS.contains(&var)
        }));
        let instructions = "You become the owner of the node. All other options can be set with \
                            the command \"Configure a node\".";
        Ok(execution.form(NODE_CONFIG, instructions, fields, Actions::Complete))
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError> {
        let name = form.value(NODE).map(|name| name.trim().to_owned());
        let request = Request::Create {
            node: name.clone(),
            configure: Some(SubmittedForm::Submit(form.without(NODE))),
        };
        let made = match execution.serve(request).await? {
            Reply::Created { node } => node,
            _ => None,
        };
        let name = made.or(name).unwrap_or_default();
        Ok(Step::done(format!("The node {name} was created")))
    }
}
