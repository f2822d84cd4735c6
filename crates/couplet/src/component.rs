//! The noun users build: what a component is and does.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use couplet_core::{
    gate::Gate, lanes::LaneLimits, message::MessageType, presence::PresenceType, refusal::Refusal,
    stanza::IqType,
};
use jid::Jid;
use xmpp_parsers::iq::{IqGetPayload, IqSetPayload};
use xso::FromXml;

use crate::{
    config::Config,
    connect::{Configured, Connect},
    dispatch::Dispatch,
    error::Error,
    features::{About, Feature, Features},
    handler::{IntoIqHandler, IntoResult, MessageHandler, PresenceHandler},
    hooks::Hooks,
    incoming::{Incoming, Iq},
    link::Link,
    router::{Place, Router},
    supervise::{Patience, Supervisor, random_seed},
    switchboard::Switchboard,
};

/// A component: its handlers, and what it says of itself.
///
/// Requests nobody handles are answered, answers are matched to questions, the connection is kept
/// alive and made again: see [the guarantees](crate::manual::guarantees).
///
/// # Examples
///
/// ```no_run
/// use couplet::{Component, Config, Incoming, Message};
///
/// # async fn run() -> Result<(), couplet::Error> {
/// let echo = Component::new(Config::load()?)
///     .named("Echo")
///     .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await });
/// echo.run(std::future::pending()).await
/// # }
/// ```
#[must_use = "a component does nothing until it is run"]
pub struct Component {
    config: Config,
    switchboard: Arc<Switchboard>,
    router: Router,
    hooks: Hooks,
    features: Features,
    connector: Option<Box<dyn Connect>>,
    limit: Option<Duration>,
    patience: Patience,
}

impl Component {
    /// A component without handlers for the domain of `config`. All [features](Feature) are on.
    ///
    /// Use it in the function that builds the component; [`Config::load`] reads what it needs.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let silent = Component::new(Config::new("bot.localhost", "secret"));
    /// ```
    pub fn new(config: Config) -> Component {
        // A domain that is no JID is a mistake `run` will tell; nothing is sent before.
        let domain = Jid::new(&config.domain).unwrap_or_else(|_| nowhere());
        let switchboard = Switchboard::new(
            Gate::new(domain, config.limits.outgoing_stanza_bytes),
            config.limits.outgoing_bytes,
            config.limits.questions,
            config.timing.send,
            config.timing.request,
            (random_seed(), random_seed()),
        );
        Component {
            config,
            switchboard: Arc::new(switchboard),
            router: Router::default(),
            hooks: Hooks::default(),
            features: Features::default(),
            connector: None,
            limit: None,
            patience: Patience::Endless,
        }
    }

    /// Its name in service discovery and software version. (XEP-0030, XEP-0092)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).named("Bot");
    /// ```
    pub fn named(mut self, name: impl Into<String>) -> Component {
        self.features.about.name = name.into();
        self
    }

    /// Changes what it says of itself: identity, version, items, contacts.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let weather = Component::new(Config::new("weather.localhost", "secret")).about(|about| {
    ///     about.identity("automation", "monitor");
    ///     about.item("oslo@weather.localhost".parse().unwrap(), "Oslo");
    ///     about.contact("abuse-addresses", "mailto:abuse@example.org");
    /// });
    /// ```
    pub fn about(mut self, tell: impl FnOnce(&mut About)) -> Component {
        tell(&mut self.features.about);
        self
    }

    /// Switches a built-in feature off.
    ///
    /// Use it for what peers shall not learn, or where unhandled requests go to
    /// [`Component::on_iq`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Feature};
    ///
    /// let hidden = Component::new(Config::new("bot.localhost", "secret"))
    ///     .without(Feature::Version)
    ///     .without(Feature::LastActivity);
    /// ```
    pub fn without(mut self, feature: Feature) -> Component {
        self.features.switch_off(feature);
        self
    }

    /// Takes messages to a person or bot: type `chat` or `normal`, with a body that is not
    /// empty, from another domain than the component's own. Never errors, rooms or headlines.
    ///
    /// The handler for bots. (RFC 6121, 5.2.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Thank you").await });
    /// ```
    pub fn on_chat(mut self, handler: impl MessageHandler) -> Component {
        self.router.set_chat(handler, self.limit);
        self
    }

