//! Watches for bounces of sent messages.
//!
//! A watched bounce is still routed to the handlers like any other.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use couplet_core::{jid::Jid, remote_error::RemoteError, stanza::Stanza};
use tokio::sync::oneshot;

/// The watched ids. Each watch adds one; the callers bound the number of watches.
#[derive(Debug, Default)]
pub(crate) struct Bounces {
    watched: Mutex<HashMap<String, (String, oneshot::Sender<RemoteError>)>>,
    /// Number of watched ids, readable without the lock.
    number: AtomicUsize,
}

impl Bounces {
    /// Starts watching for an error in response to the message `id` to `to`.
    pub(crate) fn watch(&self, id: &str, to: &Jid) -> Watch<'_> {
        let (sender, bounced) = oneshot::channel();
        let domain = to.normalized().domain().to_owned();
        let mut watched = self.watched();
        watched.insert(id.to_owned(), (domain, sender));
        self.number.store(watched.len(), Ordering::Relaxed);
        drop(watched);
        Watch {
            bounces: self,
            id: id.to_owned(),
            bounced,
        }
    }

    /// Returns whether any id is watched.
    pub(crate) fn is_watching(&self) -> bool {
        self.number.load(Ordering::Relaxed) > 0
    }

    /// Passes the error to its watch. It is only accepted from the domain that the message was sent
    /// to: the user's server may answer for the user.
    pub(crate) fn note(&self, stanza: &Stanza) {
        let Some(error) = RemoteError::of(stanza) else {
            return;
        };
        let id = stanza.id().unwrap_or_default();
        let mut watched = self.watched();
        let from = stanza.from().normalized();
        let is_watched = watched
            .get(&*id)
            .is_some_and(|(domain, _)| domain == from.domain());
        if is_watched && let Some((_, sender)) = watched.remove(&*id) {
            let _watch_was_dropped = sender.send(error);
        }
        self.number.store(watched.len(), Ordering::Relaxed);
    }

    fn forget(&self, id: &str) {
        let mut watched = self.watched();
        watched.remove(id);
        self.number.store(watched.len(), Ordering::Relaxed);
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<String, (String, oneshot::Sender<RemoteError>)>> {
        // A panic while the lock is held can at worst leave an id without a watch.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches one message until it is dropped.
pub(crate) struct Watch<'a> {
    bounces: &'a Bounces,
    id: String,
    bounced: oneshot::Receiver<RemoteError>,
}

impl Watch<'_> {
    /// Waits for the bounce; never returns if there is none.
    pub(crate) async fn bounced(&mut self) -> RemoteError {
        match (&mut self.bounced).await {
            Ok(error) => error,
            Err(_forgotten) => std::future::pending().await,
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.bounces.forget(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use couplet_core::{
        element::{Scope, Tree},
        stanza_error::Condition,
    };

    use super::*;

    fn error_from(from: &str, id: &str) -> Stanza {
        let xml = format!(
            "<message type='error' from='{from}' to='echo.test' id='{id}'><error type='cancel'>\
             <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        );
        Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn only_the_domain_that_was_written_to_may_send_one_back() {
        let bounces = Bounces::default();
        let to = "alice@example.org".parse().unwrap();
        let mut watch = bounces.watch("7", &to);
        bounces.note(&error_from("mallory@example.com", "7"));
        bounces.note(&error_from("alice@example.org", "8"));
        assert!(bounces.is_watching());
        bounces.note(&error_from("alice@example.org/phone", "7"));
        assert_eq!(watch.bounced().await.condition, Condition::Gone);
        assert!(!bounces.is_watching());
    }

    #[test]
    fn a_watch_that_is_given_up_leaves_nothing_behind() {
        let bounces = Bounces::default();
        let to = "alice@example.org".parse().unwrap();
        drop(bounces.watch("7", &to));
        assert!(!bounces.is_watching());
    }
}
