//! The existing items and subscriptions of a node during changes, so that its counts are maintained
//! without a query for each change.

use std::collections::{HashMap, HashSet};

use couplet::BareJid;
use tokio_postgres::Row;

use crate::{
    change::Change,
    node::NodeId,
    snapshot::{Query, Snapshot},
    store::StoreError,
    subscription::{Subscription, SubscriptionState},
};

use super::{
    pipeline::{RowSets, Statement, statement},
    rows::{count, value},
    write::kept,
};

/// The existing rows that changes touch.
#[derive(Default)]
pub(super) struct ExistingRows {
    items: HashSet<String>,
    subscriptions: HashMap<(String, String), ExistingSubscription>,
}

/// The state of an existing subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExistingSubscription {
    Pending,
    Subscribed { since: u64 },
}

impl ExistingRows {
    /// Removes an item. Returns whether it existed.
    pub(super) fn remove_item(&mut self, id: &str) -> bool {
        self.items.remove(id)
    }

    pub(super) fn add_item(&mut self, id: &str) {
        self.items.insert(id.to_owned());
    }

    /// Records that no items are left.
    pub(super) fn purge(&mut self) {
        self.items.clear();
    }

    pub(super) fn subscription(&self, jid: &str, subid: &str) -> Option<ExistingSubscription> {
        let key = (jid.to_owned(), subid.to_owned());
        self.subscriptions.get(&key).copied()
    }

    pub(super) fn set_subscription(
        &mut self,
        jid: &str,
        subid: &str,
        now: Option<ExistingSubscription>,
    ) {
        let key = (jid.to_owned(), subid.to_owned());
        match now {
            Some(now) => self.subscriptions.insert(key, now),
            None => self.subscriptions.remove(&key),
        };
    }

    /// Returns what a snapshot contains of the items and entities it was queried for.
    pub(super) fn from(snapshot: &Snapshot) -> ExistingRows {
        let mut known = ExistingRows::default();
        let entities = snapshot.entity.iter().chain(&snapshot.others);
        for held in entities.flat_map(|entity| &entity.subscriptions) {
            let now = ExistingSubscription::of(held);
            known.set_subscription(held.jid.as_str(), &held.subid, Some(now));
        }
        known.items = snapshot.items.iter().map(|head| head.id.clone()).collect();
        known
    }
}

impl ExistingSubscription {
    pub(super) fn of(subscription: &Subscription) -> ExistingSubscription {
        match subscription.state {
            SubscriptionState::Pending => ExistingSubscription::Pending,
            SubscriptionState::Subscribed => ExistingSubscription::Subscribed {
                since: subscription.since,
            },
        }
    }
}

/// The rows to read before changes can be applied.
#[derive(Default)]
pub(super) struct Lookup {
    items: Vec<String>,
    jids: Vec<String>,
    subids: Vec<String>,
    keys: u32,
}

impl Lookup {
    /// Returns the rows that these changes touch, without those that the query has read.
    pub(super) fn new(changes: &[Change], query: &Query) -> Lookup {
        let mut lookup = Lookup::default();
        let requested: HashSet<&str> = query.items.iter().map(String::as_str).collect();
        let people: HashSet<&BareJid> = query.entity.iter().chain(&query.others).collect();
        for change in changes {
            match change {
                Change::Create { .. } => lookup.keys += 1,
                Change::Publish { id, .. } if !requested.contains(&**id) => {
                    lookup.items.push(id.clone());
                }
                Change::Retract { ids } => {
                    let unasked = ids.iter().filter(|id| !requested.contains(id.as_str()));
                    lookup.items.extend(unasked.cloned());
                }
                Change::Subscribe(Subscription { jid, subid, .. })
                | Change::Unsubscribe { jid, subid }
                    if !people.contains(&jid.to_bare()) =>
                {
                    lookup.jids.push(jid.as_str().to_owned());
                    lookup.subids.push(subid.clone());
                }
                _ => {}
            }
        }
        lookup
    }

    /// Returns the queries; [`read`](Lookup::read) reads the rows. None if everything is known.
    pub(super) fn statements(&self, node: Option<NodeId>) -> Vec<Statement> {
        let mut statements = Vec::new();
        if self.keys > 0 {
            statements.push(statement!(
                "SELECT nextval(pg_get_serial_sequence('node', 'id'))
                 FROM generate_series(1, $1::bigint)",
                i64::from(self.keys)
            ));
        }
        let Some(node) = node else {
            return statements;
        };
        if !self.items.is_empty() {
            statements.push(statement!(
                concat!(
                    "SELECT id FROM item WHERE node = $1 AND id = ANY ($2)",
                    kept!()
                ),
                node.0,
                self.items.clone()
            ));
        }
        if !self.jids.is_empty() {
            statements.push(statement!(
                "SELECT jid, subid, pending, since FROM subscription
                 JOIN unnest($2::text[], $3::text[]) AS wanted (jid, subid) USING (jid, subid)
                 WHERE node = $1",
                node.0,
                self.jids.clone(),
                self.subids.clone()
            ));
        }
        statements
    }

    /// Reads the rows of [`statements`](Lookup::statements); returns keys for new nodes.
    pub(super) fn read(
        &self,
        node: Option<NodeId>,
        answers: &mut RowSets,
        known: &mut ExistingRows,
    ) -> Result<Vec<NodeId>, StoreError> {
        let mut next = || answers.next().unwrap_or_default();
        let mut keys = Vec::new();
        if self.keys > 0 {
            for row in next() {
                keys.push(NodeId(value(&row, 0)?));
            }
        }
        if node.is_some() && !self.items.is_empty() {
            for row in next() {
                known.items.insert(value(&row, 0)?);
            }
        }
        if node.is_some() && !self.jids.is_empty() {
            for row in next() {
                let (jid, subid) = (value(&row, 0)?, value(&row, 1)?);
                known.set_subscription(jid, subid, Some(existing_subscription(&row)?));
            }
        }
        Ok(keys)
    }
}

fn existing_subscription(row: &Row) -> Result<ExistingSubscription, StoreError> {
    if value(row, 2)? {
        return Ok(ExistingSubscription::Pending);
    }
    Ok(ExistingSubscription::Subscribed {
        since: count(row, 3)?,
    })
}