    /// Takes messages that no other handler takes, but for errors.
    ///
    /// Use it for headlines, rooms, and whatever has no body.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message, Refusal};
    ///
    /// let log = Component::new(Config::new("log.localhost", "secret")).on_message(
    ///     |message: Incoming<Message>| async move {
    ///         println!("{:?} from {}", message.type_(), message.from());
    ///         Ok::<(), Refusal>(())
    ///     },
    /// );
    /// ```
    pub fn on_message(mut self, handler: impl MessageHandler) -> Component {
        self.router
            .add_message(Place::Fallback, handler, self.limit);
        self
    }

    /// Takes messages of one type; the way to see errors.
    pub fn on_message_type(
        mut self,
        type_: MessageType,
        handler: impl MessageHandler,
    ) -> Component {
        self.router
            .add_message(Place::Of(type_), handler, self.limit);
        self
    }

    /// Takes messages of any type but `error` that carry a `P`; it is advertised as a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message, Refusal};
    /// use xmpp_parsers::receipts::Received;
    ///
    /// let component = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_message_with::<Received>(|message: Incoming<Message>| async move {
    ///         if let Some(received) = message.payload::<Received>() {
    ///             println!("{} has {}", message.from(), received?.id);
    ///         }
    ///         Ok::<(), Refusal>(())
    ///     });
    /// ```
    pub fn on_message_with<P: FromXml>(mut self, handler: impl MessageHandler) -> Component {
        self.router
            .add_message(Place::with::<P>(None), handler, self.limit);
        self
    }

    /// Takes messages of one type that carry a `P`.
    ///
    /// The most exact route; it wins over all others. The payload is advertised as a feature.
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
    pub fn on_message_type_with<P: FromXml>(
        mut self,
        type_: MessageType,
        handler: impl MessageHandler,
    ) -> Component {
        self.router
            .add_message(Place::with::<P>(Some(type_)), handler, self.limit);
        self
    }

    /// Takes presences that no other handler takes, but for errors.
    ///
    /// Use it to know who is there. (RFC 6121, 4)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Presence, Refusal};
    ///
    /// let watch = Component::new(Config::new("watch.localhost", "secret")).on_presence(
    ///     |presence: Incoming<Presence>| async move {
    ///         println!("{} is {:?}", presence.from(), presence.type_());
    ///         Ok::<(), Refusal>(())
    ///     },
    /// );
    /// ```
    pub fn on_presence(mut self, handler: impl PresenceHandler) -> Component {
        self.router
            .add_presence(Place::Fallback, handler, self.limit);
        self
    }

    /// Takes presences of one type, for example [`PresenceType::Subscribe`].
    ///
    /// Use it for subscriptions and probes. (RFC 6121, 3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Outgoing, Presence, PresenceType};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_presence_type(
    ///     PresenceType::Subscribe,
    ///     |ask: Incoming<Presence>| async move {
    ///         ask.link().send(Outgoing::presence(PresenceType::Subscribed, ask.from())).await
    ///     },
    /// );
    /// ```
    pub fn on_presence_type(
        mut self,
        type_: PresenceType,
        handler: impl PresenceHandler,
    ) -> Component {
        self.router
            .add_presence(Place::Of(type_), handler, self.limit);
        self
    }

