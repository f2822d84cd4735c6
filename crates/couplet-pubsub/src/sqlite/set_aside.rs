//! Moves unreadable items and announcements that cannot be sent to the table `set_aside`.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    node::NodeId,
    store::{JobId, StoreError},
    timestamp::Timestamp,
};

use super::save;

/// Moves an item with this seq.
pub(super) fn item(
    file: &Connection,
    node: NodeId,
    seq: i64,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO set_aside (at, what, node, seq, name, why, content)
               SELECT ?3, 'item', node.name, seq, CAST(item.id AS BLOB), ?4,
                      CAST(payload AS BLOB)
               FROM item JOIN node ON node.shelf = item.node WHERE node.id = ?1 AND seq = ?2";
    if file
        .prepare_cached(sql)?
        .execute(params![node.0, seq, at.0, why])?
        == 0
    {
        return Ok(());
    }
    let sql = "DELETE FROM item WHERE node = (SELECT shelf FROM node WHERE id = ?) AND seq = ?";
    file.prepare_cached(sql)?.execute([node.0, seq])?;
    file.prepare_cached("UPDATE node SET items = max(items - 1, 0) WHERE id = ?")?
        .execute([node.0])?;
    Ok(())
}

/// Moves an announcement. Returns the name of its node.
pub(super) fn announcement(
    file: &Connection,
    job: JobId,
    why: &str,
    at: Timestamp,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT node, (SELECT name FROM node WHERE id = announcement.node)
               FROM announcement WHERE id = ?";
    let mut found = file.prepare_cached(sql)?;
    let found = found.query_row([job.0], |row| {
        Ok((NodeId(row.get(0)?), row.get::<_, Option<String>>(1)?))
    });
    let Some((node, name)) = found.optional()? else {
        return Ok(None);
    };
    let sql = "INSERT INTO set_aside (at, what, node, seq, why, content)
               SELECT ?2, 'announcement', ?3, seq, ?4, CAST(content AS BLOB)
               FROM announcement WHERE id = ?1";
    file.prepare_cached(sql)?
        .execute(params![job.0, at.0, name, why])?;
    file.prepare_cached("DELETE FROM announcement WHERE id = ?")?
        .execute([job.0])?;
    save::bury(file, node)?;
    Ok(name)
}
