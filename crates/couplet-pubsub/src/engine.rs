//! The rules of XEP-0060: a request and facts in, a reply and changes out. Pure: no store, no clock.

use std::sync::Arc;

use couplet::Jid;

use crate::{
    moment::Moment,
    policy::Policy,
    refused::Refused,
    reply::Reply,
    request::{Approval, Request},
    store::Store,
};

/// Answers requests: reads facts, decides, has the changes done.
pub(crate) struct Engine {
    store: Arc<dyn Store>,
    policy: Arc<dyn Policy>,
    /// The service's own domain, whose users are local.
    domain: String,
}

impl Engine {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        policy: Arc<dyn Policy>,
        domain: impl Into<String>,
    ) -> Engine {
        Engine {
            store,
            policy,
            domain: domain.into(),
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
        let _ = (&self.store, &self.policy, &self.domain);
        unimplemented!("{from} {request:?} {now:?}")
    }

    /// Takes an owner's answer to an approval form; anybody else's is ignored. (XEP-0060, 8.6)
    pub(crate) async fn approve(&self, from: &Jid, approval: Approval, now: Moment) {
        unimplemented!("{from} {approval:?} {now:?}")
    }

    /// Has the approval forms of one node sent again to this owner. (XEP-0060, 8.7)
    pub(crate) async fn send_pending(
        &self,
        from: &Jid,
        node: &str,
        now: Moment,
    ) -> Result<(), Refused> {
        unimplemented!("{from} {node} {now:?}")
    }

    /// A notification came back: with a permanent error the subscription ends, others are counted.
    /// (XEP-0060, 12.4)
    pub(crate) async fn bounced(
        &self,
        from: &Jid,
        node: &str,
        subid: Option<&str>,
        permanent: bool,
        now: Moment,
    ) {
        unimplemented!("{from} {node} {subid:?} {permanent} {now:?}")
    }

    /// Ends leases and items that have run out; tells when to look again.
    pub(crate) async fn sweep(&self, now: Moment) -> Option<Moment> {
        unimplemented!("{now:?}")
    }
}