    /// Takes presences of any type but `error` that carry a `P`.
    ///
    /// The payload is advertised as a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Presence, Refusal};
    ///
    /// use xmpp_parsers::caps::Caps;
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_presence_with::<Caps>(
    ///     |presence: Incoming<Presence>| async move {
    ///         if let Some(caps) = presence.payload::<Caps>() {
    ///             println!("{} uses {}", presence.from(), caps?.node);
    ///         }
    ///         Ok::<(), Refusal>(())
    ///     },
    /// );
    /// ```
    pub fn on_presence_with<P: FromXml>(mut self, handler: impl PresenceHandler) -> Component {
        self.router
            .add_presence(Place::with::<P>(None), handler, self.limit);
        self
    }

    /// Takes presences of one type that carry a `P`.
    ///
    /// The most exact route for presence; it wins over all others.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Presence, PresenceType, Refusal};
    ///
    /// use xmpp_parsers::muc::MucUser;
    ///
    /// let rooms = Component::new(Config::new("bot.localhost", "secret")).on_presence_type_with::<MucUser>(
    ///     PresenceType::Unavailable,
    ///     |left: Incoming<Presence>| async move {
    ///         println!("{} left the room", left.from());
    ///         Ok::<(), Refusal>(())
    ///     },
    /// );
    /// ```
    pub fn on_presence_type_with<P: FromXml>(
        mut self,
        type_: PresenceType,
        handler: impl PresenceHandler,
    ) -> Component {
        self.router
            .add_presence(Place::with::<P>(Some(type_)), handler, self.limit);
        self
    }

    /// Answers `get` requests; the request type is the route and is advertised as a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Refusal};
    /// use xmpp_parsers::disco::{DiscoItemsQuery, DiscoItemsResult};
    ///
    /// let component = Component::new(Config::new("list.localhost", "secret"))
    ///     .on_get(|ask: Incoming<DiscoItemsQuery>| async move {
    ///         Ok::<_, Refusal>(DiscoItemsResult { node: ask.into_payload().node, items: vec![], rsm: None })
    ///     });
    /// ```
    pub fn on_get<By, H>(mut self, handler: H) -> Component
    where
        H: IntoIqHandler<By>,
        H::Request: IqGetPayload,
    {
        self.router
            .add_iq(IqType::Get, handler.into_handler(), self.limit);
        self
    }

    /// Answers `set` requests; otherwise like [`Component::on_get`]. (RFC 6120, 8.2.3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Done, Incoming, Refusal};
    ///
    /// use xmpp_parsers::blocking::Block;
    ///
    /// let component = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_set(|order: Incoming<Block>| async move {
    ///         println!("{} blocks {} addresses", order.from(), order.items.len());
    ///         Ok::<_, Refusal>(Done)
    ///     });
    /// ```
    pub fn on_set<By, H>(mut self, handler: H) -> Component
    where
        H: IntoIqHandler<By>,
        H::Request: IqSetPayload,
    {
        self.router
            .add_iq(IqType::Set, handler.into_handler(), self.limit);
        self
    }

    /// Answers requests that no other handler takes; without it they get `service-unavailable`.
    ///
    /// Use it for a gateway that passes requests on, or to see what peers ask for. (RFC 6120, 8.4)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Condition, Config, Done, Incoming, Iq, Refusal};
    ///
    /// let component = Component::new(Config::new("bot.localhost", "secret")).on_iq(
    ///     |ask: Incoming<Iq>| async move {
    ///         println!("{} in {}", ask.name(), ask.ns());
    ///         Err::<Done, _>(Refusal::new(Condition::FeatureNotImplemented))
    ///     },
    /// );
    /// ```
    pub fn on_iq<H, Answer, Response, E>(mut self, handler: H) -> Component
    where
        H: Fn(Incoming<Iq>) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<Response, E>> + Send + 'static,
        Response: IntoResult,
        E: Into<Refusal>,
    {
        self.router.set_iq_fallback(handler, self.limit);
        self
    }

    /// Gives the handlers added from here on their own deadline, instead of `timing.handler`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use couplet::{Component, Config, Incoming, Message};
    ///
    /// let component = Component::new(Config::new("slow.localhost", "secret"))
    ///     .within(Duration::from_secs(120))
    ///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("At last").await });
    /// ```
    pub fn within(mut self, limit: Duration) -> Component {
        self.limit = Some(limit);
        self
    }

    /// Does something each time the link comes up: probe, announce, subscribe. It ends with the
    /// session at the latest.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Jid, Outgoing, PresenceType};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_online(|link| async move {
    ///     let alice = Jid::new("alice@example.org").unwrap();
    ///     if let Err(why) = link.send(Outgoing::presence(PresenceType::Available, &alice)).await {
    ///         eprintln!("{why}");
    ///     }
    /// });
    /// ```
    pub fn on_online<F, Done>(mut self, hook: F) -> Component
    where
        F: Fn(Link) -> Done + Send + Sync + 'static,
        Done: Future<Output = ()> + Send + 'static,
    {
        self.hooks.on_online(hook);
        self
    }

    /// Does something before the link goes down politely: the place for goodbye presence. It has
    /// two seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Jid, Outgoing, PresenceType};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_goodbye(|link| async move {
    ///     let alice = Jid::new("alice@example.org").unwrap();
    ///     if let Err(why) = link.send(Outgoing::presence(PresenceType::Unavailable, &alice)).await {
    ///         eprintln!("{why}");
    ///     }
    /// });
    /// ```
    pub fn on_goodbye<F, Done>(mut self, hook: F) -> Component
    where
        F: Fn(Link) -> Done + Send + Sync + 'static,
        Done: Future<Output = ()> + Send + 'static,
    {
        self.hooks.on_goodbye(hook);
        self
    }

    /// Makes no second attempt: [`run`](Component::run) ends with the error when the server cannot
    /// be reached or refuses, or when the link is lost.
    ///
    /// Use it in a program that does one thing and is called again by whoever wants it again; a
    /// service should leave it to Couplet to come back.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let messenger = Component::new(Config::new("news.localhost", "secret")).without_reconnect();
    /// ```
    pub fn without_reconnect(mut self) -> Component {
        self.patience = Patience::OneSession;
        self
    }

    /// Reaches the server through something else than the network, for example a server in
    /// memory.
    ///
    /// Use it in tests; the crate `couplet-test` has a whole server for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Connect, Stream, async_trait};
    ///
    /// use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    ///
    /// struct Memory(Option<DuplexStream>);
    ///
    /// #[async_trait]
    /// impl Connect for Memory {
    ///     async fn connect(&mut self) -> std::io::Result<Box<dyn Stream>> {
    ///         let ours = self.0.take().ok_or(std::io::ErrorKind::ConnectionRefused)?;
    ///         Ok(Box::new(ours))
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let (ours, mut server) = duplex(4096);
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).connect_through(Memory(Some(ours)));
    /// let mut header = [0; 5];
    /// tokio::select! {
    ///     ended = bot.run(std::future::pending()) => panic!("{ended:?}"),
    ///     read = server.read_exact(&mut header) => { read.unwrap(); }
    /// }
    /// assert_eq!(&header, b"<?xml");
    /// # });
    /// ```
    pub fn connect_through(mut self, connector: impl Connect + 'static) -> Component {
        self.connector = Some(Box::new(connector));
        self
    }

