//! Counts requests that are being answered. The fan-out waits for those that began before an
//! announcement, so that a publisher who subscribes to its own node reads the result before the
//! event.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time};

/// How long the fan-out waits for requests in flight.
const PATIENCE: Duration = Duration::from_millis(100);

/// Requests in flight, counted in two generations.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    /// Whether new requests count in the second generation.
    second: AtomicBool,
    counts: (AtomicUsize, AtomicUsize),
    answered: Notify,
}

/// One request in flight, until its answer is written and this guard is dropped.
#[derive(Debug)]
pub(crate) struct InFlightGuard {
    in_flight: Arc<InFlight>,
    second: bool,
}

impl InFlight {
    /// Counts a new request until the guard is dropped.
    pub(crate) fn begin(self: &Arc<InFlight>) -> InFlightGuard {
        loop {
            let second = self.second.load(Ordering::SeqCst);
            self.count(second).fetch_add(1, Ordering::SeqCst);
            let asker = InFlightGuard {
                in_flight: Arc::clone(self),
                second,
            };
            // Otherwise the generation changed between reading and counting.
            if self.second.load(Ordering::SeqCst) == second {
                return asker;
            }
        }
    }

    /// Waits until all requests that have begun are answered, but not for later ones.
    pub(crate) async fn all_answered(&self) {
        let second = self.second.fetch_xor(true, Ordering::SeqCst);
        let answered = async {
            loop {
                let answered = self.answered.notified();
                if self.count(second).load(Ordering::SeqCst) == 0 {
                    return;
                }
                answered.await;
            }
        };
        let _overtakes_late_ones = time::timeout(PATIENCE, answered).await;
    }

    fn count(&self, second: bool) -> &AtomicUsize {
        if second {
            &self.counts.1
        } else {
            &self.counts.0
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let count = self.in_flight.count(self.second);
        if count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.in_flight.answered.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_requests_begun_before_are_waited_for() {
        let in_flight = Arc::new(InFlight::default());
        let early = in_flight.begin();
        let mut all = std::pin::pin!(in_flight.all_answered());
        tokio::select! {
            biased;
            () = &mut all => panic!("it did not wait"),
            () = tokio::task::yield_now() => {}
        }
        let late = in_flight.begin();
        drop(early);
        let waited = time::Instant::now();
        all.await;
        assert_eq!(waited.elapsed(), Duration::ZERO);
        drop(late);
    }
}
