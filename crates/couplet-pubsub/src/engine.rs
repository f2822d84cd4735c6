//! The rules of XEP-0060: a request and facts in, a reply and changes out.
//!
//! Every operation is a list of what it needs to know and a pure decision on those facts: no store,
//! no clock, no XML. Only this file and the first function of each operation wait for a store.

mod access;
mod announce;
mod ask;
mod bounce;
mod entity;
mod owner;
mod publisher;
mod room;
mod settle;
mod sweep;
mod unsettled;

#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use couplet::{BareJid, Condition, Jid};
use tokio::sync::oneshot;

use crate::{
    facts::{Facts, Needs},
    moment::Moment,
    page::{Page, Paged},
    policy::Policy,
    refused::Refused,
    reply::Reply,
    request::{Approval, Request},
    store::{Store, StoreError},
    subscription::Subscription,
    told::Told,
};

use ask::{Ask, Decision};
use entity::{items, mine, options, subscribe, unsubscribe};
use owner::{affiliates, configure, create, delete, pending, purge, subscribers};
use publisher::{publish, retract};

/// Answers requests: reads facts, decides, has the changes done.
pub(crate) struct Engine {
    store: Arc<dyn Store>,
    policy: Arc<dyn Policy>,
    domain: BareJid,
}

impl Engine {
    /// `domain` is the service's own address: notifications to it would come back to it.
    pub(crate) fn new(store: Arc<dyn Store>, policy: Arc<dyn Policy>, domain: BareJid) -> Engine {
        Engine {
            store,
            policy,
            domain,
        }
    }

    /// Answers one request of `from`. The reply is sent after the changes are safe; announcements
    /// wait in the store for the fan-out.
    ///
    /// # Errors
    ///
    /// What the peer is told.
    pub(crate) async fn answer(
        &self,
        from: &Jid,
        request: Request,
        now: Moment,
    ) -> Result<Reply, Refused> {
        let ask = self.ask(from, now);
        match request {
            Request::Subscriptions { node, page } => {
                mine::subscriptions(self, ask, node, page).await
            }
            Request::Affiliations { node, page } => mine::affiliations(self, ask, node, page).await,
            Request::Subscribe { node, jid, options } => {
                subscribe::answer(self, ask, node, jid, options).await
            }
            Request::Unsubscribe { node, jid, subid } => {
                unsubscribe::answer(self, ask, node, jid, subid).await
            }
            Request::Options { node, jid, subid } => {
                options::answer(self, ask, node, jid, subid).await
            }
            Request::SetOptions {
                node,
                jid,
                subid,
                form,
            } => options::set(self, ask, node, jid, subid, form).await,
            Request::DefaultOptions { node } => options::defaults(self, ask, node).await,
            Request::Items {
                node,
                subid,
                wanted,
            } => items::answer(self, ask, node, subid, wanted).await,
            Request::Publish {
                node,
                items,
                options,
            } => publish::answer(self, ask, node, items, options).await,
            Request::Retract { node, ids, notify } => {
                retract::answer(self, ask, node, ids, notify).await
            }
            Request::Create { node, configure } => create::answer(self, ask, node, configure).await,
            Request::Configuration { node } => configure::show(self, ask, node).await,
            Request::Configure { node, form } => configure::answer(self, ask, node, form).await,
            Request::DefaultConfiguration => Ok(configure::defaults(&ask)),
            Request::Delete { node, redirect } => delete::answer(self, ask, node, redirect).await,
            Request::Purge { node } => purge::answer(self, ask, node).await,
            Request::Subscribers { node, page } => subscribers::list(self, ask, node, page).await,
            Request::SetSubscribers { node, wanted } => {
                subscribers::answer(self, ask, node, wanted).await
            }
            Request::Affiliates { node, page } => affiliates::list(self, ask, node, page).await,
            Request::SetAffiliates { node, wanted } => {
                affiliates::answer(self, ask, node, wanted).await
            }
        }
    }

    /// The ids of items that this entity may read. (XEP-0060, 5.5)
    ///
    /// # Errors
    ///
    /// Those of retrieving items.
    pub(crate) async fn item_ids(
        &self,
        from: &Jid,
        node: &str,
        page: Option<Page>,
        now: Moment,
    ) -> Result<Paged<String>, Refused> {
        items::ids(self, self.ask(from, now), node.to_owned(), page).await
    }

