//! Names of nodes by their keys.

use rusqlite::{Connection, OptionalExtension};

use crate::{node::NodeId, store::StoreError};

/// Returns the name of a node, unless it is deleted.
pub(super) fn name_of(file: &Connection, id: NodeId) -> Result<Option<String>, StoreError> {
    let mut found = file.prepare_cached("SELECT name FROM node WHERE id = ? AND deleted = 0")?;
    Ok(found.query_row([id.0], |row| row.get(0)).optional()?)
}
