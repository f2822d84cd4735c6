//! Connects, runs the session, and reconnects or gives up.

use std::{
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use couplet_core::{
    backoff::{Backoff, BackoffLimits},
    framer::{self, Framer},
};
use tokio::time::{self, Instant};

use crate::{
    background_tasks::RunningTasks,
    config::Config,
    connect::Connect,
    dispatch::Dispatch,
    error::{Error, Reason, Rejected, Trouble, Unreachable},
    health::HealthReporter,
    hooks::Hooks,
    login::{LoginError, login},
    session::{Loss, Session},
    shared::Shared,
    transport::Transport,
};

/// A running component.
pub(crate) struct Supervisor {
    pub(crate) config: Config,
    pub(crate) shared: Arc<Shared>,
    pub(crate) dispatch: Dispatch,
    pub(crate) hooks: Hooks,
    pub(crate) connector: Box<dyn Connect>,
    pub(crate) reporter: HealthReporter,
    pub(crate) reconnect: Reconnect,
}

/// Whether to reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reconnect {
    /// As long as the program runs.
    Always,
    /// Never.
    Never,
}

impl Supervisor {
    /// Runs until `stop` is ready and the graceful end is done, or until an error that a retry
    /// cannot fix.
    pub(crate) async fn run(
        mut self,
        background_tasks: &mut RunningTasks,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), Error> {
        let timing = self.config.timing.clone();
        let limits = BackoffLimits {
            first: timing.reconnect_first,
            longest: timing.reconnect_longest,
            steady: timing.steady,
        };
        let mut backoff = Backoff::new(limits, random_seed());
        let mut outage = Outage::default();
        loop {
            let attempt = attempt(&self.config, self.connector.as_mut());
            let Some(attempt) =
                while_handlers_run(&mut self.dispatch, stop.as_mut(), attempt).await
            else {
                return self.end_offline().await;
            };
            let pause = match attempt {
                Ok(transport) => {
                    outage = Outage {
                        was_online: true,
                        ..Outage::default()
                    };
                    tracing::info!(domain = self.config.domain, server = %self.config.server, "online");
                    let began = Instant::now();
                    let session = Session::new(
                        transport,
                        &self.shared,
                        &mut self.dispatch,
                        &self.hooks,
                        &self.reporter,
                        background_tasks,
                        &timing,
                    );
                    let loss = session.live(stop.as_mut()).await;
                    backoff.was_online(began.elapsed());
                    if let Some(word) = loss.word() {
                        self.shared.metrics().lost(word);
                        self.reporter.reconnecting(&loss.to_string());
                    }
                    match loss {
                        Loss::Stopped => return Ok(()),
                        loss if self.dispatch.is_stopping() => {
                            tracing::warn!(error = %loss, "connection lost while stopping");
                            return self.end_offline().await;
                        }
                        Loss::Stream(error) if error.condition == "conflict" => {
                            return Err(Error::Replaced {
                                domain: self.config.domain,
                                text: error.text,
                            });
                        }
                        loss if self.reconnect == Reconnect::Never => {
                            let doing = "the connection was lost".to_owned();
                            return Err(Error::Io {
                                doing,
                                cause: std::io::Error::other(loss.to_string()),
                            });
                        }
                        loss => {
                            let pause = backoff.next();
                            let delay = rounded(pause);
                            tracing::warn!(error = %loss, delay, "connection lost; reconnecting");
                            pause
                        }
                    }
                }
                Err(refused) => {
                    let pause = if refused.is_conflict() {
                        backoff.after_conflict()
                    } else {
                        backoff.next()
                    };
                    let error = refused.to_error(&self.config);
                    self.shared.metrics().failed(refused.word());
                    self.reporter.reconnecting(&error.to_string());
                    if self.reconnect == Reconnect::Never || is_final(&error) && !outage.was_online
                    {
                        return Err(error);
                    }
                    outage.report(&error, pause);
                    pause
                }
            };
            let slept =
                while_handlers_run(&mut self.dispatch, stop.as_mut(), time::sleep(pause)).await;
            if slept.is_none() {
                return self.end_offline().await;
            }
        }
    }

    /// Ends gracefully without a connection: handlers may finish, but no response can be sent.
    async fn end_offline(mut self) -> Result<(), Error> {
        self.dispatch.stop_admitting();
        self.reporter.stopping();
        let drained = async {
            while !self.dispatch.is_idle() {
                self.dispatch.work().await;
            }
        };
        if time::timeout(self.config.timing.grace, drained)
            .await
            .is_err()
        {
            tracing::warn!("handlers were still running when the grace period ended");
        }
        Ok(())
    }
}

/// Makes one attempt to connect and log in, with one deadline.
async fn attempt(config: &Config, connector: &mut dyn Connect) -> Result<Transport, NotOnline> {
    let limits = framer::Limits {
        stanza_bytes: config.limits.stanza_bytes,
        elements: config.limits.elements,
        depth: config.limits.depth,
        attributes: config.limits.attributes,
    };
    // Read again, so that a secret that was changed on both sides works without a restart.
    let secret = config.secret_now().unwrap_or_else(|why| {
        tracing::warn!(error = %why, "the secret file cannot be read; the previous secret is used");
        config.secret.clone()
    });
    let mut is_connected = false;
    let online = async {
        let stream = connector.connect().await.map_err(NotOnline::Unreachable)?;
        is_connected = true;
        let mut transport = Transport::new(stream, Framer::new(limits));
        login(&mut transport, &config.domain, &secret)
            .await
            .map_err(NotOnline::Login)?;
        Ok(transport)
    };
    let timeout = config.timing.connect;
    let ended = time::timeout(timeout, online).await;
    ended.unwrap_or(Err(NotOnline::TimedOut { is_connected }))
}

