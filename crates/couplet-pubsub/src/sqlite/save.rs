//! Writes values to rows.

use couplet::BareJid;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    change::{Announcement, Audience},
    codec::validate::affiliation_word,
    node::{Affiliation, Node, NodeId, NotificationType},
    store::{JobId, StoreError, address},
    subscription::{Subscription, SubscriptionState},
};

use super::rows::integer;

pub(super) fn config_text(node: &Node) -> Result<String, StoreError> {
    serde_json::to_string(&node.config).map_err(|error| StoreError::Broken(error.to_string()))
}

/// Inserts an item; the first value is the key of its node.
pub(super) const INSERT_ITEM: &str =
    "INSERT INTO item (node, seq, id, publisher, published, expires, payload)
     VALUES ((SELECT shelf FROM node WHERE id = ?), ?, ?, ?, ?, ?, ?)";

/// Inserts a node, with this key or with one that was never used.
pub(super) fn node(
    file: &Connection,
    node: &Node,
    id: Option<NodeId>,
    deleted: bool,
) -> Result<NodeId, StoreError> {
    let sql = "INSERT INTO node (id, name, creator, created, revision, next_seq, items,
                                 subscribers, config, deleted, unsettled)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    file.prepare_cached(sql)?.execute(params![
        id.map(|id| id.0),
        node.name,
        node.creator.prepared(),
        node.created.0,
        integer(node.revision),
        integer(node.next_seq),
        integer(node.items),
        integer(node.subscribers),
        config_text(node)?,
        deleted,
        integer(node.unapplied)
    ])?;
    let id = NodeId(file.last_insert_rowid());
    if !deleted {
        // Keys are positive and used once, as are the negated numbers from the trash.
        file.prepare_cached("UPDATE node SET shelf = id WHERE id = ?")?
            .execute([id.0])?;
    }
    Ok(id)
}

/// Saves the counters of a node.
pub(super) fn counts(file: &Connection, node: &Node) -> Result<(), StoreError> {
    let sql = "UPDATE node SET revision = ?, next_seq = ?, items = ?, subscribers = ?,
                               unsettled = ?
               WHERE id = ?";
    file.prepare_cached(sql)?.execute(params![
        integer(node.revision),
        integer(node.next_seq),
        integer(node.items),
        integer(node.subscribers),
        integer(node.unapplied),
        node.id.0
    ])?;
    Ok(())
}

/// Removes all items of a node in constant time: new items get another shelf number, and the old
/// rows are deleted later in batches.
pub(super) fn clear_shelf(file: &Connection, id: NodeId) -> Result<(), StoreError> {
    let sql = "INSERT INTO trash (shelf) SELECT shelf FROM node WHERE id = ? AND shelf <> 0";
    if file.prepare_cached(sql)?.execute([id.0])? > 0 {
        let new_id = file.last_insert_rowid();
        file.prepare_cached("UPDATE node SET shelf = -? WHERE id = ?")?
            .execute([new_id, id.0])?;
    }
    Ok(())
}

/// Removes some purged rows. Returns whether there may be more.
pub(super) fn sweep(file: &Connection, max: u32) -> Result<bool, StoreError> {
    let sql = "SELECT id, shelf, node FROM trash ORDER BY id LIMIT 1";
    let found = file.prepare_cached(sql)?.query_row([], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    });
    let Some((id, shelf, node)) = found.optional()? else {
        return Ok(false);
    };
    for (sql, of) in [
        (
            "DELETE FROM item WHERE node = ?1
             AND seq IN (SELECT seq FROM item WHERE node = ?1 ORDER BY seq LIMIT ?2)",
            shelf,
        ),
        (
            "DELETE FROM subscription WHERE node = ?1 AND (jid, subid) IN
             (SELECT jid, subid FROM subscription WHERE node = ?1 ORDER BY jid, subid LIMIT ?2)",
            node,
        ),
        (
            "DELETE FROM affiliation WHERE node = ?1
             AND jid IN (SELECT jid FROM affiliation WHERE node = ?1 ORDER BY jid LIMIT ?2)",
            node,
        ),
    ] {
        if file.prepare_cached(sql)?.execute(params![of, max])? > 0 {
            return Ok(true);
        }
    }
    file.prepare_cached("DELETE FROM trash WHERE id = ?")?
        .execute([id])?;
    Ok(true)
}

/// Removes a deleted node once all its announcements are delivered. Returns whether it did.
pub(super) fn bury(file: &Connection, id: NodeId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM node WHERE id = ?1 AND deleted = 1
               AND NOT EXISTS (SELECT 1 FROM announcement WHERE node = ?1)";
    let buried = file.prepare_cached(sql)?.execute([id.0])? > 0;
    if buried {
        file.prepare_cached("INSERT INTO trash (node) VALUES (?)")?
            .execute([id.0])?;
    }
    Ok(buried)
}

pub(super) fn affiliation(
    file: &Connection,
    node: NodeId,
    jid: &BareJid,
    affiliation: Affiliation,
) -> Result<(), StoreError> {
    if affiliation == Affiliation::None {
        let sql = "DELETE FROM affiliation WHERE node = ? AND jid = ?";
        file.prepare_cached(sql)?
            .execute(params![node.0, jid.prepared()])?;
    } else {
        let sql = "INSERT OR REPLACE INTO affiliation (node, jid, affiliation, address)
                   VALUES (?, ?, ?, ?)";
        let word = affiliation_word(affiliation);
        file.prepare_cached(sql)?
            .execute(params![node.0, jid.prepared(), word, address(jid)])?;
    }
    Ok(())
}

pub(super) fn subscription(
    file: &Connection,
    node: NodeId,
    new: &Subscription,
    since: i64,
    began: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO subscription (node, jid, subid, bare, pending, deliver,
                   include_body, bounces, since, began, expires)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    file.prepare_cached(sql)?.execute(params![
        node.0,
        new.jid.as_str(),
        new.subid,
        new.jid.to_bare().prepared(),
        new.state == SubscriptionState::Pending,
        new.options.deliver,
        new.options.include_body,
        new.bounces,
        since,
        began,
        new.expires.map(|at| at.0)
    ])?;
    Ok(())
}

pub(super) fn announcement(
    file: &Connection,
    job: JobId,
    node: NodeId,
    seq: u64,
    announcement: &Announcement,
) -> Result<(), StoreError> {
    let (audience, named) = match &announcement.to {
        Audience::Subscribers => (0, None),
        Audience::SubscribersAndPending => (1, None),
        Audience::Named(jids) => {
            let jids = serde_json::to_string(jids);
            let jids = jids.map_err(|error| StoreError::Broken(error.to_string()))?;
            (2, Some(jids))
        }
    };
    let sql = "INSERT INTO announcement (id, node, seq, audience, headline, named, body, content)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    file.prepare_cached(sql)?.execute(params![
        job.0,
        node.0,
        integer(seq),
        audience,
        announcement.type_ == NotificationType::Headline,
        named,
        announcement.body,
        announcement.content
    ])?;
    Ok(())
}
