//! What is known of a node's items and subscriptions while it changes, so that its counts can be
//! kept without asking after each step.

use std::collections::{HashMap, HashSet};

use couplet::BareJid;
use tokio_postgres::Row;

use crate::{
    change::Change,
    facts::{Facts, Needs},
    node::NodeId,
    store::StoreError,
    subscription::{Subscription, SubscriptionState},
};

use super::{
    rows::{count, value},
    script::{Answers, Ask, ask},
    write::kept,
};

/// What is there of all that some changes touch.
#[derive(Default)]
pub(super) struct Known {
    items: HashSet<String>,
    standing: HashMap<(String, String), Standing>,
}

/// How a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Pending,
    Subscribed { since: u64 },
}

impl Known {
    /// Whether it was there.
    pub(super) fn remove_item(&mut self, id: &str) -> bool {
        self.items.remove(id)
    }

    pub(super) fn add_item(&mut self, id: &str) {
        self.items.insert(id.to_owned());
    }

    /// No items are left.
    pub(super) fn purge(&mut self) {
        self.items.clear();
    }

    pub(super) fn standing(&self, jid: &str, subid: &str) -> Option<Standing> {
        let key = (jid.to_owned(), subid.to_owned());
        self.standing.get(&key).copied()
    }

    pub(super) fn stand(&mut self, jid: &str, subid: &str, now: Option<Standing>) {
        let key = (jid.to_owned(), subid.to_owned());
        match now {
            Some(now) => self.standing.insert(key, now),
            None => self.standing.remove(&key),
        };
    }

    /// What the facts say about the items and people that were asked for.
    pub(super) fn from(facts: &Facts) -> Known {
        let mut known = Known::default();
        let parties = facts.actor.iter().chain(&facts.others);
        for held in parties.flat_map(|party| &party.subscriptions) {
            let now = Standing::of(held);
            known.stand(held.jid.as_str(), &held.subid, Some(now));
        }
        known.items = facts.items.iter().map(|head| head.id.clone()).collect();
        known
    }
}

impl Standing {
    fn of(subscription: &Subscription) -> Standing {
        match subscription.state {
            SubscriptionState::Pending => Standing::Pending,
            SubscriptionState::Subscribed => Standing::Subscribed {
                since: subscription.since,
            },
        }
    }
}

/// What has to be looked up before changes can be made.
#[derive(Default)]
pub(super) struct Lookup {
    items: Vec<String>,
    jids: Vec<String>,
    subids: Vec<String>,
    keys: u32,
}

impl Lookup {
    /// What these changes touch, except for what was asked for before.
    pub(super) fn new(changes: &[Change], needs: &Needs) -> Lookup {
        let mut lookup = Lookup::default();
        let asked: HashSet<&str> = needs.items.iter().map(String::as_str).collect();
        let people: HashSet<&BareJid> = needs.actor.iter().chain(&needs.others).collect();
        for change in changes {
            match change {
                Change::Create { .. } => lookup.keys += 1,
                Change::Publish { id, .. } if !asked.contains(&**id) => {
                    lookup.items.push(id.clone());
                }
                Change::Retract { ids } => {
                    let unasked = ids.iter().filter(|id| !asked.contains(id.as_str()));
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

    /// The questions; [`read`](Lookup::read) reads the answers. None where all is known.
    pub(super) fn asks(&self, node: Option<NodeId>) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.keys > 0 {
            asks.push(ask!(
                "SELECT nextval(pg_get_serial_sequence('node', 'id'))
                 FROM generate_series(1, $1::bigint)",
                i64::from(self.keys)
            ));
        }
        let Some(node) = node else {
            return asks;
        };
        if !self.items.is_empty() {
            asks.push(ask!(
                concat!(
                    "SELECT id FROM item WHERE node = $1 AND id = ANY ($2)",
                    kept!()
                ),
                node.0,
                self.items.clone()
            ));
        }
        if !self.jids.is_empty() {
            asks.push(ask!(
                "SELECT jid, subid, pending, since FROM subscription
                 JOIN unnest($2::text[], $3::text[]) AS wanted (jid, subid) USING (jid, subid)
                 WHERE node = $1",
                node.0,
                self.jids.clone(),
                self.subids.clone()
            ));
        }
        asks
    }

    /// Reads the answers to [`asks`](Lookup::asks); keys for new nodes come back.
    pub(super) fn read(
        &self,
        node: Option<NodeId>,
        answers: &mut Answers,
        known: &mut Known,
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
                known.stand(jid, subid, Some(standing(&row)?));
            }
        }
        Ok(keys)
    }
}

fn standing(row: &Row) -> Result<Standing, StoreError> {
    if value(row, 2)? {
        return Ok(Standing::Pending);
    }
    Ok(Standing::Subscribed {
        since: count(row, 3)?,
    })
}
