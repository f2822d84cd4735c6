//! Writes the report as JUnit XML.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Report, Row};

pub(super) fn write(report: &Report) -> String {
    let mut suite = TestSuite::new(format!("XEP-0060 at {}", report.service));
    suite.set_time(report.rows.iter().map(|row| row.took).sum());
    suite.add_test_cases(report.rows.iter().map(case));
    let mut junit = quick_junit::Report::new("pubsub-conformance");
    junit.add_test_suite(suite);
    // Writing to memory does not fail; characters that XML forbids are left out.
    junit.to_string().unwrap_or_default()
}

fn case(row: &Row) -> TestCase {
    let mut status = status(row);
    if let Outcome::Fail { expected, received } = &row.outcome {
        status.set_description(format!("expected\n{expected}\nreceived\n{received}"));
    }
    let mut case = TestCase::new(format!("{:03} {}", row.number, row.title), status);
    case.set_classname(format!("XEP-0060 {}", row.section));
    case.set_time(row.took);
    case
}

fn status(row: &Row) -> TestCaseStatus {
    let skipped = |message: String| {
        let mut status = TestCaseStatus::skipped();
        status.set_message(message);
        status
    };
    let failed = |message: String| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(message);
        status
    };
    match (&row.outcome, &row.known) {
        (Outcome::Pass | Outcome::Refused { .. }, Some(reason)) => {
            failed(format!("known to fail and does not: {reason}"))
        }
        (Outcome::Fail { .. }, Some(reason)) => skipped(format!("known to fail: {reason}")),
        (Outcome::Fail { expected, .. }, None) => failed(expected.clone()),
        (Outcome::Pass, None) => TestCaseStatus::success(),
        (Outcome::Refused { feature, .. }, None) => skipped(format!("refused: {feature}")),
        (Outcome::NotRun { why }, _) => skipped(format!("not run: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(outcome: Outcome, known: Option<&str>) -> Row {
        Row {
            number: 7,
            section: "5.6",
            title: "a < b",
            outcome,
            known: known.map(str::to_owned),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_known_failure_is_skipped_and_an_unknown_one_fails() {
        let fail = Outcome::Fail {
            expected: "x".into(),
            received: "<y/>".into(),
        };
        let mut report = Report::new("p");
        report.rows = vec![row(fail.clone(), Some("theirs")), row(fail, None)];
        let xml = report.to_junit();
        assert!(xml.contains("failures=\"1\""), "{xml}");
        assert!(
            xml.contains("skipped=\"1\"") || xml.contains("disabled=\"1\""),
            "{xml}"
        );
        assert!(xml.contains("007 a &lt; b"), "{xml}");
    }
}
