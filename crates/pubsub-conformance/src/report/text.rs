//! Writes the table.

use super::{Outcome, Report, Row};

pub(super) fn write(report: &Report) -> String {
    let mut text = format!("XEP-0060 1.30 at {}\n\n", report.service);
    for row in &report.rows {
        text.push_str(&line(row));
    }
    let counts = ["pass", "fail", "refused", "not run"]
        .map(|word| format!("{} {word}", report.count(word)))
        .join(", ");
    if !report.rows.is_empty() {
        text.push('\n');
    }
    text.push_str(&counts);
    let known = report.rows.iter().filter(|row| row.known.is_some()).count();
    if known > 0 {
        text.push_str(&format!("; {known} known to fail"));
    }
    text.push('\n');
    for row in report.rows.iter().filter(|row| row.is_unexpected()) {
        text.push_str(&match row.outcome {
            Outcome::Fail { .. } => format!("unexpected: {} fails\n", row.number),
            _ => format!("unexpected: {} is known to fail and does not\n", row.number),
        });
    }
    text
}

fn line(row: &Row) -> String {
    let word = row.outcome.word();
    let Row {
        number,
        section,
        title,
        ..
    } = row;
    let mut text = format!("{number:>3} | {section:<9} | {title} | {word}");
    match &row.outcome {
        Outcome::Pass => {}
        Outcome::Fail { expected, received } => {
            for (expected, received) in expected.lines().zip(received.lines()) {
                text.push_str(&format!(
                    "\n    | expected {expected}\n    | received {received}"
                ));
            }
        }
        Outcome::Refused { feature, .. } => text.push_str(&format!(" | {feature}")),
        Outcome::NotRun { why } => text.push_str(&format!(" | {why}")),
    }
    if let Some(reason) = &row.known {
        text.push_str(&format!("\n    | known: {reason}"));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_unexpected_failure_is_repeated_at_the_end() {
        let mut report = Report::new("pubsub.localhost");
        let outcome = Outcome::Fail {
            expected: "error conflict".into(),
            received: "<iq/>".into(),
        };
        report.rows.push(Row {
            number: 10,
            section: "8.1.1",
            title: "a name is taken once",
            outcome,
            known: None,
            took: Duration::ZERO,
        });
        let text = report.to_text();
        assert!(
            text.contains("| expected error conflict\n    | received <iq/>\n"),
            "{text}"
        );
        assert!(text.ends_with("unexpected: 10 fails\n"), "{text}");
        assert!(!report.is_as_expected());
    }
}
