//! Delivers announcements from the store as messages: at least once, in the order of each node, at
//! the pace of the server.
//!
//! Two halves serve each session of the component: one sends slices of the recipients of all nodes
//! in turn, the other records what the server has accepted. What is not recorded when a session
//! ends is sent again in the next one, with the same ids. The component that has the extension runs
//! the tasks.

mod deliver;
mod confirm;
mod poison;

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use couplet::{Ack, BroadcastSender, Handle, SessionEnd, Shutdown};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use self::poison::PoisonDetector;
use crate::{
    clock,
    in_flight::InFlight,
    log_limit::LogThrottle,
    metrics::Metrics,
    node::NodeId,
    store::{Cursor, JobId, Store, StoreError},
    timestamp::Timestamp,
};

/// How long this instance keeps a claimed announcement without renewal.
const LEASE: Duration = Duration::from_secs(30);

/// Maximum number of batches that wait for their acknowledgement.
const UNDER_WAY: usize = 1024;

/// Limits of the rate of notifications, and of when they count as delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliverySettings {
    /// Maximum number of notifications per second.
    pub(crate) rate: Option<NonZeroU32>,
    /// How long a session has to continue after the server accepted a message before that message
    /// counts as delivered: a pong of ejabberd comes before its messages have arrived, and 1999 of
    /// 2000 were lost when it died in that moment (docs/servers.md).
    pub(crate) settle: Duration,
    /// Minimum age of a session before an announcement is sent that may have ended earlier ones.
    pub(crate) quiet: Duration,
}

impl Default for DeliverySettings {
    fn default() -> DeliverySettings {
        DeliverySettings {
            rate: None,
            settle: Duration::from_secs(3),
            quiet: Duration::from_secs(5),
        }
    }
}

/// Delivers the announcements of a store.
pub(crate) struct Fanout {
    store: Arc<dyn Store>,
    in_flight: Arc<InFlight>,
    instance: String,
    settings: DeliverySettings,
    metrics: Metrics,
    held: Mutex<BTreeMap<JobId, ClaimedJob>>,
    suspects: Mutex<PoisonDetector>,
    /// The time of the store, and when it was read.
    store_time: Mutex<Option<(Timestamp, Instant)>>,
}

/// A job that this instance has claimed.
struct ClaimedJob {
    /// The last recipient that is known to have received it.
    upto: Cursor,
    since: Instant,
    /// When its lease was last renewed.
    renewed: Instant,
    /// Slices that are sent and not acknowledged.
    unconfirmed: u32,
}

/// A slice of a job that was sent.
#[derive(Debug)]
struct SentSlice {
    job: JobId,
    upto: Option<Cursor>,
    copies: u64,
    /// Whether it is the last slice of the job.
    all: bool,
}

/// Slices with one acknowledgement; no acknowledgement if there were no recipients.
struct AckBatch {
    receipt: Option<Ack>,
    sent: Vec<SentSlice>,
}

