//! [`Subscribers`]: who is subscribed to contacts, kept in memory unless the program has a store.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use couplet_core::{jid::BareJid, stanza_error::StanzaError};

/// How many subscribers are remembered without a store.
const REMEMBERED: usize = 10_000;

/// Keeps who is subscribed to the contacts of a component.
///
/// Pass an implementation over a store to [`Component::subscribers`](crate::Component::subscribers), so that
/// subscribers get presence after a restart of the program too. It also decides which subscriptions are accepted and
/// which probes are answered.
///
/// # Examples
///
/// A store that accepts one domain only; a real one would be a table:
///
/// ```
/// use std::{collections::BTreeSet, sync::Mutex};
/// use couplet::{BareJid, StanzaError, Subscribers, async_trait};
///
/// #[derive(Default)]
/// struct Table(Mutex<BTreeSet<(BareJid, BareJid)>>);
///
/// #[async_trait]
/// impl Subscribers for Table {
///     async fn add(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError> {
///         let is_accepted = subscriber.domain() == "example.org";
///         if is_accepted {
///             self.0.lock().unwrap().insert((contact.clone(), subscriber.clone()));
///         }
///         Ok(is_accepted)
///     }
///
///     async fn remove(&self, contact: &BareJid, subscriber: &BareJid) -> Result<(), StanzaError> {
///         self.0.lock().unwrap().remove(&(contact.clone(), subscriber.clone()));
///         Ok(())
///     }
///
///     async fn contains(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError> {
///         Ok(self.0.lock().unwrap().contains(&(contact.clone(), subscriber.clone())))
///     }
///
///     async fn all(&self) -> Result<Vec<(BareJid, BareJid)>, StanzaError> {
///         Ok(self.0.lock().unwrap().iter().cloned().collect())
///     }
/// }
/// ```
#[async_trait]
pub trait Subscribers: Send + Sync + 'static {
    /// Adds a subscriber to a contact and returns `true`, or returns `false` to decline. Servers may repeat a
    /// request that was accepted before.
    ///
    /// # Errors
    ///
    /// The error stanza that the subscriber gets.
    async fn add(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError>;

    /// Removes a subscriber that has unsubscribed.
    ///
    /// # Errors
    ///
    /// The reason, for the log.
    async fn remove(&self, contact: &BareJid, subscriber: &BareJid) -> Result<(), StanzaError>;

    /// Returns whether a probe is answered: whether it comes from a subscriber. (RFC 6121, 4.3.2)
    ///
    /// # Errors
    ///
    /// The error stanza that the sender of the probe gets.
    async fn contains(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError>;

    /// Returns all subscribers, each behind its contact: they get presence when the component comes online, and
    /// unavailable presence before a graceful shutdown.
    ///
    /// # Errors
    ///
    /// The reason, for the log.
    async fn all(&self) -> Result<Vec<(BareJid, BareJid)>, StanzaError>;
}

/// Accepts everybody, answers every probe, and remembers the first ones until the program ends.
///
/// A server probes for the devices of its users who are subscribed (docs/servers.md, 8), so the sender of a probe
/// counts as a subscriber. It learns no more than by a subscription.
#[derive(Default)]
pub(super) struct Remembered(Mutex<HashSet<(BareJid, BareJid)>>);

impl Remembered {
    fn remember(&self, contact: &BareJid, subscriber: &BareJid) {
        let mut remembered = self.lock();
        if remembered.len() < REMEMBERED {
            remembered.insert((contact.clone(), subscriber.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(BareJid, BareJid)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Subscribers for Remembered {
    async fn add(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError> {
        self.remember(contact, subscriber);
        Ok(true)
    }

    async fn remove(&self, contact: &BareJid, subscriber: &BareJid) -> Result<(), StanzaError> {
        self.lock().remove(&(contact.clone(), subscriber.clone()));
        Ok(())
    }

    async fn contains(&self, contact: &BareJid, subscriber: &BareJid) -> Result<bool, StanzaError> {
        self.remember(contact, subscriber);
        Ok(true)
    }

    async fn all(&self) -> Result<Vec<(BareJid, BareJid)>, StanzaError> {
        Ok(self.lock().iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_subscribers_are_remembered_and_each_once() {
        let remembered = Remembered::default();
        let contact = "bot@echo.test".parse().unwrap();
        let subscriber = |number| format!("user{number}@example.org").parse().unwrap();
        for number in 0..=REMEMBERED {
            remembered.remember(&contact, &subscriber(number));
            remembered.remember(&contact, &subscriber(number));
        }
        let all = remembered.lock();
        assert_eq!(all.len(), REMEMBERED);
        assert!(!all.contains(&(contact, subscriber(REMEMBERED))));
    }
}
