//! [`Middleware`] and its arguments.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use couplet_core::{stanza::Stanza, stanza_error::StanzaError};

use super::{Answer, Route};
use crate::incoming::Incoming;

/// Code around every handler, added by [`Component::layer`](crate::Component::layer).
///
/// It gets each stanza that has a handler before the handler does, and the response afterwards. It
/// passes the stanza on with [`Next::run`], or rejects it with an error. The built-in
/// [features](crate::Feature) run without middleware.
///
/// # Examples
///
/// A span around each handler, and a count of what fails:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use couplet::{Component, Config, Incoming, Message, Stanza, StanzaError, async_trait};
/// use couplet::middleware::{Handled, Middleware, Next};
/// use tracing::Instrument;
///
/// #[derive(Default)]
/// struct Failures(AtomicU64);
///
/// #[async_trait]
/// impl Middleware for Failures {
///     async fn handle(&self, stanza: Incoming<Stanza>, next: Next) -> Result<Handled, StanzaError> {
///         let span = tracing::info_span!("handler", from = %stanza.from());
///         let handled = next.run(stanza).instrument(span).await;
///         if handled.is_err() {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///         handled
///     }
/// }
///
/// let bot = Component::new(Config::new("bot.localhost", "secret"))
///     .layer(Failures::default())
///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Thank you").await });
/// ```
#[async_trait]
pub trait Middleware: Send + Sync + 'static {
    /// Handles one stanza.
    ///
    /// # Errors
    ///
    /// The error stanza that the sender gets, from the handler or the middleware.
    ///
    /// # Cancel safety
    ///
    /// As for [`IqHandler::handle`](crate::IqHandler::handle): the deadline of the handler includes its
    /// middleware.
    async fn handle(&self, stanza: Incoming<Stanza>, next: Next) -> Result<Handled, StanzaError>;
}

/// The remaining middleware and the handler.
pub struct Next {
    route: Arc<Route>,
    at: usize,
}

impl Next {
    pub(crate) fn first(route: Arc<Route>) -> Next {
        Next { route, at: 0 }
    }

    /// Runs the next middleware, or the handler.
    ///
    /// # Errors
    ///
    /// The error that the handler or a middleware returned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops that of the handler.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Stanza, StanzaError, middleware::{Handled, Next}};
    ///
    /// async fn unchanged(stanza: Incoming<Stanza>, next: Next) -> Result<Handled, StanzaError> {
    ///     next.run(stanza).await
    /// }
    /// ```
    pub async fn run(mut self, stanza: Incoming<Stanza>) -> Result<Handled, StanzaError> {
        match self.route.layer(self.at).cloned() {
            Some(layer) => {
                self.at += 1;
                layer.handle(stanza, self).await
            }
            None => self.route.call(stanza).await.map(Handled),
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("handler", &self.route.name)
            .finish_non_exhaustive()
    }
}

/// The response of a handler that has run.
pub struct Handled(pub(crate) Answer);

impl fmt::Debug for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handled").finish_non_exhaustive()
    }
}
