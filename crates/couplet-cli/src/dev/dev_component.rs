//! [`DevComponent`]: the echo in this process, or the user's program as a child, which is restarted when
//! it exits.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use couplet::Config;
use couplet_core::backoff::{Backoff, BackoffLimits};
use tokio::time::{Instant, sleep_until};

use super::child_component::ChildComponent;
use super::echo::EchoTask;
use super::screen::Screen;
use crate::failure::Failure;

const RESTARTS: BackoffLimits = BackoffLimits {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(15),
    steady: Duration::from_secs(10),
};

/// A component, and how to restart it.
#[derive(Debug)]
pub(super) struct DevComponent {
    command: Vec<OsString>,
    config: Config,
    screen: Screen,
    running: Option<RunningComponent>,
    started: Instant,
    /// `None` if its exit is final.
    restarts: Option<Backoff>,
    restart_at: Option<Instant>,
}

#[derive(Debug)]
enum RunningComponent {
    Echo(EchoTask),
    Child(Box<ChildComponent>),
}

impl DevComponent {
    /// Starts it; with `restarts` it is restarted whenever it exits, with a growing delay if it exits soon.
    pub(super) fn start(
        command: &[OsString],
        config: Config,
        screen: &Screen,
        restarts: bool,
    ) -> Result<DevComponent, Failure> {
        let running = RunningComponent::start(command, &config, screen)?;
        let seed = RandomState::new().hash_one("restarts");
        Ok(DevComponent {
            command: command.to_vec(),
            config,
            screen: screen.clone(),
            running: Some(running),
            started: Instant::now(),
            restarts: restarts.then(|| Backoff::new(RESTARTS, seed)),
            restart_at: None,
        })
    }

    /// Restarts it when it exits; returns why it exited once that is final. Cancel safe.
    pub(super) async fn wait(&mut self) -> Failure {
        loop {
            if let Some(running) = &mut self.running {
                let failure = running.wait().await;
                self.running = None;
                if let Some(failure) = self.restart_later(failure) {
                    return failure;
                }
            }
            let Some(restart_at) = self.restart_at else {
                return std::future::pending().await;
            };
            sleep_until(restart_at).await;
            self.restart_at = None;
            if let Err(failure) = self.restart_now()
                && let Some(failure) = self.restart_later(failure)
            {
                return failure;
            }
        }
    }

    /// Stops it and starts it again.
    pub(super) async fn restart(&mut self) {
        self.stop().await;
        self.restart_at = Some(Instant::now());
    }

    /// Stops it, by force if necessary.
    pub(super) async fn stop(&mut self) {
        match self.running.take() {
            Some(RunningComponent::Echo(mut echo)) => echo.stop().await,
            Some(RunningComponent::Child(mut child)) => child.stop().await,
            None => {}
        }
    }

    fn restart_now(&mut self) -> Result<(), Failure> {
        let name = name(&self.command, &self.config.domain);
        self.screen.status(&format!("restarting {name} ..."));
        self.started = Instant::now();
        self.running = Some(RunningComponent::start(
            &self.command,
            &self.config,
            &self.screen,
        )?);
        Ok(())
    }

    /// Schedules a restart; returns the failure if the exit is final.
    fn restart_later(&mut self, failure: Failure) -> Option<Failure> {
        let Some(restarts) = &mut self.restarts else {
            return Some(failure);
        };
        restarts.was_online(self.started.elapsed());
        let delay = restarts.next();
        self.restart_at = Some(Instant::now() + delay);
        let delay = humantime::format_duration(Duration::from_millis(
            u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        ));
        self.screen
            .status(&format!("{failure}; restarting in {delay}"));
        None
    }
}

impl RunningComponent {
    fn start(
        command: &[OsString],
        config: &Config,
        screen: &Screen,
    ) -> Result<RunningComponent, Failure> {
        match command.split_first() {
            None => Ok(RunningComponent::Echo(EchoTask::start(config.clone()))),
            Some((program, arguments)) => {
                let child = ChildComponent::start(program, arguments, config, screen)?;
                Ok(RunningComponent::Child(Box::new(child)))
            }
        }
    }

    async fn wait(&mut self) -> Failure {
        match self {
            RunningComponent::Echo(echo) => echo.wait().await,
            RunningComponent::Child(child) => child.wait().await,
        }
    }
}

/// Returns its name for status lines.
pub(super) fn name(command: &[OsString], domain: &str) -> String {
    command.first().map_or_else(
        || format!("the echo {domain}"),
        |program| program.to_string_lossy().into_owned(),
    )
}
