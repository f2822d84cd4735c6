//! Moves unreadable items and announcements that cannot be sent to the table `set_aside`.

use deadpool_postgres::Pool;
use tokio_postgres::Row;

use crate::{
    node::NodeId,
    store::{JobId, StoreError, log_set_aside},
};

use super::{
    change::{BEGIN, COMMIT, lock},
    connect::Session,
    node_name::name_of,
    pipeline::statement,
    rows::value,
    write::bury,
};

/// Moves the item of this row, which begins with id and seq, and logs it.
pub(super) async fn item(pool: &Pool, node: NodeId, row: &Row, why: &StoreError) {
    let moved = match (value::<&str>(row, 0), value::<i64>(row, 1)) {
        (Ok(id), Ok(seq)) => try_item(pool, node, id, seq, why).await,
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    if let Err(error) = moved {
        tracing::warn!(%error, "an item that cannot be read could not be set aside");
    }
}

async fn try_item(
    pool: &Pool,
    node: NodeId,
    id: &str,
    seq: i64,
    why: &StoreError,
) -> Result<(), StoreError> {
    let Some(name) = name_of(pool, node).await? else {
        return Ok(());
    };
    let statements = [
        statement!(BEGIN),
        // Other instances update the counts of the node.
        lock(&name),
        statement!(
            "WITH gone AS (
                 DELETE FROM item WHERE node = $1 AND seq = $2 RETURNING seq, id, payload
             ), counted AS (
                 UPDATE node SET items = greatest(items - 1, 0)
                 WHERE id = $1 AND EXISTS (SELECT 1 FROM gone)
             )
             INSERT INTO set_aside (at, what, node, seq, name, why, content)
             SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, 'item', $3, seq, id,
                    $4, payload
             FROM gone RETURNING 1",
            node.0,
            seq,
            name.clone(),
            why.to_string()
        ),
        statement!(COMMIT),
    ];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    let moved = answers.nth(2).unwrap_or_default();
    if !moved.is_empty() {
        tracing::error!(node = name, id, error = %why, "a stored item cannot be read and is set aside");
    }
    Ok(())
}

/// Moves an announcement of this instance and logs it. Returns whether it existed.
pub(super) async fn announcement(
    pool: &Pool,
    job: JobId,
    instance: &str,
    why: &str,
) -> Result<bool, StoreError> {
    let statements = [statement!(
        "WITH gone AS (
             DELETE FROM announcement WHERE id = $1 AND holder = $3
             RETURNING node, seq, content
         ), kept AS (
             INSERT INTO set_aside (at, what, node, seq, why, content)
             SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, 'announcement',
                    (SELECT name FROM node WHERE id = gone.node), seq, $2, content
             FROM gone
         )
         SELECT node, (SELECT name FROM node WHERE id = gone.node) FROM gone",
        job.0,
        why.to_owned(),
        instance.to_owned()
    )];
    let mut session = Session::begin(pool).await?;
    let mut answers = session.end(&statements).await?;
    let moved = answers.next().unwrap_or_default();
    let Some(row) = moved.first() else {
        return Ok(false);
    };
    let (node, name) = (NodeId(value(row, 0)?), value::<Option<&str>>(row, 1)?);
    log_set_aside(name, job, why);
    session.end(&[bury(node)]).await?;
    Ok(true)
}
