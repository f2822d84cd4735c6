//! Handlers of IQs, messages and presence, as types or as closures.
//!
//! A handler returns its response; it never handles ids, namespaces or error loops.

mod closure;
mod output;
mod with;

use std::{future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use couplet_core::{message::Message, presence::Presence, stanza_error::StanzaError};

use crate::incoming::Incoming;

pub use closure::IntoIqHandler;
pub use output::{IntoOutcome, IntoReply, IntoResponse};
pub use with::with;

/// The boxed future of a handler.
pub(crate) type Handling<T> = Pin<Box<dyn Future<Output = Result<T, StanzaError>> + Send>>;

/// Handles one type of IQ request. (RFC 6120, 8.2.3)
///
/// Register it with [`Component::on_get`](crate::Component::on_get) or
/// [`Component::on_set`](crate::Component::on_set). The request type is the route, and its namespace
/// appears in disco#info. One type may implement it for several requests; an `Arc` of a handler is a
/// handler too. For a closure or an `async fn` see [`IntoIqHandler`].
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, IqHandler, StanzaError, async_trait};
/// use xmpp_parsers::version::{VersionQuery, VersionResult};
///
/// struct Version;
///
/// #[async_trait]
/// impl IqHandler<VersionQuery> for Version {
///     type Response = VersionResult;
///
///     async fn handle(&self, _request: Incoming<VersionQuery>) -> Result<VersionResult, StanzaError> {
///         Ok(VersionResult { name: "weather".into(), version: "1".into(), os: None })
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle IQs of type `{Request}`",
    label = "not an IQ handler",
    note = "write `|request: Incoming<Request>| async move {{ Ok(response) }}`, or `impl IqHandler<Request>` for a type"
)]
pub trait IqHandler<Request: Send + 'static>: Send + Sync + 'static {
    /// The payload of the result, or [`Empty`](crate::Empty) for an empty result.
    type Response: IntoResponse + Send + 'static;

    /// Returns the result of one request.
    ///
    /// # Errors
    ///
    /// The error stanza that the requester gets.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when its deadline has passed, and when the component stops and its
    /// grace period is over. Run work that must not be interrupted in a task of the program.
    async fn handle(&self, request: Incoming<Request>) -> Result<Self::Response, StanzaError>;

    /// Returns the result without a future, if nothing has to be awaited. It must not block. The
    /// default returns `None`, which passes the request to [`IqHandler::handle`].
    ///
    /// Use it for frequent requests.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Empty, Incoming, IqHandler, StanzaError, async_trait};
    /// use xmpp_parsers::ping::Ping;
    ///
    /// struct Pong;
    ///
    /// #[async_trait]
    /// impl IqHandler<Ping> for Pong {
    ///     type Response = Empty;
    ///
    ///     async fn handle(&self, _request: Incoming<Ping>) -> Result<Empty, StanzaError> {
    ///         Ok(Empty)
    ///     }
    ///
    ///     fn handle_now(&self, _request: &Incoming<Ping>) -> Option<Result<Empty, StanzaError>> {
    ///         Some(Ok(Empty))
    ///     }
    /// }
    /// ```
    fn handle_now(
        &self,
        _request: &Incoming<Request>,
    ) -> Option<Result<Self::Response, StanzaError>> {
        None
    }

    /// Returns [`handle`](Self::handle) as a future that borrows nothing, which saves closures one
    /// allocation.
    #[doc(hidden)]
    fn into_handling(
        self: Arc<Self>,
        request: Incoming<Request>,
    ) -> Handling<Box<dyn IntoResponse + Send>>
    where
        Self: Sized,
    {
        Box::pin(async move {
            let response = self.handle(request).await?;
            Ok(Box::new(response) as Box<dyn IntoResponse + Send>)
        })
    }
}

