//! Snapshots for decisions, and expired leases and items.

use couplet::BareJid;

use crate::{
    node::Affiliation,
    snapshot::{Entity, MAX_SUBSCRIPTIONS, Query, Snapshot, SubscriptionFilter, entities},
    store::Expired,
    subscription::SubscriptionState,
    timestamp::Timestamp,
};

use super::{
    subscriptions::{Key, as_they_began, unpacked},
    tables::{NodeEntry, Tables},
};

impl Tables {
    pub(super) fn snapshot(&self, query: &Query) -> Snapshot {
        let name = query.node.as_deref();
        let kept = name.and_then(|name| self.named(name));
        let (entity, others) = (query.entity.as_ref(), query.others.iter());
        let no_filter = SubscriptionFilter::default();
        let usage = query.entity.as_ref().filter(|_| query.usage);
        let mut snapshot = Snapshot {
            node: kept.map(|kept| kept.node.clone()),
            redirect: name
                .filter(|_| kept.is_none())
                .and_then(|name| self.redirects.get(name))
                .cloned(),
            entity: entity.map(|who| entity_of(kept, who, &query.filter)),
            others: others.map(|who| entity_of(kept, who, &no_filter)).collect(),
            affiliated: match query.affiliated {
                true => query
                    .others
                    .iter()
                    .map(|who| self.affiliated(who))
                    .collect(),
                false => Vec::new(),
            },
            usage: usage.map(|who| self.usage(who)).unwrap_or_default(),
            backlog: self.queue.len(),
            ..Snapshot::default()
        };
        if let Some(kept) = kept {
            add_items(&mut snapshot, kept, query);
            add_people(&mut snapshot, kept, query);
        }
        snapshot
    }

    pub(super) fn expired(&self, now: Timestamp, max: u32) -> Expired {
        let max = max as usize;
        let mut found = Expired::default();
        for (at, id, key) in &self.leases {
            if *at > now || found.leases.len() == max {
                break;
            }
            let Some(kept) = self.live(*id) else { continue };
            let Ok(jid) = couplet::Jid::new(key.jid()) else {
                continue;
            };
            let name = kept.node.name.clone();
            found.leases.push((name, jid, key.subid().to_owned()));
        }
        for (at, id, seq) in &self.expiring {
            if *at > now || found.items.len() == max {
                break;
            }
            let Some(kept) = self.live(*id) else { continue };
            if let Some(item) = kept.items.get(seq) {
                let name = kept.node.name.clone();
                found.items.push((name, item.head.id.clone()));
            }
        }
        found
    }
}

fn entity_of(kept: Option<&NodeEntry>, who: &BareJid, filter: &SubscriptionFilter) -> Entity {
    let affiliation = kept.and_then(|kept| kept.affiliations.get(who));
    Entity {
        jid: who.clone(),
        affiliation: affiliation.copied().unwrap_or(Affiliation::None),
        subscriptions: kept
            .map(|kept| {
                let some = kept.subscriptions.of(who).enumerate();
                let found = some.filter(|(number, (key, _))| {
                    let is_meant = !filter.is_nothing() && filter.includes(key.jid(), key.subid());
                    *number < MAX_SUBSCRIPTIONS as usize || is_meant
                });
                as_they_began(found.map(|(_, held)| held))
            })
            .unwrap_or_default(),
    }
}

fn add_items(snapshot: &mut Snapshot, kept: &NodeEntry, query: &Query) {
    let by_id = |id: &String| kept.items.get(kept.ids.get(id)?);
    let wanted = query.items.iter().filter_map(by_id);
    snapshot.items = wanted.map(|item| item.head.clone()).collect();
    let oldest = kept.items.values().take(query.oldest as usize);
    snapshot.oldest = oldest.map(|item| item.head.clone()).collect();
    let newest = kept.items.values().rev().take(query.newest as usize);
    snapshot.newest = newest.cloned().collect();
    snapshot.newest.reverse();
}

fn add_people(snapshot: &mut Snapshot, kept: &NodeEntry, query: &Query) {
    if query.owners {
        let owners = kept
            .affiliations
            .iter()
            .filter(|(_, affiliation)| **affiliation == Affiliation::Owner);
        snapshot.owners = owners.map(|(jid, _)| jid.clone()).collect();
    }
    if query.affiliations {
        snapshot.affiliations = kept.affiliations.len() as u64;
    }
    if query.pending > 0 {
        let pending = kept
            .subscriptions
            .iter()
            .filter(|(_, packed)| packed.state() == SubscriptionState::Pending);
        snapshot.pending = as_they_began(pending);
        snapshot.pending.truncate(query.pending as usize);
    }
    if let Some(slice) = &query.subscriber_range {
        let after = slice.after.as_ref().map(Key::from);
        let some = kept.subscriptions.after(after.as_ref());
        let some = some.take(slice.max as usize);
        let some = some.filter_map(|(key, packed)| unpacked(key, packed));
        snapshot.subscriber_range = entities(some.map(|held| {
            let affiliation = kept.affiliations.get(&held.jid.to_bare()).copied();
            (held, affiliation.unwrap_or(Affiliation::None))
        }));
    }
}
