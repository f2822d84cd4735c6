//! [`Report`]: what came of a run, as a table, as JSON, as JUnit.
//!
//! Deliberately absent: any judgement: which outcome counts as a failure is the known failures'.

mod json;
mod junit;
mod text;

use std::time::Duration;

/// What came of one case.
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
    /// Every line of the case was as expected.
    Pass,
    /// At least one line was not.
    Fail {
        /// What was expected, a line for each line that was not met.
        expected: String,
        /// What came instead, likewise.
        received: String,
    },
    /// The service said that it does not have an optional feature, in the words of the XEP, and does
    /// not announce it either. No failure.
    Refused {
        /// The feature.
        feature: String,
        /// The refusal.
        received: String,
    },
    /// The runner was not given what the case needs. No failure.
    NotRun {
        /// What is missing.
        why: String,
    },
}

impl Outcome {
    /// `pass`, `fail`, `refused` or `not run`.
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

/// One case and what came of it.
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
    /// The section of XEP-0060 1.30 that it is about.
    pub section: &'static str,
    /// The case in a sentence.
    pub title: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it is known to fail, if it is.
    pub known: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Row {
    /// Whether it failed without being known to, or passed although it was known to fail.
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

/// What came of a run.
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
    /// A report on a service that nothing was asked yet.
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

    /// Whether exactly the known failures failed.
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

    /// How many cases came to this word, see [`Outcome::word`].
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

    /// The table for people.
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

    /// The same as JSON: an object with `service`, `counts` and `cases`.
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

    /// The same as JUnit's XML, where a known failure is a skipped test.
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
