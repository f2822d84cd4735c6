//! [`Incoming`]: what a handler gets.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

use couplet_core::{
    jid::Jid,
    message::Message,
    stanza::{IqType, Stanza},
};

use crate::{handle::Handle, send_error::SendError, sent_id::SentId, shared::Shared};

/// A received stanza with its payload and the way to answer it. It dereferences to its payload: an
/// `Incoming<Message>` reads like a [`Message`].
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

    /// Who sent it.
    ///
    /// Stamped by the peer's server, so it can be trusted as far as that server. (RFC 6120, 8.1.2)
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

    /// The address of the component it was written to. (RFC 6120, 8.1.1)
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

    /// Its id. (RFC 6120, 8.1.3)
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

    /// The language of the sender's text: the one to answer in. (RFC 6120, 8.1.5)
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

    /// The whole stanza, raw XML included.
    ///
    /// Use it for what has no accessor of its own.
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

    /// A handle that speaks as the address this was written to.
    ///
    /// Use it for anything beyond the one reply.
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

    /// The payload, owned.
    ///
    /// Use it to move parts out of it; reading needs no more than `.`.
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
    /// Replies with a text and returns the id of the reply: to the sender, from the address that
    /// was written to, with the same type, thread and language. In a room it goes to the room.
    ///
    /// # Errors
    ///
    /// [`SendError`]: too large, no room in the outbox within `timing.send`, or a reply that never
    /// leaves: to an error, or to what the component itself said in a room.
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

/// An IQ that no typed handler took, for a fallback.
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

    /// `Get` or `Set`.
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

    /// The element name of the payload.
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

    /// The namespace of the payload.
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

    /// The payload, parsed as a `T`.
    ///
    /// Use it where the fallback knows some types and passes the others on.
    ///
    /// # Errors
    ///
    /// It is no `T`.
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
            .unwrap_or(Err(xso::error::Error::Other("it has no such payload")))
    }
}
