//! Writes the report as JSON.

use serde_json::{Value, json};

use super::{Outcome, Report, Row};

pub(super) fn write(report: &Report) -> String {
    let value = json!({
        "specification": "XEP-0060 1.30",
        "service": report.service,
        "counts": {
            "pass": report.count("pass"),
            "fail": report.count("fail"),
            "refused": report.count("refused"),
            "not run": report.count("not run"),
        },
        "as_expected": report.is_as_expected(),
        "cases": report.rows.iter().map(case).collect::<Vec<_>>(),
    });
    // `Value`'s alternative form is JSON with line breaks, and cannot fail.
    format!("{value:#}\n")
}

fn case(row: &Row) -> Value {
    let mut value = json!({
        "number": row.number,
        "section": row.section,
        "title": row.title,
        "outcome": row.outcome.word(),
        "milliseconds": u64::try_from(row.took.as_millis()).unwrap_or(u64::MAX),
    });
    let more = match &row.outcome {
        Outcome::Pass => json!({}),
        Outcome::Fail { expected, received } => json!({
            "expected": expected.lines().collect::<Vec<_>>(),
            "received": received.lines().collect::<Vec<_>>(),
        }),
        Outcome::Refused { feature, received } => {
            json!({ "feature": feature, "received": received })
        }
        Outcome::NotRun { why } => json!({ "why": why }),
    };
    if let (Value::Object(all), Value::Object(more)) = (&mut value, more) {
        all.extend(more);
        all.extend(
            row.known
                .clone()
                .map(|known| ("known".to_owned(), Value::from(known))),
        );
    }
    value
}
