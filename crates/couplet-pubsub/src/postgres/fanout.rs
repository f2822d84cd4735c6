//! Announcements that are being delivered, each node by one instance at a time.

use deadpool_postgres::Pool;
use tokio_postgres::Row;

use crate::{
    change::Audience,
    node::NodeId,
    store::{Claim, Cursor, Job, JobId, Recipient, StoreError, named},
    timestamp::Timestamp,
};

use super::{
    change::{BEGIN, COMMIT},
    connect::Session,
    find::all,
    pipeline::statement,
    rows::{self, address, integer, job_columns, value},
    set_aside,
    write::bury,
};

/// The clock of the server: clocks of instances may differ.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

pub(super) async fn now(pool: &Pool) -> Result<Timestamp, StoreError> {
    let mut answers = Session::begin(pool).await?.end(&[statement!(NOW)]).await?;
    let rows = answers.next().unwrap_or_default();
    let row = rows.first();
    let millis = row.map(|row| value(row, 0)).transpose()?;
    Ok(Timestamp(millis.unwrap_or_default()))
}

/// Serializes claims: each must see the leases of the others.
const CLAIM: &str = "SELECT pg_advisory_xact_lock('announcement'::regclass::oid::int, 1)";

/// Keeps a lease from being renewed while another instance checks whether it has expired.
const PROLONG: &str = "SELECT pg_advisory_xact_lock_shared('announcement'::regclass::oid::int, 1)";

/// Claims the oldest free announcements of nodes that no other instance holds, and takes expired
/// ones from their holder.
const TAKE: &str = concat!(
    "WITH free AS (
         SELECT id FROM announcement AS one
         WHERE (holder IS NULL OR until <= $2)
         AND NOT EXISTS (SELECT 1 FROM announcement AS held
                         WHERE held.node = one.node AND held.holder <> $1 AND held.until > $2)
         ORDER BY id LIMIT $4
     ), taken AS (
         UPDATE announcement SET holder = $1, until = $3 FROM free
         WHERE announcement.id = free.id AND (holder IS NULL OR until <= $2)
         RETURNING ",
    job_columns!(),
    "
     ), lost AS (
         UPDATE announcement SET holder = NULL, until = NULL
         WHERE holder <> $1 AND node IN (SELECT node FROM taken)
         AND id NOT IN (SELECT id FROM free)
     )
     SELECT * FROM taken ORDER BY id"
);

/// Returns the jobs, and how many unreadable announcements were set aside.
pub(super) async fn claim(pool: &Pool, claim: Claim) -> Result<(Vec<Job>, i64), StoreError> {
    let statements = [
        statement!(BEGIN),
        statement!(CLAIM),
        statement!(
            TAKE,
            claim.instance.clone(),
            claim.now.0,
            claim.until.0,
            i64::from(claim.max)
        ),
        statement!(COMMIT),
    ];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    let instance = claim.instance;
    let (mut jobs, mut dropped) = (Vec::new(), 0);
    for row in &answers.nth(2).unwrap_or_default() {
        match rows::job(row) {
            Ok(job) => jobs.push(job),
            Err(why) => {
                let job = JobId(value(row, 0)?);
                let why = why.to_string();
                let moved = set_aside::announcement(pool, job, &instance, &why).await?;
                dropped += i64::from(moved);
            }
        }
    }
    Ok((jobs, dropped))
}

const RECIPIENTS: &str = "SELECT jid, subid, include_body,
            EXISTS (SELECT 1 FROM subscription AS other WHERE other.node = one.node
                    AND other.jid = one.jid AND other.subid <> one.subid)
     FROM subscription AS one
     WHERE node = $1 AND (jid, subid) > ($2, $3) AND deliver AND ($4 OR NOT pending)
     AND since <= $5
     ORDER BY jid, subid LIMIT $6";

