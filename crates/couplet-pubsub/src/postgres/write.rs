//! Statements that write values, one each.

use couplet::BareJid;

use crate::{
    change::{Announcement, Audience},
    codec::validate::affiliation_word,
    node::{Affiliation, Node, NodeId, NotificationType},
    store::{StoreError, address},
    subscription::{Subscription, SubscriptionState},
};

use super::{
    pipeline::{Statement, statement},
    rows::integer,
};

pub(super) fn config_text(node: &Node) -> Result<String, StoreError> {
    serde_json::to_string(&node.config).map_err(|error| StoreError::Broken(error.to_string()))
}

pub(super) const INSERT_ITEM: &str =
    "INSERT INTO item (node, seq, id, publisher, published, expires, payload)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Inserts an item. An existing one of the same id can only be purged and not yet removed.
pub(super) const REPLACE_ITEM: &str =
    "INSERT INTO item (node, seq, id, publisher, published, expires, payload)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (node, id) DO UPDATE SET seq = excluded.seq, publisher = excluded.publisher,
         published = excluded.published, expires = excluded.expires, payload = excluded.payload";

/// Removes all items below a seq from a node, however many: their rows are deleted later.
pub(super) fn give_up_items(node: NodeId, floor: i64) -> [Statement; 2] {
    [
        statement!("UPDATE node SET floor = $2 WHERE id = $1", node.0, floor),
        statement!(
            "INSERT INTO trash (node, floor) VALUES ($1, $2)",
            node.0,
            floor
        ),
    ]
}

/// A condition for items that are not purged, of the node with the key `$1`.
macro_rules! kept {
    () => {
        " AND seq >= (SELECT floor FROM node WHERE id = $1)"
    };
}
pub(super) use kept;

pub(super) fn insert_node(node: &Node, deleted: bool) -> Result<Statement, StoreError> {
    Ok(statement!(
        "INSERT INTO node (id, name, creator, created, revision, next_seq, items, subscribers,
                           config, deleted, unsettled)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        node.id.0,
        node.name.clone(),
        node.creator.prepared().to_owned(),
        node.created.0,
        integer(node.revision),
        integer(node.next_seq),
        integer(node.items),
        integer(node.subscribers),
        config_text(node)?,
        deleted,
        integer(node.unapplied)
    ))
}

/// Saves the counters of a node.
pub(super) fn save_counts(node: &Node) -> Statement {
    statement!(
        "UPDATE node SET revision = $2, next_seq = $3, items = $4, subscribers = $5,
                         unsettled = $6
         WHERE id = $1",
        node.id.0,
        integer(node.revision),
        integer(node.next_seq),
        integer(node.items),
        integer(node.subscribers),
        integer(node.unapplied)
    )
}

/// Removes a deleted node once all its announcements are delivered.
pub(super) fn bury(id: NodeId) -> Statement {
    statement!(
        "WITH gone AS (
             DELETE FROM node WHERE id = $1 AND deleted
             AND NOT EXISTS (SELECT 1 FROM announcement WHERE node = $1) RETURNING id
         )
         INSERT INTO trash (node, floor) SELECT id, $2 FROM gone",
        id.0,
        i64::MAX
    )
}

pub(super) fn affiliate(node: NodeId, jid: &BareJid, affiliation: Affiliation) -> Statement {
    let (jid, address) = (jid.prepared().to_owned(), address(jid));
    if affiliation == Affiliation::None {
        return statement!(
            "DELETE FROM affiliation WHERE node = $1 AND jid = $2",
            node.0,
            jid
        );
    }
    statement!(
        "INSERT INTO affiliation (node, jid, affiliation, address) VALUES ($1, $2, $3, $4)
         ON CONFLICT (node, jid) DO UPDATE SET affiliation = excluded.affiliation,
             address = excluded.address",
        node.0,
        jid,
        affiliation_word(affiliation),
        address
    )
}

/// Inserts a subscription, or replaces that of the same JID and subid, which keeps its place in the
/// order.
pub(super) fn save_subscription(
    node: NodeId,
    new: &Subscription,
    since: u64,
    began: u64,
) -> Statement {
    statement!(
        "INSERT INTO subscription (node, jid, subid, bare, pending, deliver, include_body, bounces,
                                   since, began, expires)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (node, jid, subid) DO UPDATE SET pending = excluded.pending,
             deliver = excluded.deliver, include_body = excluded.include_body,
             bounces = excluded.bounces, since = excluded.since, expires = excluded.expires",
        node.0,
        new.jid.as_str().to_owned(),
        new.subid.clone(),
        new.jid.to_bare().prepared().to_owned(),
        new.state == SubscriptionState::Pending,
        new.options.deliver,
        new.options.include_body,
        i64::from(new.bounces),
        integer(since),
        integer(began),
        new.expires.map(|at| at.0)
    )
}

pub(super) fn announce(
    node: NodeId,
    seq: u64,
    announcement: Announcement,
) -> Result<Statement, StoreError> {
    let (audience, named): (i16, _) = match &announcement.to {
        Audience::Subscribers => (0, None),
        Audience::SubscribersAndPending => (1, None),
        Audience::Named(jids) => {
            let jids = serde_json::to_string(jids);
            let jids = jids.map_err(|error| StoreError::Broken(error.to_string()))?;
            (2, Some(jids))
        }
    };
    Ok(statement!(
        "INSERT INTO announcement (node, seq, audience, headline, named, body, content)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        node.0,
        integer(seq),
        audience,
        announcement.type_ == NotificationType::Headline,
        named,
        announcement.body,
        announcement.content
    ))
}
