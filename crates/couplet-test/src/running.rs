//! [`Running`]: a component that runs beside a test.

use std::fmt;
use std::time::Duration;

use couplet::{Component, Error, Handle};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::verdict::{fail, good};

/// Maximum time for a component to come online, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A component that runs beside a test. Dropping it ends the component at once.
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
    /// Starts a component without waiting for it to come online.
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
                // A dropped sender means that the test has ended.
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

    /// Returns a handle with the domain as its address.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns how many sessions the component has had.
    pub fn sessions(&self) -> u64 {
        *self.online.borrow()
    }

    /// Waits until the component comes online: the first time, or again since the last call.
    ///
    /// # Panics
    ///
    /// The component is not online within a minute, or has ended.
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

    /// Requests a graceful shutdown without waiting for its end.
    pub fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops the component gracefully, and returns the result of `run`.
    ///
    /// # Errors
    ///
    /// Those of [`Component::run`].
    ///
    /// # Panics
    ///
    /// The component does not end within a minute, or has panicked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the component at once.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.begin_to_stop();
        self.ended().await
    }

    /// Waits until the component ends, and returns the result of `run`.
    ///
    /// # Errors
    ///
    /// Those of [`Component::run`].
    ///
    /// # Panics
    ///
    /// The component does not end within a minute, or has panicked.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the component continues.
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
