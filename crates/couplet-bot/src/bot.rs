//! [`Bot`]: a bot as an extension of a component.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use couplet::{
    Component, Config, Contact, Error, Extension, Jid, MessageType, Shutdown,
    config::{ConfigError, Section},
};

use crate::{
    app::App,
    bot_handle::BotHandle,
    chat::{Bounces, Chats},
    clock::Clock,
    command_requests::{CommandDiscovery, CommandRequests},
    cooldown::Cooldowns,
    handler::Handler,
    handlers::Handlers,
    jobs, permissions,
    rate::Rate,
    recent::Recent,
    settings::{Settings, StoreLocation},
    shared::{Locks, Shared},
    spec::{Commands, Form, checks},
    state::Job,
    store::{MemoryStore, Store, StoreError},
    subscriptions::Subscriptions,
    text::Text,
    translations::Translations,
    turns::{TurnQueue, Turns},
    waiting::WaitingMessages,
};

/// How long a turn may last unless [`Bot::within`] says otherwise.
const WITHIN: Duration = Duration::from_secs(60);

/// The deadline of a request for a command: longer than a slow handler is waited for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(45);

type Task = Box<dyn FnOnce(BotHandle, Shutdown) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A bot: one address of a component that handles commands, forms, texts and jobs.
///
/// Install it with [`Component::extend`]; a component has one bot. The table `[bot]` of the configuration has its
/// [settings](crate::settings).
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config};
/// use couplet_bot::{Bot, BotResult, Context, Text, reply};
///
/// async fn on_text(ctx: Context<Text>) -> BotResult {
///     reply(format!("You wrote: {}", ctx.text()))
/// }
///
/// fn parrot(config: Config) -> Component {
///     Component::new(config).extend(Bot::new("parrot").named("Parrot").text(on_text))
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = couplet_test::Server::start(parrot).await;
/// let mut alice = server.user("alice@example.org/phone");
/// alice.chat("parrot@echo.test", "hi").await;
/// assert_eq!(alice.next_chat().await.text(), "You wrote: hi");
/// # }
/// ```
#[must_use = "a bot does nothing until it is installed"]
pub struct Bot {
    node: String,
    name: Option<String>,
    contact: Contact,
    handlers: Handlers,
    within: Duration,
    store: Option<Arc<dyn Store>>,
    translations: Option<Arc<dyn Translations>>,
    tasks: Vec<Task>,
}

impl Bot {
    /// Creates a bot without handlers at the address `node@` of the component's domain.
    pub fn new(node: impl Into<String>) -> Bot {
        let node = node.into();
        Bot {
            contact: Contact::new(node.clone()),
            node,
            name: None,
            handlers: Handlers::default(),
            within: WITHIN,
            store: None,
            translations: None,
            tasks: Vec::new(),
        }
    }

    /// Sets the name that people see.
    pub fn named(mut self, name: impl Into<String>) -> Bot {
        let name = name.into();
        self.contact = self.contact.name(name.clone());
        self.name = Some(name);
        self
    }

    /// Sets the description that people see.
    pub fn about(mut self, text: impl Into<String>) -> Bot {
        self.contact = self.contact.about(text);
        self
    }

    /// Sets the picture: PNG or JPEG, as [`Contact::avatar`] takes it.
    pub fn avatar(mut self, image: impl Into<Vec<u8>>) -> Bot {
        self.contact = self.contact.avatar(image);
        self
    }

    /// Handles the commands of an enum.
    pub fn commands<C: Commands>(mut self, handler: impl Handler<C>) -> Bot {
        self.handlers.set_commands(handler);
        self
    }

    /// Handles a form that was asked with [`ask`](crate::ask) and filled in.
    pub fn form<F: Form>(mut self, handler: impl Handler<F>) -> Bot {
        self.handlers.add_form(handler);
        self
    }

    /// Handles the jobs of a type. What the handler replies goes to the conversation of the job.
    ///
    /// A job whose handler fails runs again after 10 s, 1 min, 10 min and 1 h, and is then parked: it stays in
    /// the store, with an error in the log.
    pub fn job<J: Job>(mut self, handler: impl Handler<J>) -> Bot {
        self.handlers.add_job(handler);
        self
    }

    /// Handles texts that are no command.
    pub fn text(mut self, handler: impl Handler<Text>) -> Bot {
        self.handlers.set_text(handler);
        self
    }

    /// Sets how long a handler may take, 60 s by default. Meanwhile later messages of the same conversation
    /// wait, and those of others do not.
    pub fn within(mut self, limit: Duration) -> Bot {
        self.within = limit;
        self
    }

    /// Sets the store, whatever the settings say.
    pub fn store(mut self, store: impl Store) -> Bot {
        self.store = Some(Arc::new(store));
        self
    }

    /// Looks up texts in the languages of people.
    pub fn translations(mut self, translations: impl Translations) -> Bot {
        self.translations = Some(Arc::new(translations));
        self
    }

