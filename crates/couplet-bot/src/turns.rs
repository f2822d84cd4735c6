//! The queue of turns: in order within a conversation, many conversations at once, bounded.
//!
//! One task owns it; the others send it what has arrived.

use std::{collections::HashMap, future::Future, pin::Pin};

use couplet::Shutdown;
use couplet_core::lanes::{Key, LaneLimits, Lanes};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{Id, JoinSet},
};

/// Runs a turn, and learns whether it is interrupted.
pub(crate) type Work = Box<dyn FnOnce(watch::Receiver<bool>) -> Running + Send>;

pub(crate) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// As many turns run at once, in all conversations.
const AT_ONCE: usize = 1_024;

/// What has not been looked at yet.
const ARRIVALS: usize = 256;

struct Arrival {
    key: String,
    interrupts: bool,
    work: Work,
    accepted: oneshot::Sender<bool>,
}

/// Queues turns.
#[derive(Clone)]
pub(crate) struct Turns(mpsc::Sender<Arrival>);

/// Runs queued turns.
pub(crate) struct TurnQueue {
    arrivals: mpsc::Receiver<Arrival>,
    lanes: Lanes<Work>,
    running: HashMap<Key, watch::Sender<bool>>,
    keys: HashMap<Id, Key>,
    tasks: JoinSet<()>,
}

impl Turns {
    pub(crate) fn new(waiting: usize) -> (Turns, TurnQueue) {
        let (sender, arrivals) = mpsc::channel(ARRIVALS);
        let limits = LaneLimits {
            at_once: AT_ONCE,
            waiting_per_lane: waiting,
            ..LaneLimits::default()
        };
        let queue = TurnQueue {
            arrivals,
            lanes: Lanes::new(limits),
            running: HashMap::new(),
            keys: HashMap::new(),
            tasks: JoinSet::new(),
        };
        (Turns(sender), queue)
    }

    /// Queues a turn of a conversation, and returns whether there was room. If it `interrupts`, the turn that
    /// runs learns of it.
    pub(crate) async fn queue(&self, key: String, interrupts: bool, work: Work) -> bool {
        let (accepted, is_accepted) = oneshot::channel();
        let arrival = Arrival {
            key,
            interrupts,
            work,
            accepted,
        };
        self.0.send(arrival).await.is_ok() && is_accepted.await.unwrap_or(false)
    }
}

impl TurnQueue {
    /// Runs turns until a shutdown is requested and none is left.
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut is_stopping = false;
        while !is_stopping || !self.tasks.is_empty() || self.lanes.waiting() > 0 {
            tokio::select! {
                Some(arrival) = self.arrivals.recv() => self.admit(arrival),
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => {
                            tracing::error!(%error, "a turn failed");
                            error.id()
                        }
                    };
                    self.ended(id);
                }
                () = shutdown.requested(), if !is_stopping => is_stopping = true,
            }
        }
    }

    fn admit(&mut self, arrival: Arrival) {
        let Arrival {
            key,
            interrupts,
            work,
            accepted,
        } = arrival;
        if interrupts && let Some(running) = self.running.get(key.as_str()) {
            running.send_replace(true);
        }
        let is_accepted = if self.lanes.free(&key, 1) {
            let key = self.lanes.occupy(&key, 1);
            self.start(key, work);
            true
        } else {
            self.lanes.wait(&key, 1, work).is_ok()
        };
        self.start_waiting();
        let _caller_was_dropped = accepted.send(is_accepted);
    }

    fn start(&mut self, key: Key, work: Work) {
        let (interrupt, interrupted) = watch::channel(false);
        let task = self.tasks.spawn(work(interrupted));
        self.keys.insert(task.id(), Key::clone(&key));
        self.running.insert(key, interrupt);
    }

    fn ended(&mut self, id: Id) {
        if let Some(key) = self.keys.remove(&id) {
            self.running.remove(&key);
            self.lanes.done(&key);
        }
        self.start_waiting();
    }

    fn start_waiting(&mut self) {
        while let Some((key, work)) = self.lanes.next() {
            self.start(key, work);
        }
    }
}