    /// Takes an owner's decision about a subscription that is pending. (XEP-0060, 8.6)
    ///
    /// # Errors
    ///
    /// `forbidden`, `item-not-found`.
    pub(crate) async fn approve(
        &self,
        from: &Jid,
        approval: Approval,
        now: Moment,
    ) -> Result<(), Refused> {
        pending::approve(self, self.ask(from, now), approval).await
    }

    /// The subscriptions to one node that wait for the approval of this owner.
    ///
    /// # Errors
    ///
    /// `forbidden`, `item-not-found`.
    pub(crate) async fn pending(
        &self,
        from: &Jid,
        node: &str,
        now: Moment,
    ) -> Result<Vec<Subscription>, Refused> {
        pending::list(self, self.ask(from, now), node.to_owned()).await
    }

    /// Sends the approval forms of one node to this owner again, and returns how many.
    /// (XEP-0060, 8.7)
    ///
    /// # Errors
    ///
    /// `forbidden`, `item-not-found`.
    pub(crate) async fn send_pending(
        &self,
        from: &Jid,
        node: &str,
        now: Moment,
    ) -> Result<usize, Refused> {
        pending::send_again(self, self.ask(from, now), node.to_owned()).await
    }

    /// A notification came back: with a permanent error all subscriptions of the JID end, others are
    /// counted.
    /// (XEP-0060, 12.4)
    pub(crate) async fn bounced(&self, from: &Jid, node: &str, permanent: bool, now: Moment) {
        let ask = self.ask(from, now);
        let weight = bounce::Weight::of(permanent);
        if let Err(why) = bounce::take(self, ask, node, weight).await {
            tracing::debug!(%from, node, ?why, "a bounce is ignored");
        }
    }

    /// Ends leases and items that have run out.
    pub(crate) async fn sweep(&self, now: Moment) {
        sweep::sweep(self, now).await;
    }

    fn ask(&self, from: &Jid, now: Moment) -> Ask {
        let from = from.normalized();
        Ask {
            who: from.to_bare(),
            from,
            policy: Arc::clone(&self.policy),
            domain: self.domain.clone(),
            now,
            fresh: || uuid::Uuid::new_v4().to_string(),
        }
    }

    /// What the service does by itself.
    fn own_ask(&self, now: Moment) -> Ask {
        self.ask(&Jid::from(self.domain.clone()), now)
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }

    async fn look(&self, needs: Needs) -> Result<Facts, Refused> {
        Ok(self.store.look(needs).await?)
    }

    /// Has a decision taken on facts and done, all in one transaction.
    async fn change<R: Send + 'static>(
        &self,
        needs: Needs,
        decide: impl FnOnce(&Facts) -> Decision<R> + Send + 'static,
    ) -> Result<R, Refused> {
        let (tell, mut told) = oneshot::channel();
        let decide = Box::new(move |facts: &Facts| {
            let (changes, answer) = match decide(facts) {
                Ok((changes, reply)) => (changes, Ok(reply)),
                Err(refused) => (Vec::new(), Err(refused)),
            };
            let _nobody_waits = tell.send(answer);
            changes
        });
        self.store.change(needs, decide).await?;
        // A store that says it is done has asked for the decision.
        told.try_recv()
            .unwrap_or_else(|_| Err(Refused::plain(Condition::InternalServerError)))
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        let store_failure = error.failure();
        let condition = match error {
            StoreError::UnknownCursor => Condition::ItemNotFound,
            StoreError::FarIndex => {
                return Refused::plain(Condition::FeatureNotImplemented)
                    .text("So far into a long list there are no pages by index");
            }
            StoreError::Busy(why) | StoreError::Contended(why) => {
                static TOLD: Told = Told::never();
                if let Some(told) = TOLD.permit() {
                    tracing::warn!(omitted = told.omitted, why, "the store cannot do it now");
                }
                Condition::ResourceConstraint
            }
            StoreError::Broken(why) => {
                static TOLD: Told = Told::never();
                if let Some(told) = TOLD.permit() {
                    tracing::error!(omitted = told.omitted, why, "the store cannot do it");
                }
                Condition::InternalServerError
            }
        };
        Refused {
            store_failure,
            ..Refused::plain(condition)
        }
    }
}
