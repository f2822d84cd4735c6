//! Subscriptions to contacts, and the presence that subscribers get. (RFC 6121, 3 and 4)

use std::sync::Arc;

use async_trait::async_trait;
use couplet_core::{
    jid::{BareJid, InvalidJid, Jid},
    message::MessageType,
    outgoing::Outgoing,
    presence::{Presence, PresenceType},
    stanza_error::StanzaError,
};
use xmpp_parsers::vcard_update::{Photo, VCardUpdate};

use super::{
    Contacts,
    profile::Profile,
    subscribers::{Remembered, Subscribers},
};
use crate::{handle::Handle, handler::PresenceHandler, incoming::Incoming};

/// The resource that presence comes from; messages come from the bare address.
const RESOURCE: &str = "bot";

/// Answers subscriptions and probes, and sends presence to subscribers.
pub(crate) struct Subscriptions {
    contacts: Arc<Contacts>,
    subscribers: Arc<dyn Subscribers>,
}

impl Subscriptions {
    /// Creates the subscriptions of contacts, kept in memory if the program has no store.
    pub(crate) fn new(
        contacts: Arc<Contacts>,
        subscribers: Option<Arc<dyn Subscribers>>,
    ) -> Subscriptions {
        Subscriptions {
            contacts,
            subscribers: subscribers.unwrap_or_else(|| Arc::new(Remembered::default())),
        }
    }

    /// Sends the presence of contacts when the component has come online.
    pub(crate) async fn come_online(self: Arc<Self>, handle: Handle) {
        let sent = self.send_to_all(&handle, |contact, subscriber| {
            Some(available(self.contacts.of(contact)?, subscriber))
        });
        log_failure(sent.await);
    }

    /// Sends unavailable presence, before a graceful shutdown closes the connection.
    pub(crate) async fn go_offline(self: Arc<Self>, handle: Handle) {
        let sent = self.send_to_all(&handle, |_, subscriber| {
            Some(Outgoing::presence(PresenceType::Unavailable, subscriber))
        });
        log_failure(sent.await);
    }

    async fn send_to_all(
        &self,
        handle: &Handle,
        presence: impl Fn(&BareJid, &Jid) -> Option<Outgoing>,
    ) -> Result<(), StanzaError> {
        for (contact, subscriber) in self.subscribers.all().await? {
            if let Some(presence) = presence(&contact, &Jid::from(subscriber)) {
                handle.send(presence.from(&full(&contact)?)).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl PresenceHandler for Subscriptions {
    async fn handle(&self, presence: Incoming<Presence>) -> Result<(), StanzaError> {
        let (contact, subscriber) = (presence.to().to_bare(), presence.from().to_bare());
        let bare = Jid::from(subscriber.clone());
        let handle = presence.handle().with_from(&contact)?;
        let profile = self.contacts.at(presence.stanza());
        match (presence.type_(), profile) {
            (Some(PresenceType::Subscribe), Some(profile))
                if self.subscribers.add(&contact, &subscriber).await? =>
            {
                let accepted = Outgoing::presence(PresenceType::Subscribed, &bare);
                handle.send(accepted).await?;
                introduce(&handle, profile, &bare).await?;
            }
            (Some(PresenceType::Probe), Some(profile))
                if self.subscribers.contains(&contact, &subscriber).await? =>
            {
                introduce(&handle, profile, presence.from()).await?;
            }
            (Some(PresenceType::Unsubscribe), Some(_)) => {
                self.subscribers.remove(&contact, &subscriber).await?;
                let ended = Outgoing::presence(PresenceType::Unsubscribed, &bare);
                handle.send(ended).await?;
            }
            // Unanswered, the request stays pending and is sent again at each login.
            (Some(PresenceType::Subscribe), _) => {
                let declined = Outgoing::presence(PresenceType::Unsubscribed, &bare);
                handle.send(declined).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Sends presence, avatar and nickname.
async fn introduce(contact: &Handle, profile: &Profile, to: &Jid) -> Result<(), StanzaError> {
    let resource = full(&contact.address().to_bare())?;
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
    let avatar = profile.avatar.as_ref();
    let photo = avatar.map_or(Photo { data: None }, |avatar| avatar.photo());
    presence.payload(&VCardUpdate { photo: Some(photo) })
}

/// Logs why presence was not sent, as no caller waits for it.
fn log_failure(sent: Result<(), StanzaError>) {
    if let Err(error) = sent {
        let cause = error.cause().map(ToString::to_string);
        tracing::warn!(
            cause,
            "the presence of contacts was not sent to all subscribers"
        );
    }
}

fn full(contact: &BareJid) -> Result<Jid, InvalidJid> {
    contact.with_resource(RESOURCE)
}