impl Fanout {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        in_flight: Arc<InFlight>,
        settings: DeliverySettings,
        metrics: Metrics,
    ) -> Fanout {
        Fanout {
            store,
            in_flight,
            instance: uuid::Uuid::new_v4().to_string(),
            settings,
            metrics,
            held: Mutex::default(),
            suspects: Mutex::default(),
            store_time: Mutex::default(),
        }
    }

    /// Delivers in all sessions until shutdown; then releases what is left.
    pub(crate) async fn run(self, handle: Handle, shutdown: Shutdown) {
        while !shutdown.is_requested() {
            let sender = tokio::select! {
                () = shutdown.requested() => break,
                sender = handle.broadcast() => sender,
            };
            // What was not recorded in the last session is claimed again.
            self.hand_back().await;
            tokio::select! {
                () = sender.over() => {}
                () = self.serve(&sender, &shutdown) => {}
            }
            if !shutdown.is_requested() {
                self.session_ended(&sender.ended().await).await;
            }
        }
        self.hand_back().await;
    }

    async fn serve(&self, sender: &BroadcastSender, shutdown: &Shutdown) {
        let (sent, to_settle) = mpsc::channel(UNDER_WAY);
        tokio::join!(
            Box::pin(deliver::deliver(self, sender, sent, shutdown.clone())),
            Box::pin(confirm::settle(self, to_settle, shutdown.clone())),
        );
    }

    /// Finds out whether an announcement ended the session, and sets it aside.
    async fn session_ended(&self, end: &SessionEnd) {
        let unconfirmed: Vec<(JobId, Cursor)> = self
            .held()
            .iter()
            .filter(|(_, held)| held.unconfirmed > 0)
            .map(|(job, held)| (*job, held.upto.clone()))
            .collect();
        let Some(job) = self.suspects().session_ended(unconfirmed, end) else {
            return;
        };
        let why = match end {
            SessionEnd::StreamError(condition) => {
                format!("the server ends the stream with {condition} when this is sent")
            }
            _ => "the server closes the connection each time this is sent".to_owned(),
        };
        match self.store.set_aside(job, &self.instance, &why).await {
            Ok(()) => self.suspects().forget(job),
            Err(error) => {
                self.store_failed(&error);
                tracing::warn!(
                    announcement = job.0,
                    reason = why,
                    %error,
                    "an announcement that ends sessions could not be set aside, retrying"
                );
            }
        }
    }

    async fn hand_back(&self) {
        self.held().clear();
        if let Err(why) = self.store.release(&self.instance).await {
            tracing::warn!(error = %why, "announcements could not be released; they are free when their leases expire");
        }
    }

    /// Counts and logs that the queue cannot be read.
    fn queue_failed(&self, why: &StoreError) {
        static LOG: LogThrottle = LogThrottle::new();
        if let Some(permit) = LOG.permit() {
            tracing::warn!(omitted = permit.omitted, error = %why, "the queue of announcements cannot be read");
        }
        self.store_failed(why);
    }

    fn store_failed(&self, why: &StoreError) {
        if let Some(kind) = why.failure() {
            self.metrics.store_failed(kind);
        }
    }

    /// Returns the time of the store.
    async fn now(&self) -> Result<Timestamp, StoreError> {
        let now = self.store.now().await?;
        *self
            .store_time
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
        Ok(now)
    }

    /// Returns when a lease that begins now expires: by the time of the store, continued by a
    /// monotonic clock.
    fn lease(&self) -> Timestamp {
        let told = *self
            .store_time
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (then, requested) = told.unwrap_or_else(|| (clock::now(), Instant::now()));
        let millis = (requested.elapsed() + LEASE).as_millis();
        let millis = i64::try_from(millis).unwrap_or(i64::MAX);
        Timestamp(then.0.saturating_add(millis))
    }

    fn suspects(&self) -> MutexGuard<'_, PoisonDetector> {
        // At worst, a panic while holding the lock leaves a session uncounted.
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<JobId, ClaimedJob>> {
        // A panic while holding the lock leaves the map whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the id of a notification: only repeated copies share it, and the id of a bounce
/// identifies its node without a table.
#[cfg(test)]
pub(crate) fn message_id(node: NodeId, seq: u64, jid: &str, subid: &str) -> String {
    let mut id = String::new();
    write_message_id(&mut id, (node, seq), jid, subid);
    id
}

/// Writes the id into a reused buffer: this happens for each copy.
fn write_message_id(id: &mut String, (node, seq): (NodeId, u64), jid: &str, subid: &str) {
    // FNV-1a: the same in every process, unlike the standard library's hashers.
    let bytes = jid.bytes().chain([0]).chain(subid.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    id.clear();
    hex(id, node.0.cast_unsigned());
    id.push('-');
    hex(id, seq);
    id.push('-');
    hex(id, hash);
}

/// Writes a number like `{:x}`.
fn hex(out: &mut String, number: u64) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().filter_map(|place| {
        let digit = (number >> (4 * place)) & 0xF;
        char::from_digit(u32::try_from(digit).ok()?, 16)
    }));
}

/// Returns the cursor before all recipients.
fn beginning() -> Cursor {
    Cursor {
        jid: String::new(),
        subid: String::new(),
    }
}

/// Waits, but not beyond a requested shutdown. Returns whether one was requested.
async fn pause(length: Duration, shutdown: &Shutdown) -> bool {
    time::timeout(length, shutdown.requested()).await.is_ok()
}

#[cfg(test)]
mod tests;
