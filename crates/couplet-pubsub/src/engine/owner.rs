//! What owners ask for. (XEP-0060, 8)

pub(super) mod affiliates;
pub(super) mod configure;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod pending;
pub(super) mod purge;
pub(super) mod subscribers;

use crate::snapshot::Query;

use super::context::RequestContext;

/// The node and the rights of whoever asks: all that most of an owner's requests need.
fn owner_query(context: &RequestContext, node: String) -> Query {
    Query {
        node: Some(node),
        actor: Some(context.who.clone()),
        ..Query::default()
    }
}
