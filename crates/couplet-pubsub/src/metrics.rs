//! The metrics of a service, through the facade `metrics`.
//!
//! Descriptions, the README and the names in dashboards all use the table.

use std::{sync::Arc, time::Duration};

use metrics::{Counter, SharedString, Unit};

use crate::store::Statistics;

/// The metrics of the service of one domain.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    domain: SharedString,
}

impl Metrics {
    /// Creates the metrics and describes them to the recorder.
    pub(crate) fn of(domain: &str) -> Metrics {
        describe();
        let domain = SharedString::from_shared(Arc::from(domain));
        // Registered at the start, because an alert would not see the first failure as an increase.
        for kind in ["busy", "broken"] {
            store_failures(&domain, kind).increment(0);
        }
        Metrics { domain }
    }

    /// Counts a failure of the store; `kind` is that of
    /// [`StoreError::failure`](crate::store::StoreError::failure).
    pub(crate) fn store_failed(&self, kind: &'static str) {
        store_failures(&self.domain, kind).increment(1);
    }

    pub(crate) fn answered(&self, operation: &'static str, outcome: &'static str) {
        let domain = self.domain.clone();
        metrics::counter!("couplet_pubsub_requests_total", "domain" => domain, "operation" => operation, "outcome" => outcome)
            .increment(1);
    }

    pub(crate) fn published(&self, items: u64) {
        let domain = self.domain.clone();
        metrics::counter!("couplet_pubsub_publishes_total", "domain" => domain).increment(items);
    }

    pub(crate) fn notified(&self, copies: u64) {
        let domain = self.domain.clone();
        metrics::counter!("couplet_pubsub_notifications_total", "domain" => domain)
            .increment(copies);
    }

    /// Records the delivery of an announcement, with the time since it was claimed.
    pub(crate) fn delivered(&self, after: Duration) {
        let domain = self.domain.clone();
        metrics::histogram!("couplet_pubsub_fanout_lag_seconds", "domain" => domain)
            .record(after.as_secs_f64());
    }

    pub(crate) fn hold(&self, held: &Statistics) {
        let domain = || self.domain.clone();
        metrics::gauge!("couplet_pubsub_outbox_depth", "domain" => domain())
            .set(held.announcements as f64);
        metrics::gauge!("couplet_pubsub_nodes", "domain" => domain()).set(held.nodes as f64);
        metrics::gauge!("couplet_pubsub_subscriptions", "domain" => domain())
            .set(held.subscriptions as f64);
    }
}

fn store_failures(domain: &SharedString, kind: &'static str) -> Counter {
    metrics::counter!("couplet_pubsub_store_failures_total", "domain" => domain.clone(), "kind" => kind)
}

struct Metric {
    name: &'static str,
    type_: Type,
    #[allow(
        dead_code,
        reason = "for the table in the README, which a test compares"
    )]
    labels: &'static [&'static str],
    /// One sentence without a full stop.
    meaning: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Histogram,
}

const METRICS: [Metric; 8] = [
    Metric {
        name: "couplet_pubsub_requests_total",
        type_: Type::Counter,
        labels: &["domain", "operation", "outcome"],
        meaning: "Requests of XEP-0060; the outcome is `done` or the condition of the error",
    },
    Metric {
        name: "couplet_pubsub_publishes_total",
        type_: Type::Counter,
        labels: &["domain"],
        meaning: "Items published",
    },
    Metric {
        name: "couplet_pubsub_notifications_total",
        type_: Type::Counter,
        labels: &["domain"],
        meaning: "Notifications that the server has accepted and that were not lost with its connection",
    },
    Metric {
        name: "couplet_pubsub_fanout_lag_seconds",
        type_: Type::Histogram,
        labels: &["domain"],
        meaning: "From the claim of an announcement to its confirmed delivery, including `settle`",
    },
    Metric {
        name: "couplet_pubsub_store_failures_total",
        type_: Type::Counter,
        labels: &["domain", "kind"],
        meaning: "Failures of the store: `busy` is temporary (a full disk, an unreachable database), `broken` is not",
    },
    Metric {
        name: "couplet_pubsub_outbox_depth",
        type_: Type::Gauge,
        labels: &["domain"],
        meaning: "Announcements that are not delivered to all recipients yet",
    },
    Metric {
        name: "couplet_pubsub_nodes",
        type_: Type::Gauge,
        labels: &["domain"],
        meaning: "Nodes",
    },
    Metric {
        name: "couplet_pubsub_subscriptions",
        type_: Type::Gauge,
        labels: &["domain"],
        meaning: "Subscriptions in all states",
    },
];

