//! Medians and percentiles, and the figures of one run. By nearest rank: no value is interpolated
//! or dropped.

use serde::Serialize;

/// The figures of one run; a field is `None` if the measure has no such figure.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Responses per second.
    pub(crate) per_second: f64,
    /// CPU seconds of the component per 100,000 responses, user and kernel, all threads.
    pub(crate) cpu_per_100k: f64,
    /// Bytes of one response, whose size the component chooses and pays for.
    pub(crate) answer_bytes: f64,
    /// Latency in microseconds.
    pub(crate) latency: Option<Latency>,
    /// How late the rig itself wrote, 99th percentile, in microseconds; at fixed rates.
    pub(crate) rig_late: Option<f64>,
    /// From the start of the process to its accepted handshake, in milliseconds.
    pub(crate) online_ms: f64,
    /// Resident KiB a moment after the handshake, before the first stanza.
    pub(crate) idle_kib: f64,
    /// Maximum resident KiB up to the end of the run.
    pub(crate) peak_kib: f64,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Only of a thousand samples and more: of fewer it would be the maximum.
    pub(crate) p999: Option<f64>,
    pub(crate) samples: usize,
}

impl Latency {
    /// Returns the percentiles of a run's samples in nanoseconds; `None` without samples.
    pub(crate) fn of(mut nanoseconds: Vec<u64>) -> Option<Latency> {
        nanoseconds.sort_unstable();
        let at = |share: f64| rank(&nanoseconds, share).map(|value| value as f64 / 1e3);
        Some(Latency {
            p50: at(0.5)?,
            p99: at(0.99)?,
            p999: at(0.999).filter(|_| nanoseconds.len() >= 1000),
            samples: nanoseconds.len(),
        })
    }
}

/// Returns the smallest of the sorted values that at least `share` of them do not exceed.
pub(crate) fn rank<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Returns the median; of an even number the lower middle value, which was measured.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    rank(&values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let latency = Latency::of((1..=1000).rev().map(|n| n * 1000).collect()).unwrap();
        assert_eq!(
            latency,
            Latency {
                p50: 500.0,
                p99: 990.0,
                p999: Some(999.0),
                samples: 1000
            }
        );
        let one = Latency::of(vec![7000]).unwrap();
        assert_eq!((one.p50, one.p99, one.p999), (7.0, 7.0, None));
        assert_eq!(Latency::of(Vec::new()), None);
    }

    #[test]
    fn a_median_needs_a_value_and_no_order() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(1.0));
        assert_eq!(median([]), None);
    }
}