/// Waits for `future` while handlers run; returns `None` if `stop` was ready first.
async fn while_handlers_run<T>(
    dispatch: &mut Dispatch,
    stop: Pin<&mut impl Future<Output = ()>>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let handlers = async {
        loop {
            dispatch.work().await;
        }
    };
    tokio::select! {
        biased;
        () = stop => None,
        done = future => Some(done),
        () = handlers => None,
    }
}

/// Why an attempt failed.
#[derive(Debug)]
enum NotOnline {
    Unreachable(std::io::Error),
    Login(LoginError),
    TimedOut { is_connected: bool },
}

impl NotOnline {
    /// Returns whether another connection has the domain: with Prosody's `kick_new`, also our own
    /// half-open connection (servers.md, 2).
    fn is_conflict(&self) -> bool {
        matches!(self, NotOnline::Login(LoginError::Refused(error, _)) if error.condition == "conflict")
    }

    /// Returns the label value for the metrics.
    fn word(&self) -> &'static str {
        match self {
            NotOnline::Unreachable(_) | NotOnline::Login(LoginError::Io(_)) => "unreachable",
            NotOnline::TimedOut { .. } => "timed_out",
            NotOnline::Login(LoginError::NoHeader | LoginError::Closed) => "closed",
            NotOnline::Login(LoginError::Refused(..)) if self.is_conflict() => "conflict",
            NotOnline::Login(LoginError::Refused(..)) => "refused",
            NotOnline::Login(LoginError::Malformed(_) | LoginError::NotXmpp(_)) => "malformed",
        }
    }

    fn to_error(&self, config: &Config) -> Error {
        let (domain, server) = (&config.domain, config.server.clone());
        match self {
            NotOnline::Unreachable(why) | NotOnline::Login(LoginError::Io(why)) => {
                #[cfg(feature = "tls")]
                if let Some(trouble) = crate::tls::trouble(why, &server, &config.tls) {
                    return Unreachable::new(domain, server, trouble).into();
                }
                Unreachable::from_io(domain, server, why).into()
            }
            NotOnline::TimedOut { is_connected } => {
                let trouble = match is_connected {
                    true => Trouble::NoGreeting,
                    false => Trouble::Silent,
                };
                Unreachable::new(domain, server, trouble).into()
            }
            NotOnline::Login(LoginError::NotXmpp(trouble)) => {
                Unreachable::new(domain, server, trouble.clone()).into()
            }
            NotOnline::Login(LoginError::NoHeader | LoginError::Closed) => {
                Unreachable::new(domain, server, Trouble::ClosedAtOnce).into()
            }
            NotOnline::Login(LoginError::Refused(error, software)) => {
                Rejected::new(domain, server, &error.condition, error.text.as_deref())
                    .by(*software)
                    .into()
            }
            NotOnline::Login(LoginError::Malformed(why)) => Error::Protocol(why.to_string()),
        }
    }
}

/// What has been logged about an outage.
#[derive(Debug, Default)]
struct Outage {
    was_online: bool,
    attempts: u32,
    reported: String,
}

impl Outage {
    /// Logs a failed attempt: with its advice the first time, and only its first line while the
    /// error stays the same. If the component was online before, the server only has to come back,
    /// so no advice is logged.
    fn report(&mut self, error: &Error, pause: Duration) {
        self.attempts = self.attempts.saturating_add(1);
        let (attempt, delay) = (self.attempts, rounded(pause));
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        if text == self.reported {
            tracing::warn!(error = first, attempt, delay, "still not online");
            return;
        }
        let is_known = self.was_online && matches!(error, Error::Unreachable(_));
        let error = if is_known { first } else { &text };
        tracing::warn!(error, attempt, delay, "not online");
        self.reported = text;
    }
}

/// Formats a delay for the log: `0.6s`, `12s`.
fn rounded(delay: Duration) -> String {
    match delay.as_secs() {
        0..10 => format!("{:.1}s", delay.as_secs_f64().max(0.1)),
        seconds => format!("{seconds}s"),
    }
}

/// Returns whether a retry is useless until an operator changes something.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Rejected(rejected) => !matches!(
            rejected.reason(),
            Reason::Taken | Reason::Temporary | Reason::Other
        ),
        _ => false,
    }
}

/// Returns a random number from the standard library's hasher, which is seeded by the
/// system.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::rounded;

    #[test]
    fn a_delay_is_rounded_for_the_log() {
        for (delay, shown) in [
            (Duration::from_micros(622_610), "0.6s"),
            (Duration::from_millis(3), "0.1s"),
            (Duration::from_millis(2_960), "3.0s"),
            (Duration::from_millis(29_700), "29s"),
        ] {
            assert_eq!(rounded(delay), shown);
        }
    }
}
