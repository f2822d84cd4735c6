//! Names of nodes by their keys.

use deadpool_postgres::Pool;

use crate::{node::NodeId, store::StoreError};

use super::{connect::Session, pipeline::statement, rows::value};

/// Returns the name of a node, unless it is deleted.
pub(super) async fn name_of(pool: &Pool, node: NodeId) -> Result<Option<String>, StoreError> {
    let statements = [statement!(
        "SELECT name FROM node WHERE id = $1 AND NOT deleted",
        node.0
    )];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    let found = answers.next().unwrap_or_default();
    found.first().map(|row| value(row, 0)).transpose()
}
