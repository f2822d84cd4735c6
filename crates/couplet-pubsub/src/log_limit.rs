//! A limit for repeated log lines.

use couplet_core::log_limit::{LogLimit, Permit};
use tokio::time::Instant;

/// Permits a log line once a minute. While a disk is full every request fails, and a line for each
/// would fill it further.
pub(crate) struct LogThrottle(LogLimit);

impl LogThrottle {
    pub(crate) const fn new() -> LogThrottle {
        LogThrottle(LogLimit::per_minute(1))
    }

    /// Returns a permit to log now, with the number of lines omitted since the last one.
    pub(crate) fn permit(&self) -> Option<Permit> {
        self.0.permit(Instant::now().into_std())
    }
}
