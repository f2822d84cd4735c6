//! Announcements on their way, by one instance per node at a time.

use deadpool_postgres::Pool;

use crate::{
    change::Audience,
    moment::Moment,
    node::NodeId,
    store::{Claim, Cursor, Job, JobId, Recipient, StoreError, named},
};

use super::{
    change::{BEGIN, COMMIT},
    connect::Session,
    find::all,
    rows::{self, integer, job_columns, value},
    script::ask,
    write::bury,
};

/// The clock of the server: instances need not agree on the time, and one of them may set its own.
const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

pub(super) async fn now(pool: &Pool) -> Result<Moment, StoreError> {
    let mut answers = Session::begin(pool).await?.end(&[ask!(NOW)]).await?;
    let rows = answers.next().unwrap_or_default();
    let row = rows.first();
    let millis = row.map(|row| value(row, 0)).transpose()?;
    Ok(Moment(millis.unwrap_or_default()))
}

/// Those who claim do so one after the other: what one takes, the next has to see.
const CLAIM: &str = "SELECT pg_advisory_xact_lock('announcement'::regclass::oid::int, 1)";

/// A lease is not prolonged while somebody looks whether it has run out.
const PROLONG: &str = "SELECT pg_advisory_xact_lock_shared('announcement'::regclass::oid::int, 1)";

/// The oldest that are free, of nodes of which nobody else has any; what the one before still
/// thinks it has of these nodes, it has no more.
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

pub(super) async fn claim(pool: &Pool, claim: Claim) -> Result<Vec<Job>, StoreError> {
    let asks = [
        ask!(BEGIN),
        ask!(CLAIM),
        ask!(
            TAKE,
            claim.instance,
            claim.now.0,
            claim.until.0,
            i64::from(claim.max)
        ),
        ask!(COMMIT),
    ];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    all(&answers.nth(2).unwrap_or_default(), rows::job)
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
    let (jid, subid) = after.map_or_else(Default::default, |after| (after.jid, after.subid));
    let asks = [ask!(
        RECIPIENTS,
        job.node.0,
        jid,
        subid,
        pending_too,
        integer(job.seq),
        i64::from(max)
    )];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    all(&answers.next().unwrap_or_default(), |row| {
        Ok(Recipient {
            jid: value(row, 0)?,
            subid: value(row, 1)?,
            include_body: value(row, 2)?,
            one_of_several: value(row, 3)?,
        })
    })
}

/// What gets lost with a crash of the machine is delivered twice, so nobody waits for the disk.
const AT_EASE: &str = "SET LOCAL synchronous_commit = off";

pub(super) async fn advance(
    pool: &Pool,
    job: JobId,
    instance: &str,
    after: Cursor,
    until: Moment,
) -> Result<bool, StoreError> {
    let asks = [
        ask!(BEGIN),
        ask!(AT_EASE),
        ask!(PROLONG),
        ask!(
            "UPDATE announcement SET after_jid = $3, after_subid = $4, until = $5
             WHERE id = $1 AND holder = $2 RETURNING 1",
            job.0,
            instance.to_owned(),
            after.jid,
            after.subid,
            until.0
        ),
        ask!(COMMIT),
    ];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    Ok(answers.nth(3).is_some_and(|rows| !rows.is_empty()))
}

/// `true` where there was anything to hand back.
pub(super) async fn release(pool: &Pool, instance: &str) -> Result<bool, StoreError> {
    let asks = [ask!(
        "UPDATE announcement SET holder = NULL, until = NULL WHERE holder = $1 RETURNING 1",
        instance.to_owned()
    )];
    let mut answers = Session::begin(pool).await?.end(&asks).await?;
    Ok(answers.next().is_some_and(|rows| !rows.is_empty()))
}

/// What is known of a job that was just done.
pub(super) struct Gone {
    /// Whether others of the node wait for somebody to take them.
    pub(super) more: bool,
}

pub(super) async fn finish(
    pool: &Pool,
    job: JobId,
    instance: &str,
) -> Result<Option<Gone>, StoreError> {
    let mut session = Session::begin(pool).await?;
    let asks = [
        ask!(BEGIN),
        ask!(AT_EASE),
        ask!(
            "WITH gone AS (DELETE FROM announcement WHERE id = $1 AND holder = $2 RETURNING node)
             SELECT gone.node, coalesce(deleted, FALSE),
                    EXISTS (SELECT 1 FROM announcement AS other
                            WHERE other.node = gone.node AND holder IS NULL)
             FROM gone LEFT JOIN node ON node.id = gone.node",
            job.0,
            instance.to_owned()
        ),
        ask!(COMMIT),
    ];
    let mut answers = session.end(&asks).await?;
    let found = answers.nth(2).unwrap_or_default();
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let (node, deleted, more) = (NodeId(value(row, 0)?), value(row, 1)?, value(row, 2)?);
    if deleted {
        session.end(&[bury(node)]).await?;
    }
    Ok(Some(Gone { more }))
}
