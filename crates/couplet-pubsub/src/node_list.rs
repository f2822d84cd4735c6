//! The nodes that lists show: a whitelist node only to entities on its list.

use std::collections::HashMap;

use couplet::BareJid;

use crate::{
    node::{AccessModel, Affiliation, Node},
    page::{Page, Paged, Start},
    pubsub_error::PubsubError,
    service_context::ServiceContext,
    snapshot::Query,
};

/// Maximum number of nodes of a page.
const MOST: u32 = 200;
/// Minimum number of nodes that are read from the store at once.
const FEWEST: u32 = 20;
/// Maximum number of nodes that are read for one answer.
const READ: usize = 10_000;
/// Maximum number of affiliations of an entity that are read at once; those of an entity with more
/// are looked up node by node.
const AFFILIATIONS: u32 = 1_000;
/// Minimum bytes of an `<item/>` of disco#items besides the names.
const AROUND: usize = 40;

/// Returns a page of the nodes that the service lists to this entity, by name; without a page as
/// many as fit one answer, because most clients do not support pages.
///
/// `count` is that of all nodes, unless the list is whole.
pub(crate) async fn page(
    service: &ServiceContext,
    who: &BareJid,
    requested: Option<Page>,
) -> Result<Paged<Node>, PubsubError> {
    let limit = service.policy.limits(who).answer_bytes as usize;
    let max = requested
        .as_ref()
        .map(|page| page.max.map_or(MOST, |max| max.min(MOST)));
    let chunk = max.map_or(MOST, |max| if max == 0 { 0 } else { max.max(FEWEST) });
    let mut from = requested.map(|page| page.from).unwrap_or_default();
    let is_backward = matches!(from, Start::Before(_) | Start::Last);
    let mut view = ListView::of(service, who);
    let (mut listed, mut read) = (Vec::new(), 0);
    let mut first = None;
    loop {
        let wanted = Page {
            max: Some(chunk),
            from,
        };
        let mut found = service.store.nodes(wanted).await?;
        let is_end = (found.entries.len() as u64) < u64::from(chunk);
        read += found.entries.len();
        first.get_or_insert(found.index);
        let last = if is_backward {
            found.entries.first()
        } else {
            found.entries.last()
        };
        let last = last.map(|node| node.name.clone());
        let shown = view.shown(std::mem::take(&mut found.entries)).await?;
        if is_backward {
            listed.splice(0..0, shown);
        } else {
            listed.extend(shown);
        }
        let is_full = match max {
            Some(max) => listed.len() >= max as usize,
            None => listed.iter().map(size).sum::<usize>() >= limit,
        };
        from = match last {
            Some(last) if !is_end && !is_full && read < READ => {
                if is_backward {
                    Start::Before(last)
                } else {
                    Start::After(last)
                }
            }
            _ => {
                if max.is_none() && is_end {
                    found.count = listed.len() as u64;
                }
                let all = listed.len();
                found.entries = cut(listed, max, is_backward);
                found.index = match first {
                    Some(index) if !is_backward => index,
                    _ => {
                        let left_out = (all - found.entries.len()) as u64;
                        found.index.map(|index| index + left_out)
                    }
                };
                return Ok(found);
            }
        };
    }
}

/// Returns those of these nodes that the service lists to this entity.
pub(crate) async fn shown(
    service: &ServiceContext,
    who: &BareJid,
    nodes: Vec<Node>,
) -> Result<Vec<Node>, PubsubError> {
    ListView::of(service, who).shown(nodes).await
}

fn size(node: &Node) -> usize {
    AROUND + node.name.len() + node.config.title.as_ref().map_or(0, String::len)
}

fn cut(mut listed: Vec<Node>, max: Option<u32>, is_backward: bool) -> Vec<Node> {
    let max = max.map_or(listed.len(), |max| max as usize);
    if is_backward {
        listed.split_off(listed.len().saturating_sub(max))
    } else {
        listed.truncate(max);
        listed
    }
}

/// The view of one entity on the nodes.
struct ListView<'a> {
    service: &'a ServiceContext,
    who: &'a BareJid,
    held: Affiliations,
}

/// The known affiliations of an entity.
enum Affiliations {
    Unread,
    All(HashMap<String, Affiliation>),
    TooMany,
}

impl<'a> ListView<'a> {
    fn of(service: &'a ServiceContext, who: &'a BareJid) -> ListView<'a> {
        ListView {
            service,
            who,
            held: Affiliations::Unread,
        }
    }

    async fn shown(&mut self, nodes: Vec<Node>) -> Result<Vec<Node>, PubsubError> {
        let policy = &self.service.policy;
        if policy.lists_closed_nodes(self.who) || policy.is_admin(self.who) {
            return Ok(nodes);
        }
        let mut shown = Vec::new();
        for node in nodes {
            let is_closed = node.config.access == AccessModel::Whitelist;
            if !is_closed || self.is_on_the_list(&node).await? {
                shown.push(node);
            }
        }
        Ok(shown)
    }

    async fn is_on_the_list(&mut self, node: &Node) -> Result<bool, PubsubError> {
        if matches!(self.held, Affiliations::Unread) {
            self.held = self.read().await?;
        }
        let stored = match &self.held {
            Affiliations::All(held) => held.get(&node.name).copied(),
            Affiliations::Unread | Affiliations::TooMany => self.look_up(node).await?,
        };
        let stored = stored.unwrap_or(Affiliation::None);
        let policy = &self.service.policy;
        Ok(!matches!(
            policy.affiliation(self.who, &node.name, stored),
            Affiliation::None | Affiliation::Outcast
        ))
    }

    async fn read(&self) -> Result<Affiliations, PubsubError> {
        let page = Page {
            max: Some(AFFILIATIONS),
            from: Start::First,
        };
        let store = &self.service.store;
        let held = store.affiliations_of(self.who.clone(), None, page).await?;
        Ok(if held.entries.len() < AFFILIATIONS as usize {
            Affiliations::All(held.entries.into_iter().collect())
        } else {
            Affiliations::TooMany
        })
    }

    async fn look_up(&self, node: &Node) -> Result<Option<Affiliation>, PubsubError> {
        let query = Query {
            node: Some(node.name.clone()),
            entity: Some(self.who.clone()),
            ..Query::default()
        };
        let found = self.service.store.snapshot(query).await?;
        Ok(found.entity.map(|entity| entity.affiliation))
    }
}
