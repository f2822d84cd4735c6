//! Rate limit for log lines that peers can cause. The caller supplies the time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);

/// Permits a number of lines per minute, and counts the lines it does not permit.
///
/// Use one for each log line that a peer can cause, because a peer may cause it a million times.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use couplet_core::log_limit::LogLimit;
///
/// let (limit, now) = (LogLimit::per_minute(10), Instant::now());
/// let permitted = (0..1000).filter(|_| limit.permit(now).is_some()).count();
/// assert_eq!(permitted, 10);
/// let next = limit.permit(now + Duration::from_secs(60)).expect("a new minute");
/// assert_eq!(next.omitted, Some(990));
/// ```
#[derive(Debug)]
pub struct LogLimit {
    lines: u32,
    state: Mutex<State>,
}

/// Permission to log one line.
///
/// # Examples
///
/// See [`LogLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Number of lines suppressed since the last permitted one; `None` for none. Log it as a field
    /// of the line.
    pub omitted: Option<u64>,
}

#[derive(Debug)]
struct State {
    since: Option<Instant>,
    permitted: u32,
    omitted: u64,
}

impl LogLimit {
    /// Creates a limit of this number of lines per minute.
    #[must_use]
    pub const fn per_minute(lines: u32) -> LogLimit {
        LogLimit {
            lines,
            state: Mutex::new(State {
                since: None,
                permitted: 0,
                omitted: 0,
            }),
        }
    }

    /// Permits one line, unless the minute's lines are used up.
    pub fn permit(&self, now: Instant) -> Option<Permit> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = state
            .since
            .filter(|since| now.duration_since(*since) < WINDOW);
        if begun.is_none() {
            (state.since, state.permitted) = (Some(now), 0);
        }
        if state.permitted >= self.lines {
            state.omitted += 1;
            return None;
        }
        state.permitted += 1;
        let omitted = std::mem::take(&mut state.omitted);
        Some(Permit {
            omitted: (omitted > 0).then_some(omitted),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a start time; the test does not wait"
    )]
    fn a_flood_is_ten_lines_a_minute_and_a_count() {
        let (limit, begin) = (LogLimit::per_minute(10), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut lines = Vec::new();
        for second in 0..180 {
            lines.extend(
                limit
                    .permit(at(second))
                    .map(|permit| (second, permit.omitted)),
            );
        }
        let seconds: Vec<_> = lines.iter().map(|(second, _)| *second).collect();
        let wanted: Vec<u64> = [0..10, 60..70, 120..130].into_iter().flatten().collect();
        assert_eq!(seconds, wanted);
        let counts: Vec<_> = lines.iter().filter_map(|(_, omitted)| *omitted).collect();
        assert_eq!(counts, [50, 50]);
    }
}
