//! Lists in pages.

use std::ops::Bound;

use couplet::BareJid;

use crate::{
    item::Item,
    node::{Affiliation, Node, NodeId},
    page::{Page, Paged},
    request::Wanted,
    store::{Cursor, Statistics, StoreError},
    subscription::{Subscription, SubscriptionState},
};

use super::{
    subscriptions::{Key, unpacked},
    tables::{NodeEntry, Tables},
};

impl Tables {
    pub(super) fn list_items(
        &self,
        node: NodeId,
        wanted: &Wanted,
    ) -> Result<Paged<Item>, StoreError> {
        let Some(kept) = self.live(node) else {
            return Ok(nothing());
        };
        match wanted {
            Wanted::Page(page) => {
                let count = kept.items.len() as u64;
                let place = |id: &str| place_of_item(kept, id);
                cut(page, count, place, kept.items.values().cloned())
            }
            Wanted::Newest(max) => {
                let skip = kept.items.len().saturating_sub(*max as usize);
                Ok(Paged {
                    entries: kept.items.values().skip(skip).cloned().collect(),
                    index: Some(skip as u64),
                    count: kept.items.len() as u64,
                })
            }
            Wanted::Ids(ids) => {
                let mut seqs: Vec<u64> = ids
                    .iter()
                    .filter_map(|id| kept.ids.get(id).copied())
                    .collect();
                seqs.sort_unstable();
                seqs.dedup();
                Ok(whole(
                    seqs.iter()
                        .filter_map(|seq| kept.items.get(seq).cloned())
                        .collect(),
                ))
            }
        }
    }

    pub(super) fn list_item_ids(
        &self,
        node: NodeId,
        page: &Page,
    ) -> Result<Paged<String>, StoreError> {
        let Some(kept) = self.live(node) else {
            return Ok(nothing());
        };
        let ids = kept.items.values().map(|item| item.head.id.clone());
        cut(
            page,
            kept.items.len() as u64,
            |id| place_of_item(kept, id),
            ids,
        )
    }

    pub(super) fn list_nodes(&self, page: &Page) -> Result<Paged<Node>, StoreError> {
        let place = |name: &str| {
            let _there = self.names.get(name)?;
            let before = (Bound::Unbounded, Bound::Excluded(name));
            Some(self.names.range::<str, _>(before).count() as u64)
        };
        let nodes = self.names.values().filter_map(|id| self.nodes.get(id));
        cut(
            page,
            self.names.len() as u64,
            place,
            nodes.map(|kept| kept.node.clone()),
        )
    }

    pub(super) fn list_subscriptions_of(
        &self,
        who: &BareJid,
        node: Option<&str>,
        page: &Page,
    ) -> Result<Paged<(String, Subscription)>, StoreError> {
        let mut nodes: Vec<&NodeEntry> = self.subscribed_nodes(who).collect();
        nodes.retain(|kept| node.is_none_or(|node| node == kept.node.name));
        let mut held: Vec<(&str, Subscription)> = nodes
            .into_iter()
            .flat_map(|kept| {
                let own = kept.subscriptions.of(who);
                own.filter_map(|(key, packed)| {
                    Some((kept.node.name.as_str(), unpacked(key, packed)?))
                })
            })
            .collect();
        held.sort_by(|a, b| (a.0, &a.1.subid).cmp(&(b.0, &b.1.subid)));
        let place = |subid: &str| place_of(held.iter().map(|(_, one)| &*one.subid), subid);
        let entries = held
            .iter()
            .map(|(name, one)| ((*name).to_owned(), one.clone()));
        cut(page, held.len() as u64, place, entries)
    }

    pub(super) fn list_affiliations_of(
        &self,
        who: &BareJid,
        node: Option<&str>,
        page: &Page,
    ) -> Result<Paged<(String, Affiliation)>, StoreError> {
        let lowest = (who.clone(), NodeId(i64::MIN));
        let mut held: Vec<(&str, Affiliation)> = self
            .affiliated
            .range(lowest..=(who.clone(), NodeId(i64::MAX)))
            .filter_map(|(_, id)| self.live(*id))
            .filter(|kept| node.is_none_or(|node| node == kept.node.name))
            .filter_map(|kept| Some((kept.node.name.as_str(), *kept.affiliations.get(who)?)))
            .collect();
        held.sort_by_key(|(name, _)| *name);
        let place = |cursor: &str| place_of(held.iter().map(|(name, _)| *name), cursor);
        let entries = held.iter().map(|(name, one)| ((*name).to_owned(), *one));
        cut(page, held.len() as u64, place, entries)
    }

