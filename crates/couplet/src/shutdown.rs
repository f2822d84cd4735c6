//! [`Shutdown`]: the request to stop, for the program and for its tasks.

use std::{fmt, future::Future};

use tokio::sync::watch;

/// The request to stop. Clones share one request.
///
/// [`app`](crate::app) requests it on SIGTERM and SIGINT, and a component requests the one of its
/// [background tasks](crate::Component::background_task) when it stops.
///
/// # Examples
///
/// ```
/// use couplet::Shutdown;
///
/// async fn count(shutdown: Shutdown) {
///     while !shutdown.is_requested() {
///         tokio::select! {
///             () = shutdown.requested() => break,
///             () = tokio::task::yield_now() => {}
///         }
/// #       break;
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Creates a request that is not made yet, and its sender.
    pub(crate) fn new() -> (watch::Sender<bool>, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (sender, Shutdown(receiver))
    }

    /// Waits until shutdown is requested; returns at once if it has been.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Shutdown;
    ///
    /// async fn log(shutdown: Shutdown) {
    ///     shutdown.requested().await;
    ///     println!("stopping");
    /// }
    /// ```
    pub async fn requested(&self) {
        // If the sender is dropped, the component has stopped.
        let mut receiver = self.0.clone();
        let _either_way = receiver.wait_for(|requested| *requested).await;
    }

    /// Returns whether shutdown has been requested, for loops that check between steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Shutdown;
    ///
    /// fn copy(lines: impl Iterator<Item = String>, shutdown: &Shutdown) {
    ///     for line in lines.take_while(|_| !shutdown.is_requested()) {
    ///         println!("{line}");
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Runs `work` until shutdown is requested; returns `None` if that happens first. Use it for
    /// work before the component runs, such as opening a store.
    ///
    /// # Cancel safety
    ///
    /// That of `work`, which is dropped when shutdown is requested.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use couplet::Shutdown;
    ///
    /// async fn rest(shutdown: Shutdown) -> bool {
    ///     let slept = tokio::time::sleep(Duration::from_secs(60));
    ///     shutdown.run_until_requested(slept).await.is_some()
    /// }
    /// ```
    pub async fn run_until_requested<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.requested() => None,
            done = work => Some(done),
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("requested", &self.is_requested())
            .finish()
    }
}
