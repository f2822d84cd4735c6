//! Registers handlers for stanzas.

use std::future::Future;

use couplet_core::{
    message::MessageType, presence::PresenceType, stanza::IqType, stanza_error::StanzaError,
};
use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::FromXml;

use super::Component;
use crate::{
    handler::{IntoIqHandler, IntoResponse, MessageHandler, PresenceHandler},
    incoming::{Incoming, Iq},
    router::RouteKey,
};

impl Component {
    /// Handles chat messages: type `chat` or `normal`, with [readable text](crate::Content::Text), from
    /// another domain than the component's own. It gets no errors, room messages, headlines or
    /// invitations.
    ///
    /// Use it for bots. The component then is a [`Contact`](crate::Contact), and chats to it get receipts if they ask
    /// for them. Corrections are chat messages too: see
    /// [`Incoming::reply_or_correct`](crate::Incoming::reply_or_correct). For encrypted messages the component replies, once
    /// a day per sender, that it cannot read them
    /// ([`Feature::EncryptedNotice`](crate::Feature::EncryptedNotice)). (RFC 6121, 5.2.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Thank you").await });
    /// ```
    #[track_caller]
    pub fn on_chat(mut self, handler: impl MessageHandler) -> Component {
        let registration = self.registration();
        self.router.set_chat(handler, registration);
        self
    }

    /// Handles messages that no other handler takes, except errors and the component's own messages that
    /// a room reflects to it. (XEP-0045, 7.4)
    ///
    /// Use it for headlines, rooms, invitations, and messages without a body.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message, StanzaError};
    ///
    /// let log = Component::new(Config::new("log.localhost", "secret")).on_message(
    ///     |message: Incoming<Message>| async move {
    ///         println!("{:?} from {}", message.type_(), message.from());
    ///         Ok(())
    ///     },
    /// );
    /// ```
    #[track_caller]
    pub fn on_message(mut self, handler: impl MessageHandler) -> Component {
        let registration = self.registration();
        self.router
            .add_message(RouteKey::Fallback, handler, registration);
        self
    }

    /// Handles messages of one type. Register it for `MessageType::Error` to get error messages.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message, MessageType, StanzaError};
    ///
    /// let bounces = Component::new(Config::new("news.localhost", "secret")).on_message_type(
    ///     MessageType::Error,
    ///     |bounce: Incoming<Message>| async move {
    ///         if let Some(error) = bounce.error() {
    ///             println!("{} does not get the news: {error}", bounce.from());
    ///         }
    ///         Ok(())
    ///     },
    /// );
    /// ```
    #[track_caller]
    pub fn on_message_type(
        mut self,
        type_: MessageType,
        handler: impl MessageHandler,
    ) -> Component {
        let registration = self.registration();
        self.router
            .add_message(RouteKey::Of(type_), handler, registration);
        self
    }

    /// Handles messages of any type but `error` with a payload `P`, whose namespace is advertised as a
    /// feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message, StanzaError};
    /// use xmpp_parsers::receipts::Received;
    ///
    /// let component = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_message_with::<Received>(|message: Incoming<Message>| async move {
    ///         if let Some(received) = message.payload::<Received>() {
    ///             println!("{} has {}", message.from(), received?.id);
    ///         }
    ///         Ok(())
    ///     });
    /// ```
    #[track_caller]
    pub fn on_message_with<P: FromXml>(mut self, handler: impl MessageHandler) -> Component {
        let registration = self.registration();
        self.router
            .add_message(RouteKey::with::<P>(None), handler, registration);
        self
    }