    /// A link that speaks as the domain, to send and ask from outside of handlers.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let news = Component::new(Config::new("news.localhost", "secret"));
    /// let link = news.link();
    /// assert_eq!(link.address().as_str(), "news.localhost");
    /// assert!(!link.is_online());
    /// ```
    #[must_use]
    pub fn link(&self) -> Link {
        let domain = self.switchboard.outbox.gate().domain().clone();
        Link::new(Arc::clone(&self.switchboard), domain)
    }

    /// Runs until `until` is ready; then it stops politely: nobody new is admitted, handlers
    /// finish within `timing.grace`, the rest is answered, the goodbye hook runs, the stream is
    /// closed.
    ///
    /// Several components, each of its own domain, run side by side in one process.
    ///
    /// # Errors
    ///
    /// Who ended it, and what to do: see [`Error`]. An unreachable server does not end it, unless
    /// it was told so by [`Component::without_reconnect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection at once and drops what waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// # fn main() -> Result<(), couplet::Error> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let bot = Component::new(Config::new("bot.localhost", "secret"));
    /// // To stop before it could begin is polite too.
    /// bot.run(std::future::ready(())).await
    /// # })
    /// # }
    /// ```
    pub async fn run(self, until: impl Future<Output = ()>) -> Result<(), Error> {
        self.config.check()?;
        Jid::new(&self.config.domain).map_err(|why| Error::Misuse(format!("domain: {why}")))?;
        let connector = match self.connector {
            Some(connector) => connector,
            None => Box::new(Configured::new(&self.config).map_err(bad_tls)?),
        };
        let mut router = self.router;
        self.features.mount(&mut router);
        let limits = LaneLimits {
            at_once: self.config.limits.handlers,
            waiting_per_lane: self.config.limits.waiting_per_conversation,
            waiting_bytes: self.config.limits.waiting_bytes,
        };
        let dispatch = Dispatch::new(
            router,
            Arc::clone(&self.switchboard),
            limits,
            self.config.timing.handler,
        );
        let supervisor = Supervisor {
            config: self.config,
            switchboard: self.switchboard,
            dispatch,
            hooks: self.hooks,
            connector,
            patience: self.patience,
        };
        Box::pin(supervisor.run(pin!(until))).await
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "a constant that is a JID")]
fn nowhere() -> Jid {
    Jid::new("nowhere.invalid").expect("RFC 6761, 6.4 keeps this name free")
}

fn bad_tls(cause: io::Error) -> Error {
    Error::Io {
        doing: "setting up TLS".to_owned(),
        cause,
    }
}
