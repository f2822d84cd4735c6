//! [`Incoming`]: the argument of a handler.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

use couplet_core::{
    jid::Jid,
    message::Message,
    stanza::{IqType, Stanza},
};

use crate::{handle::Handle, send_error::SendError, sent_id::SentId, shared::Shared};

/// A received stanza with its parsed payload and the methods to reply. It dereferences to its payload,
/// so an `Incoming<Message>` can be used like a [`Message`].
///
/// # Examples
///
/// ```
/// use couplet::{Incoming, Message, SentId, SendError};
///
/// async fn greet(message: Incoming<Message>) -> Result<SentId, SendError> {
///     let name = message.from().node().unwrap_or("stranger").to_owned();
///     message.reply(&format!("Hello {name}, you wrote {} bytes", message.text().len())).await
/// }
/// ```
#[derive(Clone)]
pub struct Incoming<T> {
    payload: T,
    stanza: Stanza,
    shared: Arc<Shared>,
}

impl<T> Incoming<T> {
    pub(crate) fn new(payload: T, stanza: Stanza, shared: Arc<Shared>) -> Incoming<T> {
        Incoming {
            payload,
            stanza,
            shared,
        }
    }

    pub(crate) fn into_parts(self) -> (Stanza, Arc<Shared>) {
        (self.stanza, self.shared)
    }

    pub(crate) fn payload_mut(&mut self) -> &mut T {
        &mut self.payload
    }

    /// Returns the sender.
    ///
    /// The sender's server sets it, so it is as trustworthy as that server. (RFC 6120, 8.1.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message};
    ///
    /// fn is_local(message: &Incoming<Message>) -> bool {
    ///     message.from().domain() == "example.org"
    /// }
    /// ```
    #[must_use]
    pub fn from(&self) -> &Jid {
        self.stanza.from()
    }

    /// Returns the address of the component that the stanza was sent to. (RFC 6120, 8.1.1)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message};
    ///
    /// fn which_bot(message: &Incoming<Message>) -> Option<String> {
    ///     message.to().node().map(str::to_owned)
    /// }
    /// ```
    #[must_use]
    pub fn to(&self) -> &Jid {
        self.stanza.to()
    }

    /// Returns the id of the stanza. (RFC 6120, 8.1.3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message};
    ///
    /// fn log(message: &Incoming<Message>) {
    ///     println!("message {:?} from {}", message.id(), message.from());
    /// }
    /// ```
    #[must_use]
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.stanza.id()
    }

    /// Returns the language of the stanza, which is the language to reply in. (RFC 6120, 8.1.5)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message};
    ///
    /// fn greeting(message: &Incoming<Message>) -> &'static str {
    ///     match message.lang().as_deref() {
    ///         Some("de") => "Guten Tag",
    ///         _ => "Good day",
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn lang(&self) -> Option<Cow<'_, str>> {
        self.stanza.lang()
    }

    /// Returns the whole stanza with its XML.
    ///
    /// Use it to read a part of the stanza that has no method here.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message};
    ///
    /// fn show(message: &Incoming<Message>) {
    ///     println!("{}", message.stanza().as_xml());
    /// }
    /// ```
    #[must_use]
    pub fn stanza(&self) -> &Stanza {
        &self.stanza
    }

    /// Returns a handle whose address is the one that the stanza was sent to.
    ///
    /// Use it to send anything besides the reply.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message};
    ///
    /// use couplet::{Outgoing, SentId, SendError};
    ///
    /// async fn forward(message: Incoming<Message>, to: &couplet::Jid) -> Result<SentId, SendError> {
    ///     message.handle().send(Outgoing::chat(to, &message.text())).await
    /// }
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared), self.to().clone())
    }

    /// Returns the payload by value.
    ///
    /// Use it to move parts out of the payload; to read it, dereference.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming};
    ///
    /// use xmpp_parsers::disco::DiscoInfoQuery;
    ///
    /// fn node(request: Incoming<DiscoInfoQuery>) -> Option<String> {
    ///     request.into_payload().node
    /// }
    /// ```
    #[must_use]
    pub fn into_payload(self) -> T {
        self.payload
    }
}

