//! Checks items against the configuration of a node. (XEP-0060, 4.3, 7.1.3)

use couplet::Condition;
use couplet_core::element::{Scope, Tree};

use crate::{
    engine::context::RequestContext,
    node::NodeConfig,
    policy::Limits,
    pubsub_error::{PubsubCondition, PubsubError},
    request::{NewItem, Payload},
};

/// An item with its id.
pub(super) struct Ready {
    pub(super) id: String,
    pub(super) payload: Option<Payload>,
    /// The payload for the policy, parsed before the store is called, so that its decisions are
    /// short.
    tree: Option<Tree>,
}

impl Ready {
    /// # Errors
    ///
    /// `invalid-payload` for XML that is not complete by itself.
    pub(super) fn new(item: NewItem, new_id: fn() -> String) -> Result<Ready, PubsubError> {
        let tree = match &item.payload {
            None => None,
            Some(payload) => {
                let tree =
                    Tree::parse(&*payload.xml, &Scope::client()).map_err(|_| invalid(None))?;
                Some(tree)
            }
        };
        Ok(Ready {
            id: item.id.filter(|id| !id.is_empty()).unwrap_or_else(new_id),
            payload: item.payload,
            tree,
        })
    }
}

/// Checks that a node with this configuration accepts these items.
///
/// # Errors
///
/// The first error.
pub(super) fn check(
    context: &RequestContext,
    name: &str,
    config: &NodeConfig,
    rules: &Limits,
    items: &[Ready],
) -> Result<(), PubsubError> {
    let takes_items = config.persist || config.payloads;
    match items {
        [] if takes_items => {
            return Err(PubsubError::with(
                Condition::BadRequest,
                PubsubCondition::ItemRequired,
            ));
        }
        [_, ..] if !takes_items => {
            return Err(PubsubError::with(
                Condition::BadRequest,
                PubsubCondition::ItemForbidden,
            ));
        }
        _ => {}
    }
    items
        .iter()
        .try_for_each(|item| check_one(context, name, config, rules, item))
}

fn check_one(
    context: &RequestContext,
    name: &str,
    config: &NodeConfig,
    rules: &Limits,
    item: &Ready,
) -> Result<(), PubsubError> {
    if item.id.len() > rules.item_id_bytes as usize {
        return Err(
            PubsubError::new(Condition::NotAcceptable).text("The id of the item is too long")
        );
    }
    let (Some(payload), Some(tree)) = (&item.payload, &item.tree) else {
        let optional = !config.payloads;
        return if optional {
            Ok(())
        } else {
            Err(PubsubError::with(
                Condition::BadRequest,
                PubsubCondition::PayloadRequired,
            ))
        };
    };
    if payload.xml.len() > config.max_payload.min(rules.payload_bytes) as usize {
        return Err(PubsubError::with(
            Condition::NotAcceptable,
            PubsubCondition::PayloadTooBig,
        ));
    }
    context
        .policy
        .check_payload(name, config, tree.root())
        .map_err(|why| invalid(Some(why)))
}

fn invalid(text: Option<String>) -> PubsubError {
    PubsubError {
        text,
        ..PubsubError::with(Condition::BadRequest, PubsubCondition::InvalidPayload)
    }
}
