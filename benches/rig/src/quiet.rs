//! Detects other load on the machine. Waits for a quiet machine for a bounded time, then measures
//! anyway and reports it.

use std::fs;
use std::time::Duration;

use crate::clock;

/// The share of the whole machine above which it is not quiet.
pub(crate) const QUIET: f64 = 0.10;
/// Duration of one sample.
const LOOK: Duration = Duration::from_millis(200);

/// The machine's counters at one time, from /proc/stat.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    busy: u64,
    total: u64,
}

impl Load {
    pub(crate) fn now() -> Load {
        Load::read(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    fn read(stat: &str) -> Load {
        // proc(5): user nice system idle iowait irq softirq steal; guest time is within user.
        let line = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|tick| tick.parse().ok())
            .collect();
        let total = ticks.iter().sum();
        let idle: u64 = ticks.iter().skip(3).take(2).sum();
        Load {
            busy: total - idle,
            total,
        }
    }

    /// Returns the busy seconds and the total seconds of all processors since `earlier`.
    pub(crate) fn since(self, earlier: Load) -> (f64, f64) {
        let seconds = |now: u64, then: u64| now.saturating_sub(then) as f64 / 100.0;
        (
            seconds(self.busy, earlier.busy),
            seconds(self.total, earlier.total),
        )
    }
}

/// Waits until the machine is quiet or `patience` is over; returns the busy share of the last
/// sample.
pub(crate) fn wait(patience: Duration) -> f64 {
    let since = clock::now();
    loop {
        let before = Load::now();
        clock::pause(LOOK);
        let (busy, total) = Load::now().since(before);
        let share = busy / total.max(0.01);
        if share <= QUIET || since.elapsed() >= patience {
            return share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_disk_is_idle_and_stolen_time_is_busy() {
        let before = Load::read("cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 1 1 1 1");
        let after = Load::read("cpu  150 0 100 1100 40 0 0 10 0 0\ncpu0 1 1 1 1");
        assert_eq!(after.since(before), (0.6, 2.0));
    }
}
