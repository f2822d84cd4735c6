//! [`Suite`]: a service, the accounts, and the run of the cases.
//!
//! Cases run one after the other, because they would see each other's nodes and events.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::account::Accounts;
use crate::cases::{Case, all};
use crate::client::Server;
use crate::crash_test::CrashTest;
use crate::error::CaseError;
use crate::known::KnownFailures;
use crate::report::{Outcome, Report, Row};
use crate::test_context::{ServiceLimits, TestContext};

/// The deadline for deleting the nodes of a case.
const CLEANING: Duration = Duration::from_secs(20);

/// A service, and the settings of the cases.
///
/// # Examples
///
/// ```no_run
/// use pubsub_conformance::{Account, Accounts, Security, Server, Suite};
///
/// # async fn example(accounts: Accounts) -> Result<(), pubsub_conformance::Unreachable> {
/// let server = Server {
///     address: Some("127.0.0.1:5222".to_owned()),
///     security: Security::None,
///     authorities: None,
/// };
/// let report = Suite::new("pubsub.localhost", server, accounts).run(|_row| {}).await?;
/// print!("{}", report.to_text());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Suite {
    service: String,
    server: Server,
    accounts: Accounts,
    only: BTreeSet<u16>,
    known: KnownFailures,
    limits: ServiceLimits,
    deadline: Duration,
}

impl Suite {
    /// Creates a suite of all cases against the service with this address.
    ///
    /// # Examples
    ///
    /// ```
    /// # use pubsub_conformance::{Account, Accounts};
    /// # fn example(accounts: Accounts) {
    /// let suite = pubsub_conformance::Suite::new("pubsub.localhost", Default::default(), accounts);
    /// # }
    /// ```
    #[must_use]
    pub fn new(service: &str, server: Server, accounts: Accounts) -> Suite {
        let limits = ServiceLimits {
            many_items: 5_000,
            crowd: 50,
            ..ServiceLimits::default()
        };
        Suite {
            service: service.to_owned(),
            server,
            accounts,
            only: BTreeSet::new(),
            known: KnownFailures::default(),
            limits,
            deadline: Duration::from_secs(10),
        }
    }

    /// Runs these cases only.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.only([17, 20, 21]);
    /// # }
    /// ```
    #[must_use]
    pub fn only(mut self, numbers: impl IntoIterator<Item = u16>) -> Suite {
        self.only = numbers.into_iter().collect();
        self
    }

