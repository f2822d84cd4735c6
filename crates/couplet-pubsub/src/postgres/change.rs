//! A change: the node's name is locked, facts are found, a decision is made and applied. Two ways
//! to the server and back, where the decision touches nothing but what it asked for.
//!
//! Deliberately absent: a second decision. What fails before it is tried once more; what fails
//! behind it is told.

use deadpool_postgres::Pool;

use crate::{
    change::Change,
    facts::{Facts, Needs},
    store::{Decide, StoreError, decided},
};

use super::{
    apply::{Done, Work},
    connect::{Refused, Session},
    fault, find,
    known::{Known, Lookup},
    script::{Ask, ask},
};

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";

/// Does it; how many announcements were made.
pub(super) async fn change(
    pool: &Pool,
    needs: &Needs,
    decide: Decide,
    backlog: u64,
) -> Result<u64, StoreError> {
    let (mut session, facts) = begin(pool, needs, backlog).await?;
    let changes = decided(decide, &facts)?;
    if changes.is_empty() {
        session.end(&[ask!(COMMIT)]).await?;
        return Ok(0);
    }
    let done = apply(&mut session, needs, &facts, changes).await?;
    let mut asks = done.asks;
    asks.push(ask!(COMMIT));
    session.end(&asks).await.map_err(told)?;
    Ok(done.announced)
}

/// Opens a transaction, locks the name and finds the facts, all at once.
async fn begin(pool: &Pool, needs: &Needs, backlog: u64) -> Result<(Session, Facts), StoreError> {
    let mut asks = vec![ask!(BEGIN)];
    asks.extend(needs.node.as_deref().map(lock));
    let asked = asks.len();
    asks.extend(find::asks(needs));
    let mut session = Session::begin(pool).await?;
    let answers = match session.ask(&asks).await {
        // The server was restarted since this connection was used; nothing has happened yet.
        Err(Refused::Because(error)) if fault::is_connection(&error) => {
            session = Session::begin(pool).await?;
            session.ask(&asks).await
        }
        answers => answers,
    };
    let mut answers = answers?;
    let _nothing_to_read = answers.by_ref().take(asked).count();
    Ok((session, find::facts(needs, &mut answers, backlog)?))
}

/// Names are locked and not rows, so that a name is locked too that no node has yet. Each schema
/// has its own locks: the key of its table is in them.
fn lock(name: &str) -> Ask {
    ask!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 'node'::regclass::oid::bigint))",
        name.to_owned()
    )
}

async fn apply(
    session: &mut Session,
    needs: &Needs,
    facts: &Facts,
    changes: Vec<Change>,
) -> Result<Done, StoreError> {
    let mut work = Work::new(facts.node.clone());
    let (nobody, mut asked) = (Needs::default(), needs);
    for part in parts(changes) {
        let asks = work.take();
        if !asks.is_empty() {
            session.ask(&asks).await.map_err(told)?;
        }
        let known = if std::ptr::eq(asked, needs) {
            Known::from(facts)
        } else {
            Known::default()
        };
        look_up(session, &mut work, part, asked, known).await?;
        asked = &nobody;
    }
    Ok(work.end())
}

async fn look_up(
    session: &mut Session,
    work: &mut Work,
    part: Vec<Change>,
    asked: &Needs,
    mut known: Known,
) -> Result<(), StoreError> {
    let (lookup, node) = (Lookup::new(&part, asked), work.node_id());
    let asks = lookup.asks(node);
    let mut keys = Vec::new();
    if !asks.is_empty() {
        let mut answers = session.ask(&asks).await?;
        keys = lookup.read(node, &mut answers, &mut known)?;
    }
    work.apply(part, known, keys)
}

/// The changes in parts that end with one that trims: nobody knows what is left then.
fn parts(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut parts = vec![Vec::new()];
    let mut trimmed = false;
    for change in changes {
        if std::mem::replace(&mut trimmed, matches!(change, Change::Trim { .. })) {
            parts.push(Vec::new());
        }
        if let Some(last) = parts.last_mut() {
            last.push(change);
        }
    }
    parts
}

fn told(refused: Refused) -> StoreError {
    match refused {
        Refused::Because(error) if fault::is_taken_name(&error) => {
            StoreError::Busy("a node of this name is new as well".to_owned())
        }
        refused => refused.into(),
    }
}
