//! Snapshots for decisions, and expired leases and items.

use couplet::BareJid;
use tokio_postgres::Row;

use crate::{
    log_limit::LogThrottle,
    node::Node,
    snapshot::{Entity, Query, Snapshot, SubscriptionFilter, Usage, entities},
    store::{Expired, StoreError},
    timestamp::Timestamp,
};

use super::{
    pipeline::{RowSets, Statement, statement},
    rows::{
        self, count, head_columns, item_columns, node_columns, parsed, subscription_columns, value,
    },
};

/// The key of the node with the name `$1`, as a subquery.
macro_rules! node_named {
    () => {
        "(SELECT id FROM node WHERE name = $1 AND NOT deleted)"
    };
}

/// Items of the node with the name `$1` that are not purged.
macro_rules! items_of_node_named {
    () => {
        concat!(
            " FROM item WHERE node = ",
            node_named!(),
            " AND seq >= (SELECT floor FROM node WHERE name = $1 AND NOT deleted)"
        )
    };
}

/// Returns the queries of a snapshot; [`snapshot`] reads the rows in the same order.
pub(super) fn statements(query: &Query) -> Vec<Statement> {
    let mut statements = Vec::new();
    if let (Some(who), true) = (&query.entity, query.usage) {
        statements.push(statement!(
            "SELECT (SELECT count(*) FROM node WHERE creator = $1 AND NOT deleted),
                    (SELECT count(*) FROM subscription JOIN node ON node.id = subscription.node
                     WHERE bare = $1 AND NOT deleted)",
            who.prepared().to_owned()
        ));
    }
    if query.affiliated {
        let others = query.others.iter();
        let others: Vec<String> = others.map(|who| who.prepared().to_owned()).collect();
        statements.push(statement!(
            "SELECT (SELECT count(*) FROM affiliation WHERE affiliation.jid = who.jid)
             FROM unnest($1::text[]) WITH ORDINALITY AS who (jid, number) ORDER BY number",
            others
        ));
    }
    let Some(name) = &query.node else {
        return statements;
    };
    statements.push(statement!(
        concat!(
            "SELECT ",
            node_columns!(),
            ", redirect.uri FROM (SELECT $1::text AS name) AS wanted
             LEFT JOIN node ON node.name = wanted.name AND NOT deleted
             LEFT JOIN redirect ON redirect.name = wanted.name"
        ),
        name.clone()
    ));
    if let Some(who) = &query.entity {
        statements.push(match query.filter.is_nothing() {
            true => party_statement(name, who),
            false => meant_statement(name, who, &query.filter),
        });
    }
    statements.extend(query.others.iter().map(|who| party_statement(name, who)));
    add_items(&mut statements, query, name);
    add_people(&mut statements, query, name);
    statements
}

/// Maximum number of subscriptions that are read without being selected: [`MAX_SUBSCRIPTIONS`].
macro_rules! few {
    () => {
        "64"
    };
}

/// Some subscriptions of the JID `$2` to the node.
macro_rules! held {
    ($more:literal) => {
        concat!(
            "SELECT * FROM subscription WHERE bare = $2 AND node = ",
            node_named!(),
            $more,
            " LIMIT ",
            few!()
        )
    };
}

/// The affiliation of the JID `$2` and these subscriptions.
macro_rules! entity {
    ($held:expr) => {
        concat!(
            "SELECT (SELECT affiliation FROM affiliation WHERE node = ",
            node_named!(),
            " AND jid = $2), ",
            subscription_columns!(),
            " FROM (VALUES (1)) AS one LEFT JOIN (",
            $held,
            ") AS subscription ON TRUE ORDER BY began"
        )
    };
}

/// Queries an affiliation and some subscriptions.
fn party_statement(name: &str, who: &BareJid) -> Statement {
    let who = who.prepared().to_owned();
    statement!(entity!(held!("")), name.to_owned(), who)
}

/// Queries an affiliation and some subscriptions, with those that a request names.
fn meant_statement(name: &str, who: &BareJid, filter: &SubscriptionFilter) -> Statement {
    statement!(
        entity!(concat!(
            "(",
            held!(""),
            ") UNION (",
            held!(" AND ($3::text IS NULL OR jid = $3) AND ($4::text IS NULL OR subid = $4)"),
            ")"
        )),
        name.to_owned(),
        who.prepared().to_owned(),
        filter.jid.as_ref().map(ToString::to_string),
        filter.subid.clone()
    )
}

