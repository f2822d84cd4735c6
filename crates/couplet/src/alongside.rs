//! What a component does beside its handlers: work that lasts as long as `run` does.
//!
//! It outlives sessions, is told when it is time to end, and is ended when that takes too long.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use tokio::{sync::watch, task::JoinSet, time};

use crate::handle::Handle;

type Work = Box<dyn FnOnce(Handle, Stopping) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What is to be started with the component.
#[derive(Default)]
pub(crate) struct Works(Vec<Work>);

impl Works {
    pub(crate) fn add<F, Fut>(&mut self, work: F)
    where
        F: FnOnce(Handle, Stopping) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.0.push(Box::new(move |handle, stopping| {
            Box::pin(work(handle, stopping))
        }));
    }

    pub(crate) fn start(self, handle: &Handle) -> Alongside {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for work in self.0 {
            tasks.spawn(work(handle.clone(), Stopping(stopping.clone())));
        }
        Alongside { stop, tasks }
    }
}

/// What was started.
pub(crate) struct Alongside {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Alongside {
    /// Time to end.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits for one to end; never returns when all have.
    ///
    /// Cancel safe.
    pub(crate) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(())) => {}
            Some(Err(why)) => tracing::error!(%why, "what ran alongside has failed"),
            None => std::future::pending().await,
        }
    }

    /// Ends all, politely as long as `grace` allows.
    pub(crate) async fn end(mut self, grace: Duration) {
        self.stop();
        let all = async {
            while !self.is_over() {
                self.ended().await;
            }
        };
        if time::timeout(grace, all).await.is_err() {
            tracing::warn!("what ran alongside was still at work when the grace period ended");
        }
    }
}

/// Tells work [alongside](crate::Component::alongside) a component when to end.
///
/// # Examples
///
/// ```
/// use couplet::Stopping;
///
/// async fn work(mut stopping: Stopping) {
///     while !stopping.is_now() {
///         tokio::select! {
///             () = stopping.wait() => break,
///             () = tokio::task::yield_now() => {}
///         }
/// #       break;
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Waits until the component stops.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Stopping;
    ///
    /// async fn rest(mut stopping: Stopping) {
    ///     stopping.wait().await;
    ///     println!("good night");
    /// }
    /// ```
    pub async fn wait(&mut self) {
        // A component that is gone has stopped too.
        let _either_way = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether it does already.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Stopping;
    ///
    /// fn may_begin(stopping: &Stopping) -> bool {
    ///     !stopping.is_now()
    /// }
    /// ```
    #[must_use]
    pub fn is_now(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopping").field(&self.is_now()).finish()
    }
}
