//! Dump and restore.

use rusqlite::{Connection, params};

use crate::{
    node::{Node, NodeId},
    store::{
        Job, JobId, StoreError,
        record::{DumpPosition, Record, Restored},
    },
    subscription::SubscriptionState,
};

use super::{
    rows::{self, ITEM, JOB, NODE, SHELF, SUBSCRIPTION, integer},
    save,
    unreadable::{Reading, Table},
};

/// A node that only waits for announcements has no affiliations any more.
const ALIVE: &str = "(SELECT id FROM node WHERE id = ? AND deleted = 0)";

pub(super) fn dump(
    file: &Reading<'_>,
    from: &DumpPosition,
    max: u32,
) -> Result<Vec<Record>, StoreError> {
    let max = u64::from(max);
    match from {
        DumpPosition::Nodes(after) => {
            let sql = format!("SELECT {NODE}, deleted FROM node WHERE id > ? ORDER BY id");
            let after = after.map_or(i64::MIN, |id| id.0);
            file.some(Table::Node, max, &sql, [after], |row| {
                Ok(Record::Node {
                    node: Box::new(rows::node(row)?),
                    deleted: row.get(10)?,
                })
            })
        }
        DumpPosition::Affiliations(node, after) => {
            let sql = format!(
                "SELECT jid, affiliation, address FROM affiliation WHERE node = {ALIVE} AND jid > ?
                 ORDER BY jid"
            );
            let after = after.as_deref().unwrap_or_default();
            file.some(
                Table::Affiliation,
                max,
                &sql,
                params![node.0, after],
                |row| {
                    Ok(Record::Affiliation {
                        jid: rows::affiliate(row)?,
                        affiliation: row.get(1)?,
                    })
                },
            )
        }
        DumpPosition::Subscriptions(node, after) => {
            let sql = format!(
                "SELECT {SUBSCRIPTION}, began FROM subscription
                 WHERE node = (SELECT id FROM node WHERE id = ?) AND (jid, subid) > (?, ?)
                 ORDER BY jid, subid"
            );
            let after = after.as_ref();
            let (jid, subid) = after.map_or(("", ""), |after| (&*after.jid, &*after.subid));
            let values = params![node.0, jid, subid];
            file.some(Table::Subscription, max, &sql, values, |row| {
                Ok(Record::Subscription {
                    subscription: rows::subscription(row)?,
                    began: rows::count(row, 8)?,
                })
            })
        }
        DumpPosition::Items(node, after) => {
            let sql =
                format!("SELECT {ITEM} FROM item WHERE node = {SHELF} AND seq > ? ORDER BY seq");
            let (table, values) = (Table::Item(*node), params![node.0, integer(*after)]);
            file.some(table, max, &sql, values, |row| {
                Ok(Record::Item(rows::item(row)?))
            })
        }
        DumpPosition::Announcements(node, after) => {
            let sql =
                format!("SELECT {JOB} FROM announcement WHERE node = ? AND seq > ? ORDER BY seq");
            let values = params![node.0, integer(*after)];
            file.some(Table::Announcement, max, &sql, values, |row| {
                Ok(announced(rows::job(row)?))
            })
        }
        DumpPosition::Redirects(after) => {
            let sql = "SELECT name, uri FROM redirect WHERE ?1 IS NULL OR name > ?1
                       ORDER BY name";
            file.some(Table::Redirect, max, sql, params![after], |row| {
                Ok(Record::Redirect {
                    name: row.get(0)?,
                    uri: row.get(1)?,
                })
            })
        }
    }
}

fn announced(job: Job) -> Record {
    Record::Announcement {
        seq: job.seq,
        announcement: job.announcement,
        after: job.after,
    }
}

