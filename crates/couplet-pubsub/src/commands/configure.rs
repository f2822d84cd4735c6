//! Configuring a node: which one, then the form of XEP-0060, 8.2.

use async_trait::async_trait;
use couplet::Condition;

use crate::{
    codec::form::{self as codec, NODE_CONFIG},
    refused::Refused,
    reply::Reply,
    request::{ConfigForm, Request},
};

use super::{
    Actions, Dialog, Session, Step, Submitted,
    choice::{Choice, label},
    form, nodes,
};

const NODE: &str = "node";

pub(super) struct Configure;

#[async_trait]
impl Dialog for Configure {
    async fn ask(
        &self,
        session: &Session<'_>,
        answered: Option<&Submitted>,
    ) -> Result<Step, Refused> {
        let configured = answered.filter(|form| form.is(NODE_CONFIG));
        if let Some(node) = configured.and_then(|form| form.value(NODE)) {
            return configuration(session, node).await;
        }
        let choice = Choice::owned(session).await?;
        if choice.is_empty() {
            return Ok(Step::done(nodes::NONE_OWNED));
        }
        let (instructions, node) = ("Choose the node to configure.", choice.field(NODE));
        Ok(session.form(nodes::FORM, instructions, vec![node], Actions::Next))
    }

    async fn act(&self, session: &Session<'_>, form: &Submitted) -> Result<Step, Refused> {
        let node = form.need(NODE, nodes::CHOOSE)?;
        if !form.is(NODE_CONFIG) {
            return configuration(session, node).await;
        }
        let request = Request::Configure {
            node: node.to_owned(),
            form: ConfigForm::Submit(form.without(NODE)),
        };
        session.serve(request).await?;
        let label = label(session, node).await?;
        Ok(Step::done(format!("{label} was configured")))
    }
}

async fn configuration(session: &Session<'_>, node: &str) -> Result<Step, Refused> {
    let request = Request::Configuration {
        node: node.to_owned(),
    };
    let Reply::Configuration { config, .. } = session.serve(request).await? else {
        return Err(Refused::plain(Condition::InternalServerError));
    };
    let mut fields = vec![form::hidden(NODE, node)];
    fields.extend(codec::configuration_fields(&config, |_all| true));
    let title = format!("Configure {}", label(session, node).await?);
    let instructions = format!("Options of the node {node}.");
    let form = form::form(NODE_CONFIG, &title, &instructions, fields);
    Ok(Step::form(form, Actions::PrevOrComplete))
}
