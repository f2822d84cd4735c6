//! Subscriptions to contacts, and the presence that subscribers get. (RFC 6121, 3 and 4)
//!
//! Nothing is stored. A server probes for the devices of its users who are subscribed (docs/servers.md, 8), and
//! every probe is answered: it says no more than a subscription, which is accepted from everybody.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use couplet_core::{
    jid::{BareJid, InvalidJid, Jid},
    message::MessageType,
    outgoing::Outgoing,
    presence::{Presence, PresenceType},
    stanza_error::StanzaError,
};
use xmpp_parsers::vcard_update::{Photo, VCardUpdate};

use super::{Contacts, profile::Profile};
use crate::{handle::Handle, handler::PresenceHandler, incoming::Incoming, send_error::SendError};

/// The resource that presence comes from; messages come from the bare address.
const RESOURCE: &str = "bot";

/// How many subscribers are remembered until the program ends.
const REMEMBERED: usize = 10_000;

/// Answers subscriptions and probes, and remembers who sent them.
pub(crate) struct Subscriptions {
    contacts: Arc<Contacts>,
    remembered: Mutex<HashSet<Subscriber>>,
}

/// A contact and a peer that subscribed to it or probed it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Subscriber {
    contact: BareJid,
    peer: BareJid,
}

impl Subscriptions {
    pub(crate) fn new(contacts: Arc<Contacts>) -> Subscriptions {
        Subscriptions {
            contacts,
            remembered: Mutex::default(),
        }
    }

    /// Sends the presence of contacts again, after a reconnect.
    pub(crate) async fn come_online(self: Arc<Self>, handle: Handle) {
        for subscriber in self.remembered() {
            let Some(profile) = self.contacts.of(&subscriber.contact) else {
                continue;
            };
            let presence = available(profile, &Jid::from(subscriber.peer));
            if !is_sent(&handle, &subscriber.contact, presence).await {
                return;
            }
        }
    }

    /// Sends unavailable presence, before a graceful shutdown closes the connection.
    pub(crate) async fn go_offline(self: Arc<Self>, handle: Handle) {
        for subscriber in self.remembered() {
            let unavailable = PresenceType::Unavailable;
            let presence = Outgoing::presence(unavailable, &Jid::from(subscriber.peer));
            if !is_sent(&handle, &subscriber.contact, presence).await {
                return;
            }
        }
    }

    fn remember(&self, subscriber: Subscriber) {
        let mut remembered = self.lock();
        if remembered.len() < REMEMBERED {
            remembered.insert(subscriber);
        }
    }

    fn remembered(&self) -> Vec<Subscriber> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Subscriber>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PresenceHandler for Subscriptions {
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError> {
        let Some(type_) = presence.type_() else {
            return Ok(());
        };
        let subscriber = Subscriber {
            contact: presence.to().to_bare(),
            peer: presence.from().to_bare(),
        };
        let peer = Jid::from(subscriber.peer.clone());
        let contact = presence.handle().with_from(&subscriber.contact)?;
        let profile = self.contacts.at(presence.stanza());
        match (type_, profile) {
            (PresenceType::Subscribe, Some(profile)) => {
                contact
                    .send(Outgoing::presence(PresenceType::Subscribed, &peer))
                    .await?;
                self.remember(subscriber);
                introduce(&contact, profile, &peer).await?;
            }
            (PresenceType::Probe, Some(profile)) => {
                self.remember(subscriber);
                introduce(&contact, profile, presence.from()).await?;
            }
            // Unanswered, the request stays pending and is sent again at each login.
            (PresenceType::Subscribe, None) | (PresenceType::Unsubscribe, _) => {
                self.lock().remove(&subscriber);
                contact
                    .send(Outgoing::presence(PresenceType::Unsubscribed, &peer))
                    .await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Sends presence, avatar and nickname.
async fn introduce(contact: &Handle, profile: &Profile, to: &Jid) -> Result<(), StanzaError> {
    let resource = full(contact.address())?;
    contact.send(available(profile, to).from(&resource)).await?;
    for item in profile.events() {
        let event = Outgoing::message(MessageType::Headline, to).written(|xml| {
            xml.raw("<event xmlns='http://jabber.org/protocol/pubsub#event'>");
            profile.write_items(&item, xml);
            xml.raw("</event>");
        });
        contact.send(event).await?;
    }
    Ok(())
}

/// The presence of a contact that is there.
fn available(profile: &Profile, to: &Jid) -> Outgoing {
    let mut presence = Outgoing::presence(PresenceType::Available, to);
    if let Some(about) = &profile.about {
        presence = presence.status(about);
    }
    if let Some(info) = &profile.info {
        presence = presence.payload(&info.caps);
    }
    let photo = profile
        .avatar
        .as_ref()
        .map_or(Photo { data: None }, |avatar| avatar.photo());
    presence.payload(&VCardUpdate { photo: Some(photo) })
}

/// Sends a presence of a contact; a failure is for the log, as no one waits for it.
async fn is_sent(handle: &Handle, contact: &BareJid, presence: Outgoing) -> bool {
    let Ok(from) = full(contact) else { return true };
    let sent: Result<_, SendError> = handle.send(presence.from(&from)).await;
    if let Err(error) = &sent {
        tracing::debug!(%error, %contact, "the presence of a contact was not sent");
    }
    sent.is_ok()
}

fn full(contact: &Jid) -> Result<Jid, InvalidJid> {
    contact.to_bare().with_resource(RESOURCE)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::contacts, *};
    use crate::contact::Contact;

    #[test]
    fn so_many_subscribers_are_remembered_and_each_once() {
        let contacts = contacts(&[Contact::any()]).unwrap();
        let subscriptions = Subscriptions::new(Arc::new(contacts));
        let subscriber = |number: usize| Subscriber {
            contact: "bot@echo.test".parse().unwrap(),
            peer: format!("user{number}@example.org").parse().unwrap(),
        };
        for number in 0..=REMEMBERED {
            subscriptions.remember(subscriber(number));
            subscriptions.remember(subscriber(number));
        }
        let remembered = subscriptions.remembered();
        assert_eq!(remembered.len(), REMEMBERED);
        assert!(!remembered.contains(&subscriber(REMEMBERED)));
    }
}