impl Incoming<Message> {
    /// Replies with a text and returns the id of the reply. The reply goes to the sender, from the
    /// address that the message was sent to, with the same type, thread and language. A reply to a room
    /// message goes to the room.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the reply is too large, if the send queue stays full for `timing.send`, or if the
    /// message is an error or the component's own message that a room reflected.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready sends nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message};
    ///
    /// use couplet::{SentId, SendError};
    ///
    /// async fn echo(chat: Incoming<Message>) -> Result<SentId, SendError> {
    ///     chat.reply(chat.text()).await
    /// }
    /// ```
    pub async fn reply(&self, text: impl AsRef<str>) -> Result<SentId, SendError> {
        self.shared.reply(&self.stanza, text.as_ref()).await
    }

    /// Replies with a text, or corrects the earlier reply if the message
    /// [corrects](Message::corrects) one that was replied to by this method; otherwise like
    /// [`Incoming::reply`]. (XEP-0308)
    ///
    /// Use it for answers that follow from the message alone: a sender who corrects a message then sees one answer
    /// instead of two. The component remembers about the last 4,096 replies.
    ///
    /// # Errors
    ///
    /// Those of [`Incoming::reply`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready sends nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Message, SendError, SentId};
    ///
    /// async fn shout(chat: Incoming<Message>) -> Result<SentId, SendError> {
    ///     chat.reply_or_correct(chat.text().to_uppercase()).await
    /// }
    /// ```
    pub async fn reply_or_correct(&self, text: impl AsRef<str>) -> Result<SentId, SendError> {
        self.shared
            .reply_or_correct(&self.payload, text.as_ref())
            .await
    }
}

impl<T> Deref for Incoming<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.payload
    }
}

impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(&self.stanza).finish()
    }
}

/// An IQ without a typed handler, as [`Component::on_iq`](crate::Component::on_iq) passes it to its
/// handler.
///
/// # Examples
///
/// ```
/// use couplet::{Condition, Empty, Incoming, Iq, StanzaError};
///
/// async fn other(request: Incoming<Iq>) -> Result<Empty, StanzaError> {
///     Err(StanzaError::new(Condition::FeatureNotImplemented).text(format!("No {} here", request.name())))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Iq {
    stanza: Stanza,
    type_: IqType,
}

impl Iq {
    pub(crate) fn new(stanza: Stanza, type_: IqType) -> Iq {
        Iq { stanza, type_ }
    }

    /// Returns the type, [`IqType::Get`] or [`IqType::Set`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Iq};
    ///
    /// fn changes_something(request: &Incoming<Iq>) -> bool {
    ///     request.type_() == couplet::IqType::Set
    /// }
    /// ```
    #[must_use]
    pub fn type_(&self) -> IqType {
        self.type_
    }

    /// Returns the element name of the payload.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Iq};
    ///
    /// fn log(request: &Incoming<Iq>) {
    ///     println!("{} asks for <{}/>", request.from(), request.name());
    /// }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        self.stanza
            .payloads()
            .next()
            .map_or("", |payload| payload.name())
    }

    /// Returns the namespace of the payload.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Iq};
    ///
    /// fn is_roster(request: &Incoming<Iq>) -> bool {
    ///     request.ns() == "jabber:iq:roster"
    /// }
    /// ```
    #[must_use]
    pub fn ns(&self) -> &str {
        self.stanza
            .payloads()
            .next()
            .map_or("", |payload| payload.ns())
    }

    /// Parses the payload as a `T`.
    ///
    /// Use it to handle some payload types in the fallback.
    ///
    /// # Errors
    ///
    /// The payload is not a `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Incoming, Iq};
    ///
    /// fn wanted(request: &Incoming<Iq>) -> Result<Option<String>, couplet::StanzaError> {
    ///     Ok(request.parse::<xmpp_parsers::disco::DiscoItemsQuery>()?.node)
    /// }
    /// ```
    pub fn parse<T: xso::FromXml>(&self) -> Result<T, xso::error::Error> {
        self.stanza
            .payload_as::<T>()
            .unwrap_or(Err(xso::error::Error::Other(
                "the request has no such payload",
            )))
    }
}
