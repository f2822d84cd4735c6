//! The component that is tried out: the echo in this process, or a program of its author's own as a
//! child, which is started again when it ends while a person looks on.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use couplet::Config;
use couplet_core::backoff::{Backoff, BackoffLimits};
use tokio::time::{Instant, sleep_until};

use super::child::Child;
use super::inside::Inside;
use super::screen::Screen;
use crate::failure::Failure;

const RESTARTS: BackoffLimits = BackoffLimits {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(15),
    steady: Duration::from_secs(10),
};

/// A component, and how to start it again.
#[derive(Debug)]
pub(super) struct Component {
    command: Vec<OsString>,
    config: Config,
    screen: Screen,
    running: Option<Running>,
    began: Instant,
    /// `None`: its end is the end of everything.
    restarts: Option<Backoff>,
    again_at: Option<Instant>,
}

#[derive(Debug)]
enum Running {
    Inside(Inside),
    Child(Box<Child>),
}

impl Component {
    /// Starts it; with `restarts` again and again, more slowly where it ends soon.
    pub(super) fn start(
        command: &[OsString],
        config: Config,
        screen: &Screen,
        restarts: bool,
    ) -> Result<Component, Failure> {
        let running = Running::start(command, &config, screen)?;
        let seed = RandomState::new().hash_one("restarts");
        Ok(Component {
            command: command.to_vec(),
            config,
            screen: screen.clone(),
            running: Some(running),
            began: Instant::now(),
            restarts: restarts.then(|| Backoff::new(RESTARTS, seed)),
            again_at: None,
        })
    }

    /// Waits until it ends by itself and is not started again, and tells why. Nothing is lost when
    /// the future is dropped.
    pub(super) async fn ended(&mut self) -> Failure {
        loop {
            if let Some(running) = &mut self.running {
                let failure = running.ended().await;
                self.running = None;
                if let Some(failure) = self.start_later(failure) {
                    return failure;
                }
            }
            let Some(again_at) = self.again_at else {
                return std::future::pending().await;
            };
            sleep_until(again_at).await;
            self.again_at = None;
            if let Err(failure) = self.start_now()
                && let Some(failure) = self.start_later(failure)
            {
                return failure;
            }
        }
    }

    /// Asks it to end, and starts it again, for a person who has changed something.
    pub(super) async fn restart(&mut self) {
        self.stop().await;
        self.again_at = Some(Instant::now());
    }

    /// Asks it to end, and sees to it.
    pub(super) async fn stop(&mut self) {
        match self.running.take() {
            Some(Running::Inside(mut inside)) => inside.stop().await,
            Some(Running::Child(mut child)) => child.stop().await,
            None => {}
        }
    }

    fn start_now(&mut self) -> Result<(), Failure> {
        let name = name(&self.command, &self.config.domain);
        self.screen.tell(&format!("starting {name} again ..."));
        self.began = Instant::now();
        self.running = Some(Running::start(&self.command, &self.config, &self.screen)?);
        Ok(())
    }

    /// Gives the failure back where it is final.
    fn start_later(&mut self, failure: Failure) -> Option<Failure> {
        let Some(restarts) = &mut self.restarts else {
            return Some(failure);
        };
        restarts.was_online(self.began.elapsed());
        let pause = restarts.next();
        self.again_at = Some(Instant::now() + pause);
        let pause = humantime::format_duration(Duration::from_millis(
            u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
        ));
        self.screen
            .tell(&format!("{failure}; it is started again in {pause}"));
        None
    }
}

impl Running {
    fn start(command: &[OsString], config: &Config, screen: &Screen) -> Result<Running, Failure> {
        match command.split_first() {
            None => Ok(Running::Inside(Inside::start(config.clone()))),
            Some((program, arguments)) => {
                let child = Child::start(program, arguments, config, screen)?;
                Ok(Running::Child(Box::new(child)))
            }
        }
    }

    async fn ended(&mut self) -> Failure {
        match self {
            Running::Inside(inside) => inside.ended().await,
            Running::Child(child) => child.ended().await,
        }
    }
}

/// What to call it.
pub(super) fn name(command: &[OsString], domain: &str) -> String {
    command.first().map_or_else(
        || format!("the echo {domain}"),
        |program| program.to_string_lossy().into_owned(),
    )
}
