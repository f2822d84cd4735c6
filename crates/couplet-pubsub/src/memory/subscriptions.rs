//! The subscriptions of one node in a compact form, for a million of them.

use std::{collections::BTreeMap, ops::Bound};

use couplet::{BareJid, Jid};
use couplet_core::jid::dns_name;

use crate::{
    store::Cursor,
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

/// Ordered by JID, then subid.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    held: BTreeMap<Key, Packed>,
}

/// JID and subid in one string. NUL is in neither and sorts first, so the order is that of the
/// pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Box<str>);

/// A subscription without its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    since: u64,
    began: u64,
    expires: Option<Expiry>,
    bounces: u32,
    state: SubscriptionState,
    options: SubscribeOptions,
}

/// A timestamp, off by one if it is zero, so that `None` takes no space.
type Expiry = std::num::NonZeroI64;

impl Key {
    pub(super) fn new(jid: &str, subid: &str) -> Key {
        Key(format!("{jid}\0{subid}").into())
    }

    pub(super) fn jid(&self) -> &str {
        self.parts().0
    }

    pub(super) fn subid(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('\0').unwrap_or((&self.0, ""))
    }
}

impl From<&Cursor> for Key {
    fn from(cursor: &Cursor) -> Key {
        Key::new(&cursor.jid, &cursor.subid)
    }
}

impl Packed {
    pub(super) fn new(subscription: &Subscription, began: u64) -> Packed {
        Packed {
            since: subscription.since,
            began,
            expires: subscription
                .expires
                .map(|at| Expiry::new(at.0).unwrap_or(Expiry::MIN)),
            bounces: subscription.bounces,
            state: subscription.state,
            options: subscription.options,
        }
    }

    pub(super) fn since(&self) -> u64 {
        self.since
    }

    pub(super) fn began(&self) -> u64 {
        self.began
    }

    pub(super) fn state(&self) -> SubscriptionState {
        self.state
    }

    pub(super) fn options(&self) -> SubscribeOptions {
        self.options
    }

    pub(super) fn expires(&self) -> Option<Timestamp> {
        let at = self.expires?;
        Some(Timestamp(if at == Expiry::MIN { 0 } else { at.get() }))
    }
}

impl Subscriptions {
    /// Inserts a subscription and returns the one it replaces.
    pub(super) fn insert(&mut self, key: Key, packed: Packed) -> Option<Packed> {
        self.held.insert(key, packed)
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Packed> {
        self.held.remove(key)
    }

    pub(super) fn find(&self, key: &Key) -> Option<&Packed> {
        self.held.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Packed)> {
        self.held.iter()
    }

    /// Returns the subscriptions after a key.
    pub(super) fn after(&self, key: Option<&Key>) -> impl Iterator<Item = (&Key, &Packed)> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.held.range((from, Bound::Unbounded))
    }

    /// Returns the subscriptions of a bare JID and its full JIDs.
    pub(super) fn of(&self, who: &BareJid) -> impl Iterator<Item = (&Key, &Packed)> {
        // Keys are the addresses of notifications, and a server may write its domain in A-labels.
        let prepared = who.prepared();
        let (node, domain) = prepared.rsplit_once('@').unwrap_or(("", prepared));
        let other = dns_name(domain);
        let at = if node.is_empty() { "" } else { "@" };
        let other = (other != domain).then(|| [node, at, &other].concat());
        let forms = [Some(prepared.to_owned()), other].into_iter().flatten();
        // In a full JID a slash follows the bare JID; the next character ends the range.
        let ends = [('\0', '\u{1}'), ('/', '0')];
        forms.flat_map(move |form| {
            ends.into_iter().flat_map(move |(low, high)| {
                let bound = |end: char| Key(format!("{form}{end}").into());
                self.held.range(bound(low)..bound(high))
            })
        })
    }

    /// Returns whether the same JID has another subscription.
    pub(super) fn has_sibling(&self, key: &Key) -> bool {
        let jid = key.jid();
        let before = self.held.range(..key).next_back();
        let behind = self.after(Some(key)).next();
        [before, behind]
            .into_iter()
            .flatten()
            .any(|(other, _)| other.jid() == jid)
    }
}

/// Converts an entry to a subscription. `None` if the key is no JID, although all keys are made of
/// one.
pub(super) fn unpacked(key: &Key, packed: &Packed) -> Option<Subscription> {
    Some(Subscription {
        jid: Jid::new(key.jid()).ok()?,
        subid: key.subid().to_owned(),
        state: packed.state,
        options: packed.options,
        expires: packed.expires(),
        bounces: packed.bounces,
        since: packed.since,
    })
}

/// Converts entries to subscriptions, oldest first.
pub(super) fn as_they_began<'a>(
    some: impl Iterator<Item = (&'a Key, &'a Packed)>,
) -> Vec<Subscription> {
    let mut some: Vec<_> = some.collect();
    some.sort_by_key(|(_, packed)| packed.began);
    some.into_iter()
        .filter_map(|(key, packed)| unpacked(key, packed))
        .collect()
}
