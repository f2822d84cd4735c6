//! What a log is told once in a while, however often it happens.

use couplet_core::log_limit::{LogLimit, Permit};
use tokio::time::Instant;

/// A line that is logged once a minute. Everybody who asks while a disk is full is refused, and a log
/// with a line of each would fill it all the more.
pub(crate) struct LogThrottle(LogLimit);

impl LogThrottle {
    pub(crate) const fn new() -> LogThrottle {
        LogThrottle(LogLimit::per_minute(1))
    }

    /// Permission to log it now, if it is time.
    pub(crate) fn permit(&self) -> Option<Permit> {
        self.0.permit(Instant::now().into_std())
    }
}
