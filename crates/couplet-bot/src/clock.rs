//! The time of day by which jobs are due: the only place of this crate that reads it.
//!
//! A paused clock of a test moves it too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The time of day, also where a test has paused the clock.
pub(crate) struct Clock {
    began: Instant,
    began_at: u64,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock {
            began: Instant::now(),
            began_at: wall(),
        }
    }

    /// Returns milliseconds since 1970.
    ///
    /// The greater of two: the wall clock goes on while the machine sleeps, the other one where a test has
    /// paused it.
    pub(crate) fn now(&self) -> u64 {
        wall().max(self.began_at.saturating_add(millis(self.began.elapsed())))
    }
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the time in milliseconds since 1970.
pub(crate) fn time_of(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn wall() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "stored times are times of day")]
    let now = SystemTime::now();
    time_of(now)
}
