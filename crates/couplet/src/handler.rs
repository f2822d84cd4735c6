//! What users write: handlers for IQs, messages and presence, as types or as closures.
//!
//! A handler returns its answer; it never sees an id, a namespace or an error loop.

use std::{future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use couplet_core::{
    message::Message, presence::Presence, stanza_error::StanzaError, xml_writer::XmlWriter,
};
use xso::{AsXml, FromXml};

use crate::{answer::Empty, incoming::Incoming};

/// What becomes of a stanza at its handler.
pub(crate) type Handling<T> = Pin<Box<dyn Future<Output = Result<T, StanzaError>> + Send>>;

/// Answers one type of IQ request. (RFC 6120, 8.2.3)
///
/// Mount it with [`Component::on_get`](crate::Component::on_get) or
/// [`Component::on_set`](crate::Component::on_set); the request type is the route and appears in
/// disco#info by itself. An async closure `|ask: Incoming<Request>| async move { ... }` serves
/// too.
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
/// impl IqHandler for Version {
///     type Request = VersionQuery;
///     type Response = VersionResult;
///
///     async fn handle(&self, _ask: Incoming<VersionQuery>) -> Result<VersionResult, StanzaError> {
///         Ok(VersionResult { name: "weather".into(), version: "1".into(), os: None })
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle IQs",
    label = "not an IQ handler",
    note = "write `|ask: Incoming<Request>| async move {{ Ok::<_, StanzaError>(response) }}`, or `impl IqHandler` for a type"
)]
pub trait IqHandler: Send + Sync + 'static {
    /// The payload of the request.
    type Request: FromXml + Send + 'static;
    /// The payload of the result, or [`Empty`] for the empty result.
    type Response: IntoResponse + Send + 'static;

    /// Answers: `Ok` is the result, `Err` the error stanza.
    ///
    /// # Errors
    ///
    /// What the asker is refused with.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where it stands when its deadline has passed or the component has no
    /// more time to stop; what must not be left half done belongs into a task of the app.
    async fn handle(&self, ask: Incoming<Self::Request>) -> Result<Self::Response, StanzaError>;

    /// Answers on the spot, where nothing has to be awaited; `None`, the default, leaves it to
    /// [`IqHandler::handle`]. It saves the future, which is worth it for requests that come by
    /// the thousand. It must not block.
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
    /// impl IqHandler for Pong {
    ///     type Request = Ping;
    ///     type Response = Empty;
    ///
    ///     async fn handle(&self, _ask: Incoming<Ping>) -> Result<Empty, StanzaError> {
    ///         Ok(Empty)
    ///     }
    ///
    ///     fn handle_now(&self, _ask: &Incoming<Ping>) -> Option<Result<Empty, StanzaError>> {
    ///         Some(Ok(Empty))
    ///     }
    /// }
    /// ```
    fn handle_now(
        &self,
        _ask: &Incoming<Self::Request>,
    ) -> Option<Result<Self::Response, StanzaError>> {
        None
    }

    /// [`handle`](Self::handle) as a future that borrows nothing. A closure's needs one allocation
    /// less.
    #[doc(hidden)]
    fn into_handling(
        self: Arc<Self>,
        ask: Incoming<Self::Request>,
    ) -> Handling<Box<dyn IntoResponse + Send>>
    where
        Self: Sized,
    {
        Box::pin(async move {
            let response = self.handle(ask).await?;
            Ok(Box::new(response) as Box<dyn IntoResponse + Send>)
        })
    }
}

/// Takes messages. (RFC 6121, 5)
///
/// An async closure `|message: Incoming<Message>| async move { ... }` serves too.
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
    /// Takes one message; an `Err` becomes an error stanza, where one may be sent.
    ///
    /// # Errors
    ///
    /// What the sender is refused with.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where it stands when its deadline has passed or the component has no
    /// more time to stop; what must not be left half done belongs into a task of the app.
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError>;

    /// [`handle`](Self::handle) as a future that borrows nothing. A closure's needs one allocation
    /// less.
    #[doc(hidden)]
    fn into_handling(self: Arc<Self>, message: Incoming<Message>) -> Handling<()>
    where
        Self: Sized,
    {
        Box::pin(async move { self.handle(message).await })
    }
}

/// Takes presence. (RFC 6121, 3 and 4)
///
/// An async closure `|presence: Incoming<Presence>| async move { ... }` serves too.
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
    note = "write `|presence: Incoming<Presence>| async move {{ Ok::<_, StanzaError>(()) }}`, or `impl PresenceHandler` for a type"
)]
pub trait PresenceHandler: Send + Sync + 'static {
    /// Takes one presence; an `Err` becomes an error stanza, where one may be sent.
    ///
    /// # Errors
    ///
    /// What the sender is refused with.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where it stands when its deadline has passed or the component has no
    /// more time to stop; what must not be left half done belongs into a task of the app.
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError>;

    /// [`handle`](Self::handle) as a future that borrows nothing. A closure's needs one allocation
    /// less.
    #[doc(hidden)]
    fn into_handling(self: Arc<Self>, presence: Incoming<Presence>) -> Handling<()>
    where
        Self: Sized,
    {
        Box::pin(async move { self.handle(presence).await })
    }
}

