//! [`Contact`]: an address of the component as people see it in their contact lists.
//!
//! Each file is one extension of the protocol. Deliberately absent: a store; a program may bring one
//! ([`Subscribers`]).

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use couplet_core::{
    jid::{BareJid, Jid},
    stanza::{IqType, Stanza},
};
use xmpp_parsers::vcard::VCardQuery;

use crate::{error::Error, route::Registration, router::Router};

mod avatar;
mod caps;
mod nick;
mod pep;
mod presence;
mod profile;
mod receipts;
mod subscribers;
mod vcard4;
mod vcard_temp;

pub(crate) use presence::Subscriptions;
pub use subscribers::Subscribers;
use {pep::PepRequest, profile::Profile, vcard4::Vcard4Query};

/// An address of the component, or all of them, as a contact: name, description and avatar.
///
/// A component with [`Component::on_chat`](crate::Component::on_chat) is a contact at every address with a
/// local part, by the name of [`Component::named`](crate::Component::named). Pass a `Contact` to
/// [`Component::contact`](crate::Component::contact) to say more, or to be a contact at some addresses only.
///
/// A contact accepts every subscription and answers every probe with presence, avatar and nickname. It sends
/// presence again after a reconnect and unavailable presence at a graceful shutdown, to the first 10,000 who
/// subscribed or probed since the program started, or to those that a [`Subscribers`] keeps. It answers requests for its vCard, avatar and
/// nickname, and its service discovery is that of a bot. (XEP-0030, XEP-0054, XEP-0084, XEP-0115, XEP-0153,
/// XEP-0172, XEP-0292)
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config, Contact, Incoming, Message};
///
/// # let png = include_bytes!("contact/avatar.png");
/// let component = Component::new(Config::new("weather.localhost", "secret"))
///     .contact(Contact::new("oslo").name("Weather in Oslo").about("Rain or shine").avatar(png))
///     .contact(Contact::new("rome").name("Weather in Rome"))
///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Sunny").await });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a contact is passed to `Component::contact`"]
pub struct Contact {
    /// The local part of the address; none for every address.
    local: Option<String>,
    name: Option<String>,
    about: Option<String>,
    url: Option<String>,
    avatar: Option<Vec<u8>>,
}

impl Contact {
    /// Creates the contact at one address of the domain, by its local part.
    ///
    /// [`Component::run`](crate::Component::run) returns an error if it is not the local part of an address.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Contact;
    ///
    /// let bot = Contact::new("bot").about("Sends back what you write");
    /// ```
    pub fn new(local: impl Into<String>) -> Contact {
        Contact {
            local: Some(local.into()),
            ..Contact::any()
        }
    }

    /// Creates the contact at every address of the domain that has a local part and no contact of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Contact;
    ///
    /// let all = Contact::any().about("Sends back what you write");
    /// ```
    pub fn any() -> Contact {
        Contact {
            local: None,
            name: None,
            about: None,
            url: None,
            avatar: None,
        }
    }

    /// Sets the name, which is that of [`Component::named`](crate::Component::named) otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Contact {
        self.name = Some(name.into());
        self
    }

    /// Sets the description in the vCard, which is also the status of the presence.
    pub fn about(mut self, about: impl Into<String>) -> Contact {
        self.about = Some(about.into());
        self
    }

    /// Sets the web page in the vCard.
    pub fn url(mut self, url: impl Into<String>) -> Contact {
        self.url = Some(url.into());
        self
    }

    /// Sets the avatar: a PNG or JPEG image of at most 64 KiB.
    ///
    /// [`Component::run`](crate::Component::run) returns an error if it is not.
    ///
    /// # Examples
    ///
    /// ```
    /// # let png = include_bytes!("contact/avatar.png");
    /// // let png = include_bytes!("../bot.png");
    /// let bot = couplet::Contact::any().avatar(png);
    /// ```
    pub fn avatar(mut self, image: impl Into<Vec<u8>>) -> Contact {
        self.avatar = Some(image.into());
        self
    }
}

/// The contacts of a component, by address.
pub(crate) struct Contacts {
    /// By the bare address in the form that is compared.
    named: HashMap<String, Arc<Profile>>,
    any: Option<Arc<Profile>>,
}

/// What else the component is, as far as its contacts say it.
pub(crate) struct Surroundings<'a> {
    pub(crate) domain: &'a Jid,
    pub(crate) name: &'a str,
    /// The features of every address; none if the component does not answer service discovery itself.
    pub(crate) features: Option<&'a BTreeSet<String>>,
    /// Whether chats that ask for acknowledgements get them.
    pub(crate) acknowledges: bool,
}

