//! Requests of owners. (XEP-0060, 8)

pub(super) mod affiliates;
pub(super) mod configure;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod pending;
pub(super) mod purge;
pub(super) mod subscribers;

use crate::snapshot::Query;

use super::context::RequestContext;

/// Returns a query for the node and the rights of the requester, which suffices for most requests
/// of owners.
fn owner_query(context: &RequestContext, node: String) -> Query {
    Query {
        node: Some(node),
        entity: Some(context.who.clone()),
        ..Query::default()
    }
}
