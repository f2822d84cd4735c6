//! Rate limits for the log lines that peers can cause, one per line.
//!
//! Every line that a peer can cause needs a limit here. The metrics count all events.

use couplet_core::log_limit::{LogLimit, Permit};
use tokio::time::Instant;

/// The log limits of one component.
#[derive(Debug)]
pub(crate) struct LogLimits([LogLimit; KINDS]);

impl Default for LogLimits {
    fn default() -> LogLimits {
        LogLimits([const { LogLimit::per_minute(10) }; KINDS])
    }
}

/// A log line with a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    OverALimit,
    OtherDomain,
    UnreadableFrom,
    HeldUp,
    TookTooLong,
    Failed,
    Panicked,
    RefusalNotSent,
    Replaced,
}

const KINDS: usize = Line::Replaced as usize + 1;

impl LogLimits {
    /// Permits one such line now, or returns `None`.
    pub(crate) fn permit(&self, line: Line) -> Option<Permit> {
        let limit = self.0.get(line as usize)?;
        limit.permit(Instant::now().into_std())
    }
}
