//! Writes the metrics in the text format of Prometheus, version 0.0.4.

use std::{
    fmt::{self, Write},
    sync::atomic::Ordering,
};

use metrics::Key;

use super::recorder::{Book, Buckets, Family, Series};

/// The content type of the page.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all metrics.
pub(super) fn write(book: &Book) -> String {
    let mut page = String::new();
    for (name, family) in &book.families {
        // Writing into a string does not fail.
        let _always_ok = write_family(&mut page, name, family);
    }
    page
}

/// Returns a name that Prometheus accepts.
pub(super) fn name(name: &str) -> String {
    let allowed = |(at, c): (usize, char)| match c {
        'a'..='z' | 'A'..='Z' | '_' | ':' => c,
        '0'..='9' if at > 0 => c,
        _ => '_',
    };
    name.chars().enumerate().map(allowed).collect()
}

/// Returns the labels of a key in braces; empty without labels.
pub(super) fn labels(key: &Key) -> String {
    let written = key.labels().map(|label| {
        let value = label.value();
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        let value = value.replace('\n', "\\n");
        format!("{}=\"{value}\"", name(label.key()).replace(':', "_"))
    });
    let written = written.collect::<Vec<_>>().join(",");
    match written.is_empty() {
        true => written,
        false => format!("{{{written}}}"),
    }
}

fn write_family(page: &mut String, name: &str, family: &Family) -> fmt::Result {
    // Skips a metric that is described but has no series.
    let Some(first) = family.series.values().next() else {
        return Ok(());
    };
    if !family.meaning.is_empty() {
        let meaning = family.meaning.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(page, "# HELP {name} {meaning}")?;
    }
    writeln!(page, "# TYPE {name} {}", first.type_())?;
    for (labels, series) in &family.series {
        match series {
            Series::Counter(value) => {
                let value = value.load(Ordering::Relaxed);
                writeln!(page, "{name}{labels} {value}")?;
            }
            Series::Gauge(bits) => {
                let value = Number(f64::from_bits(bits.load(Ordering::Relaxed)));
                writeln!(page, "{name}{labels} {value}")?;
            }
            Series::Histogram(buckets) => write_buckets(page, name, labels, buckets)?,
        }
    }
    Ok(())
}

fn write_buckets(page: &mut String, name: &str, labels: &str, buckets: &Buckets) -> fmt::Result {
    let inner = labels.trim_start_matches('{').trim_end_matches('}');
    let comma = if inner.is_empty() { "" } else { "," };
    let bounds = buckets.bounds.iter().copied().chain([f64::INFINITY]);
    let mut so_far = 0;
    for (bound, count) in bounds.zip(buckets.counts()) {
        so_far += count;
        let bound = Number(bound);
        writeln!(
            page,
            "{name}_bucket{{{inner}{comma}le=\"{bound}\"}} {so_far}"
        )?;
    }
    writeln!(page, "{name}_sum{labels} {}", Number(buckets.sum()))?;
    writeln!(page, "{name}_count{labels} {so_far}")
}

/// A float in Prometheus' format.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => value.fmt(f),
        }
    }
}
