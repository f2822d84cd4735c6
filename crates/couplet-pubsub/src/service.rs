//! [`Pubsub`]: the service as an extension of a component. It connects the engine, the codec and the store.

mod iq;
mod message;
mod transfer;
mod presence;
mod domain_conflict;
mod maintenance;

use std::{fmt, sync::Arc};

use couplet::{
    Component, Condition, Error, Extension, IqType, LimitKind, MessageType, PresenceType, Skipped,
    StanzaError, config::ConfigError,
};

use crate::{
    codec,
    commands::{self, Commands},
    discovery::Nodes,
    engine::Engine,
    fanout::{DeliverySettings, Fanout},
    memory,
    metrics::Metrics,
    policy::Policy,
    pubsub_error::{PubsubCondition, PubsubError},
    service_context::ServiceContext,
    settings::Settings,
    store::{Store, StoreError},
};

use iq::{Entity, Form, Handler, Owner};
use message::{Approvals, Bounces};
use presence::DeclineContacts;
pub use transfer::{ImportMode, TransferError, TransferStats};

/// A publish-subscribe service (XEP-0060), as an extension of a component.
///
/// One serves one domain.
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config};
/// use couplet_pubsub::Pubsub;
///
/// let news = Component::new(Config::new("pubsub.localhost", "secret"));
/// let news = news.extend(Pubsub::memory());
/// ```
pub struct Pubsub {
    store: Arc<dyn Store>,
    settings: Settings,
    policy: Option<Arc<dyn Policy>>,
}

impl Pubsub {
    /// Opens the store in the settings.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: why the store cannot be opened, with advice.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves a store that can be opened again.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_pubsub::{Pubsub, settings::{Settings, StoreLocation}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), couplet_pubsub::OpenError> {
    /// let mut settings = Settings::default();
    /// settings.store = StoreLocation::Memory;
    /// let pubsub = Pubsub::open(settings).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(settings: Settings) -> Result<Pubsub, OpenError> {
        let store = settings.open().await.map_err(OpenError)?;
        Ok(Pubsub {
            store,
            settings,
            policy: None,
        })
    }

    /// Creates a service without durable data; for tests, and for data that is stored elsewhere.
    ///
    /// # Examples
    ///
    /// ```
    /// let pubsub = couplet_pubsub::Pubsub::memory();
    /// ```
    #[must_use]
    pub fn memory() -> Pubsub {
        Pubsub {
            store: memory::store(),
            settings: Settings::default(),
            policy: None,
        }
    }

    /// Replaces the policy of the settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_pubsub::{Pubsub, policy::DefaultPolicy};
    ///
    /// let pubsub = Pubsub::memory().policy(DefaultPolicy);
    /// ```
    #[must_use]
    pub fn policy(mut self, policy: impl Policy) -> Pubsub {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Registers requests, events, discovery, commands and periodic work.
    fn register(&self, component: Component) -> Component {
        let here = component.handle().address().to_domain();
        let domain = here.as_str();
        let policy = match &self.policy {
            Some(policy) => Arc::clone(policy),
            None => Arc::new(self.settings.rules(domain)),
        };
        // Each publication checks its publisher; the announced feature is independent of the
        // requester.
        let creates = policy.auto_create(&here, "");
        let metrics = Metrics::of(domain);
        let engine = Engine::new(Arc::clone(&self.store), Arc::clone(&policy), here);
        let service = Arc::new(ServiceContext {
            store: Arc::clone(&self.store),
            engine,
            policy,
            in_flight: Arc::default(),
            metrics: metrics.clone(),
        });
        let settings = DeliverySettings {
            rate: self.settings.rate,
            settle: self.settings.settle,
            ..DeliverySettings::default()
        };
        let in_flight = Arc::clone(&service.in_flight);
        let fanout = Fanout::new(Arc::clone(&self.store), in_flight, settings, metrics);
        let (bounces, forms, keeper) = (
            Arc::clone(&service),
            Arc::clone(&service),
            Arc::clone(&service),
        );
        component
            .about(move |about| announce(about, creates))
            .on_discovery(Nodes(Arc::clone(&service)))
            .on_get(Handler::<Entity>::new(&service, IqType::Get))
            .on_set(Handler::<Entity>::new(&service, IqType::Set))
            .on_get(Handler::<Owner>::new(&service, IqType::Get))
            .on_set(Handler::<Owner>::new(&service, IqType::Set))
            .on_set(Commands(Arc::clone(&service)))
            .on_message_type(MessageType::Error, Bounces(bounces))
            .on_message_with::<Form>(Approvals(forms))
            .on_presence_type(PresenceType::Subscribe, DeclineContacts)
            .on_over_limit(over_limit)
            .refuse_texts()
            .background_task(move |handle, shutdown| fanout.run(handle, shutdown))
            .background_task(domain_conflict::check)
            .background_task(move |_handle, shutdown| maintenance::keep(keeper, shutdown))
    }

    /// Writes what is not yet durable and closes files and connections; call it when the component
    /// has ended.
    ///
    /// Everything that was acknowledged is durable without it.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: what could not be written.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves it to the operating system.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), couplet_pubsub::OpenError> {
    /// let pubsub = couplet_pubsub::Pubsub::memory();
    /// pubsub.close().await
    /// # }
    /// ```
    pub async fn close(&self) -> Result<(), OpenError> {
        self.store.close().await.map_err(OpenError)
    }
}

