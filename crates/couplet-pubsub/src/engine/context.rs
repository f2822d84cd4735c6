//! Who asks, when, and under which rules of the house.

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

/// What comes of a request: changes and the answer, or no change and a refusal.
pub(super) type Decision<R = Reply> = Result<(Vec<Change>, R), PubsubError>;

/// Everything about a request that is not in it.
#[derive(Clone)]
pub(super) struct RequestContext {
    pub(super) from: Jid,
    /// The bare JID: who it is, as far as rights go. (XEP-0060, 4.1)
    pub(super) who: BareJid,
    pub(super) policy: Arc<dyn Policy>,
    /// The service's own address, which can be nobody's.
    pub(super) domain: BareJid,
    pub(super) now: Timestamp,
    /// Makes names nobody has had.
    pub(super) new_id: fn() -> String,
}

impl RequestContext {
    /// Whether this JID is the asking one, or another resource of it. (XEP-0060, 6.1.3.1)
    pub(super) fn is_own(&self, jid: &Jid) -> bool {
        jid.to_bare() == self.who
    }

    /// An own JID with the domain as the server writes it: notifications go there.
    pub(super) fn with_server_domain(&self, own: &Jid) -> Jid {
        let full = own
            .resource()
            .map(|resource| self.who.with_resource(resource));
        match full {
            Some(full) => full.unwrap_or_else(|_| own.clone()),
            None => self.who.clone().into(),
        }
    }

    /// Whether notifications to this JID would come back to the service itself.
    pub(super) fn is_service(&self, jid: &BareJid) -> bool {
        jid.to_domain() == self.domain
    }

    pub(super) fn limits(&self) -> Limits {
        self.policy.limits(&self.who)
    }

    /// So many seconds from now, or the end of time.
    pub(super) fn in_seconds(&self, seconds: u64) -> Timestamp {
        let millis = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        Timestamp(self.now.0.saturating_add(millis))
    }

    /// The page to look up for one that was asked for: never longer than the limit.
    pub(super) fn page(&self, requested: &Page) -> Page {
        let limit = self.limits().page;
        Page {
            max: Some(requested.max.map_or(limit, |max| max.min(limit))),
            from: requested.from.clone(),
        }
    }

    /// The same for a list of which those who ask for no page want all: as much as an answer may
    /// carry.
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

/// The fewest bytes that an entry of a list takes.
const SMALLEST: u32 = 48;

/// Whether an answer tells which part of the list it is. (XEP-0059, 2.2; XEP-0060, 6.5.4)
pub(super) fn is_paged(requested: &Page, entries: usize, count: u64) -> bool {
    *requested != Page::default() || (entries as u64) < count
}
