//! [`Report`]: the result of a run, as a table, as JSON, as JUnit.
//!
//! The known failures decide which outcome counts as a failure.

mod json;
mod junit;
mod text;

use std::time::Duration;

/// The outcome of a case.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::Outcome;
///
/// let refused = Outcome::Refused { feature: "multi-subscribe".to_owned(), received: String::new() };
/// assert_eq!(refused.word(), "refused");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All checks passed.
    Pass,
    /// At least one check failed.
    Fail {
        /// What was expected, a line for each failed check.
        expected: String,
        /// What was received, likewise.
        received: String,
    },
    /// The service reports, with the error of the XEP, that it does not have an optional feature,
    /// and does not announce it. Not a failure.
    Refused {
        /// The feature.
        feature: String,
        /// The error.
        received: String,
    },
    /// The runner lacks something that the case needs. Not a failure.
    NotRun {
        /// What is missing.
        why: String,
    },
}

impl Outcome {
    /// Returns `pass`, `fail`, `refused` or `not run`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(pubsub_conformance::Outcome::Pass.word(), "pass");
    /// ```
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail { .. } => "fail",
            Outcome::Refused { .. } => "refused",
            Outcome::NotRun { .. } => "not run",
        }
    }
}

/// A case with its outcome.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use pubsub_conformance::{Outcome, Row};
///
/// let row = Row {
///     number: 10,
///     section: "8.1.1",
///     title: "a name is taken once",
///     outcome: Outcome::Pass,
///     known: None,
///     took: Duration::from_millis(7),
/// };
/// assert!(!row.is_unexpected());
/// ```
#[derive(Clone, Debug)]
pub struct Row {
    /// The number of the case, 1 to 100.
    pub number: u16,
    /// The section of XEP-0060 1.30.
    pub section: &'static str,
    /// The title.
    pub title: &'static str,
    /// The outcome.
    pub outcome: Outcome,
    /// The reason if it is known to fail.
    pub known: Option<String>,
    /// The duration.
    pub took: Duration,
}

impl Row {
    /// Returns whether it failed without being known to, or passed although it is known to fail.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use pubsub_conformance::{Outcome, Row};
    /// let row = Row {
    ///     number: 10,
    ///     section: "8.1.1",
    ///     title: "a name is taken once",
    ///     outcome: Outcome::Pass,
    ///     known: Some("it used to overwrite".to_owned()),
    ///     took: Duration::ZERO,
    /// };
    /// assert!(row.is_unexpected());
    /// ```
    #[must_use]
    pub fn is_unexpected(&self) -> bool {
        match self.outcome {
            Outcome::Fail { .. } => self.known.is_none(),
            Outcome::Pass | Outcome::Refused { .. } => self.known.is_some(),
            Outcome::NotRun { .. } => false,
        }
    }
}

/// The result of a run.
///
/// # Examples
///
/// ```
/// let report = pubsub_conformance::Report::new("pubsub.localhost");
/// assert!(report.is_as_expected());
/// assert!(report.to_text().contains("pubsub.localhost"));
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    /// The address of the service.
    pub service: String,
    /// One row for each case, in the order of their numbers.
    pub rows: Vec<Row>,
}

impl Report {
    /// Creates an empty report.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(pubsub_conformance::Report::new("pubsub.localhost").rows.is_empty());
    /// ```
    #[must_use]
    pub fn new(service: &str) -> Report {
        Report {
            service: service.to_owned(),
            rows: Vec::new(),
        }
    }

    /// Returns whether exactly the known failures failed.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(pubsub_conformance::Report::new("pubsub.localhost").is_as_expected());
    /// ```
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        !self.rows.iter().any(Row::is_unexpected)
    }

    /// Returns the number of cases with this outcome, see [`Outcome::word`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(pubsub_conformance::Report::new("pubsub.localhost").count("pass"), 0);
    /// ```
    #[must_use]
    pub fn count(&self, word: &str) -> usize {
        let same = self.rows.iter().filter(|row| row.outcome.word() == word);
        same.count()
    }

    /// Returns the table.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = pubsub_conformance::Report::new("pubsub.localhost").to_text();
    /// assert!(text.ends_with("0 pass, 0 fail, 0 refused, 0 not run\n"));
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// Returns the report as JSON: an object with `service`, `counts` and `cases`.
    ///
    /// # Examples
    ///
    /// ```
    /// let json = pubsub_conformance::Report::new("pubsub.localhost").to_json();
    /// assert!(json.contains("\"service\": \"pubsub.localhost\""));
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// Returns the report as JUnit XML, where a known failure is a skipped test.
    ///
    /// # Examples
    ///
    /// ```
    /// let junit = pubsub_conformance::Report::new("pubsub.localhost").to_junit();
    /// assert!(junit.contains("<testsuite "));
    /// ```
    #[must_use]
    pub fn to_junit(&self) -> String {
        junit::write(self)
    }
}