    pub(super) fn list_subscribers(
        &self,
        node: NodeId,
        page: &Page,
    ) -> Result<Paged<Subscription>, StoreError> {
        let Some(kept) = self.live(node) else {
            return Ok(nothing());
        };
        let held = || {
            let all = kept.subscriptions.iter();
            all.filter(|(_, packed)| packed.state() == SubscriptionState::Subscribed)
        };
        let place = |cursor: &str| {
            let cursor = Key::from(&Cursor::parse(cursor)?);
            let place = held().position(|(key, _)| *key == cursor)?;
            Some(place as u64)
        };
        let entries = held().filter_map(|(key, packed)| unpacked(key, packed));
        cut(page, held().count() as u64, place, entries)
    }

    pub(super) fn list_affiliates(
        &self,
        node: NodeId,
        page: &Page,
    ) -> Result<Paged<(BareJid, Affiliation)>, StoreError> {
        let Some(kept) = self.live(node) else {
            return Ok(nothing());
        };
        let place = |jid: &str| {
            let jid = BareJid::new(jid).ok()?;
            let _there = kept.affiliations.get(&jid)?;
            Some(kept.affiliations.range(..jid).count() as u64)
        };
        let entries = kept.affiliations.iter();
        let entries = entries.map(|(jid, affiliation)| (jid.clone(), *affiliation));
        cut(page, kept.affiliations.len() as u64, place, entries)
    }

    pub(super) fn list_nodes_with_pending(&self, owner: &BareJid, max: u32) -> Vec<String> {
        let owned = |kept: &&NodeEntry| kept.affiliations.get(owner) == Some(&Affiliation::Owner);
        let waits = |kept: &&NodeEntry| {
            let mut held = kept.subscriptions.iter();
            held.any(|(_, packed)| packed.state() == SubscriptionState::Pending)
        };
        let nodes = self.names.values().filter_map(|id| self.nodes.get(id));
        nodes
            .filter(owned)
            .filter(waits)
            .map(|kept| kept.node.name.clone())
            .take(max as usize)
            .collect()
    }

    pub(super) fn list_unsettled(&self, max: u32) -> Vec<String> {
        let nodes = self.names.values().filter_map(|id| self.nodes.get(id));
        nodes
            .filter(|kept| kept.node.unapplied > 0)
            .map(|kept| kept.node.name.clone())
            .take(max as usize)
            .collect()
    }

    pub(super) fn statistics(&self) -> Statistics {
        let live = || self.nodes.values().filter(|kept| !kept.deleted);
        Statistics {
            nodes: live().count() as u64,
            items: live().map(|kept| kept.node.items).sum(),
            subscriptions: live().map(|kept| kept.node.subscribers).sum(),
            announcements: self.queue.len(),
        }
    }
}

fn cut<T>(
    page: &Page,
    count: u64,
    place: impl FnOnce(&str) -> Option<u64>,
    entries: impl Iterator<Item = T>,
) -> Result<Paged<T>, StoreError> {
    let window = page.window(count, page.cursor().and_then(place))?;
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let entries = entries.skip(index(window.skip)).take(index(window.take));
    Ok(Paged {
        entries: entries.collect(),
        index: Some(window.skip),
        count,
    })
}

fn place_of_item(kept: &NodeEntry, id: &str) -> Option<u64> {
    let seq = kept.ids.get(id)?;
    Some(kept.items.range(..seq).count() as u64)
}

fn place_of<'a>(mut entries: impl Iterator<Item = &'a str>, cursor: &str) -> Option<u64> {
    let place = entries.position(|entry| entry == cursor)?;
    Some(place as u64)
}

fn whole<T>(entries: Vec<T>) -> Paged<T> {
    Paged {
        index: Some(0),
        count: entries.len() as u64,
        entries,
    }
}

fn nothing<T>() -> Paged<T> {
    whole(Vec::new())
}
