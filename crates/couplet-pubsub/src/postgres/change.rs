//! Runs the queued changes of one node in one transaction: locks its name, then for each reads a
//! snapshot, calls the decision and applies the changes. The statements of one change are sent
//! together with the queries of the next, so that each costs one round trip, and there is one
//! commit for all.
//!
//! A decision is never called twice: a failure before the first decision is retried once; one after
//! it is returned.

use std::collections::VecDeque;

use deadpool_postgres::Pool;
use tokio::sync::oneshot;

use crate::{
    change::Change,
    snapshot::{Query, Snapshot},
    store::{Decide, StoreError, apply::Applier, run_decision, validate_changes},
};

use super::{
    Shared,
    apply::{Applied, Rows},
    connect::{QueryError, Session},
    error,
    existing::{ExistingRows, Lookup},
    find,
    pipeline::{RowSets, Statement, statement},
};

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// The savepoint of one change among several.
const SET_MARK: &str = "SAVEPOINT change";
const KEEP: &str = "RELEASE SAVEPOINT change";
const UNDO: &str = "ROLLBACK TO SAVEPOINT change";

/// A queued change and its caller.
pub(super) struct QueuedChange {
    pub(super) query: Query,
    pub(super) decide: Decide,
    pub(super) answer: Answer,
}

type Answer = oneshot::Sender<Result<(), StoreError>>;

/// Runs changes of one node, or a single one, and returns their results.
pub(super) async fn run(pool: &Pool, shared: &Shared, waiting: Vec<QueuedChange>) {
    let mut batch = Batch {
        alone: waiting.len() == 1,
        waiting: waiting.into(),
        done: Vec::new(),
        announced: 0,
        untidy: false,
        backlog: shared.backlog(),
    };
    let failed = batch.work(pool).await.err();
    match &failed {
        None if batch.announced > 0 => shared.announce(batch.announced),
        None => {}
        Some(_) => shared.doubt(),
    }
    if batch.untidy {
        shared.untidy.notify_one();
    }
    for (answer, outcome) in batch.done {
        let failed = failed.clone().map(Err);
        let _caller_was_dropped = answer.send(outcome.and(failed.unwrap_or(Ok(()))));
    }
    for waiting in batch.waiting {
        let error = failed.clone().unwrap_or_else(error::too_slow);
        let _caller_was_dropped = waiting.answer.send(Err(error));
    }
}

struct Batch {
    /// A single change needs no savepoint.
    alone: bool,
    waiting: VecDeque<QueuedChange>,
    /// Decided changes with their results, if the commit succeeds.
    done: Vec<(Answer, Result<(), StoreError>)>,
    announced: u64,
    untidy: bool,
    backlog: u64,
}

impl Batch {
    /// Runs the changes; an error is the result of all of them.
    async fn work(&mut self, pool: &Pool) -> Result<(), StoreError> {
        let Some(first) = self.waiting.front() else {
            return Ok(());
        };
        let mut statements = vec![statement!(BEGIN)];
        statements.extend(first.query.node.as_deref().map(lock));
        let queries = self.queries(&first.query);
        let sent_before = statements.len() + usize::from(!self.alone);
        statements.extend(queries);
        let (mut session, mut answers) = begin(pool, &statements).await?;
        let _nothing_to_read = answers.by_ref().take(sent_before).count();
        let mut snapshot = Some(self.snapshot(answers)?);
        while let (Some(found), Some(next)) = (snapshot.take(), self.waiting.pop_front()) {
            let statements = match run_decision(next.decide, &found) {
                Err(error) => {
                    self.done.push((next.answer, Err(error)));
                    Ok(Applied::default())
                }
                Ok(changes) => {
                    self.done.push((next.answer, Ok(())));
                    apply(&mut session, &next.query, &found, changes).await
                }
            };
            snapshot = self.save(&mut session, statements).await?;
        }
        if !self.alone {
            session.end(&[statement!(COMMIT)]).await?;
        }
        Ok(())
    }

