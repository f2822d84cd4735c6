//! [`Component`]: the application configures and runs it.

use std::{future::Future, sync::Arc};

use couplet_core::{
    framer::Skipped,
    jid::{Jid, hosted_domain},
    stanza_error::StanzaError,
    stanza_writer::StanzaWriter,
};

use crate::{
    background_tasks::BackgroundTasks,
    config::Config,
    connect::Connect,
    contact::{Contact, Subscribers},
    error::Error,
    features::{About, Discovery, Feature, Features},
    handle::Handle,
    hooks::Hooks,
    route::{Middleware, Scope},
    router::Router,
    shared::Shared,
    shutdown::Shutdown,
    supervisor::{Reconnect, random_seed},
};

mod extension;
mod handlers;
mod registration;
mod run;

pub use extension::Extension;

/// A component: its domain, its handlers, and its description in service discovery.
///
/// It answers requests that no handler takes, matches responses to requests, and keeps the connection
/// alive or reconnects: see [the guarantees](crate::manual::guarantees).
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
    shared: Arc<Shared>,
    router: Router,
    hooks: Hooks,
    background_tasks: BackgroundTasks,
    features: Features,
    connector: Option<Box<dyn Connect>>,
    layers: Vec<Arc<dyn Middleware>>,
    scope: Scope,
    failed: Option<Error>,
    reconnect: Reconnect,
}

impl Component {
    /// Creates a component without handlers for the domain of `config`. All [features](Feature) are on.
    ///
    /// [`Config::load`] reads the configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let silent = Component::new(Config::new("bot.localhost", "secret"));
    /// ```
    pub fn new(mut config: Config) -> Component {
        // Needed also for a `Config` built in code: servers know their domains in this form.
        config.domain = hosted_domain(&config.domain).into_owned();
        // For an invalid domain `run` returns an error before anything is sent.
        let domain = Jid::new(&config.domain).unwrap_or_else(|_| nowhere());
        let shared = Shared::new(
            StanzaWriter::new(domain, config.limits.outgoing_stanza_bytes),
            config.limits.outgoing_bytes,
            config.limits.pending_iqs,
            config.timing.send,
            config.timing.request,
            (random_seed(), random_seed()),
        );
        Component {
            config,
            shared: Arc::new(shared),
            router: Router::default(),
            hooks: Hooks::default(),
            background_tasks: BackgroundTasks::default(),
            features: Features::default(),
            connector: None,
            layers: Vec::new(),
            scope: Scope::default(),
            failed: None,
            reconnect: Reconnect::Always,
        }
    }

    /// Returns the configuration that the component was created with.
    ///
    /// An [`Extension`] reads its section of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let component = Component::new(Config::new("bot.localhost", "secret"));
    /// assert_eq!(component.config().domain, "bot.localhost");
    /// ```
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sets the name in service discovery and software version, and of [contacts](Contact) without a name of their
    /// own. (XEP-0030, XEP-0092)
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

    /// Changes the description in service discovery: identity, version, items, contacts.
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
    pub fn about(mut self, fill: impl FnOnce(&mut About)) -> Component {
        fill(&mut self.features.about);
        self
    }

    /// Adds a contact: an address, or all of them, that people can have in their contact lists.
    ///
    /// Without this call a component with [`Component::on_chat`] is a contact at every address with a local
    /// part. With it, only the addresses that were added are contacts. Handlers of the program win over
    /// those of contacts, also [`Component::on_presence`]. [`Feature::Contact`] switches contacts off.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Contact};
    ///
    /// let weather = Component::new(Config::new("weather.localhost", "secret"))
    ///     .contact(Contact::new("oslo").name("Weather in Oslo"));
    /// ```
    pub fn contact(mut self, contact: Contact) -> Component {
        self.features.contacts.push(contact);
        self
    }

    /// Sets what keeps the subscribers of the [contacts](Contact), for example over a database. Without it the
    /// component remembers them until the program ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Subscribers};
    ///
    /// fn bot(subscribers: impl Subscribers) -> Component {
    ///     Component::new(Config::new("bot.localhost", "secret")).subscribers(subscribers)
    /// }
    /// ```
    pub fn subscribers(mut self, subscribers: impl Subscribers) -> Component {
        self.features.subscribers = Some(Arc::new(subscribers));
        self
    }

    /// Adds items and nodes to service discovery that change while the component runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Discovery};
    ///
    /// fn with_rooms(rooms: impl Discovery) -> Component {
    ///     Component::new(Config::new("rooms.localhost", "secret")).on_discovery(rooms)
    /// }
    /// ```
    pub fn on_discovery(mut self, discovery: impl Discovery) -> Component {
        self.features.discoveries.push(Arc::new(discovery));
        self
    }

