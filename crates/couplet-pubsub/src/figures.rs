//! The table of what is counted and measured: name, type, labels, meaning.
//!
//! The one source of truth for describing, for the README and for what dashboards may name.

use metrics::Unit;

pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) type_: Type,
    #[allow(
        dead_code,
        reason = "for the table in the README, which a test compares"
    )]
    pub(super) labels: &'static [&'static str],
    /// One sentence without a full stop.
    pub(super) meaning: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
}

pub(super) const FIGURES: [Figure; 7] = [
    Figure {
        name: "couplet_pubsub_requests_total",
        type_: Type::Counter,
        labels: &["operation", "outcome"],
        meaning: "Requests of XEP-0060; the outcome is `done` or the condition of the refusal",
    },
    Figure {
        name: "couplet_pubsub_publishes_total",
        type_: Type::Counter,
        labels: &[],
        meaning: "Items published",
    },
    Figure {
        name: "couplet_pubsub_notifications_total",
        type_: Type::Counter,
        labels: &[],
        meaning: "Notifications that the server took for good",
    },
    Figure {
        name: "couplet_pubsub_fanout_lag_seconds",
        type_: Type::Histogram,
        labels: &[],
        meaning: "From taking up an announcement to its end, the time to be sure included",
    },
    Figure {
        name: "couplet_pubsub_outbox_depth",
        type_: Type::Gauge,
        labels: &[],
        meaning: "Announcements that are not delivered for good",
    },
    Figure {
        name: "couplet_pubsub_nodes",
        type_: Type::Gauge,
        labels: &[],
        meaning: "Nodes",
    },
    Figure {
        name: "couplet_pubsub_subscriptions",
        type_: Type::Gauge,
        labels: &[],
        meaning: "Subscriptions, whatever their state",
    },
];

/// Tells the recorder of metrics what they mean.
pub(super) fn describe() {
    for figure in &FIGURES {
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
    };

    use super::{FIGURES, Type};

    fn known() -> BTreeSet<String> {
        FIGURES.iter().map(|one| one.name.to_owned()).collect()
    }

    /// The names of ours in a text.
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

    /// What stands behind `counter!(`, `gauge!(` and `histogram!(` in the sources.
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
                    let figure = FIGURES.iter().find(|one| one.name == name);
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
        for figure in &FIGURES {
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
