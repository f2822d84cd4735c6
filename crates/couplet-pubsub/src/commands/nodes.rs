//! Deletes a node, and transfers its ownership. (XEP-0060, 8.4 and 8.9)

use async_trait::async_trait;
use couplet::{BareJid, Condition};
use xmpp_parsers::data_forms::{Field, FieldType};

use crate::{
    node::Affiliation, pubsub_error::PubsubError, reply::Reply, request::Request, snapshot::Query,
};

use super::{
    Actions, Dialog, Execution, Step, Submitted, form,
    node_choice::{NodeChoice, label},
};

/// The FORM_TYPE of forms that are particular to this service.
pub(super) const FORM: &str = "couplet-pubsub#node";
pub(super) const CHOOSE: &str = "Choose a node";
pub(super) const NONE_OWNED: &str = "You own no nodes";
const NODE: &str = "node";
const OWNER: &str = "owner";

pub(super) struct Delete;

#[async_trait]
impl Dialog for Delete {
    async fn show(
        &self,
        execution: &Execution<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let instructions = "The node, its items and its subscriptions are deleted for good.";
        one_of_mine(execution, instructions, None).await
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError> {
        let node = form.need(NODE, CHOOSE)?.to_owned();
        let label = label(execution, &node).await?;
        let redirect = None;
        execution.serve(Request::Delete { node, redirect }).await?;
        Ok(Step::done(format!("{label} was deleted")))
    }
}

pub(super) struct Transfer;

#[async_trait]
impl Dialog for Transfer {
    async fn show(
        &self,
        execution: &Execution<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let instructions = "The new owner takes the place of all owners of the node.";
        let owner = form::required(OWNER, FieldType::JidSingle, "Address of the new owner");
        one_of_mine(execution, instructions, Some(owner)).await
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        form: &Submitted,
    ) -> Result<Step, PubsubError> {
        let node = form.need(NODE, CHOOSE)?.to_owned();
        let owner = form.need(OWNER, "Enter the address of the new owner")?;
        let owner = BareJid::new(owner.trim()).map_err(|_| {
            let text = format!("{owner} is not a JID such as user@example.org");
            PubsubError::new(Condition::BadRequest).text(text)
        })?;
        let query = Query {
            node: Some(node.clone()),
            owners: true,
            ..Query::default()
        };
        let found = execution.service.store.snapshot(query).await?;
        let others = found.owners.into_iter().filter(|other| *other != owner);
        let mut wanted = vec![(owner.clone(), Affiliation::Owner)];
        wanted.extend(others.map(|other| (other, Affiliation::None)));
        let label = label(execution, &node).await?;
        let reply = execution
            .serve(Request::SetAffiliates { node, wanted })
            .await?;
        match reply {
            Reply::AffiliatesUnchanged { why, .. } => {
                Err(why.text(format!("{owner} cannot own this node")))
            }
            _ => Ok(Step::done(format!("{label} belongs to {owner} now"))),
        }
    }
}

/// Returns the form to choose a node that the entity owns.
async fn one_of_mine(
    execution: &Execution<'_>,
    instructions: &str,
    more: Option<Field>,
) -> Result<Step, PubsubError> {
    let choice = NodeChoice::owned(execution).await?;
    if choice.is_empty() {
        return Ok(Step::done(NONE_OWNED));
    }
    let mut fields = vec![choice.field(NODE)];
    fields.extend(more);
    Ok(execution.form(FORM, instructions, fields, Actions::Complete))
}