fn add_items(statements: &mut Vec<Statement>, query: &Query, name: &str) {
    if !query.items.is_empty() {
        statements.push(statement!(
            concat!(
                "SELECT ",
                head_columns!(),
                items_of_node_named!(),
                " AND id = ANY ($2)"
            ),
            name.to_owned(),
            query.items.clone()
        ));
    }
    if query.oldest > 0 {
        statements.push(statement!(
            concat!(
                "SELECT ",
                head_columns!(),
                items_of_node_named!(),
                " ORDER BY seq LIMIT $2"
            ),
            name.to_owned(),
            i64::from(query.oldest)
        ));
    }
    if query.newest > 0 {
        statements.push(statement!(
            concat!(
                "SELECT ",
                item_columns!(),
                items_of_node_named!(),
                " ORDER BY seq DESC LIMIT $2"
            ),
            name.to_owned(),
            i64::from(query.newest)
        ));
    }
}

fn add_people(statements: &mut Vec<Statement>, query: &Query, name: &str) {
    if query.owners {
        statements.push(statement!(
            concat!(
                "SELECT jid, affiliation, address FROM affiliation
                 WHERE node = ",
                node_named!(),
                " AND affiliation = 'owner' ORDER BY jid"
            ),
            name.to_owned()
        ));
    }
    if query.affiliations {
        statements.push(statement!(
            concat!(
                "SELECT count(*) FROM affiliation
                 WHERE node = ",
                node_named!()
            ),
            name.to_owned()
        ));
    }
    if query.pending > 0 {
        statements.push(statement!(
            concat!(
                "SELECT ",
                subscription_columns!(),
                " FROM subscription
                 WHERE node = ",
                node_named!(),
                " AND pending ORDER BY began LIMIT $2"
            ),
            name.to_owned(),
            i64::from(query.pending)
        ));
    }
    if let Some(slice) = &query.subscriber_range {
        let after = slice.after.clone();
        let (jid, subid) = after.map_or_else(Default::default, |after| (after.jid, after.subid));
        statements.push(statement!(
            concat!(
                "SELECT affiliation, ",
                subscription_columns!(),
                " FROM subscription
                 LEFT JOIN affiliation ON affiliation.node = subscription.node
                 AND affiliation.jid = subscription.bare
                 WHERE subscription.node = ",
                node_named!(),
                " AND (subscription.jid, subid) > ($2, $3)
                 ORDER BY subscription.jid, subid LIMIT $4"
            ),
            name.to_owned(),
            jid,
            subid,
            i64::from(slice.max)
        ));
    }
}

/// Reads the rows of [`statements`].
pub(super) fn snapshot(
    query: &Query,
    answers: &mut RowSets,
    backlog: u64,
) -> Result<Snapshot, StoreError> {
    let mut next = || answers.next().unwrap_or_default();
    let mut snapshot = Snapshot {
        backlog,
        ..Snapshot::default()
    };
    if query.entity.is_some() && query.usage {
        snapshot.usage = next().first().map(usage).transpose()?.unwrap_or_default();
    }
    if query.affiliated {
        let counts = next();
        let counts = counts.iter().map(|row| count(row, 0));
        snapshot.affiliated = counts.collect::<Result<_, _>>()?;
    }
    if query.node.is_some() {
        (snapshot.node, snapshot.redirect) = node_or_redirect(&next())?;
    }
    let mut found = Vec::new();
    for who in query.entity.iter().chain(&query.others) {
        let rows = if query.node.is_some() {
            next()
        } else {
            Vec::new()
        };
        found.push(entity_of(who, &rows)?);
    }
    let mut found = found.into_iter();
    snapshot.entity = query.entity.as_ref().and_then(|_| found.next());
    snapshot.others = found.collect();
    if query.node.is_none() {
        return Ok(snapshot);
    }
    if !query.items.is_empty() {
        snapshot.items = all(&next(), rows::head)?;
    }
    if query.oldest > 0 {
        snapshot.oldest = all(&next(), rows::head)?;
    }
    if query.newest > 0 {
        snapshot.newest = all(&next(), rows::item)?;
        snapshot.newest.reverse();
    }
    if query.owners {
        snapshot.owners = all(&next(), rows::affiliate)?;
    }
    if query.affiliations {
        let found = next();
        snapshot.affiliations = found
            .first()
            .map(|row| count(row, 0))
            .transpose()?
            .unwrap_or(0);
    }
    if query.pending > 0 {
        snapshot.pending = all(&next(), |row| rows::subscription(row, 0))?;
    }
    if query.subscriber_range.is_some() {
        let held = all(&next(), |row| {
            Ok((rows::subscription(row, 1)?, rows::affiliation(row, 0)?))
        })?;
        snapshot.subscriber_range = entities(held);
    }
    Ok(snapshot)
}

