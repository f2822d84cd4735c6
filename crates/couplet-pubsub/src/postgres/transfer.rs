//! Dump and restore.

use deadpool_postgres::Pool;
use tokio_postgres::Row;

use crate::{
    node::{Node, NodeId},
    store::{
        Cursor, StoreError,
        record::{DumpPosition, Record, Restored},
    },
    subscription::SubscriptionState,
};

use super::{
    change::{BEGIN, COMMIT},
    connect::Session,
    find::all,
    pipeline::{Statement, statement},
    rows::{
        self, count, integer, item_columns, job_columns, node_columns, subscription_columns, value,
    },
    sweep, write,
};

pub(super) async fn dump(
    pool: &Pool,
    mut from: DumpPosition,
    max: u32,
) -> Result<Vec<Record>, StoreError> {
    let mut session = Session::begin(pool).await?;
    // Repeats only if none of them is readable: no records would mean the end of the list.
    loop {
        let statements = [dump_statement(&from, i64::from(max))];
        let mut answers = session.end(&statements).await?;
        let rows = answers.next().unwrap_or_default();
        let found = all(&rows, |row| record(&from, row))?;
        match rows.last() {
            Some(last) if found.is_empty() => from = behind(&from, last)?,
            _ => return Ok(found),
        }
    }
}

/// Returns the position after a row that may be unreadable except for its key.
fn behind(from: &DumpPosition, row: &Row) -> Result<DumpPosition, StoreError> {
    Ok(match from {
        DumpPosition::Nodes(_) => DumpPosition::Nodes(Some(NodeId(value(row, 0)?))),
        DumpPosition::Affiliations(node, _) => {
            DumpPosition::Affiliations(*node, Some(value(row, 0)?))
        }
        DumpPosition::Subscriptions(node, _) => {
            let (jid, subid) = (value(row, 0)?, value(row, 1)?);
            DumpPosition::Subscriptions(*node, Some(Cursor { jid, subid }))
        }
        DumpPosition::Items(node, _) => DumpPosition::Items(*node, count(row, 1)?),
        DumpPosition::Announcements(node, _) => DumpPosition::Announcements(*node, count(row, 2)?),
        DumpPosition::Redirects(_) => DumpPosition::Redirects(Some(value(row, 0)?)),
    })
}

fn record(from: &DumpPosition, row: &Row) -> Result<Record, StoreError> {
    Ok(match from {
        DumpPosition::Nodes(_) => Record::Node {
            node: Box::new(rows::node(row)?),
            deleted: value(row, 10)?,
        },
        DumpPosition::Affiliations(..) => Record::Affiliation {
            jid: rows::affiliate(row)?,
            affiliation: rows::affiliation(row, 1)?,
        },
        DumpPosition::Subscriptions(..) => Record::Subscription {
            subscription: rows::subscription(row, 0)?,
            began: count(row, 8)?,
        },
        DumpPosition::Items(..) => Record::Item(rows::item(row)?),
        DumpPosition::Announcements(..) => {
            let job = rows::job(row)?;
            Record::Announcement {
                seq: job.seq,
                announcement: job.announcement,
                after: job.after,
            }
        }
        DumpPosition::Redirects(_) => Record::Redirect {
            name: value(row, 0)?,
            uri: value(row, 1)?,
        },
    })
}

fn dump_statement(from: &DumpPosition, max: i64) -> Statement {
    match from {
        DumpPosition::Nodes(after) => statement!(
            concat!(
                "SELECT ",
                node_columns!(),
                ", deleted FROM node WHERE id > $1 ORDER BY id LIMIT $2"
            ),
            after.map_or(i64::MIN, |id| id.0),
            max
        ),
        DumpPosition::Affiliations(node, after) => statement!(
            "SELECT jid, affiliation, address FROM affiliation WHERE node = $1 AND jid > $2
             ORDER BY jid LIMIT $3",
            node.0,
            after.clone().unwrap_or_default(),
            max
        ),
        DumpPosition::Subscriptions(node, after) => {
            let after = after.clone();
            let (jid, subid) =
                after.map_or_else(Default::default, |after| (after.jid, after.subid));
            statement!(
                concat!(
                    "SELECT ",
                    subscription_columns!(),
                    ", began FROM subscription
                     WHERE node = (SELECT id FROM node WHERE id = $1)
                     AND (jid, subid) > ($2, $3) ORDER BY jid, subid LIMIT $4"
                ),
                node.0,
                jid,
                subid,
                max
            )
        }
        DumpPosition::Items(node, after) => statement!(
            concat!(
                "SELECT ",
                item_columns!(),
                " FROM item WHERE node = $1 AND seq > $2",
                write::kept!(),
                " ORDER BY seq LIMIT $3"
            ),
            node.0,
            integer(*after),
            max
        ),
        DumpPosition::Announcements(node, after) => statement!(
            concat!(
                "SELECT ",
                job_columns!(),
                " FROM announcement WHERE node = $1 AND seq > $2
                 ORDER BY seq LIMIT $3"
            ),
            node.0,
            integer(*after),
            max
        ),
        DumpPosition::Redirects(after) => statement!(
            "SELECT name, uri FROM redirect WHERE $1::text IS NULL OR name > $1
             ORDER BY name LIMIT $2",
            after.clone(),
            max
        ),
    }
}

/// Maximum number of statements that are sent together.
const TOGETHER: usize = 256;

