//! [`Running`]: a component at work, for as long as a test wants it.

use std::fmt;
use std::time::Duration;

use couplet::{Component, Error, Handle};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::verdict::{fail, good};

/// How long a component may take to get online, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A component that runs beside a test; dropping it ends it at once.
///
/// # Examples
///
/// ```
/// # async fn example(prosody: &couplet_test::Prosody) -> Result<(), couplet::Error> {
/// use couplet::{Component, Config};
///
/// let server = prosody.component_addr().parse().unwrap();
/// let config = Config::new("echo.localhost", "s3cret").with_server(server);
/// let mut echo = couplet_test::Running::start(Component::new(config));
/// echo.online().await;
/// echo.stop().await
/// # }
/// ```
pub struct Running {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    online: watch::Receiver<u64>,
    seen: u64,
    task: JoinSet<Result<(), Error>>,
}

impl Running {
    /// Starts a component; it is not online yet.
    pub fn start(component: Component) -> Running {
        let (stop, stopped) = oneshot::channel();
        let (ups, online) = watch::channel(0);
        let component = component.on_online(move |_link| {
            ups.send_modify(|ups| *ups += 1);
            std::future::ready(())
        });
        let handle = component.handle();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let until = async {
                // A sender that is dropped is a test that has ended.
                let _either_way = stopped.await;
            };
            Box::pin(component.run(until)).await
        });
        Running {
            handle,
            stop: Some(stop),
            online,
            seen: 0,
            task,
        }
    }

    /// A handle that speaks as the domain.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How many sessions it has had.
    pub fn sessions(&self) -> u64 {
        *self.online.borrow()
    }

    /// Waits until it is online: for the first time, or again since this was last asked.
    ///
    /// # Panics
    ///
    /// It is not within a minute, or it has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn online(&mut self) {
        let seen = self.seen;
        let online = self.online.wait_for(|ups| *ups > seen);
        let came = match timeout(PATIENCE, online).await {
            Ok(Ok(ups)) => Ok(*ups),
            Ok(Err(_)) => Err("it has ended"),
            Err(_) => Err("it has not"),
        };
        match came {
            Ok(ups) => self.seen = ups,
            Err(why) => {
                let end = self.task.try_join_next();
                fail(&format!(
                    "the component should have come online: {why} {end:?}"
                ))
            }
        }
    }

    /// Asks it to stop politely, and does not wait for the end.
    pub fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops it politely, and returns what `run` returned.
    ///
    /// # Errors
    ///
    /// Those of [`Component::run`].
    ///
    /// # Panics
    ///
    /// It does not end within a minute, or it panicked.
    ///
    /// # Cancel safety
    ///
    /// A dropped future ends the component at once.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.begin_to_stop();
        self.ended().await
    }

    /// Waits until it ends by itself, and returns what `run` returned.
    ///
    /// # Errors
    ///
    /// Those of [`Component::run`].
    ///
    /// # Panics
    ///
    /// It does not end within a minute, or it panicked.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it goes on.
    pub async fn ended(&mut self) -> Result<(), Error> {
        match timeout(PATIENCE, self.task.join_next()).await {
            Ok(Some(end)) => good(end),
            Ok(None) => fail("the component has ended before"),
            Err(_) => fail("the component should have ended"),
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
