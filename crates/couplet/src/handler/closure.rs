//! Converts closures and functions to handlers.

use std::{fmt, future::Future, marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use couplet_core::{message::Message, presence::Presence, stanza_error::StanzaError};

use super::{
    Handling, IntoOutcome, IntoReply, IntoResponse, IqHandler, MessageHandler, PresenceHandler,
};
use crate::incoming::Incoming;

/// A type that can be used as an [`IqHandler`]: a type that implements it, or a closure or `async
/// fn` that takes an [`Incoming`] request and returns `Result<impl IntoResponse, StanzaError>`.
///
/// `By` distinguishes the two and is inferred. No other type has to implement it.
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config, Incoming, StanzaError};
/// use xmpp_parsers::version::{VersionQuery, VersionResult};
///
/// async fn version(_request: Incoming<VersionQuery>) -> Result<VersionResult, StanzaError> {
///     Ok(VersionResult { name: "bot".into(), version: "1".into(), os: None })
/// }
///
/// let bot = Component::new(Config::new("bot.localhost", "secret")).on_get(version);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle IQs",
    label = "not an IQ handler",
    note = "write `|request: Incoming<Request>| async move {{ Ok(response) }}`, or `impl IqHandler<Request>` for a type",
    note = "`Request` has `#[derive(xso::FromXml)]`; `response` has `#[derive(xso::AsXml)]` or is `Empty`, the empty result; an error is a `StanzaError`, into which `?` converts every other"
)]
pub trait IntoIqHandler<Request: Send + 'static, By> {
    /// The handler.
    type Handler: IqHandler<Request>;

    /// Converts it into the handler.
    fn into_handler(self) -> Self::Handler;
}

/// Marks a handler that was made from a closure.
#[doc(hidden)]
#[derive(Debug)]
pub enum Closure {}

/// A closure as a handler, created by [`IntoIqHandler`].
#[doc(hidden)]
pub struct ByClosure<F, T> {
    closure: F,
    takes: PhantomData<fn(T)>,
}

impl<F, T> ByClosure<F, T> {
    fn new(closure: F) -> ByClosure<F, T> {
        ByClosure {
            closure,
            takes: PhantomData,
        }
    }
}

impl<F, T> fmt::Debug for ByClosure<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByClosure").finish_non_exhaustive()
    }
}

impl<Request: Send + 'static, H: IqHandler<Request>> IntoIqHandler<Request, ()> for H {
    type Handler = H;

    fn into_handler(self) -> H {
        self
    }
}

impl<F, Request, Fut, Response> IntoIqHandler<Request, Closure> for F
where
    F: Fn(Incoming<Request>) -> Fut + Send + Sync + 'static,
    Request: Send + 'static,
    Fut: Future<Output = Result<Response, StanzaError>> + Send + 'static,
    Response: IntoResponse + Send + 'static,
{
    type Handler = ByClosure<F, Request>;

    fn into_handler(self) -> Self::Handler {
        ByClosure::new(self)
    }
}

#[async_trait]
impl<F, Request, Fut, Response> IqHandler<Request> for ByClosure<F, Request>
where
    F: Fn(Incoming<Request>) -> Fut + Send + Sync + 'static,
    Request: Send + 'static,
    Fut: Future<Output = Result<Response, StanzaError>> + Send + 'static,
    Response: IntoResponse + Send + 'static,
{
    type Response = Response;

    async fn handle(&self, request: Incoming<Request>) -> Result<Response, StanzaError> {
        (self.closure)(request).await
    }

    fn into_handling(
        self: Arc<Self>,
        request: Incoming<Request>,
    ) -> Handling<Box<dyn IntoResponse + Send>> {
        Box::pin(async move {
            let response = (self.closure)(request).await?;
            Ok(Box::new(response) as Box<dyn IntoResponse + Send>)
        })
    }
}

#[async_trait]
impl<F, Fut> MessageHandler for F
where
    F: Fn(Incoming<Message>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoReply + Send> + Send + 'static,
{
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        reply_with(self, message).await
    }

    fn into_handling(self: Arc<Self>, message: Incoming<Message>) -> Handling<()> {
        Box::pin(async move { reply_with(&*self, message).await })
    }
}

/// Calls the closure, and replies with its return value.
async fn reply_with<F, Fut>(closure: &F, message: Incoming<Message>) -> Result<(), StanzaError>
where
    F: Fn(Incoming<Message>) -> Fut,
    Fut: Future<Output: IntoReply>,
{
    let original = Fut::Output::MAY_REPLY.then(|| message.clone());
    let reply = closure(message).await.into_reply()?;
    if let (Some(original), Some(reply)) = (original, reply) {
        original.reply(reply).await?;
    }
    Ok(())
}

#[async_trait]
impl<F, Fut> PresenceHandler for F
where
    F: Fn(Incoming<Presence>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoOutcome + Send> + Send + 'static,
{
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError> {
        self(presence).await.into_outcome()
    }

    fn into_handling(self: Arc<Self>, presence: Incoming<Presence>) -> Handling<()> {
        Box::pin(async move { self(presence).await.into_outcome() })
    }
}
