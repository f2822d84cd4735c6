//! The built-in features of every component. Each is one file with one handler, registered unless
//! it is switched off or the application handles the request itself.

mod contact_addresses;
mod disco;
mod encrypted;
mod last;
mod ping;
pub(crate) mod time;
mod version;

use std::{collections::BTreeSet, sync::Arc};

use couplet_core::{jid::Jid, stanza::IqType};
use xmpp_parsers::{
    disco::{DiscoInfoQuery, DiscoItemsQuery},
    ping::Ping,
    time::TimeQuery,
    version::VersionQuery,
};

use crate::{
    contact::{Contact, Contacts, Subscribers, Subscriptions, Surroundings},
    error::Error,
    route::Registration,
    router::Router,
};

pub use disco::{DiscoItem, DiscoItems, Discovery};

/// A feature that is on by default. [`Component::without`](crate::Component::without) switches it
/// off.
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config, Feature};
///
/// let bot = Component::new(Config::new("bot.localhost", "secret")).without(Feature::Time);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Feature {
    /// Presence, vCard, avatar, nickname and the identity of a bot at the addresses of the component; on where
    /// [`Component::on_chat`](crate::Component::on_chat) or
    /// [`Component::contact`](crate::Component::contact) is. See [`Contact`](crate::Contact).
    Contact,
    /// Service discovery: identity, features, items, contact addresses. (XEP-0030, XEP-0157)
    Disco,
    /// A reply to encrypted chats, once a day per sender, that they cannot be read; on if
    /// [`Component::on_chat`](crate::Component::on_chat) is used. (XEP-0380)
    EncryptedNotice,
    /// Last activity: the uptime of the domain. Its other addresses count as online if
    /// [`Component::on_chat`](crate::Component::on_chat) is used. (XEP-0012)
    LastActivity,
    /// Ping. (XEP-0199)
    Ping,
    /// Receipts and displayed markers for chats to a [`Contact`](crate::Contact) that ask for them.
    /// (XEP-0184, XEP-0333)
    Receipts,
    /// Entity time. (XEP-0202)
    Time,
    /// Software version. (XEP-0092)
    Version,
}

/// The description of a component in service discovery and software version.
///
/// [`Component::about`](crate::Component::about) passes it to its closure.
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config};
///
/// let bot = Component::new(Config::new("bot.localhost", "secret")).about(|about| {
///     about.identity("client", "bot").version("1.2.0");
///     about.contact("support-addresses", "xmpp:help@example.org");
/// });
/// ```
#[derive(Clone, Debug)]
pub struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) identity: (String, String),
    pub(crate) items: Vec<Item>,
    pub(crate) contacts: Vec<(String, String)>,
    pub(crate) features: BTreeSet<String>,
    pub(crate) hidden: BTreeSet<String>,
}

/// An entry of disco#items.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) jid: Jid,
    pub(crate) node: Option<String>,
    pub(crate) name: Option<String>,
    /// The node that contains the item; `None` for the root.
    pub(crate) parent: Option<String>,
}

impl About {
    /// Sets category and type of the identity, by default `component` and `generic`. (XEP-0030,
    /// 3.1; see the registry of disco categories)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).about(|about| {
    ///     about.identity("client", "bot");
    /// });
    /// ```
    pub fn identity(
        &mut self,
        category: impl Into<String>,
        type_: impl Into<String>,
    ) -> &mut About {
        self.identity = (category.into(), type_.into());
        self
    }

    /// Sets the version in software version, by default that of Couplet. (XEP-0092)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).about(|about| {
    ///     about.version(env!("CARGO_PKG_VERSION"));
    /// });
    /// ```
    pub fn version(&mut self, version: impl Into<String>) -> &mut About {
        self.version = version.into();
        self
    }

    /// Adds an address of the component to its items. (XEP-0030, 4)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).about(|about| {
    ///     about.item("oslo@bot.localhost".parse().unwrap(), "Oslo");
    /// });
    /// ```
    pub fn item(&mut self, jid: Jid, name: impl Into<String>) -> &mut About {
        let item = Item {
            jid,
            node: None,
            name: Some(name.into()),
            parent: None,
        };
        self.items.push(item);
        self
    }

    /// Adds a node below the root or below another node. (XEP-0030, 4.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).about(|about| {
    ///     let here: couplet::Jid = "bot.localhost".parse().unwrap();
    ///     about.node(None, here.clone(), "cities", "Cities");
    ///     about.node(Some("cities"), here, "cities/oslo", "Oslo");
    /// });
    /// ```
    pub fn node(
        &mut self,
        parent: Option<&str>,
        jid: Jid,
        node: impl Into<String>,
        name: impl Into<String>,
    ) -> &mut About {
        self.items.push(Item {
            jid,
            node: Some(node.into()),
            name: Some(name.into()),
            parent: parent.map(str::to_owned),
        });
        self
    }

    /// Adds a feature that no handler's payload implies, such as an option of a protocol.
    /// (XEP-0030, 3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let news = Component::new(Config::new("news.localhost", "secret")).about(|about| {
    ///     about.feature("http://jabber.org/protocol/pubsub#publish");
    /// });
    /// ```
    pub fn feature(&mut self, name: impl Into<String>) -> &mut About {
        self.features.insert(name.into());
        self
    }