    /// Sets a function that chooses the error for a stanza over one of the
    /// [limits](crate::config::Limits), which handlers do not get. `None` means `policy-violation`.
    ///
    /// Use it if a protocol defines its own error for stanzas that are too large.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Condition, Config, LimitKind};
    ///
    /// let store = Component::new(Config::new("store.localhost", "secret")).on_over_limit(|skipped| {
    ///     (skipped.limit == LimitKind::StanzaBytes).then(|| Condition::NotAcceptable.into())
    /// });
    /// ```
    pub fn on_over_limit(
        mut self,
        refuse: impl Fn(&Skipped) -> Option<StanzaError> + Send + Sync + 'static,
    ) -> Component {
        self.router.set_over_limit(refuse);
        self
    }

    /// Rejects messages of type `chat` or `normal` with a body that no handler takes with
    /// `service-unavailable`, so that clients show them as not delivered. By default the component
    /// ignores them. (RFC 6121, 8.5.1)
    ///
    /// It never rejects errors, headlines, messages of rooms, invitations to rooms (XEP-0045, XEP-0249)
    /// or a body that is a fallback (XEP-0428). Use it for services without chat.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let service = Component::new(Config::new("search.localhost", "secret")).refuse_texts();
    /// ```
    pub fn refuse_texts(mut self) -> Component {
        self.router.refuses_texts = true;
        self
    }

    /// Switches a built-in feature off.
    ///
    /// Use it to hide information from peers, or to pass these requests to [`Component::on_iq`].
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

    /// Adds a hook that runs each time the component comes online, for example to send presence. The
    /// component drops it when the session ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Jid, Outgoing, PresenceType};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_online(|handle| async move {
    ///     let alice = Jid::new("alice@example.org").unwrap();
    ///     if let Err(why) = handle.send(Outgoing::presence(PresenceType::Available, &alice)).await {
    ///         eprintln!("{why}");
    ///     }
    /// });
    /// ```
    pub fn on_online<F, Fut>(mut self, hook: F) -> Component
    where
        F: Fn(Handle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.on_online(hook);
        self
    }

    /// Adds a hook that runs before a graceful shutdown closes the connection, for example to send
    /// unavailable presence. It has two seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Jid, Outgoing, PresenceType};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).on_goodbye(|handle| async move {
    ///     let alice = Jid::new("alice@example.org").unwrap();
    ///     if let Err(why) = handle.send(Outgoing::presence(PresenceType::Unavailable, &alice)).await {
    ///         eprintln!("{why}");
    ///     }
    /// });
    /// ```
    pub fn on_goodbye<F, Fut>(mut self, hook: F) -> Component
    where
        F: Fn(Handle) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.on_goodbye(hook);
        self
    }

    /// Runs a task beside the handlers for as long as the component runs, through all its sessions.
    /// When the component stops, the task's [`Shutdown`] is requested; it then has `timing.grace` to
    /// end, the first part of it while the connection is still up.
    ///
    /// Use it for schedules, queues and other work that no stanza triggers.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use couplet::{Component, Config, Jid, Outgoing};
    ///
    /// let clock = Component::new(Config::new("clock.localhost", "secret")).background_task(
    ///     |handle, shutdown| async move {
    ///         let alice = Jid::new("alice@example.org").unwrap();
    ///         loop {
    ///             tokio::select! {
    ///                 () = shutdown.requested() => return,
    ///                 () = tokio::time::sleep(Duration::from_secs(3600)) => {}
    ///             }
    ///             if let Err(why) = handle.send(Outgoing::chat(&alice, "Another hour")).await {
    ///                 eprintln!("{why}");
    ///             }
    ///         }
    ///     },
    /// );
    /// ```
    pub fn background_task<F, Fut>(mut self, work: F) -> Component
    where
        F: FnOnce(Handle, Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.background_tasks.add(work);
        self
    }

    /// Disables reconnecting: [`run`](Component::run) returns the error when the server is unreachable,
    /// rejects the login, or when the connection is lost.
    ///
    /// Use it in programs that do one thing and exit. Services should let Couplet reconnect.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let messenger = Component::new(Config::new("news.localhost", "secret")).without_reconnect();
    /// ```
    pub fn without_reconnect(mut self) -> Component {
        self.reconnect = Reconnect::Never;
        self
    }

    /// Connects through `connector` instead of the network, for example to an in-memory server.
    ///
    /// Use it in tests; the crate `couplet-test` provides such a server.
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

    /// Returns a handle with the domain as its address, to send stanzas and requests from outside of
    /// handlers.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let news = Component::new(Config::new("news.localhost", "secret"));
    /// let handle = news.handle();
    /// assert_eq!(handle.address().as_str(), "news.localhost");
    /// assert!(!handle.is_online());
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        let domain = self.shared.outbox.stanza_writer().domain().clone();
        Handle::new(Arc::clone(&self.shared), domain)
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