fn describe() {
    for figure in &METRICS {
        let unit = match figure.name.ends_with("_seconds") {
            true => Unit::Seconds,
            false => Unit::Count,
        };
        match figure.type_ {
            Type::Counter => metrics::describe_counter!(figure.name, unit, figure.meaning),
            Type::Gauge => metrics::describe_gauge!(figure.name, unit, figure.meaning),
            Type::Histogram => metrics::describe_histogram!(figure.name, unit, figure.meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
        sync::Mutex,
        time::Duration,
    };

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::{METRICS, Metrics, Type};
    use crate::store::Statistics;

    type Labels = Vec<(String, String)>;

    /// A recorder that collects names and labels.
    #[derive(Default)]
    struct Noting(Mutex<Vec<(String, Labels)>>);

    impl Noting {
        fn note(&self, key: &Key) {
            let of = |label: &metrics::Label| (label.key().to_owned(), label.value().to_owned());
            let labels = key.labels().map(of).collect();
            self.0.lock().unwrap().push((key.name().to_owned(), labels));
        }
    }

    impl Recorder for Noting {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.note(key);
            Counter::noop()
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.note(key);
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.note(key);
            Histogram::noop()
        }
    }

    #[test]
    fn what_is_recorded_has_the_labels_of_the_table_and_the_domain_of_the_service() {
        let noting = Noting::default();
        metrics::with_local_recorder(&noting, || {
            let metrics = Metrics::of("pubsub.example.org");
            metrics.answered("publish", "done");
            metrics.published(1);
            metrics.notified(1);
            metrics.delivered(Duration::from_secs(1));
            metrics.store_failed("busy");
            metrics.hold(&Statistics::default());
        });
        let noted = noting.0.into_inner().unwrap();
        let names: BTreeSet<&String> = noted.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), METRICS.len());
        for (name, labels) in noted {
            let figure = METRICS.iter().find(|one| one.name == name).unwrap();
            let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, figure.labels, "{name}");
            assert_eq!(labels.first().unwrap().1, "pubsub.example.org", "{name}");
        }
    }

    fn known() -> BTreeSet<String> {
        METRICS.iter().map(|one| one.name.to_owned()).collect()
    }

    /// Returns the names of our metrics in a text.
    fn named(text: &str) -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let ours = words.filter(|word| word.starts_with("couplet_pubsub_"));
        ours.map(|word| {
            let ends = ["_bucket", "_sum", "_count"];
            let histogram = ends.iter().find_map(|end| word.strip_suffix(end));
            histogram.unwrap_or(word).to_owned()
        })
        .collect()
    }

    fn here() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    /// Collects the arguments of `counter!(`, `gauge!(` and `histogram!(` in the sources.
    fn recorded(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                recorded(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for (macro_, type_) in [
                ("metrics::counter!", Type::Counter),
                ("metrics::gauge!", Type::Gauge),
                ("metrics::histogram!", Type::Histogram),
            ] {
                for behind in text.split(macro_).skip(1) {
                    let Some(name) = behind.strip_prefix('(').and_then(|it| it.split('"').nth(1))
                    else {
                        continue;
                    };
                    let figure = METRICS.iter().find(|one| one.name == name);
                    let figure = figure.unwrap_or_else(|| panic!("{name} is in no table"));
                    assert_eq!(figure.type_, type_, "{name}");
                    found.insert(name.to_owned());
                }
            }
        }
    }

    #[test]
    fn everything_that_is_recorded_is_in_the_table_and_nothing_else() {
        let mut found = BTreeSet::new();
        recorded(&here().join("src"), &mut found);
        assert_eq!(found, known());
    }

    #[test]
    fn the_readme_has_the_table() {
        let readme = fs::read_to_string(here().join("README.md")).unwrap();
        for figure in &METRICS {
            let type_ = format!("{:?}", figure.type_).to_lowercase();
            let labels = figure.labels.iter().map(|one| format!("`{one}`"));
            let labels = labels.collect::<Vec<_>>().join(", ");
            let line = format!(
                "| `{}` | {type_} | {labels} | {} |\n",
                figure.name, figure.meaning
            );
            assert!(readme.contains(&line), "the README lacks {line}");
        }
        assert_eq!(named(&readme), known());
    }

    #[test]
    fn the_dashboard_shows_all_and_alerts_name_no_other() {
        let grafana = here().join("../../deploy/grafana");
        let read = |name: &str| named(&fs::read_to_string(grafana.join(name)).unwrap());
        assert_eq!(read("dashboard.json"), known());
        let alerts = read("alerts.yaml");
        assert!(
            !alerts.is_empty() && alerts.is_subset(&known()),
            "{alerts:?}"
        );
    }
}
