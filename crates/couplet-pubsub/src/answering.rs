//! Who is being answered: announcements wait until those who were asking have their answer, so
//! that a publisher who subscribes to its own node reads the result before the event.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time};

/// Announcements wait no longer than this for somebody whose answer takes long.
const PATIENCE: Duration = Duration::from_millis(100);

/// Counts those being answered, in two generations.
#[derive(Debug, Default)]
pub(crate) struct Answering {
    /// Newcomers go to the second generation.
    second: AtomicBool,
    counts: (AtomicUsize, AtomicUsize),
    answered: Notify,
}

/// One request, until its answer is written and this is dropped.
#[derive(Debug)]
pub(crate) struct Asker {
    answering: Arc<Answering>,
    second: bool,
}

impl Answering {
    /// Somebody asks.
    pub(crate) fn begin(self: &Arc<Answering>) -> Asker {
        loop {
            let second = self.second.load(Ordering::SeqCst);
            self.count(second).fetch_add(1, Ordering::SeqCst);
            let asker = Asker {
                answering: Arc::clone(self),
                second,
            };
            // Otherwise it may have been counted after the count was read.
            if self.second.load(Ordering::SeqCst) == second {
                return asker;
            }
        }
    }

    /// Waits until everybody who is asking now has an answer; those who come meanwhile do not
    /// count.
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
        let _late_ones_are_overtaken = time::timeout(PATIENCE, answered).await;
    }

    fn count(&self, second: bool) -> &AtomicUsize {
        if second {
            &self.counts.1
        } else {
            &self.counts.0
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let count = self.answering.count(self.second);
        if count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.answering.answered.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_is_waited_for_and_nobody_who_comes_later() {
        let answering = Arc::new(Answering::default());
        let early = answering.begin();
        let mut all = std::pin::pin!(answering.all_answered());
        tokio::select! {
            biased;
            () = &mut all => panic!("nobody waited"),
            () = tokio::task::yield_now() => {}
        }
        let late = answering.begin();
        drop(early);
        let waited = time::Instant::now();
        all.await;
        assert_eq!(waited.elapsed(), Duration::ZERO);
        drop(late);
    }
}
