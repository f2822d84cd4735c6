//! A recorder for the facade `metrics`: atomics that `/metrics` reads.
//!
//! A histogram has fixed buckets, so that its memory is bounded. Summaries, expiry and pushing are
//! not supported.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit,
};

use super::page;

/// Maximum number of series: labels that contain peers' text could fill the memory.
const MOST_SERIES: usize = 10_000;

/// In seconds: from immediate to the longest usual deadline.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 30.0,
];

/// In bytes: from an empty stanza to the largest.
const BYTES: [f64; 8] = [
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
];

/// For any other histogram.
const NUMBERS: [f64; 10] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, 10_000.0, 100_000.0,
];

/// The recorder of a program; clones share their data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) families: BTreeMap<String, Family>,
    series: usize,
}

/// All series of one metric.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) meaning: String,
    /// By their labels as written: `{a="b",c="d"}`.
    pub(super) series: BTreeMap<String, Series>,
}

#[derive(Clone, Debug)]
pub(super) enum Series {
    Counter(Arc<AtomicU64>),
    /// The bits of an `f64`.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

/// The number of values in each bucket, and their sum.
#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) bounds: &'static [f64],
    /// One more than there are bounds, for values above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Recorder {
    /// Returns all metrics in the text format of Prometheus.
    pub(super) fn page(&self) -> String {
        page::write(&self.book())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: &KeyName, meaning: SharedString) {
        let mut book = self.book();
        let family = book.families.entry(page::name(name.as_str())).or_default();
        family.meaning = meaning.into_owned();
    }

    /// Returns the series of this key, created by `new` if missing; `None` if there are too many.
    fn series(&self, key: &Key, new: impl FnOnce() -> Series) -> Option<Series> {
        let mut book = self.book();
        let full = book.series >= MOST_SERIES;
        let name = page::name(key.name());
        let family = book.families.entry(name).or_default();
        let labels = page::labels(key);
        if let Some(known) = family.series.get(&labels) {
            return Some(known.clone());
        }
        if full {
            return None;
        }
        let series = new();
        // A name has one type; a page with two could not be parsed.
        let first = family.series.values().next();
        if first.is_some_and(|first| first.type_() != series.type_()) {
            return None;
        }
        family.series.insert(labels, series.clone());
        book.series += 1;
        if book.series == MOST_SERIES {
            tracing::warn!(
                series = MOST_SERIES,
                name = key.name(),
                "series limit reached, new metric series are dropped; a label may contain text from peers"
            );
        }
        Some(series)
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, meaning: SharedString) {
        self.describe(&name, meaning);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, meaning: SharedString) {
        self.describe(&name, meaning);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, meaning: SharedString) {
        self.describe(&name, meaning);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.series(key, || Series::Counter(Arc::default())) {
            Some(Series::Counter(counter)) => Counter::from_arc(counter),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.series(key, || Series::Gauge(Arc::default())) {
            Some(Series::Gauge(gauge)) => Gauge::from_arc(gauge),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let bounds = bounds_for(key.name());
        match self.series(key, || Series::Histogram(Arc::new(Buckets::new(bounds)))) {
            Some(Series::Histogram(buckets)) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

impl Series {
    pub(super) fn type_(&self) -> &'static str {
        match self {
            Series::Counter(_) => "counter",
            Series::Gauge(_) => "gauge",
            Series::Histogram(_) => "histogram",
        }
    }
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Buckets {
        Buckets {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::default(),
        }
    }

    /// Returns the count of each bucket; the last is for values above all bounds.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().map(|one| one.load(Ordering::Relaxed))
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let index = self.bounds.iter().position(|bound| value <= *bound);
        if let Some(count) = self.counts.get(index.unwrap_or(self.bounds.len())) {
            count.fetch_add(1, Ordering::Relaxed);
            GaugeFn::increment(&self.sum, value);
        }
    }
}

fn bounds_for(name: &str) -> &'static [f64] {
    match name {
        name if name.ends_with("_seconds") => &SECONDS,
        name if name.ends_with("_bytes") => &BYTES,
        _ => &NUMBERS,
    }
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    fn recorded(record: impl FnOnce()) -> String {
        let recorder = Recorder::default();
        with_local_recorder(&recorder, record);
        recorder.page()
    }

    #[test]
    fn a_number_stands_below_its_meaning_and_its_type() {
        let page = recorded(|| {
            metrics::describe_counter!("b_total", "what is counted");
            counter!("b_total", "kind" => "iq").increment(2);
            counter!("b_total", "kind" => "iq").increment(1);
            gauge!("a").set(0.5);
        });
        assert_eq!(
            page,
            "# TYPE a gauge\na 0.5\n\
             # HELP b_total what is counted\n# TYPE b_total counter\nb_total{kind=\"iq\"} 3\n"
        );
    }

    #[test]
    fn a_histogram_counts_up_from_bucket_to_bucket() {
        let page = recorded(|| {
            let histogram = histogram!("took_seconds", "kind" => "iq");
            for value in [0.000_1, 0.002, 0.002, 99.0] {
                histogram.record(value);
            }
        });
        for line in [
            "took_seconds_bucket{kind=\"iq\",le=\"0.0001\"} 1",
            "took_seconds_bucket{kind=\"iq\",le=\"0.0025\"} 3",
            "took_seconds_bucket{kind=\"iq\",le=\"30\"} 3",
            "took_seconds_bucket{kind=\"iq\",le=\"+Inf\"} 4",
            "took_seconds_sum{kind=\"iq\"} 99.0041",
            "took_seconds_count{kind=\"iq\"} 4",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn the_value_of_a_label_cannot_break_the_page() {
        let page = recorded(|| {
            counter!("odd.name", "who\"" => "a\"b\\c\nd").increment(1);
        });
        assert_eq!(
            page,
            "# TYPE odd_name counter\nodd_name{who_=\"a\\\"b\\\\c\\nd\"} 1\n"
        );
    }

    #[test]
    fn labels_without_end_do_not_fill_the_memory() {
        let page = recorded(|| {
            for peer in 0..MOST_SERIES + 5 {
                counter!("peers_total", "peer" => peer.to_string()).increment(1);
            }
        });
        assert_eq!(page.lines().count(), 1 + MOST_SERIES);
    }

    #[test]
    fn one_name_is_one_type() {
        let page = recorded(|| {
            counter!("a", "x" => "1").increment(1);
            gauge!("a", "x" => "2").set(7);
            gauge!("a", "x" => "1").set(7);
        });
        assert_eq!(page, "# TYPE a counter\na{x=\"1\"} 1\n");
    }
}
