//! The state that the handlers of a service share; it counts requests.

use std::sync::Arc;

use couplet::{Jid, StanzaError};

use crate::{
    clock, codec,
    engine::Engine,
    in_flight::InFlight,
    metrics::Metrics,
    page::{Page, Paged},
    policy::Policy,
    pubsub_error::PubsubError,
    reply::Reply,
    request::Request,
    store::Store,
};

/// Engine, store, policy and metrics of one service.
pub(crate) struct ServiceContext {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Engine,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) metrics: Metrics,
}

impl ServiceContext {
    /// Handles a request and counts it.
    pub(crate) async fn answer(&self, from: &Jid, request: Request) -> Result<Reply, StanzaError> {
        self.serve(from, request).await.map_err(codec::stanza_error)
    }

    /// Handles a request for callers that inspect the error.
    pub(crate) async fn serve(&self, from: &Jid, request: Request) -> Result<Reply, PubsubError> {
        let operation = operation(&request);
        let answered = Box::pin(self.engine.answer(from, request, clock::now())).await;
        if let Ok(Reply::Published { ids, .. }) = &answered {
            self.metrics.published(ids.len() as u64);
        }
        self.count(operation, &answered);
        answered
    }

    /// Returns the ids of items for service discovery; counted as a request for items.
    pub(crate) async fn item_ids(
        &self,
        from: &Jid,
        node: &str,
        page: Option<Page>,
    ) -> Result<Paged<String>, PubsubError> {
        let found = self.engine.item_ids(from, node, page, clock::now()).await;
        self.count("items", &found);
        found
    }

    fn count<T>(&self, operation: &'static str, answered: &Result<T, PubsubError>) {
        let outcome = match answered {
            Ok(_) => "done",
            Err(error) => {
                if let Some(kind) = error.store_failure {
                    self.metrics.store_failed(kind);
                }
                error.condition.as_str()
            }
        };
        self.metrics.answered(operation, outcome);
    }
}

fn operation(request: &Request) -> &'static str {
    match request {
        Request::Subscriptions { .. } => "subscriptions",
        Request::Affiliations { .. } => "affiliations",
        Request::Subscribe { .. } => "subscribe",
        Request::Unsubscribe { .. } => "unsubscribe",
        Request::Options { .. } => "options",
        Request::SetOptions { .. } => "set_options",
        Request::DefaultOptions { .. } => "default_options",
        Request::Items { .. } => "items",
        Request::Publish { .. } => "publish",
        Request::Retract { .. } => "retract",
        Request::Create { .. } => "create",
        Request::Configuration { .. } => "configuration",
        Request::Configure { .. } => "configure",
        Request::DefaultConfiguration => "default_configuration",
        Request::Delete { .. } => "delete",
        Request::Purge { .. } => "purge",
        Request::Subscribers { .. } => "subscribers",
        Request::SetSubscribers { .. } => "set_subscribers",
        Request::Affiliates { .. } => "affiliates",
        Request::SetAffiliates { .. } => "set_affiliates",
    }
}