    fn queries(&self, query: &Query) -> Vec<Statement> {
        let mut statements = Vec::new();
        if !self.alone {
            statements.push(statement!(SET_MARK));
        }
        statements.extend(find::statements(query));
        statements
    }

    /// Returns the snapshot for the next change.
    fn snapshot(&self, mut answers: RowSets) -> Result<Snapshot, StoreError> {
        let nothing = Query::default();
        let query = self.waiting.front().map_or(&nothing, |next| &next.query);
        find::snapshot(query, &mut answers, self.backlog + self.announced)
    }

    /// Sends the statements of the last change and the queries of the next.
    async fn save(
        &mut self,
        session: &mut Session,
        done: Result<Applied, QueryError>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let next = self.waiting.front().map(|next| self.queries(&next.query));
        let (next, last) = (next.unwrap_or_default(), self.waiting.is_empty());
        let saved = match done {
            Ok(done) => {
                let announced = done.announced;
                self.untidy |= done.untidy;
                let saved = self.send(session, done.statements, &next).await;
                self.announced += saved.as_ref().map_or(0, |_| announced);
                saved
            }
            Err(refused) => Err(refused),
        };
        let answers = match saved {
            Ok(answers) => answers,
            Err(refused) if refused.ends_it() => return Err(refused.into()),
            Err(refused) => {
                if let Some((_, outcome)) = self.done.last_mut() {
                    *outcome = Err(refused.into());
                }
                if self.alone {
                    session.end(&[statement!(ROLLBACK)]).await?;
                    return Ok(None);
                }
                session.run(&[statement!(UNDO)]).await?;
                self.send(session, Vec::new(), &next).await?
            }
        };
        if last {
            return Ok(None);
        }
        let skip = answers.len() - next.len() + 1;
        let mut answers = answers;
        let _nothing_to_read = answers.by_ref().take(skip).count();
        Ok(Some(self.snapshot(answers)?))
    }

    async fn send(
        &mut self,
        session: &mut Session,
        mut statements: Vec<Statement>,
        next: &[Statement],
    ) -> Result<RowSets, QueryError> {
        statements.push(if self.alone {
            statement!(COMMIT)
        } else {
            statement!(KEEP)
        });
        if self.alone {
            return session.end(&statements).await;
        }
        session.run_all(&statements, next).await
    }
}

/// Begins a transaction, locks the name and reads the first snapshot in one round trip.
async fn begin(pool: &Pool, statements: &[Statement]) -> Result<(Session, RowSets), StoreError> {
    let mut session = Session::begin(pool).await?;
    let answers = match session.run(statements).await {
        // The server was restarted since the connection was used; nothing has happened yet.
        Err(QueryError::Database(error)) if error::is_connection(&error) => {
            session = Session::begin(pool).await?;
            session.run(statements).await
        }
        answers => answers,
    };
    Ok((session, answers?))
}

/// Locks the name and not the row, so that unused names are locked too. The key of the table in the
/// lock separates schemas.
pub(super) fn lock(name: &str) -> Statement {
    statement!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 'node'::regclass::oid::bigint))",
        name.to_owned()
    )
}

async fn apply(
    session: &mut Session,
    query: &Query,
    snapshot: &Snapshot,
    changes: Vec<Change>,
) -> Result<Applied, QueryError> {
    if changes.is_empty() {
        return Ok(Applied::default());
    }
    // The unique index checks whether a name is taken.
    let node = snapshot.node.as_ref();
    let name = node.map(|node| node.name.as_str());
    validate_changes(&changes, name, |_| Ok(false))?;
    let (lookup, id) = (Lookup::new(&changes, query), node.map(|node| node.id));
    let (mut known, mut keys) = (ExistingRows::from(snapshot), Vec::new());
    let statements = lookup.statements(id);
    if !statements.is_empty() {
        let mut answers = session.run(&statements).await?;
        keys = lookup.read(id, &mut answers, &mut known)?;
    }
    let applier = Applier::new(Rows::new(known, keys), node.cloned());
    Ok(applier.apply(changes)?.done)
}