/// Converts all rows. Logs and skips a row that is invalid; all rows have arrived, so the row is at
/// fault.
pub(super) fn all<T>(
    rows: &[Row],
    mut read: impl FnMut(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let read = rows.iter().filter_map(|row| left_out("row", read(row)));
    Ok(read.collect())
}

/// Returns a row, or logs it and returns `None` if it is invalid.
pub(super) fn left_out<T>(table: &str, row: Result<T, StoreError>) -> Option<T> {
    match row {
        Ok(row) => Some(row),
        Err(why) => {
            static LOG: LogThrottle = LogThrottle::new();
            if let Some(permit) = LOG.permit() {
                let omitted = permit.omitted;
                tracing::error!(table, omitted, error = %why, "a stored row cannot be read and is skipped");
            }
            None
        }
    }
}

fn usage(row: &Row) -> Result<Usage, StoreError> {
    Ok(Usage {
        nodes: count(row, 0)?,
        subscriptions: count(row, 1)?,
    })
}

fn node_or_redirect(rows: &[Row]) -> Result<(Option<Node>, Option<String>), StoreError> {
    let Some(row) = rows.first() else {
        return Ok((None, None));
    };
    if value::<Option<i64>>(row, 0)?.is_none() {
        return Ok((None, value(row, 10)?));
    }
    Ok((Some(rows::node(row)?), None))
}

fn entity_of(who: &BareJid, rows: &[Row]) -> Result<Entity, StoreError> {
    let affiliation = rows.first().map(|row| rows::affiliation(row, 0));
    let mut subscriptions = Vec::new();
    for row in rows {
        if value::<Option<&str>>(row, 1)?.is_some() {
            subscriptions.extend(left_out("subscription", rows::subscription(row, 1)));
        }
    }
    Ok(Entity {
        jid: who.clone(),
        affiliation: affiliation
            .transpose()?
            .unwrap_or(crate::node::Affiliation::None),
        subscriptions,
    })
}

/// Returns the queries of expired entries; [`expired`] reads the rows.
pub(super) fn overdue_statements(now: Timestamp, max: u32) -> Vec<Statement> {
    let max = i64::from(max);
    vec![
        statement!(
            "SELECT name, jid, subid FROM subscription JOIN node ON node.id = subscription.node
             WHERE expires <= $1 AND NOT deleted ORDER BY expires, node.id, jid, subid LIMIT $2",
            now.0,
            max
        ),
        statement!(
            "SELECT name, item.id FROM item JOIN node ON node.id = item.node
             WHERE expires <= $1 AND NOT deleted AND seq >= floor
             ORDER BY expires, node.id, seq LIMIT $2",
            now.0,
            max
        ),
    ]
}

/// Reads the answers to [`overdue_statements`].
pub(super) fn expired(answers: &mut RowSets) -> Result<Expired, StoreError> {
    let leases = answers.next().unwrap_or_default();
    let leases = all(&leases, |row| {
        Ok((value(row, 0)?, parsed(row, 1)?, value(row, 2)?))
    })?;
    let items = answers.next().unwrap_or_default();
    let items = items.iter().map(|row| Ok((value(row, 0)?, value(row, 1)?)));
    Ok(Expired {
        leases,
        items: items.collect::<Result<_, StoreError>>()?,
    })
}

#[cfg(test)]
mod tests {
    use crate::snapshot::MAX_SUBSCRIPTIONS;

    #[test]
    fn the_subscription_limit_is_that_of_the_other_stores() {
        assert_eq!(few!(), MAX_SUBSCRIPTIONS.to_string());
    }
}
