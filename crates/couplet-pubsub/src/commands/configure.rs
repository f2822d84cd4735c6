//! Configures a node: choose one, then the form of XEP-0060, 8.2.

use async_trait::async_trait;
use couplet::Condition;

use crate::{
    codec::form::{self as codec, NODE_CONFIG},
    pubsub_error::PubsubError,
    reply::Reply,
    request::{Request, SubmittedForm},
};

use super::{
    Actions, Dialog, Execution, Step, Submitted, form,
    node_choice::{NodeChoice, label},
    nodes,
};

const NODE: &str = "node";

pub(super) struct Configure;

#[async_trait]
impl Dialog for Configure {
    async fn show(
        &self,
        execution: &Execution<'_>,
        answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let configured = answered.filter(|form| form.is(NODE_CONFIG));
        if let Some(node) = configured.and_then(|form| form.value(NODE)) {
            return configuration(execution, node).await;
        }
        let choice = NodeChoice::owned(execution).await?;
        if choice.is_empty() {
            return Ok(Step::done(nodes::NONE_OWNED));
        }
        let (instructions, node) = ("Choose the node to configure.", choice.field(NODE));
        Ok(execution.form(nodes::FORM, instructions, vec![node], Actions::Next))
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError> {
        let node = form.need(NODE, nodes::CHOOSE)?;
        if !form.is(NODE_CONFIG) {
            return configuration(execution, node).await;
        }
        let request = Request::Configure {
            node: node.to_owned(),
            form: SubmittedForm::Submit(form.without(NODE)),
        };
        execution.serve(request).await?;
        let label = label(execution, node).await?;
        Ok(Step::done(format!("{label} was configured")))
    }
}

async fn configuration(execution: &Execution<'_>, node: &str) -> Result<Step, PubsubError> {
    let request = Request::Configuration {
        node: node.to_owned(),
    };
    let Reply::Configuration { config, .. } = execution.serve(request).await? else {
        return Err(PubsubError::new(Condition::InternalServerError));
    };
    let mut fields = vec![form::hidden(NODE, node)];
    fields.extend(codec::configuration_fields(&config, |_all| true));
    let title = format!("Configure {}", label(execution, node).await?);
    let instructions = format!("Options of the node {node}.");
    let form = form::form(NODE_CONFIG, &title, &instructions, fields);
    Ok(Step::form(form, Actions::PrevOrComplete))
}
