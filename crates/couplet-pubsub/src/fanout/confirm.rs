//! The confirming half: records in the store what the server has accepted.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    time::Duration,
};

use couplet::{RequestError, Shutdown};
use futures_util::future::join_all;
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use super::{AckBatch, Fanout, LEASE, SentSlice};
use crate::{
    log_limit::LogThrottle,
    store::{Cursor, JobId, StoreError},
};

/// Minimum time between two records of progress: each is a transaction.
const NOTE_EVERY: Duration = Duration::from_millis(250);

/// Maximum number of slices that wait to be recorded; beyond it, nothing more is sent.
const WAITING: usize = 65_536;

/// Maximum number of jobs that are finished concurrently.
const AT_A_TIME: usize = 256;

/// Resolves when the server has accepted the acknowledged copies.
type Taken = Pin<Box<dyn Future<Output = Result<(), RequestError>> + Send>>;

/// Records until the sender ends or the session is over.
pub(super) async fn settle(
    fanout: &Fanout,
    mut batches: mpsc::Receiver<AckBatch>,
    shutdown: Shutdown,
) {
    let mut due: VecDeque<(Instant, SentSlice)> = VecDeque::new();
    let mut receipt: Option<(Taken, Vec<SentSlice>)> = None;
    let mut open = true;
    let mut next_note = Instant::now();
    while open || receipt.is_some() || !due.is_empty() {
        let stops = shutdown.is_requested();
        let wake = match due.front() {
            Some(_) if stops => Instant::now(),
            Some((at, _)) => next_note.max(*at),
            None => Instant::now() + LEASE / 3,
        };
        tokio::select! {
            batch = batches.recv(), if open && receipt.is_none() && due.len() < WAITING => match batch {
                Some(AckBatch { receipt: Some(of), sent }) => receipt = Some((Box::pin(of.taken()), sent)),
                Some(AckBatch { receipt: None, sent }) => {
                    let now = Instant::now();
                    due.extend(sent.into_iter().map(|sent| (now, sent)));
                }
                None => open = false,
            },
            Some(taken) = async { Some(receipt.as_mut()?.0.as_mut().await) } => {
                let sent = receipt.take().map(|(_, sent)| sent).unwrap_or_default();
                if taken.is_err() {
                    return;
                }
                confirm(fanout, &sent);
                let at = Instant::now() + fanout.settings.settle;
                due.extend(sent.into_iter().map(|sent| (at, sent)));
            }
            () = shutdown.requested(), if !stops => {}
            () = time::sleep_until(wake) => {
                let now = Instant::now();
                let safe = due.iter().take_while(|(at, _)| stops || *at <= now).count();
                note(fanout, due.drain(..safe).map(|(_, sent)| sent)).await;
                next_note = Instant::now() + NOTE_EVERY;
            }
        }
    }
}

/// Handles the acknowledgement of these slices.
fn confirm(fanout: &Fanout, sent: &[SentSlice]) {
    let mut held = fanout.held();
    for sent in sent.iter().filter(|sent| sent.copies > 0) {
        if let Some(held) = held.get_mut(&sent.job) {
            held.unconfirmed = held.unconfirmed.saturating_sub(1);
        }
    }
}

/// Records the progress of jobs, and finishes them.
async fn note(fanout: &Fanout, safe: impl Iterator<Item = SentSlice>) {
    let mut progress: BTreeMap<JobId, Cursor> = BTreeMap::new();
    let mut done = Vec::new();
    let mut copies = 0;
    for sent in safe {
        copies += sent.copies;
        if sent.all {
            progress.remove(&sent.job);
            done.push(sent.job);
        } else if let Some(upto) = sent.upto {
            progress.insert(sent.job, upto);
        }
    }
    fanout.metrics.notified(copies);
    // Jobs that wait long for their turn keep their lease.
    let now = Instant::now();
    for (job, held) in fanout.held().iter() {
        if now.duration_since(held.renewed) >= LEASE / 3 {
            progress.entry(*job).or_insert_with(|| held.upto.clone());
        }
    }
    done.iter().for_each(|job| {
        progress.remove(job);
    });
    for some in done.chunks(AT_A_TIME) {
        join_all(some.iter().map(|job| finish(fanout, *job))).await;
    }
    join_all(
        progress
            .into_iter()
            .map(|(job, upto)| advance(fanout, job, upto)),
    )
    .await;
}

async fn finish(fanout: &Fanout, job: JobId) {
    let mut pause = Duration::from_millis(100);
    // If the store fails for longer, the job is delivered again.
    for _ in 0..8 {
        match fanout.store.finish(job, &fanout.instance).await {
            Ok(()) => break,
            Err(StoreError::Busy(why) | StoreError::Contended(why)) => {
                static LOG: LogThrottle = LogThrottle::new();
                if let Some(permit) = LOG.permit() {
                    tracing::warn!(
                        omitted = permit.omitted,
                        error = why,
                        "a delivered announcement could not be removed yet, retrying"
                    );
                }
                time::sleep(pause).await;
                pause *= 2;
            }
            Err(why) => {
                tracing::error!(error = %why, "a delivered announcement could not be removed");
                break;
            }
        }
    }
    fanout.suspects().forget(job);
    if let Some(held) = fanout.held().remove(&job) {
        fanout.metrics.delivered(held.since.elapsed());
    }
}

async fn advance(fanout: &Fanout, job: JobId, upto: Cursor) {
    let advanced = fanout
        .store
        .advance(job, &fanout.instance, upto.clone(), fanout.lease())
        .await;
    match advanced {
        Ok(true) => {
            if let Some(held) = fanout.held().get_mut(&job) {
                held.upto = upto;
                held.renewed = Instant::now();
            }
        }
        Ok(false) => {
            tracing::warn!(job = job.0, "another instance has claimed an announcement");
            fanout.held().remove(&job);
            fanout.suspects().forget(job);
        }
        Err(why) => {
            static LOG: LogThrottle = LogThrottle::new();
            if let Some(permit) = LOG.permit() {
                tracing::warn!(omitted = permit.omitted, error = %why, "the progress of an announcement could not be recorded");
            }
        }
    }
}
