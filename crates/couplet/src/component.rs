//! The noun users build: what a component is and does.

use std::{future::Future, mem, panic::Location, sync::Arc, time::Duration};

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
    error::Error,
    features::{About, Discovery, Feature, Features},
    handle::Handle,
    hooks::Hooks,
    route::{Middleware, Registration},
    router::Router,
    shared::Shared,
    shutdown::Shutdown,
    supervisor::{Reconnect, random_seed},
};

mod extension;
mod handlers;
mod run;

pub use extension::Extension;

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

/// What holds for the handlers that are registered now.
#[derive(Default)]
struct Scope {
    limit: Option<Duration>,
    replaces: bool,
    extension: Option<Arc<str>>,
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
    pub fn new(mut config: Config) -> Component {
        // Also where the settings were made by hand: servers know their domains by this form.
        config.domain = hosted_domain(&config.domain).into_owned();
        // `run` returns an error for a domain that is not one; nothing is sent before.
        let domain = Jid::new(&config.domain).unwrap_or_else(|_| nowhere());
        let shared = Shared::new(
            StanzaWriter::new(domain, config.limits.outgoing_stanza_bytes),
            config.limits.outgoing_bytes,
            config.limits.questions,
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
    pub fn about(mut self, fill: impl FnOnce(&mut About)) -> Component {
        fill(&mut self.features.about);
        self
    }

    /// Answers service discovery for what comes and goes while the component runs.
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

    /// Chooses the error that answers a stanza over one of the [limits](crate::config::Limits): it is
    /// skipped before any handler. `None` leaves it at `policy-violation`.
    ///
    /// Use it where a protocol has an error of its own for what is too large.
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

    /// Refuses texts that no handler takes with `service-unavailable`, so that clients say that they
    /// were not delivered: messages of type `chat` or `normal` with a body. Without it they are
    /// ignored. (RFC 6121, 8.5.1)
    ///
    /// Never errors, headlines, rooms, invitations to rooms (XEP-0045, XEP-0249), or a body that
    /// stands in for something else (XEP-0428). Use it for services that are not for
    /// chat.
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

    /// Gives the handlers that `register` adds a deadline of their own, instead of `timing.handler`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use couplet::{Component, Config, Incoming, Message};
    ///
    /// let slow = Component::new(Config::new("slow.localhost", "secret"))
    ///     .within(Duration::from_secs(120), |component| {
    ///         component.on_chat(|chat: Incoming<Message>| async move { chat.reply("At last").await })
    ///     });
    /// ```
    pub fn within(
        mut self,
        limit: Duration,
        register: impl FnOnce(Component) -> Component,
    ) -> Component {
        let outer = self.scope.limit.replace(limit);
        let mut component = register(self);
        component.scope.limit = outer;
        component
    }

    /// Lets the handlers that `register` adds take the routes of others. Elsewhere a second handler for a
    /// route is a panic at its registration.
    ///
    /// Use it to answer instead of an [`Extension`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Incoming, Message};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret"))
    ///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Yes").await })
    ///     .replace(|bot| bot.on_chat(|chat: Incoming<Message>| async move { chat.reply("No").await }));
    /// ```
    pub fn replace(mut self, register: impl FnOnce(Component) -> Component) -> Component {
        let outer = mem::replace(&mut self.scope.replaces, true);
        let mut component = register(self);
        component.scope.replaces = outer;
        component
    }

    /// Puts middleware around every handler of the component, wherever it is registered. The first one is
    /// the outermost. The built-in [features](Feature) run without.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, middleware::AllowList};
    ///
    /// let internal = Component::new(Config::new("bot.localhost", "secret"))
    ///     .layer(AllowList::new().domain("localhost"));
    /// ```
    pub fn layer(mut self, middleware: impl Middleware) -> Component {
        self.layers.push(Arc::new(middleware));
        self
    }

    /// Installs an extension: its handlers, discovery, hooks, background tasks and middleware.
    ///
    /// Where it fails, [`Component::run`] returns its error. Two extensions that claim one route are
    /// reported by name.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config, Extension};
    ///
    /// fn with(extension: impl Extension) -> Component {
    ///     Component::new(Config::new("news.localhost", "secret")).extend(extension)
    /// }
    /// ```
    pub fn extend(mut self, extension: impl Extension) -> Component {
        if self.failed.is_some() {
            return self;
        }
        let config = self.config.clone();
        let outer = self.scope.extension.replace(extension.name().into());
        match extension.install(self) {
            Ok(mut component) => {
                component.scope.extension = outer;
                component
            }
            Err(error) => {
                let mut component = Component::new(config);
                component.failed = Some(error);
                component
            }
        }
    }

    /// What holds for a handler that is registered at this place.
    #[track_caller]
    fn registration(&self) -> Registration {
        Registration {
            limit: self.scope.limit,
            replaces: self.scope.replaces,
            extension: self.scope.extension.clone(),
            location: Location::caller(),
        }
    }

    /// Does something each time the connection comes up: probe, announce, subscribe. It ends with the
    /// session at the latest.
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

    /// Does something before the connection goes down politely: the place for goodbye presence. It has
    /// two seconds.
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
    /// Use it for schedules, queues and whatever else no stanza causes.
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

    /// Makes no second attempt: [`run`](Component::run) ends with the error when the server cannot
    /// be reached or refuses, or when the connection is lost.
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
        self.reconnect = Reconnect::Never;
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

    /// A handle that speaks as the domain, to send and ask from outside of handlers.
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