/// Restores records. Returns also how many of them were announcements.
pub(super) async fn restore(
    pool: &Pool,
    into: Option<NodeId>,
    records: Vec<Record>,
) -> Result<(Restored, u64), StoreError> {
    // A removed node may be restored with its old key.
    sweep::all(pool).await?;
    let mut session = Session::begin(pool).await?;
    let mut entry = Entry {
        restored: Restored {
            node: into,
            left_out: 0,
        },
        statements: vec![statement!(BEGIN)],
        items: 0,
        subscribers: 0,
        announced: 0,
    };
    for record in records {
        match record {
            Record::Node { node, deleted } => entry.node(&mut session, *node, deleted).await?,
            Record::Redirect { name, uri } => entry.redirect(&mut session, name, uri).await?,
            other => entry.add(other)?,
        }
        if entry.statements.len() >= TOGETHER {
            session.run(&std::mem::take(&mut entry.statements)).await?;
        }
    }
    entry.leave();
    entry.statements.push(statement!(COMMIT));
    session.end(&entry.statements).await?;
    Ok((entry.restored, entry.announced))
}

/// The state of a restore.
struct Entry {
    restored: Restored,
    statements: Vec<Statement>,
    /// Rows that were added to the node and are not counted there yet.
    items: i64,
    subscribers: i64,
    announced: u64,
}

impl Entry {
    /// Restores a node. One whose name is taken is skipped; one whose key is taken gets a new one.
    async fn node(
        &mut self,
        session: &mut Session,
        mut node: Node,
        deleted: bool,
    ) -> Result<(), StoreError> {
        self.leave();
        self.statements.push(statement!(
            "SELECT EXISTS (SELECT 1 FROM node WHERE name = $1 AND NOT deleted),
                    EXISTS (SELECT 1 FROM node WHERE id = $2)
                    OR EXISTS (SELECT 1 FROM trash WHERE node = $2)",
            node.name.clone(),
            node.id.0
        ));
        let answers = session.run(&std::mem::take(&mut self.statements)).await?;
        let found = answers.last().unwrap_or_default();
        let taken = |column| found.first().map_or(Ok(false), |row| value(row, column));
        if !deleted && taken(0)? {
            self.restored.node = None;
            self.restored.left_out += 1;
            return Ok(());
        }
        let key = if taken(1)? {
            statement!("SELECT nextval(pg_get_serial_sequence('node', 'id'))")
        } else {
            // Keys are used once, so the next new node has to get a higher one.
            statement!(
                "SELECT $1::bigint, setval(pg_get_serial_sequence('node', 'id'),
                     greatest($1, nextval(pg_get_serial_sequence('node', 'id'))))",
                node.id.0
            )
        };
        let mut answers = session.run(&[key]).await?;
        if let Some(row) = answers.next().unwrap_or_default().first() {
            node.id = NodeId(value(row, 0)?);
        }
        (node.items, node.subscribers) = (0, 0);
        self.restored.node = Some(node.id);
        self.statements.push(write::insert_node(&node, deleted)?);
        Ok(())
    }

    async fn redirect(
        &mut self,
        session: &mut Session,
        name: String,
        uri: String,
    ) -> Result<(), StoreError> {
        self.statements.push(statement!(
            "INSERT INTO redirect (name, uri) SELECT $1, $2
             WHERE NOT EXISTS (SELECT 1 FROM node WHERE name = $1 AND NOT deleted)
             ON CONFLICT DO NOTHING RETURNING 1",
            name,
            uri
        ));
        let answers = session.run(&std::mem::take(&mut self.statements)).await?;
        let taken_in = answers.last().is_some_and(|rows| !rows.is_empty());
        self.restored.left_out += u64::from(!taken_in);
        Ok(())
    }

    /// Restores what belongs to the last node.
    fn add(&mut self, record: Record) -> Result<(), StoreError> {
        let Some(id) = self.restored.node else {
            self.restored.left_out += 1;
            return Ok(());
        };
        match record {
            Record::Affiliation { jid, affiliation } => {
                self.statements
                    .push(write::affiliate(id, &jid, affiliation));
            }
            Record::Subscription {
                subscription,
                began,
            } => {
                let counted = subscription.state == SubscriptionState::Subscribed;
                self.subscribers += i64::from(counted);
                let since = subscription.since;
                self.statements
                    .push(write::save_subscription(id, &subscription, since, began));
            }
            Record::Item(item) => {
                self.items += 1;
                self.statements.push(statement!(
                    write::INSERT_ITEM,
                    id.0,
                    integer(item.head.seq),
                    item.head.id,
                    item.head.publisher.as_str().to_owned(),
                    item.head.published.0,
                    item.head.expires.map(|at| at.0),
                    item.payload
                ));
            }
            Record::Announcement {
                seq,
                announcement,
                after,
            } => {
                self.announced += 1;
                self.statements
                    .push(write::announce(id, seq, announcement)?);
                if let Some(after) = after {
                    let sql = "UPDATE announcement SET after_jid = $3, after_subid = $4
                               WHERE node = $1 AND seq = $2";
                    self.statements.push(statement!(
                        sql,
                        id.0,
                        integer(seq),
                        after.jid,
                        after.subid
                    ));
                }
            }
            Record::Node { .. } | Record::Redirect { .. } => {}
        }
        Ok(())
    }

    /// Completes the last node.
    fn leave(&mut self) {
        let Some(id) = self.restored.node else {
            return;
        };
        let items = std::mem::take(&mut self.items);
        let subscribers = std::mem::take(&mut self.subscribers);
        if items > 0 || subscribers > 0 {
            self.statements.push(statement!(
                "UPDATE node SET items = items + $2, subscribers = subscribers + $3 WHERE id = $1",
                id.0,
                items,
                subscribers
            ));
        }
    }
}
