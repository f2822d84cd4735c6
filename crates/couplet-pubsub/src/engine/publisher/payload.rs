//! Whether items are what a node takes. (XEP-0060, 4.3, 7.1.3)

use couplet::Condition;
use couplet_core::element::{Scope, Tree};

use crate::{
    engine::ask::Ask,
    node::NodeConfig,
    policy::Limits,
    refused::{Detail, Refused},
    request::{NewItem, Payload},
};

/// An item that has its id.
pub(super) struct Ready {
    pub(super) id: String,
    pub(super) payload: Option<Payload>,
    /// The payload to look into. Read before a store is asked: others wait for its decisions.
    tree: Option<Tree>,
}

impl Ready {
    /// # Errors
    ///
    /// `invalid-payload` for XML that cannot stand alone.
    pub(super) fn new(item: NewItem, fresh: fn() -> String) -> Result<Ready, Refused> {
        let tree = match &item.payload {
            None => None,
            Some(payload) => {
                let tree =
                    Tree::parse(&*payload.xml, &Scope::client()).map_err(|_| invalid(None))?;
                Some(tree)
            }
        };
        Ok(Ready {
            id: item.id.filter(|id| !id.is_empty()).unwrap_or_else(fresh),
            payload: item.payload,
            tree,
        })
    }
}

/// Whether a node with that configuration takes these items.
///
/// # Errors
///
/// The first thing that is wrong with them.
pub(super) fn check(
    ask: &Ask,
    name: &str,
    config: &NodeConfig,
    house: &Limits,
    items: &[Ready],
) -> Result<(), Refused> {
    let takes_items = config.persist || config.payloads;
    match items {
        [] if takes_items => {
            return Err(Refused::with(Condition::BadRequest, Detail::ItemRequired));
        }
        [_, ..] if !takes_items => {
            return Err(Refused::with(Condition::BadRequest, Detail::ItemForbidden));
        }
        _ => {}
    }
    items
        .iter()
        .try_for_each(|item| check_one(ask, name, config, house, item))
}

fn check_one(
    ask: &Ask,
    name: &str,
    config: &NodeConfig,
    house: &Limits,
    item: &Ready,
) -> Result<(), Refused> {
    if item.id.len() > house.item_id_bytes as usize {
        return Err(Refused::plain(Condition::NotAcceptable).text("The id of the item is too long"));
    }
    let (Some(payload), Some(tree)) = (&item.payload, &item.tree) else {
        let optional = !config.payloads;
        return if optional {
            Ok(())
        } else {
            Err(Refused::with(
                Condition::BadRequest,
                Detail::PayloadRequired,
            ))
        };
    };
    if payload.xml.len() > config.max_payload.min(house.payload_bytes) as usize {
        return Err(Refused::with(
            Condition::NotAcceptable,
            Detail::PayloadTooBig,
        ));
    }
    ask.policy
        .check_payload(name, config, tree.root())
        .map_err(|why| invalid(Some(why)))
}

fn invalid(text: Option<String>) -> Refused {
    Refused {
        text,
        ..Refused::with(Condition::BadRequest, Detail::InvalidPayload)
    }
}