    /// Runs a task beside the handlers, for whatever the bot does by itself. Like
    /// [`Component::background_task`], with a [`BotHandle`].
    pub fn background_task<F, Fut>(mut self, task: F) -> Bot
    where
        F: FnOnce(BotHandle, Shutdown) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let task: Task = Box::new(move |bot, shutdown| Box::pin(task(bot, shutdown)));
        self.tasks.push(task);
        self
    }

    /// Returns what is wrong with the handlers and their permissions.
    fn check(&self, settings: &Settings) -> Result<(), Error> {
        let bot = &self.node;
        if let Some(twice) = self.handlers.twice.first() {
            return Err(Error::Misuse(format!(
                "bot `{bot}`: two handlers for {twice}"
            )));
        }
        let forms = self.handlers.form_specs();
        if let Some(mistake) = checks::mistakes(self.handlers.commands, &forms).first() {
            return Err(Error::Misuse(format!("bot `{bot}`: {mistake}")));
        }
        permissions::check(self.handlers.commands, settings)
            .map_err(|why| Error::Config(ConfigError::because(why)))
    }

    fn open(&mut self, config: &Config, settings: &Settings) -> Result<Arc<dyn Store>, Error> {
        if let Some(store) = self.store.take() {
            return Ok(store);
        }
        match &settings.store {
            #[cfg(feature = "sqlite")]
            Some(StoreLocation::Sqlite(path)) => {
                let store = crate::store::SqliteStore::open(path).map_err(not_opened)?;
                Ok(Arc::new(store))
            }
            #[cfg(not(feature = "sqlite"))]
            Some(StoreLocation::Sqlite(_)) => Err(not_opened(StoreError::Broken(
                "this program is built without the feature `sqlite` of couplet-bot".to_owned(),
            ))),
            Some(StoreLocation::Memory) | None => {
                if settings.store.is_none() && !self.handlers.job_names().is_empty() {
                    tracing::warn!(
                        bot = %self.node,
                        "state and jobs are kept in memory and lost with the process: set \
                         store = \"sqlite:bot.db\" in [bot], or COUPLET_BOT_STORE"
                    );
                }
                // It outlives a component that a test restarts.
                Ok(config.keep(MemoryStore::new))
            }
        }
    }
}

fn not_opened(why: StoreError) -> Error {
    let doing = "the store of the bot".to_owned();
    match why {
        StoreError::Busy(_) => Error::Io {
            doing,
            cause: std::io::Error::other(why),
        },
        why => Error::Config(ConfigError::because(format!("{doing}: {why}"))),
    }
}

impl Extension for Bot {
    fn name(&self) -> &str {
        "bot"
    }

    fn install(mut self, component: Component) -> Result<Component, Error> {
        let config = component.config().clone();
        let settings: Settings = config.section_or_default(Settings::NAME)?;
        self.check(&settings)?;
        let store = self.open(&config, &settings)?;
        let address = Jid::new(&format!("{}@{}", self.node, config.domain))
            .map_err(|why| Error::Misuse(format!("bot `{}`: {why}", self.node)))?
            .to_bare();
        let handle = component.handle().with_from(&address);
        let handle = handle.map_err(|why| Error::Misuse(format!("bot `{}`: {why}", self.node)))?;
        let (turns, queue) = Turns::new(settings.limits.waiting);
        let rate = Rate::new(&settings.limits);
        let shared = Arc::new(Shared {
            bot: address.prepared().to_owned(),
            address,
            handle,
            store,
            clock: config.keep(Clock::new),
            settings,
            within: self.within,
            translations: self.translations,
            jobs_changed: tokio::sync::Notify::new(),
            chat_states: Default::default(),
            last_sent: Default::default(),
            locks: Locks::new(),
        });
        let app = Arc::new(App {
            shared,
            handlers: self.handlers,
            turns,
            rate,
            cooldowns: Cooldowns::default(),
            waiting: WaitingMessages::default(),
            recent: Recent::default(),
        });
        let subscriptions = Subscriptions::new(Arc::clone(&app.shared));
        let component = component.contact(self.contact).subscribers(subscriptions);
        Ok(register(component, &app, self.name, queue, self.tasks))
    }
}

fn register(
    mut component: Component,
    app: &Arc<App>,
    name: Option<String>,
    queue: TurnQueue,
    tasks: Vec<Task>,
) -> Component {
    if let Some(name) = name {
        component = component.named(name);
    }
    for task in tasks {
        let bot = BotHandle(Arc::clone(&app.shared));
        component = component.background_task(move |_handle, shutdown| task(bot, shutdown));
    }
    if !app.handlers.commands.is_empty() {
        component = component
            .on_discovery(CommandDiscovery(Arc::clone(app)))
            // A handler may use up the time of a slow command before it is answered.
            .within(ANSWERED_WITHIN, |component| {
                component.on_set(CommandRequests(Arc::clone(app)))
            });
    }
    let running = Arc::clone(app);
    component
        .on_chat(Chats(Arc::clone(app)))
        .on_message_type(MessageType::Error, Bounces(Arc::clone(app)))
        .background_task(move |_handle, shutdown| serve(running, queue, shutdown))
}

/// Runs turns and jobs, and closes the store behind them.
async fn serve(app: Arc<App>, queue: TurnQueue, shutdown: Shutdown) {
    let scheduler = jobs::run(Arc::clone(&app), shutdown.clone());
    tokio::join!(queue.run(shutdown), scheduler);
    if let Err(error) = app.shared.store.close().await {
        tracing::warn!(%error, "the store of the bot was not closed");
    }
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
