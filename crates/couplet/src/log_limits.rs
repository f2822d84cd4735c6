//! The lines that peers can cause, each with its own limit.
//!
//! Whatever is logged because of what a peer sent has a limit here; it is counted in full by the
//! metrics.

use couplet_core::log_limit::{LogLimit, Permit};
use tokio::time::Instant;

/// The limits of one component.
#[derive(Debug)]
pub(crate) struct LogLimits([LogLimit; KINDS]);

impl Default for LogLimits {
    fn default() -> LogLimits {
        LogLimits([const { LogLimit::per_minute(10) }; KINDS])
    }
}

/// Which line.
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
    /// Permission to log one such line now.
    pub(crate) fn permit(&self, line: Line) -> Option<Permit> {
        let limit = self.0.get(line as usize)?;
        limit.permit(Instant::now().into_std())
    }
}