    /// Sets the cases that the service is known to fail.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) -> Result<(), pubsub_conformance::BadList> {
    /// let suite = suite.known("8 # not offered".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn known(mut self, known: KnownFailures) -> Suite {
        self.known = known;
        self
    }

    /// Sets the maximum number of subscriptions of one account; without it case 30 is not run.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.subscription_limit(20);
    /// # }
    /// ```
    #[must_use]
    pub fn subscription_limit(mut self, subscriptions: usize) -> Suite {
        self.limits.subscription_limit = Some(subscriptions);
        self
    }

    /// Sets the longest lease; without it case 46 does not request a longer one.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.lease_limit(std::time::Duration::from_secs(3600));
    /// # }
    /// ```
    #[must_use]
    pub fn lease_limit(mut self, longest: Duration) -> Suite {
        self.limits.lease_limit = Some(longest);
        self
    }

    /// Sets the largest payload, in bytes, for case 70; without it the case sets a limit on its
    /// node.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.payload_limit(60_000);
    /// # }
    /// ```
    #[must_use]
    pub fn payload_limit(mut self, bytes: usize) -> Suite {
        self.limits.payload_limit = Some(bytes);
        self
    }

    /// Sets the number of events that bounce with an error of type `wait` until the service ends
    /// the subscription; without it case 97 checks one only.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.bounce_limit(10);
    /// # }
    /// ```
    #[must_use]
    pub fn bounce_limit(mut self, bounces: usize) -> Suite {
        self.limits.bounce_limit = Some(bounces);
        self
    }

    /// Sets the number of items that case 54 publishes; 5,000 by default.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.many_items(1_000);
    /// # }
    /// ```
    #[must_use]
    pub fn many_items(mut self, items: usize) -> Suite {
        self.limits.many_items = items;
        self
    }

    /// Sets the processes and subscribers of case 100; without it the case is not run.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite, crash_test: pubsub_conformance::CrashTest) {
    /// let suite = suite.crash_test(crash_test);
    /// # }
    /// ```
    #[must_use]
    pub fn crash_test(mut self, crash_test: CrashTest) -> Suite {
        self.limits.crash_test = Some(crash_test);
        self
    }

    /// Sets the number of subscribers of case 99; 50 by default.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.subscribers(10);
    /// # }
    /// ```
    #[must_use]
    pub fn subscribers(mut self, subscribers: usize) -> Suite {
        self.limits.crowd = subscribers;
        self
    }

    /// Declares that the server distributes the stanzas of one user over several instances of the
    /// service, which may reorder concurrent ones: in case 99 a publisher waits for each response.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.balanced();
    /// # }
    /// ```
    #[must_use]
    pub fn balanced(mut self) -> Suite {
        self.limits.balanced = true;
        self
    }

    /// Sets the deadline of a case; 10 s by default, and a multiple of it for long cases.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite) {
    /// let suite = suite.deadline(std::time::Duration::from_secs(60));
    /// # }
    /// ```
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Suite {
        self.deadline = deadline;
        self
    }

    /// Runs the cases one after the other and passes each row to `report_row` as soon as it is
    /// known.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(suite: pubsub_conformance::Suite) -> Result<(), pubsub_conformance::Unreachable> {
    /// let report = suite.run(|row| eprintln!("{} {}", row.number, row.outcome.word())).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unreachable`] if an account cannot log in, or the service does not answer disco#info.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the nodes of the current case.
    pub async fn run(self, mut report_row: impl FnMut(&Row)) -> Result<Report, Unreachable> {
        let mut context = self.context();
        context.connect_all().await.map_err(Unreachable::from)?;
        context.discover().await.map_err(Unreachable::from)?;
        context.clean().await;
        let mut report = Report::new(&self.service);
        let wanted = |case: &Case| self.only.is_empty() || self.only.contains(&case.number);
        for case in all().into_iter().filter(wanted) {
            let row = self.one(case, &mut context).await;
            report_row(&row);
            report.rows.push(row);
        }
        Ok(report)
    }

    async fn one(&self, case: Case, context: &mut TestContext) -> Row {
        let begun = Instant::now();
        let deadline = self.deadline * case.slowness;
        let all = async {
            context.connect_all().await?;
            (case.body)(context).await
        };
        let ended = match timeout(deadline, all).await {
            Ok(ended) => ended,
            Err(_) => {
                let expected = format!("an end within {} s", deadline.as_secs());
                Err(CaseError::unmet(expected, "none"))
            }
        };
        let took = begun.elapsed();
        let mut errors = context.errors();
        errors.extend(ended.err());
        let _left_behind = timeout(CLEANING, context.clean()).await;
        let outcome = outcome(errors);
        let fails = matches!(outcome, Outcome::Fail { .. });
        let known = self.known.reason(case.number);
        let known = known.filter(|_| fails || !self.known.passes_sometimes(case.number));
        Row {
            number: case.number,
            section: case.section,
            title: case.title,
            outcome,
            known: known.map(str::to_owned),
            took,
        }
    }

    fn context(&self) -> TestContext {
        // Concurrent runs, or one after another that was interrupted, must not share names.
        let run = format!("conformance-{:x}", crate::test_context::random_number());
        TestContext::new(
            self.service.clone(),
            self.server.clone(),
            self.accounts.clone(),
            self.limits.clone(),
            self.deadline / 2,
            run,
        )
    }
}

/// Returns the outcome of a case with these errors: a failure has precedence.
fn outcome(errors: Vec<CaseError>) -> Outcome {
    let (mut expected, mut received) = (Vec::new(), Vec::new());
    let mut other = Outcome::Pass;
    for error in errors {
        match error {
            CaseError::Unmet {
                expected: e,
                received: c,
            } => {
                expected.push(e.replace('\n', " "));
                received.push(c.replace('\n', " "));
            }
            CaseError::Refused { feature, received } => {
                other = Outcome::Refused { feature, received }
            }
            CaseError::NotRun(why) => other = Outcome::NotRun { why },
        }
    }
    if expected.is_empty() {
        return other;
    }
    Outcome::Fail {
        expected: expected.join("\n"),
        received: received.join("\n"),
    }
}

/// The service or an account could not be reached; no case was run.
///
/// # Examples
///
/// ```
/// # async fn example(suite: pubsub_conformance::Suite) {
/// if let Err(error) = suite.run(|_row| {}).await {
///     eprintln!("{error}");
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    why: String,
}

impl From<CaseError> for Unreachable {
    fn from(error: CaseError) -> Unreachable {
        let why = match error {
            CaseError::Unmet { expected, received } => {
                format!("expected {expected}; came {received}")
            }
            CaseError::Refused { feature, received } => format!("{feature} is refused: {received}"),
            CaseError::NotRun(why) => why,
        };
        Unreachable { why }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Unreachable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outweighs_a_refusal() {
        let refused = CaseError::Refused {
            feature: "f".to_owned(),
            received: String::new(),
        };
        assert_eq!(outcome(vec![refused.clone()]).word(), "refused");
        let both = vec![refused, CaseError::unmet("a\nb", "c")];
        let fail = Outcome::Fail {
            expected: "a b".to_owned(),
            received: "c".to_owned(),
        };
        assert_eq!(outcome(both), fail);
        assert_eq!(outcome(Vec::new()), Outcome::Pass);
    }
}
