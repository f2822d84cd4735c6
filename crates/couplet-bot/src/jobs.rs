//! The scheduler: runs stored jobs when they are due and the component is online.
//!
//! A job is removed after its handler has returned and its messages are in the outbox. If the process ends
//! before, it runs again, and its messages have the same ids.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use couplet::Shutdown;
use tokio::{sync::Notify, time::sleep};

use crate::{
    app::App,
    bot_handle::BotHandle,
    conversation::Conversation,
    handlers::Call,
    ids::Ids,
    interpret,
    outbound::Recipient,
    runner,
    store::{JobEnd, JobId, JobRecord, StoreError},
    turn::Turn,
    turns::Work,
};

/// As many jobs run or wait for their conversation.
const AT_ONCE: u32 = 64;

/// A failed job runs again after these times, and is then parked.
const RETRIES: [Duration; 4] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
];

/// The scheduler looks again after this time where a store or a conversation had no room.
const PAUSE: Duration = Duration::from_secs(1);

/// No timer is longer: the wall clock may be changed meanwhile.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Runs jobs until a shutdown is requested.
pub(crate) async fn run(app: Arc<App>, shutdown: Shutdown) {
    let scheduling = async {
        app.shared.handle.online().await;
        warn_of_unhandled(&app).await;
        let in_flight = Arc::new(InFlight::default());
        loop {
            app.shared.handle.online().await;
            let wait = match start_due(&app, &in_flight).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "the jobs of the bot cannot be read");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            tokio::select! {
                () = app.shared.jobs_changed.notified() => {}
                () = in_flight.less.notified() => {}
                () = sleep(wait) => {}
            }
        }
    };
    shutdown.run_until_requested::<()>(scheduling).await;
}

/// Jobs of a type that the program no longer handles stay in the store.
async fn warn_of_unhandled(app: &App) {
    let handled = app.handlers.job_names();
    let names = app.shared.store.job_names(&app.shared.bot).await;
    for (job, count) in names.unwrap_or_default() {
        if !handled.contains(&job.as_str()) {
            tracing::warn!(%job, count, "stored jobs have no handler and stay in the store");
        }
    }
}

/// Starts what is due, and returns how long to wait for the next job.
async fn start_due(app: &Arc<App>, in_flight: &Arc<InFlight>) -> Result<Duration, StoreError> {
    let names = app.handlers.job_names();
    let running = u32::try_from(in_flight.ids().len()).unwrap_or(AT_ONCE);
    let jobs = app
        .shared
        .store
        .next_jobs(&app.shared.bot, names, running + AT_ONCE)
        .await?;
    for job in jobs {
        let now = app.shared.clock.now();
        if in_flight.ids().contains(&job.id) {
            continue;
        }
        if job.due > now {
            return Ok(Duration::from_millis(job.due - now).min(LONGEST));
        }
        if in_flight.ids().len() >= AT_ONCE as usize {
            // One of those that run ends first.
            return Ok(LONGEST);
        }
        if !start(app, in_flight, job).await {
            sleep(PAUSE).await;
            return Ok(Duration::ZERO);
        }
    }
    Ok(LONGEST)
}

/// Queues a job in its conversation, and returns whether there was room.
async fn start(app: &Arc<App>, in_flight: &Arc<InFlight>, job: JobRecord) -> bool {
    let id = job.id;
    let parked = |why: String| {
        tracing::error!(job = %job.name, id = %id, error = %why, "a job cannot run and is parked");
        app.shared.store.end_job(id, JobEnd::Parked { why })
    };
    let conversation = Conversation::of_key(&job.conversation);
    let call = app.handlers.job(&job.name, &job.value);
    let (conversation, call) = match (conversation, call) {
        (Ok(conversation), Some(Ok(call))) => (conversation, call),
        (Err(why), _) => return parked(why.to_string()).await.is_ok(),
        (_, Some(Err(why))) => return parked(why.to_string()).await.is_ok(),
        (_, None) => return true,
    };
    let lane = app.lane(&conversation);
    let running = in_flight.begin(id);
    let to_run = Arc::clone(app);
    let work: Work = Box::new(move |interrupted| {
        Box::pin(async move {
            let turn = Arc::new(Turn {
                bot: BotHandle(Arc::clone(&to_run.shared)),
                person: conversation.address().clone().into(),
                recipient: Recipient::of_conversation(&conversation),
                conversation,
                ids: Ids::of_job(id.number()),
                late: Duration::from_millis(
                    to_run.shared.clock.now().saturating_sub(job.first_due),
                ),
                corrects: Mutex::default(),
                interrupted,
            });
            run_job(&to_run, &turn, call, &job).await;
            drop(running);
        })
    });
    app.turns.queue(lane, false, work).await
}

async fn run_job(app: &Arc<App>, turn: &Arc<Turn>, call: Call, job: &JobRecord) {
    let failed = match runner::run(turn, call).await {
        Ok(reply) => {
            let sent = interpret::deliver(app, turn, Ok(reply)).await;
            sent.err().map(|error| error.to_string())
        }
        Err(failure) => Some(failure.cause),
    };
    let now = app.shared.clock.now();
    let end = match (failed, job.every) {
        (None, None) => JobEnd::Done,
        (None, Some(every)) => JobEnd::Again {
            due: next_after(job.first_due, every, now),
        },
        (Some(why), _) => {
            let delay = RETRIES.get(job.tries as usize);
            match delay {
                Some(delay) => JobEnd::Retry {
                    due: now.saturating_add(crate::clock::millis(*delay)),
                },
                None => {
                    tracing::error!(job = %job.name, id = %job.id, error = %why, "a job has failed too often and is parked");
                    JobEnd::Parked { why }
                }
            }
        }
    };
    // Until it is recorded, the job is not started again.
    while let Err(error) = app.shared.store.end_job(job.id, end.clone()).await {
        tracing::warn!(%error, id = %job.id, "the end of a job is not recorded yet");
        if matches!(error, StoreError::Broken(_)) {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Returns when a job that repeats is due next: what was missed is not made up for.
fn next_after(first: u64, every: u64, now: u64) -> u64 {
    let every = every.max(1);
    let missed = now.saturating_sub(first) / every;
    first.saturating_add(every.saturating_mul(missed + 1))
}

/// The jobs that run or wait for their conversation.
#[derive(Default)]
struct InFlight {
    ids: Mutex<HashSet<JobId>>,
    less: Notify,
}

/// A job that runs or waits; dropped at its end.
struct RunningJob {
    of: Arc<InFlight>,
    id: JobId,
}

impl InFlight {
    fn ids(&self) -> MutexGuard<'_, HashSet<JobId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<InFlight>, id: JobId) -> RunningJob {
        self.ids().insert(id);
        RunningJob {
            of: Arc::clone(self),
            id,
        }
    }
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        self.of.ids().remove(&self.id);
        self.of.less.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::next_after;

    /// B51
    #[test]
    fn a_daily_job_that_was_missed_for_three_days_is_due_once_more_each_day() {
        let day = 86_400_000;
        assert_eq!(next_after(0, day, 10), day);
        assert_eq!(next_after(day, day, day), 2 * day);
        assert_eq!(next_after(day, day, 4 * day + 5), 5 * day);
    }
}