/// Restores records; returns the announcements among them.
pub(super) fn restore(
    file: &Connection,
    into: Option<NodeId>,
    records: Vec<Record>,
    last_job: &mut JobId,
) -> Result<(Restored, Vec<(NodeId, JobId)>), StoreError> {
    let mut restored = Restored {
        node: into,
        left_out: 0,
    };
    let mut jobs = Vec::new();
    for record in records {
        let taken_in = match record {
            Record::Node { node, deleted } => {
                restored.node = restore_node(file, *node, deleted)?;
                restored.node.is_some()
            }
            Record::Redirect { name, uri } => restore_redirect(file, &name, &uri)?,
            other => match restored.node {
                Some(id) => {
                    jobs.extend(restore_into(file, id, other, last_job)?);
                    true
                }
                None => false,
            },
        };
        restored.left_out += u64::from(!taken_in);
    }
    Ok((restored, jobs))
}

fn restore_node(
    file: &Connection,
    mut node: Node,
    deleted: bool,
) -> Result<Option<NodeId>, StoreError> {
    let sql = "SELECT 1 FROM node WHERE name = ? AND deleted = 0";
    if !deleted && file.prepare_cached(sql)?.exists([&node.name])? {
        return Ok(None);
    }
    (node.items, node.subscribers) = (0, 0);
    let taken = file
        .prepare_cached(
            "SELECT 1 FROM node WHERE id = ?1
             UNION ALL SELECT 1 FROM trash WHERE node = ?1 OR shelf = ?1",
        )?
        .exists([node.id.0])?;
    let id = (!taken).then_some(node.id);
    save::node(file, &node, id, deleted).map(Some)
}

fn restore_redirect(file: &Connection, name: &str, uri: &str) -> Result<bool, StoreError> {
    let sql = "INSERT INTO redirect (name, uri) SELECT ?1, ?2
               WHERE NOT EXISTS (SELECT 1 FROM node WHERE name = ?1 AND deleted = 0)
               ON CONFLICT DO NOTHING";
    Ok(file.prepare_cached(sql)?.execute([name, uri])? > 0)
}

fn restore_into(
    file: &Connection,
    id: NodeId,
    record: Record,
    last_job: &mut JobId,
) -> Result<Option<(NodeId, JobId)>, StoreError> {
    match record {
        Record::Affiliation { jid, affiliation } => {
            save::affiliation(file, id, &jid, affiliation)?;
        }
        Record::Subscription {
            subscription,
            began,
        } => {
            let since = integer(subscription.since);
            save::subscription(file, id, &subscription, since, integer(began))?;
            if subscription.state == SubscriptionState::Subscribed {
                let sql = "UPDATE node SET subscribers = subscribers + 1 WHERE id = ?";
                file.prepare_cached(sql)?.execute([id.0])?;
            }
        }
        Record::Item(item) => {
            file.prepare_cached(save::INSERT_ITEM)?.execute(params![
                id.0,
                integer(item.head.seq),
                item.head.id,
                item.head.publisher.as_str(),
                item.head.published.0,
                item.head.expires.map(|at| at.0),
                item.payload
            ])?;
            let sql = "UPDATE node SET items = items + 1 WHERE id = ?";
            file.prepare_cached(sql)?.execute([id.0])?;
        }
        Record::Announcement {
            seq,
            announcement,
            after,
        } => {
            last_job.0 += 1;
            save::announcement(file, *last_job, id, seq, &announcement)?;
            if let Some(after) = &after {
                reached(file, *last_job, after)?;
            }
            return Ok(Some((id, *last_job)));
        }
        Record::Node { .. } | Record::Redirect { .. } => {}
    }
    Ok(None)
}

/// Saves the progress of an announcement.
pub(super) fn reached(
    file: &Connection,
    job: JobId,
    after: &crate::store::Cursor,
) -> Result<(), StoreError> {
    let sql = "UPDATE announcement SET after_jid = ?, after_subid = ? WHERE id = ?";
    file.prepare_cached(sql)?
        .execute(params![after.jid, after.subid, job.0])?;
    Ok(())
}
