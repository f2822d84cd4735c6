use std::{collections::BTreeSet, fs, path::PathBuf};

use couplet_core::stanza::Kind;

use super::{
    Metric, Outcome,
    table::{PROCESS, TABLE, Type},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn row(metric: &Metric, domain: &[&str]) -> String {
    let labels = domain.iter().chain(metric.labels);
    let labels: Vec<String> = labels.map(|label| format!("`{label}`")).collect();
    let type_ = match metric.type_ {
        Type::Counter => "counter",
        Type::Gauge => "gauge",
        Type::Histogram => "histogram",
    };
    let (name, labels, meaning) = (metric.name, labels.join(", "), metric.meaning);
    format!("| `{name}` | {type_} | {labels} | {meaning} |\n")
}

fn values(of: &str, values: &[&str]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    format!("| {of} | {} |\n", values.join(", "))
}

/// Returns the tables of the manual page, generated from the code.
fn tables() -> String {
    let mut text = "| metric | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    text.extend(TABLE.iter().map(|metric| row(metric, &["domain"])));
    text.extend(PROCESS.iter().map(|metric| row(metric, &[])));
    text += "\n| label | values |\n|---|---|\n";
    text += &values("`kind`", &super::KINDS);
    text += &values("`outcome` of a received stanza", &super::OUTCOMES);
    text += &values("`reason` of a rejected stanza", &super::REJECTED);
    text += &values("`reason` of a stanza that was not sent", &super::UNSENT);
    text += &values("`outcome` of a request", &super::REQUESTS);
    text += &values("`reason` of a lost connection", &super::LOST);
    text += &values("`reason` of a failed attempt", &super::FAILED);
    text
}

#[test]
fn the_page_of_metrics_has_the_tables_of_the_code() {
    let path = root().join("crates/couplet/src/manual/metrics.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("| metric |").unwrap();
    let (_, after) = rest.split_once("\n\nThis table").unwrap();
    let expected = format!("{before}{}\nThis table{after}", tables());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "the metrics have changed: BLESS=1 cargo test -p couplet --lib metrics updates the page"
    );
}

#[test]
fn the_words_stand_in_the_order_of_what_they_name() {
    for kind in [Kind::Message, Kind::Presence, Kind::Iq] {
        assert_eq!(super::KINDS[kind as usize], kind.as_str());
    }
    assert_eq!(super::OUTCOMES[Outcome::OwnPing as usize], "own_ping");
    assert_eq!(super::OUTCOMES[Outcome::Ignored as usize], "ignored");
}

#[test]
fn every_name_follows_the_conventions() {
    for metric in TABLE.iter().chain(PROCESS) {
        let name = metric.name;
        assert!(name.starts_with("couplet_") || name.starts_with("process_"));
        assert_eq!(name.ends_with("_total"), metric.type_ == Type::Counter);
        assert!(!metric.meaning.is_empty() && !metric.meaning.ends_with('.'));
        if metric.type_ == Type::Histogram {
            assert!(name.ends_with("_seconds") || name.ends_with("_bytes"));
        }
    }
    let names: BTreeSet<&str> = TABLE.iter().chain(PROCESS).map(|one| one.name).collect();
    assert_eq!(names.len(), TABLE.len() + PROCESS.len());
}

/// Returns the names of our metrics in an expression or a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("couplet_") || word.starts_with("process_"))
        .map(|word| {
            let histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| word.strip_suffix(end));
            histogram.unwrap_or(word).to_owned()
        })
        .collect()
}

/// Returns whether the metric belongs to this crate, not to one whose name follows the prefix.
fn is_ours(name: &str) -> bool {
    !name.starts_with("couplet_pubsub_")
}

fn known() -> BTreeSet<String> {
    let all = TABLE.iter().chain(PROCESS);
    all.map(|metric| metric.name.to_owned()).collect()
}

/// Collects the expressions of all panels of a dashboard, at any depth.
fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, inner) in fields {
                match inner.as_str() {
                    Some(text) if name == "expr" || name == "query" => found.push(text.to_owned()),
                    _ => expressions(inner, found),
                }
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                expressions(item, found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let text = fs::read_to_string(root().join("deploy/grafana/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels {
        let mut found = Vec::new();
        expressions(panel, &mut found);
        let is_row = panel["type"] == "row";
        assert!(is_row || !found.is_empty(), "{}", panel["title"]);
    }
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    let mut shown = named(&found.join(" "));
    shown.retain(|name| is_ours(name));
    assert_eq!(shown, known());
}

#[test]
fn every_metric_that_an_alert_names_exists() {
    let rules = fs::read_to_string(root().join("deploy/grafana/alerts.yaml")).unwrap();
    let mut named = named(&rules);
    named.retain(|name| is_ours(name));
    assert!(named.len() >= 6, "{named:?}");
    named.retain(|name| !known().contains(name));
    assert_eq!(named, BTreeSet::new());
}
