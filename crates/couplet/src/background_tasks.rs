//! Tasks that run beside the handlers, from the start of `run` to its end.
//!
//! They outlive sessions. On shutdown they are asked to stop, and aborted after the grace period.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::{sync::watch, task::JoinSet, time};

use crate::{handle::Handle, shutdown::Shutdown};

type Task = Box<dyn FnOnce(Handle, Shutdown) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Background tasks that have not been started.
#[derive(Default)]
pub(crate) struct BackgroundTasks(Vec<Task>);

impl BackgroundTasks {
    pub(crate) fn add<F, Fut>(&mut self, task: F)
    where
        F: FnOnce(Handle, Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.0.push(Box::new(move |handle, shutdown| {
            Box::pin(task(handle, shutdown))
        }));
    }

    pub(crate) fn start(self, handle: &Handle) -> RunningTasks {
        let (stop, shutdown) = Shutdown::new();
        let mut tasks = JoinSet::new();
        for task in self.0 {
            tasks.spawn(task(handle.clone(), shutdown.clone()));
        }
        RunningTasks { stop, tasks }
    }
}

/// Running background tasks.
pub(crate) struct RunningTasks {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl RunningTasks {
    /// Requests the shutdown of all tasks.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits until a task ends; never returns once all have ended.
    ///
    /// Cancel safe.
    pub(crate) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!(%error, "a background task failed"),
            None => std::future::pending().await,
        }
    }

    /// Requests the shutdown of all tasks, and aborts those that still run after `grace`.
    pub(crate) async fn end(mut self, grace: Duration) {
        self.stop();
        let all = async {
            while !self.is_over() {
                self.ended().await;
            }
        };
        if time::timeout(grace, all).await.is_err() {
            tracing::warn!("background tasks were still running when the grace period ended");
        }
    }
}
