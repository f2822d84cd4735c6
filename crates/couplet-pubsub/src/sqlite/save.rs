//! Values to rows.

use couplet::BareJid;
use rusqlite::{Connection, params};

use crate::{
    change::{Announcement, Audience},
    node::{Affiliation, Node, NodeId, NotificationType},
    store::{JobId, StoreError},
    subscription::{Subscription, SubscriptionState},
};

use super::rows::{affiliation_word, integer};

pub(super) fn config_text(node: &Node) -> Result<String, StoreError> {
    serde_json::to_string(&node.config).map_err(|error| StoreError::Broken(error.to_string()))
}

/// Puts in the row of a node, under this key or under one that never was.
pub(super) fn node(
    file: &Connection,
    node: &Node,
    id: Option<NodeId>,
    deleted: bool,
) -> Result<NodeId, StoreError> {
    let sql = "INSERT INTO node (id, name, creator, created, revision, next_seq, items,
                                 subscribers, config, deleted)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
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
        deleted
    ])?;
    Ok(NodeId(file.last_insert_rowid()))
}

/// Writes down how far a node has come.
pub(super) fn counts(file: &Connection, node: &Node) -> Result<(), StoreError> {
    let sql = "UPDATE node SET revision = ?, next_seq = ?, items = ?, subscribers = ?
               WHERE id = ?";
    file.prepare_cached(sql)?.execute(params![
        integer(node.revision),
        integer(node.next_seq),
        integer(node.items),
        integer(node.subscribers),
        node.id.0
    ])?;
    Ok(())
}

/// Forgets a deleted node once nothing of it is left to deliver.
pub(super) fn bury(file: &Connection, id: NodeId) -> Result<(), StoreError> {
    let sql = "DELETE FROM node WHERE id = ?1 AND deleted = 1
               AND NOT EXISTS (SELECT 1 FROM announcement WHERE node = ?1)";
    if file.prepare_cached(sql)?.execute([id.0])? > 0 {
        file.prepare_cached("DELETE FROM subscription WHERE node = ?")?
            .execute([id.0])?;
    }
    Ok(())
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
        let sql = "INSERT OR REPLACE INTO affiliation (node, jid, affiliation) VALUES (?, ?, ?)";
        let word = affiliation_word(affiliation);
        file.prepare_cached(sql)?
            .execute(params![node.0, jid.prepared(), word])?;
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
