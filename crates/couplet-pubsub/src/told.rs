//! What a log is told once in a while, however often it happens.
//!
//! Deliberately absent: counts of what is not told; the metrics have them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How often a fault that lasts is told.
const EVERY: Duration = Duration::from_secs(60);

/// When something was last told. Everybody who asks while a disk is full is refused, and a log with
/// a line of each would fill it all the more.
pub(crate) struct Told(Mutex<Option<Instant>>);

impl Told {
    pub(crate) const fn never() -> Told {
        Told(Mutex::new(None))
    }

    /// Whether it is time to tell it, which then counts as told.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_due = last.is_none_or(|last| now.duration_since(last) >= EVERY);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_happens_all_the_time_is_told_once_in_a_while() {
        let told = Told::never();
        assert!(told.is_due());
        assert!(!told.is_due());
        tokio::time::advance(EVERY).await;
        assert!(told.is_due());
        assert!(!told.is_due());
    }
}
