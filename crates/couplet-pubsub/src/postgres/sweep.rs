//! Removes rows of purged or deleted nodes in batches of one transaction each, so that writers wait
//! for one batch at most.
//!
//! Instances remove rows in any order: one skips a row of the trash that another has locked.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use tokio::time::{Instant, sleep};

use crate::store::StoreError;

use super::{
    Shared,
    change::{BEGIN, COMMIT},
    connect::Session,
    pipeline::statement,
    rows::value,
};

/// Maximum number of rows that are removed in one transaction.
const SWEPT: i64 = 500;

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(30);

/// Removes purged rows whenever there are any.
pub(super) async fn keep_tidy(pool: Pool, shared: Arc<Shared>) {
    loop {
        let began = Instant::now();
        match some(&pool, SWEPT).await {
            // Leaves the database to other work for as long as the batch took.
            Ok(true) => sleep(began.elapsed()).await,
            Ok(false) => shared.untidy.notified().await,
            Err(error) => {
                tracing::warn!(%error, "purged rows could not be removed from the database yet, retrying");
                sleep(PAUSE).await;
            }
        }
    }
}

/// The oldest entry of the trash, and whether its node still exists.
macro_rules! next {
    ($lock:literal) => {
        concat!(
            "SELECT id, node, floor, EXISTS (SELECT 1 FROM node WHERE node.id = trash.node)
             FROM trash ORDER BY id LIMIT 1 FOR UPDATE ",
            $lock
        )
    };
}

/// Removes all purged rows, so that keys of removed nodes are free.
pub(super) async fn all(pool: &Pool) -> Result<(), StoreError> {
    let is_left = || [statement!("SELECT 1 FROM trash LIMIT 1")];
    loop {
        let found = Session::begin(pool).await?.end(&is_left()).await?;
        if found.flatten().next().is_none() {
            return Ok(());
        }
        next_of(pool, next!(""), SWEPT).await?;
    }
}

/// Removes at most `max` purged rows that no other instance works on. Returns whether there may be
/// more.
pub(super) async fn some(pool: &Pool, max: i64) -> Result<bool, StoreError> {
    next_of(pool, next!("SKIP LOCKED"), max).await
}

async fn next_of(pool: &Pool, next: &'static str, max: i64) -> Result<bool, StoreError> {
    let mut session = Session::begin(pool).await?;
    let mut answers = session.run(&[statement!(BEGIN), statement!(next)]).await?;
    let found = answers.nth(1).unwrap_or_default();
    let Some(row) = found.first() else {
        session.end(&[statement!(COMMIT)]).await?;
        return Ok(false);
    };
    let (id, node, floor): (i64, i64, i64) = (value(row, 0)?, value(row, 1)?, value(row, 2)?);
    let is_there: bool = value(row, 3)?;
    let items = statement!(
        "WITH old AS (SELECT seq FROM item WHERE node = $1 AND seq < $2 ORDER BY seq LIMIT $3)
         DELETE FROM item USING old WHERE item.node = $1 AND item.seq = old.seq RETURNING 1",
        node,
        floor,
        max
    );
    let held = statement!(
        "WITH old AS (SELECT jid, subid FROM subscription WHERE node = $1 AND NOT $3
                      ORDER BY jid, subid LIMIT $2)
         DELETE FROM subscription AS held USING old
         WHERE held.node = $1 AND held.jid = old.jid AND held.subid = old.subid RETURNING 1",
        node,
        max,
        is_there
    );
    let removed = session.run(&[items, held]).await?;
    let mut end = Vec::new();
    if removed.map(|rows| rows.len()).sum::<usize>() == 0 {
        end.push(statement!("DELETE FROM trash WHERE id = $1", id));
    }
    end.push(statement!(COMMIT));
    session.end(&end).await?;
    Ok(true)
}
