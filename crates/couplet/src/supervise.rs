//! Connect, live, decide: again or give up.

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
    alongside::Alongside,
    config::Config,
    connect::Connect,
    dispatch::Dispatch,
    error::{Error, Reason, Rejected, Trouble, Unreachable},
    health::Seat,
    hooks::Hooks,
    login::{LoginError, login},
    pipe::Pipe,
    session::{Loss, Session},
    switchboard::Switchboard,
};

/// A component that is running.
pub(crate) struct Supervisor {
    pub(crate) config: Config,
    pub(crate) switchboard: Arc<Switchboard>,
    pub(crate) dispatch: Dispatch,
    pub(crate) hooks: Hooks,
    pub(crate) connector: Box<dyn Connect>,
    pub(crate) seat: Seat,
    pub(crate) patience: Patience,
}

/// For how long it is worth coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For as long as the program runs.
    Endless,
    /// Not at all.
    OneSession,
}

impl Supervisor {
    /// Runs until `stop` is ready and the polite end is through, or there is no use in going on.
    pub(crate) async fn run(
        mut self,
        works: &mut Alongside,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), Error> {
        let timing = self.config.timing.clone();
        let limits = BackoffLimits {
            first: timing.reconnect_first,
            longest: timing.reconnect_longest,
            steady: timing.steady,
        };
        let mut backoff = Backoff::new(limits, random_seed());
        let mut was_online = false;
        let mut told = String::new();
        loop {
            let attempt = attempt(&self.config, self.connector.as_mut());
            let Some(attempt) = alongside(&mut self.dispatch, stop.as_mut(), attempt).await else {
                return self.end_offline().await;
            };
            let pause = match attempt {
                Ok(pipe) => {
                    was_online = true;
                    told.clear();
                    tracing::info!(domain = self.config.domain, server = %self.config.server, "online");
                    let began = Instant::now();
                    let session = Session::new(
                        pipe,
                        &self.switchboard,
                        &mut self.dispatch,
                        &self.hooks,
                        &self.seat,
                        works,
                        &timing,
                    );
                    let loss = session.live(stop.as_mut()).await;
                    backoff.was_online(began.elapsed());
                    if let Some(word) = loss.word() {
                        self.switchboard.metrics().lost(word);
                        self.seat.reconnecting(&loss.to_string());
                    }
                    match loss {
                        Loss::Stopped => return Ok(()),
                        loss if self.dispatch.is_stopping() => {
                            tracing::warn!(%loss, "the link was lost while stopping");
                            return self.end_offline().await;
                        }
                        Loss::Stream(error) if error.condition == "conflict" => {
                            return Err(Error::Replaced {
                                domain: self.config.domain,
                                text: error.text,
                            });
                        }
                        loss if self.patience == Patience::OneSession => {
                            let doing = "the link was lost".to_owned();
                            return Err(Error::Io {
                                doing,
                                cause: std::io::Error::other(loss.to_string()),
                            });
                        }
                        loss => {
                            tracing::warn!(%loss, "the link was lost");
                            backoff.next()
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
                    self.switchboard.metrics().failed(refused.word());
                    self.seat.reconnecting(&error.to_string());
                    if self.patience == Patience::OneSession || is_final(&error) && !was_online {
                        return Err(error);
                    }
                    tell(&error, pause, &mut told);
                    pause
                }
            };
            let slept = alongside(&mut self.dispatch, stop.as_mut(), time::sleep(pause)).await;
            if slept.is_none() {
                return self.end_offline().await;
            }
        }
    }

    /// A polite end without a server: handlers may finish, nobody can be told.
    async fn end_offline(mut self) -> Result<(), Error> {
        self.dispatch.stop_admitting();
        self.seat.stopping();
        let drained = async {
            while !self.dispatch.is_idle() {
                self.dispatch.work().await;
            }
        };
        if time::timeout(self.config.timing.grace, drained)
            .await
            .is_err()
        {
            tracing::warn!("handlers were still at work when the grace period ended");
        }
        Ok(())
    }
}

/// One attempt to get online, with one deadline for all of it.
async fn attempt(config: &Config, connector: &mut dyn Connect) -> Result<Pipe, NotOnline> {
    let limits = framer::Limits {
        stanza_bytes: config.limits.stanza_bytes,
        depth: config.limits.depth,
        attributes: config.limits.attributes,
        start_tag_bytes: config.limits.start_tag_bytes,
    };
    // A secret that was changed on both sides is taken up without a restart.
    let secret = config.secret_now().unwrap_or_else(|why| {
        tracing::warn!(%why, "the secret is not read anew");
        config.secret.clone()
    });
    let online = async {
        let stream = connector.connect().await.map_err(NotOnline::Unreachable)?;
        let mut pipe = Pipe::new(stream, Framer::new(limits));
        login(&mut pipe, &config.domain, &secret)
            .await
            .map_err(NotOnline::Login)?;
        Ok(pipe)
    };
    let patience = config.timing.connect;
    time::timeout(patience, online)
        .await
        .unwrap_or(Err(NotOnline::TimedOut))
}

/// Waits for `future` while handlers go on; `None` when `stop` came first.
async fn alongside<T>(
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
    TimedOut,
}

impl NotOnline {
    /// Somebody else has our place: Prosody's `kick_new`, also for our own half-open connection
    /// (servers.md, 2).
    fn is_conflict(&self) -> bool {
        matches!(self, NotOnline::Login(LoginError::Refused(error)) if error.condition == "conflict")
    }

    /// One word, for what is counted.
    fn word(&self) -> &'static str {
        match self {
            NotOnline::Unreachable(_) | NotOnline::Login(LoginError::Io(_)) => "unreachable",
            NotOnline::TimedOut => "timed_out",
            NotOnline::Login(LoginError::NoHeader | LoginError::Closed) => "closed",
            NotOnline::Login(LoginError::Refused(_)) if self.is_conflict() => "conflict",
            NotOnline::Login(LoginError::Refused(_)) => "refused",
            NotOnline::Login(LoginError::Malformed(_)) => "malformed",
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
            NotOnline::TimedOut => Unreachable::new(domain, server, Trouble::Silent).into(),
            NotOnline::Login(LoginError::NoHeader | LoginError::Closed) => {
                Unreachable::new(domain, server, Trouble::ClosedAtOnce).into()
            }
            NotOnline::Login(LoginError::Refused(error)) => {
                Rejected::new(domain, server, &error.condition, error.text.as_deref()).into()
            }
            NotOnline::Login(LoginError::Malformed(why)) => Error::Protocol(why.to_string()),
        }
    }
}

/// The whole story with its cure at first; while it stays the same, its first line.
fn tell(error: &Error, pause: Duration, told: &mut String) {
    let story = error.to_string();
    if story == *told {
        let error = story.lines().next().unwrap_or_default();
        tracing::warn!(error, retry_in = ?pause, "still not online");
    } else {
        tracing::warn!(error = story, retry_in = ?pause, "not online");
        *told = story;
    }
}

/// Whether trying again cannot help until a person has changed something.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Rejected(rejected) => !matches!(rejected.reason(), Reason::Taken | Reason::Other),
        _ => false,
    }
}

/// The only randomness there is; the standard library's, which asks the system.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