#[async_trait]
impl<F, Answer, R, E> MessageHandler for F
where
    F: Fn(Incoming<Message>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<()>,
    E: Into<StanzaError>,
{
    async fn handle(&self, message: Incoming<Message>) -> Result<(), StanzaError> {
        self(message).await.map(Into::into).map_err(Into::into)
    }

    fn into_handling(self: Arc<Self>, message: Incoming<Message>) -> Handling<()> {
        Box::pin(async move { self(message).await.map(Into::into).map_err(Into::into) })
    }
}

#[async_trait]
impl<F, Answer, R, E> PresenceHandler for F
where
    F: Fn(Incoming<Presence>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<R, E>> + Send + 'static,
    R: Into<()>,
    E: Into<StanzaError>,
{
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError> {
        self(presence).await.map(Into::into).map_err(Into::into)
    }

    fn into_handling(self: Arc<Self>, presence: Incoming<Presence>) -> Handling<()> {
        Box::pin(async move { self(presence).await.map(Into::into).map_err(Into::into) })
    }
}

/// A payload or [`Empty`]: what the result of an IQ can be made of.
///
/// Nothing has to implement it: whatever derives `xso::AsXml` does.
///
/// # Examples
///
/// ```
/// use couplet::{Empty, IntoResponse};
/// use xmpp_parsers::version::VersionResult;
///
/// fn can_be_a_result<T: IntoResponse>() {}
///
/// can_be_a_result::<VersionResult>();
/// can_be_a_result::<Empty>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of an IQ",
    label = "not a payload",
    note = "return a payload (`#[derive(xso::AsXml)]`), or `Empty` for the empty result"
)]
pub trait IntoResponse {
    /// Writes the child of the result, if it has one.
    ///
    /// # Errors
    ///
    /// The payload cannot be written as XML.
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error>;
}

impl<T: AsXml> IntoResponse for T {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        xml.payload(self)
    }
}

impl IntoResponse for Empty {
    fn write(&self, _wire: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        Ok(())
    }
}

/// Whatever serves as an [`IqHandler`]: one, or an async closure. `By` tells the two apart and is
/// never written out.
///
/// Nothing has to implement it.
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, IntoIqHandler, IqHandler, StanzaError};
/// use xmpp_parsers::version::{VersionQuery, VersionResult};
///
/// let closure = |_ask: Incoming<VersionQuery>| async move {
///     Ok::<_, StanzaError>(VersionResult { name: "bot".into(), version: "1".into(), os: None })
/// };
/// fn is_a_handler(_: impl IqHandler<Request = VersionQuery>) {}
/// is_a_handler(closure.into_handler());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle IQs",
    label = "not an IQ handler",
    note = "write `|ask: Incoming<Request>| async move {{ Ok::<_, StanzaError>(response) }}`, or `impl IqHandler` for a type",
    note = "`Request` has `#[derive(xso::FromXml)]`; `response` has `#[derive(xso::AsXml)]` or is `Empty`, the empty result"
)]
pub trait IntoIqHandler<By> {
    /// The handler.
    type Handler: IqHandler<Request = Self::Request>;
    /// Its request, which is its route.
    type Request: FromXml + Send + 'static;

    /// Becomes the handler.
    fn into_handler(self) -> Self::Handler;
}

impl<H: IqHandler> IntoIqHandler<()> for H {
    type Handler = H;
    type Request = H::Request;

    fn into_handler(self) -> H {
        self
    }
}

impl<F, Request, Answer, Response, E> IntoIqHandler<(Request, E)> for F
where
    F: Fn(Incoming<Request>) -> Answer + Send + Sync + 'static,
    Request: FromXml + Send + 'static,
    Answer: Future<Output = Result<Response, E>> + Send + 'static,
    Response: IntoResponse + Send + 'static,
    E: Into<StanzaError> + Send + 'static,
{
    type Handler = ByClosure<F, Request>;
    type Request = Request;

    fn into_handler(self) -> ByClosure<F, Request> {
        ByClosure {
            closure: self,
            request: std::marker::PhantomData,
        }
    }
}

/// A closure that handles IQs.
///
/// Made by [`IntoIqHandler`]; its name is needed only to store one.
///
/// # Examples
///
/// ```
/// use couplet::{ByClosure, Empty, Incoming, IntoIqHandler, StanzaError};
/// use xmpp_parsers::ping::Ping;
///
/// let pong = |_ask: Incoming<Ping>| async move { Ok::<_, StanzaError>(Empty) };
/// let _handler: ByClosure<_, Ping> = pong.into_handler();
/// ```
#[derive(Debug)]
pub struct ByClosure<F, Request> {
    closure: F,
    request: std::marker::PhantomData<fn(Request)>,
}

#[async_trait]
impl<F, Request, Answer, Response, E> IqHandler for ByClosure<F, Request>
where
    F: Fn(Incoming<Request>) -> Answer + Send + Sync + 'static,
    Request: FromXml + Send + 'static,
    Answer: Future<Output = Result<Response, E>> + Send + 'static,
    Response: IntoResponse + Send + 'static,
    E: Into<StanzaError> + 'static,
{
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ask: Incoming<Request>) -> Result<Response, StanzaError> {
        (self.closure)(ask).await.map_err(Into::into)
    }

    fn into_handling(
        self: Arc<Self>,
        ask: Incoming<Request>,
    ) -> Handling<Box<dyn IntoResponse + Send>> {
        Box::pin(async move {
            let response = (self.closure)(ask).await.map_err(Into::into)?;
            Ok(Box::new(response) as Box<dyn IntoResponse + Send>)
        })
    }
}