impl Contacts {
    /// Adds the handlers of contacts, apart from service discovery, to what the program does not serve itself.
    pub(crate) fn mount(
        contacts: &[Contact],
        surroundings: &Surroundings<'_>,
        router: &mut Router,
    ) -> Result<Arc<Contacts>, Error> {
        let has_vcard = !router.serves::<VCardQuery>(IqType::Get);
        let has_vcard4 = !router.serves::<Vcard4Query>(IqType::Get);
        let has_pep = [IqType::Get, IqType::Set]
            .into_iter()
            .all(|type_| !router.serves::<PepRequest>(type_));
        let acknowledges = surroundings.acknowledges && router.has_chat();
        let extra = [
            (true, "http://jabber.org/protocol/caps"),
            (router.has_chat(), "urn:xmpp:message-correct:0"),
            (acknowledges, "urn:xmpp:receipts"),
            (acknowledges, "urn:xmpp:chat-markers:0"),
            (has_vcard, "vcard-temp"),
            (has_vcard4, vcard4::NS),
        ];
        let features = surroundings.features.map(|served| {
            let extra = extra.iter().filter(|(is_on, _)| *is_on);
            let mut features = served.clone();
            features.extend(extra.map(|(_, name)| (*name).to_owned()));
            features
        });
        let contacts = Contacts::new(contacts, surroundings, features.as_ref(), has_pep)?;
        let contacts = Arc::new(contacts);
        if has_vcard {
            let vcards = vcard_temp::VCards(Arc::clone(&contacts));
            router.add_iq(IqType::Get, vcards, Registration::built_in());
        }
        if has_vcard4 {
            let vcards = vcard4::Vcards4(Arc::clone(&contacts));
            router.add_iq(IqType::Get, vcards, Registration::built_in());
        }
        if has_pep {
            for type_ in [IqType::Get, IqType::Set] {
                let nodes = pep::Nodes(Arc::clone(&contacts));
                router.add_iq(type_, nodes, Registration::built_in());
            }
        }
        if acknowledges {
            let contacts = Arc::clone(&contacts);
            router.precede_acknowledged_chats(move |chat, shared| {
                if contacts.at(chat).is_some() {
                    receipts::acknowledge(chat, shared);
                }
            });
        }
        Ok(contacts)
    }

    fn new(
        contacts: &[Contact],
        surroundings: &Surroundings<'_>,
        features: Option<&BTreeSet<String>>,
        has_pep: bool,
    ) -> Result<Contacts, Error> {
        let (mut named, mut any) = (HashMap::new(), None);
        for contact in contacts {
            let local = contact.local.as_deref();
            let address = [local.unwrap_or("*"), surroundings.domain.as_str()].join("@");
            let fault = |why: &str| Error::Misuse(format!("contact {address}: {why}"));
            let profile = Profile::new(contact, surroundings.name, features, has_pep);
            let profile = Arc::new(profile.map_err(|why| fault(&why))?);
            let earlier = match local {
                None => any.replace(profile),
                Some(_) => {
                    let jid = BareJid::new(&address).map_err(|why| fault(&why.to_string()))?;
                    named.insert(jid.prepared().to_owned(), profile)
                }
            };
            if earlier.is_some() {
                return Err(fault("there are two of it: remove one"));
            }
        }
        Ok(Contacts { named, any })
    }

    /// The contact that a stanza was sent to, if the address is one.
    pub(crate) fn at(&self, stanza: &Stanza) -> Option<&Arc<Profile>> {
        self.find(stanza.to_prepared().split('/').next()?)
    }

    /// The contact at a bare address.
    fn of(&self, address: &BareJid) -> Option<&Arc<Profile>> {
        self.find(address.prepared())
    }

    fn find(&self, bare: &str) -> Option<&Arc<Profile>> {
        let any = self.any.as_ref().filter(|_| bare.contains('@'));
        self.named.get(bare).or(any)
    }

    /// Returns service discovery for the address and node that a request is about, as XML, if it is about a
    /// contact.
    pub(crate) fn info(&self, request: &Stanza, node: Option<&str>) -> Option<Arc<[u8]>> {
        let is_bare = !request.to_text().contains('/');
        self.at(request)?.info.as_ref()?.of(is_bare, node)
    }
}

#[cfg(test)]
mod tests;
