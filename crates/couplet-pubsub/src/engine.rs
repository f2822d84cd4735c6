//! The rules of XEP-0060: a request and a snapshot in, a reply and changes out.
//!
//! Every operation is a [`Query`] and a pure decision on its snapshot: without store, clock or XML.
//! Only this file and the first function of each operation await a store.

mod expire;
mod publisher;
mod owner;
mod apply_config;
mod capacity;
mod entity;
mod bounce;
mod reconcile;
mod announce;
mod access;
mod context;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use couplet::{BareJid, Condition, Jid};
use tokio::sync::oneshot;

use crate::{
    log_limit::LogThrottle,
    page::{Page, Paged},
    policy::Policy,
    pubsub_error::PubsubError,
    reply::Reply,
    request::{Approval, Request},
    snapshot::{Query, Snapshot},
    store::{Store, StoreError},
    subscription::Subscription,
    timestamp::Timestamp,
};

use context::{Decision, RequestContext};
use entity::{items, options, own, subscribe, unsubscribe};
use owner::{affiliates, configure, create, delete, pending, purge, subscribers};
use publisher::{publish, retract};

/// Handles requests: reads a snapshot, decides, and applies the changes.
pub(crate) struct Engine {
    store: Arc<dyn Store>,
    policy: Arc<dyn Policy>,
    domain: BareJid,
}

impl Engine {
    /// Creates an engine. `domain` is the address of the service itself, to which no notifications
    /// are sent.
    pub(crate) fn new(store: Arc<dyn Store>, policy: Arc<dyn Policy>, domain: BareJid) -> Engine {
        Engine {
            store,
            policy,
            domain,
        }
    }

    /// Handles a request of `from`. The reply is returned once the changes are durable;
    /// announcements wait in the store for the fan-out.
    ///
    /// # Errors
    ///
    /// The error that the peer gets.
    pub(crate) async fn answer(
        &self,
        from: &Jid,
        request: Request,
        now: Timestamp,
    ) -> Result<Reply, PubsubError> {
        let context = self.context(from, now);
        match request {
            Request::Subscriptions { node, page } => {
                own::subscriptions(self, context, node, page).await
            }
            Request::Affiliations { node, page } => {
                own::affiliations(self, context, node, page).await
            }
            Request::Subscribe { node, jid, options } => {
                subscribe::answer(self, context, node, jid, options).await
            }
            Request::Unsubscribe { node, jid, subid } => {
                unsubscribe::answer(self, context, node, jid, subid).await
            }
            Request::Options { node, jid, subid } => {
                options::answer(self, context, node, jid, subid).await
            }
            Request::SetOptions {
                node,
                jid,
                subid,
                form,
            } => options::set(self, context, node, jid, subid, form).await,
            Request::DefaultOptions { node } => options::defaults(self, context, node).await,
            Request::Items {
                node,
                subid,
                wanted,
            } => items::answer(self, context, node, subid, wanted).await,
            Request::Publish {
                node,
                items,
                options,
            } => publish::answer(self, context, node, items, options).await,
            Request::Retract { node, ids, notify } => {
                retract::answer(self, context, node, ids, notify).await
            }
            Request::Create { node, configure } => {
                create::answer(self, context, node, configure).await
            }
            Request::Configuration { node } => configure::show(self, context, node).await,
            Request::Configure { node, form } => configure::answer(self, context, node, form).await,
            Request::DefaultConfiguration => Ok(configure::defaults(&context)),
            Request::Delete { node, redirect } => {
                delete::answer(self, context, node, redirect).await
            }
            Request::Purge { node } => purge::answer(self, context, node).await,
            Request::Subscribers { node, page } => {
                subscribers::list(self, context, node, page).await
            }
            Request::SetSubscribers { node, wanted } => {
                subscribers::answer(self, context, node, wanted).await
            }
            Request::Affiliates { node, page } => affiliates::list(self, context, node, page).await,
            Request::SetAffiliates { node, wanted } => {
                affiliates::answer(self, context, node, wanted).await
            }
        }
    }

    /// Returns the ids of the items that this entity may read. (XEP-0060, 5.5)
    ///
    /// # Errors
    ///
    /// As for retrieving items.
    pub(crate) async fn item_ids(
        &self,
        from: &Jid,
        node: &str,
        page: Option<Page>,
        now: Timestamp,
    ) -> Result<Paged<String>, PubsubError> {
        items::ids(self, self.context(from, now), node.to_owned(), page).await
    }

