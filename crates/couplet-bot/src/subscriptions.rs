//! Who has the bot in the contact list: kept in its store, so that they get presence after a restart.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use couplet::{BareJid, StanzaError, Subscribers};

use crate::shared::Shared;

/// The subscribers of a bot.
pub(crate) struct Subscriptions {
    shared: Arc<Shared>,
    /// Those that the store had: for the last presence, which is sent when the store is closed.
    known: Mutex<Vec<String>>,
}

impl Subscriptions {
    pub(crate) fn new(shared: Arc<Shared>) -> Subscriptions {
        let known = Mutex::default();
        Subscriptions { shared, known }
    }

    async fn set(&self, subscriber: &BareJid, is_one: bool) -> Result<(), StanzaError> {
        let (store, bot) = (&self.shared.store, &self.shared.bot);
        store
            .set_subscriber(bot, subscriber.prepared(), is_one)
            .await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|one| one != subscriber.prepared());
        if is_one {
            known.push(subscriber.prepared().to_owned());
        }
        Ok(())
    }
}

#[async_trait]
impl Subscribers for Subscriptions {
    async fn add(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError> {
        let is_accepted = *contact == self.shared.address && self.shared.is_allowed(subscriber);
        if is_accepted {
            self.set(subscriber, true).await?;
        }
        Ok(is_accepted)
    }

    async fn remove(&self, _contact: &BareJid, subscriber: &BareJid) -> Result<(), StanzaError> {
        self.set(subscriber, false).await
    }

    async fn contains(
        &self,
        _contact: &BareJid,
        subscriber: &BareJid,
    ) -> Result<bool, StanzaError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.iter().any(|one| one == subscriber.prepared()))
    }

    async fn all(&self) -> Result<Vec<(BareJid, BareJid)>, StanzaError> {
        let stored = self.shared.store.subscribers(&self.shared.bot).await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(stored) = stored {
            *known = stored;
        }
        let all = known.iter().filter_map(|jid| BareJid::new(jid).ok());
        let contact = &self.shared.address;
        Ok(all.map(|jid| (contact.clone(), jid)).collect())
    }
}