/// Handles messages. (RFC 6121, 5)
///
/// Register it with [`Component::on_chat`](crate::Component::on_chat) or a similar method. An `Arc`
/// of a handler is a handler too, and so is a closure or an `async fn` that takes an
/// `Incoming<Message>` and returns a value that implements [`IntoReply`].
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, Message, MessageHandler, StanzaError, async_trait};
///
/// struct Shout;
///
/// #[async_trait]
/// impl MessageHandler for Shout {
///     async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
///         message.reply(message.text().to_uppercase()).await?;
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle messages",
    label = "not a message handler",
    note = "write `|message: Incoming<Message>| async move {{ message.reply(\"...\").await }}`, or `impl MessageHandler` for a type"
)]
pub trait MessageHandler: Send + Sync + 'static {
    /// Handles one message. An `Err` becomes an error stanza, unless none may be sent.
    ///
    /// # Errors
    ///
    /// The error stanza that the sender gets.
    ///
    /// # Cancel safety
    ///
    /// As for [`IqHandler::handle`].
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError>;

    /// Returns [`handle`](Self::handle) as a future that borrows nothing, which saves closures one
    /// allocation.
    #[doc(hidden)]
    fn into_handling(self: Arc<Self>, message: Incoming<Message>) -> Handling<()>
    where
        Self: Sized,
    {
        Box::pin(async move { self.handle(message).await })
    }
}

/// Handles presence. (RFC 6121, 3 and 4)
///
/// Register it with [`Component::on_presence`](crate::Component::on_presence) or a similar method.
/// An `Arc` of a handler is a handler too, and so is a closure or an `async fn` that takes an
/// `Incoming<Presence>` and returns a value that implements [`IntoOutcome`].
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, Outgoing, Presence, PresenceHandler, PresenceType, StanzaError, async_trait};
///
/// struct Welcoming;
///
/// #[async_trait]
/// impl PresenceHandler for Welcoming {
///     async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError> {
///         if presence.type_() == Some(PresenceType::Subscribe) {
///             let yes = Outgoing::presence(PresenceType::Subscribed, presence.from());
///             presence.handle().send(yes).await?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle presence",
    label = "not a presence handler",
    note = "write `|presence: Incoming<Presence>| async move {{ Ok(()) }}`, or `impl PresenceHandler` for a type"
)]
pub trait PresenceHandler: Send + Sync + 'static {
    /// Handles one presence. An `Err` becomes an error stanza, unless none may be sent.
    ///
    /// # Errors
    ///
    /// The error stanza that the sender gets.
    ///
    /// # Cancel safety
    ///
    /// As for [`IqHandler::handle`].
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError>;

    /// Returns [`handle`](Self::handle) as a future that borrows nothing, which saves closures one
    /// allocation.
    #[doc(hidden)]
    fn into_handling(self: Arc<Self>, presence: Incoming<Presence>) -> Handling<()>
    where
        Self: Sized,
    {
        Box::pin(async move { self.handle(presence).await })
    }
}

#[async_trait]
impl<Request: Send + 'static, H: IqHandler<Request>> IqHandler<Request> for Arc<H> {
    type Response = H::Response;

    async fn handle(&self, request: Incoming<Request>) -> Result<H::Response, StanzaError> {
        (**self).handle(request).await
    }

    fn handle_now(&self, request: &Incoming<Request>) -> Option<Result<H::Response, StanzaError>> {
        (**self).handle_now(request)
    }

    fn into_handling(
        self: Arc<Self>,
        request: Incoming<Request>,
    ) -> Handling<Box<dyn IntoResponse + Send>> {
        Arc::clone(&*self).into_handling(request)
    }
}

#[async_trait]
impl<H: MessageHandler> MessageHandler for Arc<H> {
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        (**self).handle(message).await
    }

    fn into_handling(self: Arc<Self>, message: Incoming<Message>) -> Handling<()> {
        Arc::clone(&*self).into_handling(message)
    }
}

#[async_trait]
impl<H: PresenceHandler> PresenceHandler for Arc<H> {
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError> {
        (**self).handle(presence).await
    }

    fn into_handling(self: Arc<Self>, presence: Incoming<Presence>) -> Handling<()> {
        Arc::clone(&*self).into_handling(presence)
    }
}