    /// Applies an owner's decision about a pending subscription. (XEP-0060, 8.6)
    ///
    /// # Errors
    ///
    /// `forbidden`, `item-not-found`.
    pub(crate) async fn approve(
        &self,
        from: &Jid,
        approval: Approval,
        now: Timestamp,
    ) -> Result<(), PubsubError> {
        pending::approve(self, self.context(from, now), approval).await
    }

    /// Returns the pending subscriptions to a node, for its owner.
    ///
    /// # Errors
    ///
    /// `forbidden`, `item-not-found`.
    pub(crate) async fn pending(
        &self,
        from: &Jid,
        node: &str,
        now: Timestamp,
    ) -> Result<Vec<Subscription>, PubsubError> {
        pending::list(self, self.context(from, now), node.to_owned()).await
    }

    /// Sends the approval forms of a node to this owner again, and returns how many. (XEP-0060,
    /// 8.7)
    ///
    /// # Errors
    ///
    /// `forbidden`, `item-not-found`.
    pub(crate) async fn send_pending(
        &self,
        from: &Jid,
        node: &str,
        now: Timestamp,
    ) -> Result<usize, PubsubError> {
        pending::send_again(self, self.context(from, now), node.to_owned()).await
    }

    /// Handles a bounced notification: a permanent error ends all subscriptions of the JID, others
    /// are counted. (XEP-0060, 12.4)
    pub(crate) async fn bounced(&self, from: &Jid, node: &str, permanent: bool, now: Timestamp) {
        let context = self.context(from, now);
        let kind = bounce::BounceKind::of(permanent);
        if let Err(why) = bounce::take(self, context, node, kind).await {
            tracing::debug!(%from, node, error = ?why, "bounce ignored");
        }
    }

    /// Ends expired leases and items.
    pub(crate) async fn expire(&self, now: Timestamp) {
        expire::expire(self, now).await;
    }

    fn context(&self, from: &Jid, now: Timestamp) -> RequestContext {
        let from = from.normalized();
        RequestContext {
            who: from.to_bare(),
            from,
            policy: Arc::clone(&self.policy),
            domain: self.domain.clone(),
            now,
            new_id: || uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Returns the context of changes that the service makes by itself.
    fn service_context(&self, now: Timestamp) -> RequestContext {
        self.context(&Jid::from(self.domain.clone()), now)
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }

    async fn snapshot(&self, query: Query) -> Result<Snapshot, PubsubError> {
        Ok(self.store.snapshot(query).await?)
    }

    /// Decides on a snapshot and applies the changes, all in one transaction.
    async fn change<R: Send + 'static>(
        &self,
        query: Query,
        decide: impl FnOnce(&Snapshot) -> Decision<R> + Send + 'static,
    ) -> Result<R, PubsubError> {
        let (sender, mut receiver) = oneshot::channel();
        let decide = Box::new(move |snapshot: &Snapshot| {
            let (changes, answer) = match decide(snapshot) {
                Ok((changes, reply)) => (changes, Ok(reply)),
                Err(error) => (Vec::new(), Err(error)),
            };
            let _caller_was_dropped = sender.send(answer);
            changes
        });
        self.store.change(query, decide).await?;
        // A store that returns `Ok` has called the decision.
        receiver
            .try_recv()
            .unwrap_or_else(|_| Err(PubsubError::new(Condition::InternalServerError)))
    }
}

impl From<StoreError> for PubsubError {
    fn from(error: StoreError) -> PubsubError {
        let store_failure = error.failure();
        let condition = match error {
            StoreError::UnknownCursor => Condition::ItemNotFound,
            StoreError::FarIndex => {
                return PubsubError::new(Condition::FeatureNotImplemented)
                    .text("Pages by index are available near the ends of a list only");
            }
            StoreError::Busy(why) | StoreError::Contended(why) => {
                static LOG: LogThrottle = LogThrottle::new();
                if let Some(permit) = LOG.permit() {
                    tracing::warn!(
                        omitted = permit.omitted,
                        error = why,
                        "the store is temporarily unavailable"
                    );
                }
                Condition::ResourceConstraint
            }
            StoreError::Broken(why) => {
                static LOG: LogThrottle = LogThrottle::new();
                if let Some(permit) = LOG.permit() {
                    tracing::error!(omitted = permit.omitted, error = why, "the store failed");
                }
                Condition::InternalServerError
            }
        };
        PubsubError {
            store_failure,
            ..PubsubError::new(condition)
        }
    }
}