/// Registers the requests, events, discovery, commands and periodic work of the service, when
/// [`Component::extend`] installs it. The service handles messages of type `error` and data forms,
/// which respond to its messages, and declines contact requests (RFC 6121, 3.1); other messages are
/// rejected with `service-unavailable`. A program that handles one of these itself uses
/// [`Component::replace`].
///
/// Implemented for a reference, so that the program can [`close`](Pubsub::close) the service at the
/// end.
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config};
/// use couplet_pubsub::Pubsub;
///
/// let pubsub = Pubsub::memory();
/// let component = Component::new(Config::new("pubsub.localhost", "secret")).extend(&pubsub);
/// ```
impl Extension for &Pubsub {
    fn name(&self) -> &str {
        "pubsub"
    }

    fn install(self, component: Component) -> Result<Component, Error> {
        Ok(self.register(component))
    }
}

impl Extension for Pubsub {
    fn name(&self) -> &str {
        "pubsub"
    }

    fn install(self, component: Component) -> Result<Component, Error> {
        Ok(self.register(component))
    }
}

impl fmt::Debug for Pubsub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pubsub")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why a store cannot be opened or closed, with advice.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::OpenError;
///
/// fn report(why: &OpenError) {
///     eprintln!("pubsub: {why}");
/// }
/// ```
#[derive(Debug)]
pub struct OpenError(StoreError);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for OpenError {}

/// Lets a program end with this error: [`Error::Config`] if an operator must repair the store or
/// its settings, [`Error::Io`] if a restart may help.
impl From<OpenError> for Error {
    fn from(why: OpenError) -> Error {
        let doing = "the store of pubsub".to_owned();
        match why.0 {
            StoreError::Busy(_) | StoreError::Contended(_) => Error::Io {
                doing,
                cause: std::io::Error::other(why),
            },
            StoreError::Broken(_) | StoreError::UnknownCursor | StoreError::FarIndex => {
                Error::Config(ConfigError::because(format!("{doing}: {why}")))
            }
        }
    }
}

/// The announced features. (XEP-0060, 10)
///
/// `last-published` is not among them, because it promises `on_sub_and_presence` by default, nor
/// are features that need presence or rosters.
const FEATURES: &[&str] = &[
    "access-authorize",
    "access-open",
    "access-whitelist",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "get-pending",
    "instant-nodes",
    "item-ids",
    "leased-subscription",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-items",
    "multi-subscribe",
    "outcast-affiliation",
    "persistent-items",
    "publish",
    "publish-node-full",
    "publish-only-affiliation",
    "publish-options",
    "publisher-affiliation",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-notifications",
    "subscription-options",
];

/// Treats a request over a limit of the component as a payload over a limit of its node: only
/// payloads are that large or deep. (XEP-0060, 7.1.3.5 and 7.1.3.6)
fn over_limit(skipped: &Skipped) -> Option<StanzaError> {
    if skipped.kind.as_deref() != Some("iq") || skipped.type_.as_deref() != Some("set") {
        return None;
    }
    let (condition, detail, text) = match skipped.limit {
        LimitKind::Depth => (
            Condition::BadRequest,
            PubsubCondition::InvalidPayload,
            "The payload is nested too deeply",
        ),
        LimitKind::Attributes => (
            Condition::BadRequest,
            PubsubCondition::InvalidPayload,
            "An element of the payload has too many attributes",
        ),
        _ => (
            Condition::NotAcceptable,
            PubsubCondition::PayloadTooBig,
            "The payload is larger than the service takes",
        ),
    };
    Some(codec::stanza_error(
        PubsubError::with(condition, detail).text(text),
    ))
}

fn announce(about: &mut couplet::About, creates: bool) {
    about.identity("pubsub", "service");
    for feature in FEATURES {
        about.feature(format!("{}#{feature}", crate::codec::NS));
    }
    if creates {
        about.feature(format!("{}#auto-create", crate::codec::NS));
    }
    about.feature("http://jabber.org/protocol/rsm");
    about.feature(commands::NS);
    about.no_feature(crate::codec::NS_OWNER);
}

#[cfg(test)]
mod tests;