    /// Removes the namespace of a handler from the features, because it is not a feature by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let news = Component::new(Config::new("news.localhost", "secret")).about(|about| {
    ///     about.no_feature("http://jabber.org/protocol/pubsub#owner");
    /// });
    /// ```
    pub fn no_feature(&mut self, name: impl Into<String>) -> &mut About {
        self.hidden.insert(name.into());
        self
    }

    /// Adds a contact address of the operators. `kind` is one of the fields of XEP-0157:
    /// `abuse-addresses`, `admin-addresses`, `feedback-addresses`, `sales-addresses`,
    /// `security-addresses`, `status-addresses`, `support-addresses`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Component, Config};
    ///
    /// let bot = Component::new(Config::new("bot.localhost", "secret")).about(|about| {
    ///     about.contact("abuse-addresses", "mailto:abuse@example.org");
    /// });
    /// ```
    pub fn contact(&mut self, kind: impl Into<String>, address: impl Into<String>) -> &mut About {
        self.contacts.push((kind.into(), address.into()));
        self
    }
}

impl About {
    /// The features of every address, where something is served in `namespaces`.
    fn features_with(&self, namespaces: BTreeSet<String>) -> BTreeSet<String> {
        let mut features = namespaces;
        features.insert(disco::NS_INFO.to_owned());
        features.extend(self.features.iter().cloned());
        features.retain(|feature| !self.hidden.contains(feature));
        features
    }
}

impl Default for About {
    fn default() -> About {
        About {
            name: "Couplet component".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            identity: ("component".to_owned(), "generic".to_owned()),
            items: Vec::new(),
            contacts: Vec::new(),
            features: BTreeSet::new(),
            hidden: BTreeSet::new(),
        }
    }
}

/// The features of one component.
#[derive(Default)]
pub(crate) struct Features {
    pub(crate) about: About,
    pub(crate) discoveries: Vec<Arc<dyn Discovery>>,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) subscribers: Option<Arc<dyn Subscribers>>,
    off: BTreeSet<Feature>,
}

impl Features {
    pub(crate) fn switch_off(&mut self, feature: Feature) {
        self.off.insert(feature);
    }

    /// Registers the features that are on and that the application does not handle itself. Disco
    /// comes last, because it lists the others.
    ///
    /// # Errors
    ///
    /// If a contact is not valid.
    pub(crate) fn mount(
        &self,
        router: &mut Router,
        domain: &Jid,
    ) -> Result<Option<Arc<Subscriptions>>, Error> {
        if self.wants::<Ping>(Feature::Ping, router) {
            router.add_iq(IqType::Get, ping::Pong, Registration::built_in());
        }
        if self.wants::<VersionQuery>(Feature::Version, router) {
            router.add_iq(
                IqType::Get,
                version::Version::of(&self.about),
                Registration::built_in(),
            );
        }
        if self.wants::<TimeQuery>(Feature::Time, router) {
            router.add_iq(IqType::Get, time::Clock, Registration::built_in());
        }
        if self.wants::<last::Query>(Feature::LastActivity, router) {
            let activity = last::Activity::starting_now(router.has_chat());
            router.add_iq(IqType::Get, activity, Registration::built_in());
        }
        if router.has_chat() && !self.off.contains(&Feature::EncryptedNotice) {
            router.set_encrypted(encrypted::EncryptedNotice::default());
        }
        let info = self.wants::<DiscoInfoQuery>(Feature::Disco, router);
        let items = self.wants::<DiscoItemsQuery>(Feature::Disco, router);
        let about = Arc::new(self.about.clone());
        let discoveries: Arc<[_]> = self.discoveries.clone().into();
        if items {
            router.add_iq(
                IqType::Get,
                disco::Items {
                    about: Arc::clone(&about),
                    more: discoveries.clone(),
                },
                Registration::built_in(),
            );
        }
        let features = about.features_with(router.namespaces());
        let contacts = self.mount_contacts(router, domain, info.then_some(&features))?;
        if info {
            let known = disco::Info::of(about, features, discoveries, contacts.clone());
            router.add_iq(IqType::Get, known, Registration::built_in());
        }
        Ok(contacts.map(|contacts| {
            let subscriptions = Arc::new(Subscriptions::new(contacts, self.subscribers.clone()));
            router.set_subscriptions(Arc::clone(&subscriptions));
            subscriptions
        }))
    }

    /// Mounts the contacts that the program names; without any, one for every address that takes chats.
    fn mount_contacts(
        &self,
        router: &mut Router,
        domain: &Jid,
        features: Option<&BTreeSet<String>>,
    ) -> Result<Option<Arc<Contacts>>, Error> {
        let all = [Contact::any()];
        let contacts = match self.contacts.as_slice() {
            [] if router.has_chat() => &all,
            named => named,
        };
        if contacts.is_empty() || self.off.contains(&Feature::Contact) {
            return Ok(None);
        }
        let surroundings = Surroundings {
            domain,
            name: &self.about.name,
            features,
            acknowledges: !self.off.contains(&Feature::Receipts),
        };
        Contacts::mount(contacts, &surroundings, router).map(Some)
    }

    fn wants<T: xso::FromXml>(&self, feature: Feature, router: &Router) -> bool {
        !self.off.contains(&feature) && !router.serves::<T>(IqType::Get)
    }
}
