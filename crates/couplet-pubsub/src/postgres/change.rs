//! Changes of one node, as many as wait, in one transaction: its name is locked, then for each the
//! facts are found, a decision is made and applied. What one changes goes out together with the
//! next one's questions, so that each costs one way to the server and back, and the disk is waited
//! for once.
//!
//! Deliberately absent: a second decision. What fails before the first is tried once more; what
//! fails behind it is told.

use std::collections::VecDeque;

use deadpool_postgres::Pool;
use tokio::sync::oneshot;

use crate::{
    change::Change,
    facts::{Facts, Needs},
    store::{Decide, StoreError, decided, sound},
};

use super::{
    Shared,
    apply::{Done, Work},
    connect::{Refused, Session},
    fault, find,
    known::{Known, Lookup},
    script::{Answers, Ask, ask},
};

pub(super) const BEGIN: &str = "BEGIN";
pub(super) const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// What one of several changes, by itself.
const SET_MARK: &str = "SAVEPOINT change";
const KEEP: &str = "RELEASE SAVEPOINT change";
const UNDO: &str = "ROLLBACK TO SAVEPOINT change";

/// A change that somebody waits for.
pub(super) struct Waiting {
    pub(super) needs: Needs,
    pub(super) decide: Decide,
    pub(super) answer: Answer,
}

type Answer = oneshot::Sender<Result<(), StoreError>>;

/// Does them, which are all of one node or only one, and answers.
pub(super) async fn run(pool: &Pool, shared: &Shared, waiting: Vec<Waiting>) {
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
        let failed = failed.as_ref().map(|error| Err(fault::again(error)));
        let _nobody_waits = answer.send(outcome.and(failed.unwrap_or(Ok(()))));
    }
    for waiting in batch.waiting {
        let told = failed.as_ref().map_or_else(fault::too_slow, fault::again);
        let _nobody_waits = waiting.answer.send(Err(told));
    }
}

struct Batch {
    /// One change needs no mark to go back to.
    alone: bool,
    waiting: VecDeque<Waiting>,
    /// What is decided, with what comes of it if the transaction ends well.
    done: Vec<(Answer, Result<(), StoreError>)>,
    announced: u64,
    untidy: bool,
    backlog: u64,
}

impl Batch {
    /// An error is one of all of them.
    async fn work(&mut self, pool: &Pool) -> Result<(), StoreError> {
        let Some(first) = self.waiting.front() else {
            return Ok(());
        };
        let mut asks = vec![ask!(BEGIN)];
        asks.extend(first.needs.node.as_deref().map(lock));
        let questions = self.questions(&first.needs);
        let asked_before = asks.len() + usize::from(!self.alone);
        asks.extend(questions);
        let (mut session, mut answers) = begin(pool, &asks).await?;
        let _nothing_to_read = answers.by_ref().take(asked_before).count();
        let mut facts = Some(self.facts(answers)?);
        while let (Some(found), Some(next)) = (facts.take(), self.waiting.pop_front()) {
            let asks = match decided(next.decide, &found) {
                Err(error) => {
                    self.done.push((next.answer, Err(error)));
                    Ok(Done::default())
                }
                Ok(changes) => {
                    self.done.push((next.answer, Ok(())));
                    apply(&mut session, &next.needs, &found, changes).await
                }
            };
            facts = self.save(&mut session, asks).await?;
        }
        if !self.alone {
            session.end(&[ask!(COMMIT)]).await?;
        }
        Ok(())
    }

    fn questions(&self, needs: &Needs) -> Vec<Ask> {
        let mut asks = Vec::new();
        if !self.alone {
            asks.push(ask!(SET_MARK));
        }
        asks.extend(find::asks(needs));
        asks
    }

    /// For the next one that waits.
    fn facts(&self, mut answers: Answers) -> Result<Facts, StoreError> {
        let nobody = Needs::default();
        let needs = self.waiting.front().map_or(&nobody, |next| &next.needs);
        find::facts(needs, &mut answers, self.backlog + self.announced)
    }

    /// Sends what the last one came to, and asks for the next one's facts.
    async fn save(
        &mut self,
        session: &mut Session,
        done: Result<Done, Refused>,
    ) -> Result<Option<Facts>, StoreError> {
        let next = self.waiting.front().map(|next| self.questions(&next.needs));
        let (next, last) = (next.unwrap_or_default(), self.waiting.is_empty());
        let saved = match done {
            Ok(done) => {
                let announced = done.announced;
                self.untidy |= done.untidy;
                let saved = self.send(session, done.asks, &next).await;
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
                    session.end(&[ask!(ROLLBACK)]).await?;
                    return Ok(None);
                }
                session.ask(&[ask!(UNDO)]).await?;
                self.send(session, Vec::new(), &next).await?
            }
        };
        if last {
            return Ok(None);
        }
        let skip = answers.len() - next.len() + 1;
        let mut answers = answers;
        let _nothing_to_read = answers.by_ref().take(skip).count();
        Ok(Some(self.facts(answers)?))
    }

    async fn send(
        &mut self,
        session: &mut Session,
        mut asks: Vec<Ask>,
        next: &[Ask],
    ) -> Result<Answers, Refused> {
        asks.push(if self.alone { ask!(COMMIT) } else { ask!(KEEP) });
        if self.alone {
            return session.end(&asks).await;
        }
        session.ask_all(&asks, next).await
    }
}

/// Opens a transaction, locks the name and asks for the first facts, all at once.
async fn begin(pool: &Pool, asks: &[Ask]) -> Result<(Session, Answers), StoreError> {
    let mut session = Session::begin(pool).await?;
    let answers = match session.ask(asks).await {
        // The server was restarted since this connection was used; nothing has happened yet.
        Err(Refused::Because(error)) if fault::is_connection(&error) => {
            session = Session::begin(pool).await?;
            session.ask(asks).await
        }
        answers => answers,
    };
    Ok((session, answers?))
}

/// Names are locked and not rows, so that a name is locked too that no node has yet. Each schema
/// has its own locks: the key of its table is in them.
pub(super) fn lock(name: &str) -> Ask {
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
) -> Result<Done, Refused> {
    let mut work = Work::new(facts.node.clone());
    if changes.is_empty() {
        return Ok(Done::default());
    }
    // The server knows whether a name is taken.
    let name = facts.node.as_ref().map(|node| node.name.as_str());
    sound(&changes, name, |_| Ok(false))?;
    look_up(session, &mut work, changes, needs, Known::from(facts)).await?;
    Ok(work.end())
}

async fn look_up(
    session: &mut Session,
    work: &mut Work,
    changes: Vec<Change>,
    asked: &Needs,
    mut known: Known,
) -> Result<(), Refused> {
    let (lookup, node) = (Lookup::new(&changes, asked), work.node_id());
    let asks = lookup.asks(node);
    let mut keys = Vec::new();
    if !asks.is_empty() {
        let mut answers = session.ask(&asks).await?;
        keys = lookup.read(node, &mut answers, &mut known)?;
    }
    Ok(work.apply(changes, known, keys)?)
}
