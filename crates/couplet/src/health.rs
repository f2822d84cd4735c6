//! The health of the components of this process, for readiness and for systemd.
//!
//! It is shared by the clones of one [`Config`](crate::config::Config), so that the code that
//! loaded it sees all components made from it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// The health of every component of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Health(watch::Sender<BTreeMap<String, ComponentHealth>>);

/// The health of one component.
#[derive(Clone, Debug)]
pub(crate) struct ComponentHealth {
    pub(crate) state: State,
    last_received: Arc<LastReceived>,
}

/// The state of a component's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The component has not been online yet.
    Connecting,
    Online,
    /// The login was rejected or the connection was lost, for this reason; the component
    /// reconnects.
    Reconnecting(String),
    Stopping,
}

/// The time of the last read from the server; an atomic, because every read updates it.
#[derive(Debug)]
struct LastReceived {
    began: Instant,
    millis: AtomicU64,
    fresh_for: Duration,
}

/// Reports the state of one component to [`Health`]; removes the component when dropped.
#[derive(Debug)]
pub(crate) struct HealthReporter {
    health: Health,
    domain: String,
    last_received: Arc<LastReceived>,
}

impl Health {
    /// Adds a component that sends a keepalive every `keepalive`.
    pub(crate) fn enter(&self, domain: &str, keepalive: Duration) -> HealthReporter {
        let last_received = Arc::new(LastReceived {
            began: Instant::now(),
            millis: AtomicU64::new(0),
            // The response to a self-ping arrives a round trip after the period has begun.
            fresh_for: keepalive.saturating_mul(2),
        });
        let component = ComponentHealth {
            state: State::Connecting,
            last_received: Arc::clone(&last_received),
        };
        self.0.send_modify(|all| {
            all.insert(domain.to_owned(), component);
        });
        HealthReporter {
            health: self.clone(),
            domain: domain.to_owned(),
            last_received,
        }
    }

    /// Returns `Ok` if there are components, and all are online and received data recently;
    /// otherwise why not.
    #[cfg_attr(not(feature = "ops"), allow(dead_code, reason = "used over HTTP only"))]
    pub(crate) fn readiness(&self, now: Instant) -> Result<String, String> {
        let all = self.0.borrow();
        if all.is_empty() {
            return Err("no component is running".to_owned());
        }
        for (domain, component) in all.iter() {
            let quiet = component.last_received.age(now);
            match &component.state {
                State::Online if quiet <= component.last_received.fresh_for => {}
                State::Online => {
                    let seconds = quiet.as_secs();
                    return Err(format!(
                        "{domain}: the server has sent nothing for {seconds} s"
                    ));
                }
                other => return Err(format!("{domain}: {other}")),
            }
        }
        Ok(summary(&all))
    }

    /// Returns one line about every component.
    #[cfg_attr(not(feature = "ops"), allow(dead_code, reason = "systemd shows it"))]
    pub(crate) fn status(&self) -> String {
        summary(&self.0.borrow())
    }

    /// Returns whether there are components and all are online.
    #[cfg_attr(
        not(feature = "ops"),
        allow(dead_code, reason = "used for systemd only")
    )]
    pub(crate) fn is_online(&self) -> bool {
        let all = self.0.borrow();
        !all.is_empty() && all.values().all(|one| one.state == State::Online)
    }

    /// Returns a receiver of all changes.
    #[cfg_attr(
        not(feature = "ops"),
        allow(dead_code, reason = "used for systemd only")
    )]
    pub(crate) fn changes(&self) -> watch::Receiver<BTreeMap<String, ComponentHealth>> {
        self.0.subscribe()
    }
}

impl Default for Health {
    fn default() -> Health {
        Health(watch::Sender::new(BTreeMap::new()))
    }
}

impl HealthReporter {
    pub(crate) fn online(&self) {
        self.received(Instant::now());
        self.set(State::Online);
    }

    /// Reports a lost connection. Only the first line of `why` is kept.
    pub(crate) fn reconnecting(&self, why: &str) {
        let why = why.lines().next().unwrap_or_default().to_owned();
        self.set(State::Reconnecting(why));
    }

    pub(crate) fn stopping(&self) {
        self.set(State::Stopping);
    }

    /// Reports received bytes.
    pub(crate) fn received(&self, now: Instant) {
        let since = now
            .saturating_duration_since(self.last_received.began)
            .as_millis();
        let millis = u64::try_from(since).unwrap_or(u64::MAX);
        self.last_received.millis.store(millis, Ordering::Relaxed);
    }

    fn set(&self, state: State) {
        self.health.0.send_if_modified(|all| {
            let Some(component) = all.get_mut(&self.domain) else {
                return false;
            };
            let is_new = component.state != state;
            component.state = state;
            is_new
        });
    }
}

impl Drop for HealthReporter {
    fn drop(&mut self) {
        self.health.0.send_modify(|all| {
            all.remove(&self.domain);
        });
    }
}

impl LastReceived {
    fn age(&self, now: Instant) -> Duration {
        let at = self.began + Duration::from_millis(self.millis.load(Ordering::Relaxed));
        now.saturating_duration_since(at)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Connecting => f.write_str("connecting"),
            State::Online => f.write_str("online"),
            State::Reconnecting(why) => write!(f, "reconnecting: {why}"),
            State::Stopping => f.write_str("stopping"),
        }
    }
}

fn summary(all: &BTreeMap<String, ComponentHealth>) -> String {
    let one = |(domain, component): (&String, &ComponentHealth)| match &component.state {
        State::Online => format!("online as {domain}"),
        other => format!("{domain}: {other}"),
    };
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn a_component_that_is_not_online_has_a_reason() {
        let health = Health::default();
        let now = Instant::now();
        assert_eq!(
            health.readiness(now).unwrap_err(),
            "no component is running"
        );
        let reporter = health.enter("echo.test", KEEPALIVE);
        assert_eq!(health.readiness(now).unwrap_err(), "echo.test: connecting");
        reporter.online();
        assert_eq!(health.readiness(now).unwrap(), "online as echo.test");
        reporter.reconnecting("the server closed the connection\nlines to paste");
        assert_eq!(
            health.readiness(now).unwrap_err(),
            "echo.test: reconnecting: the server closed the connection"
        );
        reporter.stopping();
        assert!(!health.is_online());
        drop(reporter);
        assert_eq!(health.status(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_that_is_late_makes_it_unready_and_its_answer_ready_again() {
        let health = Health::default();
        let reporter = health.enter("echo.test", KEEPALIVE);
        reporter.online();
        let late = Instant::now() + KEEPALIVE * 2;
        assert!(health.readiness(late).is_ok());
        let later = late + Duration::from_secs(1);
        assert_eq!(
            health.readiness(later).unwrap_err(),
            "echo.test: the server has sent nothing for 31 s"
        );
        reporter.received(later);
        assert!(health.readiness(later).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_component_that_is_away_makes_the_process_unready() {
        let health = Health::default();
        let (one, other) = (
            health.enter("one.test", KEEPALIVE),
            health.enter("other.test", KEEPALIVE),
        );
        one.online();
        assert!(!health.is_online() && health.readiness(Instant::now()).is_err());
        other.online();
        assert!(health.is_online());
        assert_eq!(health.status(), "online as one.test; online as other.test");
    }
}
