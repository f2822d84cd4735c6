//! A request to stop, for the program and for its tasks.

use std::{fmt, future::Future};

use tokio::sync::watch;

/// A request to stop; clones receive the same one.
///
/// A program gets one from [`app`](crate::app) for SIGTERM and SIGINT, and a
/// [background task](crate::Component::background_task) one for the end of its component.
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
    /// One that has not been requested, and what requests it.
    pub(crate) fn new() -> (watch::Sender<bool>, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (sender, Shutdown(receiver))
    }

    /// Waits until it is requested; returns at once if it has been.
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
        // Where nothing is left that could request it, everything has stopped.
        let mut receiver = self.0.clone();
        let _either_way = receiver.wait_for(|requested| *requested).await;
    }

    /// Whether it has been requested, for loops that end at a good place of their own.
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

    /// Runs `work` until it is requested; returns `None` if that came first. Use it for what has to
    /// be done before the component runs, such as opening a store.
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
