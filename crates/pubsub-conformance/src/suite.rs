//! [`Suite`]: a service, the people around it, and the run of the cases.
//!
//! Deliberately absent: cases at the same time: they would see each other's nodes and events.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::account::People;
use crate::cases::{Case, all};
use crate::client::Server;
use crate::fault::Fault;
use crate::known::KnownFailures;
use crate::ordeal::Ordeal;
use crate::report::{Outcome, Report, Row};
use crate::world::{Facts, World};

/// How long the nodes of one case may take to be deleted.
const CLEANING: Duration = Duration::from_secs(20);

/// A service and what is needed to ask it the hundred questions.
///
/// # Examples
///
/// ```no_run
/// use pubsub_conformance::{Account, People, Security, Server, Suite};
///
/// # async fn example(people: People) -> Result<(), pubsub_conformance::Unreachable> {
/// let server = Server {
///     address: Some("127.0.0.1:5222".to_owned()),
///     security: Security::None,
///     authorities: None,
/// };
/// let report = Suite::new("pubsub.localhost", server, people).run(|_row| {}).await?;
/// print!("{}", report.to_text());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Suite {
    service: String,
    server: Server,
    people: People,
    only: BTreeSet<u16>,
    known: KnownFailures,
    facts: Facts,
    deadline: Duration,
}

impl Suite {
    /// All cases against the service with this address.
    ///
    /// # Examples
    ///
    /// ```
    /// # use pubsub_conformance::{Account, People};
    /// # fn example(people: People) {
    /// let suite = pubsub_conformance::Suite::new("pubsub.localhost", Default::default(), people);
    /// # }
    /// ```
    #[must_use]
    pub fn new(service: &str, server: Server, people: People) -> Suite {
        let facts = Facts {
            many_items: 5_000,
            crowd: 50,
            ..Facts::default()
        };
        Suite {
            service: service.to_owned(),
            server,
            people,
            only: BTreeSet::new(),
            known: KnownFailures::default(),
            facts,
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

    /// What the service is known to fail.
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

    /// How many subscriptions the service allows one account; without it case 30 is not run.
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
        self.facts.subscription_limit = Some(subscriptions);
        self
    }

    /// The longest lease the service grants; without it case 46 does not ask for a longer one.
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
        self.facts.lease_limit = Some(longest);
        self
    }

    /// The largest payload the service takes, in bytes, for case 70; without it the case sets a
    /// limit on its node.
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
        self.facts.payload_limit = Some(bytes);
        self
    }

    /// How many events may bounce with an error of type `wait` until the service ends the
    /// subscription; without it case 97 looks at one only.
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
        self.facts.bounce_limit = Some(bounces);
        self
    }

    /// How many items case 54 publishes; 5,000 unless told.
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
        self.facts.many_items = items;
        self
    }

    /// Who dies in case 100, and who sees it; without it the case is not run.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(suite: pubsub_conformance::Suite, ordeal: pubsub_conformance::Ordeal) {
    /// let suite = suite.ordeal(ordeal);
    /// # }
    /// ```
    #[must_use]
    pub fn ordeal(mut self, ordeal: Ordeal) -> Suite {
        self.facts.ordeal = Some(ordeal);
        self
    }

    /// How many subscribers case 99 has; 50 unless told.
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
        self.facts.crowd = subscribers;
        self
    }

    /// Says that the server spreads the stanzas of one user over several instances of the service,
    /// so that two that are on the way at once may change places: in case 99 a publisher waits for
    /// each answer.
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
        self.facts.balanced = true;
        self
    }

    /// How long one case may take; 10 s unless told, and a multiple of it for the long ones.
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

    /// Runs the cases one after the other and tells each row as soon as it is known.
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
    /// A dropped future leaves the nodes of the case that was running behind.
    pub async fn run(self, mut told: impl FnMut(&Row)) -> Result<Report, Unreachable> {
        let mut world = self.world();
        world.gather().await.map_err(Unreachable::from)?;
        world.learn().await.map_err(Unreachable::from)?;
        world.clean().await;
        let mut report = Report::new(&self.service);
        let wanted = |case: &Case| self.only.is_empty() || self.only.contains(&case.number);
        for case in all().into_iter().filter(wanted) {
            let row = self.one(case, &mut world).await;
            told(&row);
            report.rows.push(row);
        }
        Ok(report)
    }

    async fn one(&self, case: Case, world: &mut World) -> Row {
        let begun = Instant::now();
        let deadline = self.deadline * case.slowness;
        let all = async {
            world.gather().await?;
            (case.body)(world).await
        };
        let ended = match timeout(deadline, all).await {
            Ok(ended) => ended,
            Err(_) => {
                let expected = format!("an end within {} s", deadline.as_secs());
                Err(Fault::unmet(expected, "none"))
            }
        };
        let took = begun.elapsed();
        let mut faults = world.faults();
        faults.extend(ended.err());
        let _left_behind = timeout(CLEANING, world.clean()).await;
        let outcome = outcome(faults);
        let fails = matches!(outcome, Outcome::Fail { .. });
        let known = self.known.reason(case.number);
        let known = known.filter(|_| fails || !self.known.passes_sometimes(case.number));
        Row {
            number: case.number,
            section: case.section,
            sentence: case.sentence,
            outcome,
            known: known.map(str::to_owned),
            took,
        }
    }

    fn world(&self) -> World {
        // Two runs at once, or one after another that was interrupted, must not share names.
        let run = format!("conformance-{:x}", crate::world::chance());
        World::new(
            self.service.clone(),
            self.server.clone(),
            self.people.clone(),
            self.facts.clone(),
            self.deadline / 2,
            run,
        )
    }
}

/// The outcome of a case with these faults: one that is a failure outweighs the others.
fn outcome(faults: Vec<Fault>) -> Outcome {
    let (mut expected, mut came) = (Vec::new(), Vec::new());
    let mut other = Outcome::Pass;
    for fault in faults {
        match fault {
            Fault::Unmet {
                expected: e,
                came: c,
            } => {
                expected.push(e.replace('\n', " "));
                came.push(c.replace('\n', " "));
            }
            Fault::Refused { feature, came } => other = Outcome::Refused { feature, came },
            Fault::NotRun(why) => other = Outcome::NotRun { why },
        }
    }
    if expected.is_empty() {
        return other;
    }
    Outcome::Fail {
        expected: expected.join("\n"),
        came: came.join("\n"),
    }
}

/// The service or an account could not be reached: nothing was asked.
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

impl From<Fault> for Unreachable {
    fn from(fault: Fault) -> Unreachable {
        let why = match fault {
            Fault::Unmet { expected, came } => format!("expected {expected}; came {came}"),
            Fault::Refused { feature, came } => format!("{feature} is refused: {came}"),
            Fault::NotRun(why) => why,
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
        let refused = Fault::Refused {
            feature: "f".to_owned(),
            came: String::new(),
        };
        assert_eq!(outcome(vec![refused.clone()]).word(), "refused");
        let both = vec![refused, Fault::unmet("a\nb", "c")];
        let fail = Outcome::Fail {
            expected: "a b".to_owned(),
            came: "c".to_owned(),
        };
        assert_eq!(outcome(both), fail);
        assert_eq!(outcome(Vec::new()), Outcome::Pass);
    }
}
