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

/// No timer is longer: the wall clock may be changed, or the machine suspended, meanwhile.
const LONGEST: Duration = Duration::from_secs(60);

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

/// Starts what is due, and returns how long to wait for the next job. The jobs of a conversation that has no
/// room wait, and those of others do not.
async fn start_due(app: &Arc<App>, in_flight: &Arc<InFlight>) -> Result<Duration, StoreError> {
    let names = app.handlers.job_names();
    let running = u32::try_from(in_flight.ids().len()).unwrap_or(AT_ONCE);
    let jobs = app
        .shared
        .store
        .next_jobs(&app.shared.bot, names, running + AT_ONCE)
        .await?;
    let mut full: HashSet<String> = HashSet::new();
    let mut wait = LONGEST;
    for job in jobs {
        let now = app.shared.clock.now();
        if in_flight.ids().contains(&job.id) || full.contains(&job.conversation) {
            continue;
        }
        if job.due > now {
            wait = Duration::from_millis(job.due - now).min(LONGEST);
            break;
        }
        if in_flight.ids().len() >= AT_ONCE as usize {
            // One of those that run ends first.
            break;
        }
        let conversation = job.conversation.clone();
        if !start(app, in_flight, job).await {
            full.insert(conversation);
        }
    }
    Ok(match full.is_empty() {
        true => wait,
        false => wait.min(PAUSE),
    })
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
    in_flight.begin(id);
    let running = Arc::clone(in_flight);
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
            if run_job(&to_run, &turn, call, &job).await {
                running.end(id);
            }
        })
    });
    let is_queued = app.turns.queue(lane, false, work).await;
    if !is_queued {
        in_flight.ids().remove(&id);
    }
    is_queued
}

/// Runs a job, and returns whether its end is recorded.
async fn run_job(app: &Arc<App>, turn: &Arc<Turn>, call: Call, job: &JobRecord) -> bool {
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
        if matches!(error, StoreError::Broken(_)) {
            tracing::error!(%error, id = %job.id, "the end of a job cannot be recorded: it runs again after a restart");
            return false;
        }
        tracing::warn!(%error, id = %job.id, "the end of a job is not recorded yet");
        sleep(PAUSE).await;
    }
    true
}

/// Returns when a job that repeats is due next: what was missed is not made up for.
fn next_after(first: u64, every: u64, now: u64) -> u64 {
    let every = every.max(1);
    let missed = now.saturating_sub(first) / every;
    first.saturating_add(every.saturating_mul(missed + 1))
}

/// The jobs that run or wait for their conversation, and those whose end cannot be recorded.
#[derive(Default)]
struct InFlight {
    ids: Mutex<HashSet<JobId>>,
    less: Notify,
}

impl InFlight {
    fn ids(&self) -> MutexGuard<'_, HashSet<JobId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: JobId) {
        self.ids().insert(id);
    }

    fn end(&self, id: JobId) {
        self.ids().remove(&id);
        self.less.notify_one();
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
