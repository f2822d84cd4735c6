//! Hooks that run when a session begins, and when it ends gracefully.
//!
//! servers.md, 8: no server sends probes or presence when a component comes back, so components
//! send their presence in these hooks.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::task::JoinSet;

use crate::{handle::Handle, shared::Shared};

type Hook = dyn Fn(Handle) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// The application's hooks, in the order of registration.
#[derive(Default)]
pub(crate) struct Hooks {
    online: Vec<Box<Hook>>,
    goodbye: Vec<Box<Hook>>,
}

impl Hooks {
    pub(crate) fn on_online<F, Fut>(&mut self, hook: F)
    where
        F: Fn(Handle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.online
            .push(Box::new(move |handle| Box::pin(hook(handle))));
    }

    pub(crate) fn on_goodbye<F, Fut>(&mut self, hook: F)
    where
        F: Fn(Handle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.goodbye
            .push(Box::new(move |handle| Box::pin(hook(handle))));
    }

    /// Starts the hooks of a new session.
    pub(crate) fn came_online(&self, shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
        start(&self.online, shared, tasks);
    }

    /// Starts the hooks of a session that is about to end gracefully.
    pub(crate) fn goes_offline(&self, shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
        start(&self.goodbye, shared, tasks);
    }
}

fn start(hooks: &[Box<Hook>], shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
    for hook in hooks {
        let domain = shared.outbox.stanza_writer().domain().clone();
        tasks.spawn(hook(Handle::new(Arc::clone(shared), domain)));
    }
}
