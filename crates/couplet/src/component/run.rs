//! [`Component::run`]: starts the parts of a component.

use std::{future::Future, io, pin::pin, sync::Arc};

use couplet_core::{jid::Jid, lanes::LaneLimits};

use super::Component;
#[cfg(all(unix, feature = "app"))]
use crate::send_socket;
use crate::{connect::Configured, dispatch::Dispatch, error::Error, supervisor::Supervisor};

impl Component {
    /// Runs the component until `until` is ready, then shuts down gracefully: it admits no further
    /// stanza, handlers finish within `timing.grace`, the remaining requests get an error, the goodbye
    /// hooks run, and the stream is closed.
    ///
    /// Several components, each of its own domain, run side by side in one process.
    ///
    /// # Errors
    ///
    /// See [`Error`]. An unreachable server is not an error unless [`Component::without_reconnect`] was
    /// called.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection at once and drops stanzas that wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// # fn main() -> Result<(), couplet::Error> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let bot = Component::new(Config::new("bot.localhost", "secret"));
    /// // It stops before it connects.
    /// bot.run(std::future::ready(())).await
    /// # })
    /// # }
    /// ```
    pub async fn run(mut self, until: impl Future<Output = ()>) -> Result<(), Error> {
        self.config.check()?;
        if let Some(error) = self.failed {
            return Err(error);
        }
        let domain =
            Jid::new(&self.config.domain).map_err(|why| Error::Misuse(format!("domain: {why}")))?;
        let handle = self.handle();
        let connector = match self.connector {
            Some(connector) => connector,
            None => Box::new(Configured::new(&self.config).map_err(bad_tls)?),
        };
        let mut router = self.router;
        router.set_layers(self.layers);
        if let Some(subscriptions) = self.features.mount(&mut router, &domain)? {
            let ours = Arc::clone(&subscriptions);
            self.hooks
                .on_online(move |handle| Arc::clone(&ours).come_online(handle));
            self.hooks
                .on_goodbye(move |handle| Arc::clone(&subscriptions).go_offline(handle));
        }
        let limits = LaneLimits {
            at_once: self.config.limits.handlers,
            busy_bytes: self.config.limits.handler_bytes,
            waiting_per_lane: self.config.limits.waiting_per_conversation,
            waiting_bytes: self.config.limits.waiting_bytes,
        };
        let dispatch = Dispatch::new(
            router,
            Arc::clone(&self.shared),
            limits,
            self.config.timing.handler,
        );
        self.shared.begin_to_count();
        let timing = &self.config.timing;
        let reporter = self
            .config
            .health
            .enter(&self.config.domain, timing.keepalive);
        let grace = self.config.timing.grace;
        #[cfg(all(unix, feature = "app"))]
        if let Some(path) = send_socket::path(&self.config) {
            let most = self.config.limits.outgoing_stanza_bytes;
            self.background_tasks
                .add(move |handle, stopping| send_socket::serve(path, most, handle, stopping));
        }
        let mut background_tasks = self.background_tasks.start(&handle);
        let shared = Arc::clone(&self.shared);
        let supervisor = Supervisor {
            config: self.config,
            shared: self.shared,
            dispatch,
            hooks: self.hooks,
            connector,
            reporter,
            reconnect: self.reconnect,
        };
        let ended = Box::pin(supervisor.run(&mut background_tasks, pin!(until))).await;
        background_tasks.end(grace).await;
        let stanzas = shared.outbox.unsent();
        if stanzas > 0 {
            tracing::warn!(stanzas, domain = %handle.address(), "stanzas were not sent before the end and are dropped");
        }
        ended
    }
}

fn bad_tls(cause: io::Error) -> Error {
    Error::Io {
        doing: "setting up TLS".to_owned(),
        cause,
    }
}