    /// Handles messages of one type with a payload `P`.
    ///
    /// This is the most specific route and wins over all others. The namespace of the payload is
    /// advertised as a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message, MessageType};
    ///
    /// use xmpp_parsers::receipts::Request;
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_message_type_with::<Request>(
    ///     MessageType::Chat,
    ///     |chat: Incoming<Message>| async move { chat.reply("You will get a receipt").await },
    /// );
    /// ```
    #[track_caller]
    pub fn on_message_type_with<P: FromXml>(
        mut self,
        type_: MessageType,
        handler: impl MessageHandler,
    ) -> Component {
        let registration = self.registration();
        self.router
            .add_message(RouteKey::with::<P>(Some(type_)), handler, registration);
        self
    }

    /// Handles presence that no other handler takes, except errors.
    ///
    /// Use it to track who is online. It then also gets the subscriptions and probes that the component would
    /// answer as a [`Contact`](crate::Contact). (RFC 6121, 4)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Presence, StanzaError};
    ///
    /// let watch = Component::new(Config::new("watch.localhost", "secret")).on_presence(
    ///     |presence: Incoming<Presence>| async move {
    ///         println!("{} is {:?}", presence.from(), presence.type_());
    ///         Ok(())
    ///     },
    /// );
    /// ```
    #[track_caller]
    pub fn on_presence(mut self, handler: impl PresenceHandler) -> Component {
        let registration = self.registration();
        self.router
            .add_presence(RouteKey::Fallback, handler, registration);
        self
    }

    /// Handles presence of one type, for example [`PresenceType::Subscribe`].
    ///
    /// Use it for subscriptions and probes, which a [`Contact`](crate::Contact) answers otherwise. (RFC 6121, 3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Outgoing, Presence, PresenceType};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_presence_type(
    ///     PresenceType::Subscribe,
    ///     |request: Incoming<Presence>| async move {
    ///         request.handle().send(Outgoing::presence(PresenceType::Subscribed, request.from())).await
    ///     },
    /// );
    /// ```
    #[track_caller]
    pub fn on_presence_type(
        mut self,
        type_: PresenceType,
        handler: impl PresenceHandler,
    ) -> Component {
        let registration = self.registration();
        self.router
            .add_presence(RouteKey::Of(type_), handler, registration);
        self
    }

    /// Handles presence of any type but `error` with a payload `P`.
    ///
    /// The namespace of the payload is advertised as a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Presence, StanzaError};
    ///
    /// use xmpp_parsers::caps::Caps;
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_presence_with::<Caps>(
    ///     |presence: Incoming<Presence>| async move {
    ///         if let Some(caps) = presence.payload::<Caps>() {
    ///             println!("{} uses {}", presence.from(), caps?.node);
    ///         }
    ///         Ok(())
    ///     },
    /// );
    /// ```
    #[track_caller]
    pub fn on_presence_with<P: FromXml>(mut self, handler: impl PresenceHandler) -> Component {
        let registration = self.registration();
        self.router
            .add_presence(RouteKey::with::<P>(None), handler, registration);
        self
    }

    /// Handles presence of one type with a payload `P`.
    ///
    /// This is the most specific route for presence and wins over all others.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Presence, PresenceType, StanzaError};
    ///
    /// use xmpp_parsers::muc::MucUser;
    ///
    /// let rooms = Component::new(Config::new("bot.localhost", "secret")).on_presence_type_with::<MucUser>(
    ///     PresenceType::Unavailable,
    ///     |left: Incoming<Presence>| async move {
    ///         println!("{} left the room", left.from());
    ///         Ok(())
    ///     },
    /// );
    /// ```
    #[track_caller]
    pub fn on_presence_type_with<P: FromXml>(
        mut self,
        type_: PresenceType,
        handler: impl PresenceHandler,
    ) -> Component {
        let registration = self.registration();
        self.router
            .add_presence(RouteKey::with::<P>(Some(type_)), handler, registration);
        self
    }

    /// Handles IQs of type `get`. The request type is the route; its namespace is advertised as a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, StanzaError};
    /// use xmpp_parsers::disco::{DiscoItemsQuery, DiscoItemsResult};
    ///
    /// let component = Component::new(Config::new("list.localhost", "secret"))
    ///     .on_get(|request: Incoming<DiscoItemsQuery>| async move {
    ///         Ok(DiscoItemsResult { node: request.into_payload().node, items: vec![], rsm: None })
    ///     });
    /// ```
    #[track_caller]
    pub fn on_get<Request, By>(mut self, handler: impl IntoIqHandler<Request, By>) -> Component
    where
        Request: IqGetPayload + FromXml + Send + 'static,
    {
        let registration = self.registration();
        self.router
            .add_iq(IqType::Get, handler.into_handler(), registration);
        self
    }

    /// Handles IQs of type `set`; otherwise like [`Component::on_get`]. (RFC 6120, 8.2.3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Empty, Incoming, StanzaError};
    ///
    /// use xmpp_parsers::blocking::Block;
    ///
    /// let component = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_set(|order: Incoming<Block>| async move {
    ///         println!("{} blocks {} addresses", order.from(), order.items.len());
    ///         Ok(Empty)
    ///     });
    /// ```
    #[track_caller]
    pub fn on_set<Request, By>(mut self, handler: impl IntoIqHandler<Request, By>) -> Component
    where
        Request: IqSetPayload + FromXml + Send + 'static,
    {
        let registration = self.registration();
        self.router
            .add_iq(IqType::Set, handler.into_handler(), registration);
        self
    }

    /// Handles requests that no other handler takes; without it they get `service-unavailable`.
    ///
    /// Use it in a gateway that forwards requests, or to log unknown requests. (RFC 6120, 8.4)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Condition, Config, Empty, Incoming, Iq, StanzaError};
    ///
    /// let component = Component::new(Config::new("bot.localhost", "secret")).on_iq(
    ///     |request: Incoming<Iq>| async move {
    ///         println!("{} in {}", request.name(), request.ns());
    ///         Err::<Empty, _>(StanzaError::new(Condition::FeatureNotImplemented))
    ///     },
    /// );
    /// ```
    #[track_caller]
    pub fn on_iq<H, Fut, Response>(mut self, handler: H) -> Component
    where
        H: Fn(Incoming<Iq>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response, StanzaError>> + Send + 'static,
        Response: IntoResponse + Send + 'static,
    {
        let registration = self.registration();
        self.router.set_iq_fallback(handler, registration);
        self
    }
}
