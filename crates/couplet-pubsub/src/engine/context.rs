//! The context of a request: who sent it, when, and under which policy.

use std::sync::Arc;

use couplet::{BareJid, Jid};

use crate::{
    change::Change,
    page::Page,
    policy::{Limits, Policy},
    pubsub_error::PubsubError,
    reply::Reply,
    timestamp::Timestamp,
};

/// The result of a decision: changes and a reply, or an error and no change.
pub(super) type Decision<R = Reply> = Result<(Vec<Change>, R), PubsubError>;

/// The context of a request, which the request does not contain itself.
#[derive(Clone)]
pub(super) struct RequestContext {
    pub(super) from: Jid,
    /// The bare JID, which affiliations are for. (XEP-0060, 4.1)
    pub(super) who: BareJid,
    pub(super) policy: Arc<dyn Policy>,
    /// The address of the service, which has no affiliations.
    pub(super) domain: BareJid,
    pub(super) now: Timestamp,
    /// Generates unique names.
    pub(super) new_id: fn() -> String,
}

impl RequestContext {
    /// Returns whether this JID is that of the requester, or another resource of it. (XEP-0060,
    /// 6.1.3.1)
    pub(super) fn is_own(&self, jid: &Jid) -> bool {
        jid.to_bare() == self.who
    }

    /// Returns a JID of the requester with the domain as the server writes it: notifications go
    /// there.
    pub(super) fn with_server_domain(&self, own: &Jid) -> Jid {
        let full = own
            .resource()
            .map(|resource| self.who.with_resource(resource));
        match full {
            Some(full) => full.unwrap_or_else(|_| own.clone()),
            None => self.who.clone().into(),
        }
    }

    /// Returns whether notifications to this JID would come back to the service itself.
    pub(super) fn is_service(&self, jid: &BareJid) -> bool {
        jid.to_domain() == self.domain
    }

    pub(super) fn limits(&self) -> Limits {
        self.policy.limits(&self.who)
    }

    /// Returns the time this many seconds from now, at most the last timestamp.
    pub(super) fn in_seconds(&self, seconds: u64) -> Timestamp {
        let millis = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        Timestamp(self.now.0.saturating_add(millis))
    }

    /// Returns the page to look up for a requested one: within the limit.
    pub(super) fn page(&self, requested: &Page) -> Page {
        let limit = self.limits().page;
        Page {
            max: Some(requested.max.map_or(limit, |max| max.min(limit))),
            from: requested.from.clone(),
        }
    }

    /// Returns the page to look up in a list that is sent whole without RSM: as much as fits one
    /// answer.
    pub(super) fn long_page(&self, requested: &Page) -> Page {
        match requested.max {
            Some(_) => self.page(requested),
            None => Page {
                max: Some(self.limits().answer_bytes / SMALLEST),
                from: requested.from.clone(),
            },
        }
    }
}

/// Minimum bytes of an entry of a list.
const SMALLEST: u32 = 48;

/// Returns whether an answer needs a `<set/>`. (XEP-0059, 2.2; XEP-0060, 6.5.4)
pub(super) fn is_paged(requested: &Page, entries: usize, count: u64) -> bool {
    *requested != Page::default() || (entries as u64) < count
}