pub(super) async fn recipients(
    pool: &Pool,
    job: &Job,
    after: Option<&Cursor>,
    max: u32,
) -> Result<Vec<Recipient>, StoreError> {
    let pending_too = match &job.announcement.to {
        Audience::Named(jids) => return Ok(named(jids, after, max as usize)),
        Audience::SubscribersAndPending => true,
        Audience::Subscribers => false,
    };
    let after = after.cloned();
    let mut after = after.map_or_else(Default::default, |after| (after.jid, after.subid));
    let mut found = Vec::new();
    let mut session = Session::begin(pool).await?;
    // Repeats only if some of them are unreadable: too few would mean the end of the list.
    loop {
        let missing = (max as usize).saturating_sub(found.len());
        let (jid, subid) = after;
        let statements = [statement!(
            RECIPIENTS,
            job.node.0,
            jid,
            subid,
            pending_too,
            integer(job.seq),
            integer(missing as u64)
        )];
        let mut answers = session.end(&statements).await?;
        let rows = answers.next().unwrap_or_default();
        found.extend(all(&rows, recipient)?);
        match rows.last() {
            Some(last) if rows.len() >= missing && found.len() < max as usize => {
                after = (value(last, 0)?, value(last, 1)?);
            }
            _ => return Ok(found),
        }
    }
}

fn recipient(row: &Row) -> Result<Recipient, StoreError> {
    Ok(Recipient {
        jid: address(row, 0)?,
        subid: value(row, 1)?,
        include_body: value(row, 2)?,
        one_of_several: value(row, 3)?,
    })
}

/// After a crash of the machine some deliveries are repeated, so the commit need not wait for the
/// disk.
const AT_EASE: &str = "SET LOCAL synchronous_commit = off";

pub(super) async fn advance(
    pool: &Pool,
    job: JobId,
    instance: &str,
    after: Cursor,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let statements = [
        statement!(BEGIN),
        statement!(AT_EASE),
        statement!(PROLONG),
        statement!(
            "UPDATE announcement SET after_jid = $3, after_subid = $4, until = $5
             WHERE id = $1 AND holder = $2 RETURNING 1",
            job.0,
            instance.to_owned(),
            after.jid,
            after.subid,
            until.0
        ),
        statement!(COMMIT),
    ];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    Ok(answers.nth(3).is_some_and(|rows| !rows.is_empty()))
}

/// Releases all leases of an instance. Returns whether there were any.
pub(super) async fn release(pool: &Pool, instance: &str) -> Result<bool, StoreError> {
    let statements = [statement!(
        "UPDATE announcement SET holder = NULL, until = NULL WHERE holder = $1 RETURNING 1",
        instance.to_owned()
    )];
    let mut answers = Session::begin(pool).await?.end(&statements).await?;
    Ok(answers.next().is_some_and(|rows| !rows.is_empty()))
}

/// The state of the node after a job was finished.
pub(super) struct FinishedJob {
    /// Whether others of the node wait to be claimed.
    pub(super) more: bool,
    /// Whether it was the last one of a deleted node.
    pub(super) buried: bool,
}

pub(super) async fn finish(
    pool: &Pool,
    job: JobId,
    instance: &str,
) -> Result<Option<FinishedJob>, StoreError> {
    let mut session = Session::begin(pool).await?;
    let statements = [
        statement!(BEGIN),
        statement!(AT_EASE),
        statement!(
            "WITH gone AS (DELETE FROM announcement WHERE id = $1 AND holder = $2 RETURNING node)
             SELECT gone.node, coalesce(deleted, FALSE),
                    EXISTS (SELECT 1 FROM announcement AS other
                            WHERE other.node = gone.node AND holder IS NULL)
             FROM gone LEFT JOIN node ON node.id = gone.node",
            job.0,
            instance.to_owned()
        ),
        statement!(COMMIT),
    ];
    let mut answers = session.end(&statements).await?;
    let found = answers.nth(2).unwrap_or_default();
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let (node, deleted, more) = (NodeId(value(row, 0)?), value(row, 1)?, value(row, 2)?);
    if deleted {
        session.end(&[bury(node)]).await?;
    }
    Ok(Some(FinishedJob {
        more,
        buried: deleted,
    }))
}
