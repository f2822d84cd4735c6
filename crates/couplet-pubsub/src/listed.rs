//! Which nodes lists show: a whitelist node only to those who are on its list.

use std::collections::HashMap;

use couplet::BareJid;

use crate::{
    desk::Desk,
    facts::Needs,
    node::{AccessModel, Affiliation, Node},
    page::{Page, Paged, Start},
    refused::Refused,
};

/// The most nodes of a page.
const MOST: u32 = 200;
/// The fewest nodes that are read from the store at once.
const FEWEST: u32 = 20;
/// As many nodes are read for one answer at most.
const READ: usize = 10_000;
/// As many affiliations of one entity are read at once; those of an entity that has more are looked
/// up node by node.
const AFFILIATIONS: u32 = 1_000;
/// Bytes of an `<item/>` of disco#items besides the names, at least.
const AROUND: usize = 40;

/// A page of the nodes that the service lists to this entity, by name; without a page as many as one
/// answer carries, because most clients know no pages.
///
/// `count` is that of all nodes, unless the list is whole.
pub(crate) async fn page(
    desk: &Desk,
    who: &BareJid,
    asked: Option<Page>,
) -> Result<Paged<Node>, Refused> {
    let limit = desk.policy.limits(who).answer_bytes as usize;
    let max = asked
        .as_ref()
        .map(|page| page.max.map_or(MOST, |max| max.min(MOST)));
    let chunk = max.map_or(MOST, |max| if max == 0 { 0 } else { max.max(FEWEST) });
    let mut from = asked.map(|page| page.from).unwrap_or_default();
    let is_backward = matches!(from, Start::Before(_) | Start::Last);
    let mut view = View::of(desk, who);
    let (mut listed, mut read) = (Vec::new(), 0);
    let mut first = None;
    loop {
        let wanted = Page {
            max: Some(chunk),
            from,
        };
        let mut found = desk.store.nodes(wanted).await?;
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

/// Those of these nodes that the service lists to this entity.
pub(crate) async fn shown(
    desk: &Desk,
    who: &BareJid,
    nodes: Vec<Node>,
) -> Result<Vec<Node>, Refused> {
    View::of(desk, who).shown(nodes).await
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

/// What lists show to one entity.
struct View<'a> {
    desk: &'a Desk,
    who: &'a BareJid,
    held: Held,
}

/// What is known of the affiliations of an entity.
enum Held {
    Unread,
    All(HashMap<String, Affiliation>),
    TooMany,
}

impl<'a> View<'a> {
    fn of(desk: &'a Desk, who: &'a BareJid) -> View<'a> {
        View {
            desk,
            who,
            held: Held::Unread,
        }
    }

    async fn shown(&mut self, nodes: Vec<Node>) -> Result<Vec<Node>, Refused> {
        let policy = &self.desk.policy;
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

    async fn is_on_the_list(&mut self, node: &Node) -> Result<bool, Refused> {
        if matches!(self.held, Held::Unread) {
            self.held = self.read().await?;
        }
        let stored = match &self.held {
            Held::All(held) => held.get(&node.name).copied(),
            Held::Unread | Held::TooMany => self.look_up(node).await?,
        };
        let stored = stored.unwrap_or(Affiliation::None);
        let policy = &self.desk.policy;
        Ok(!matches!(
            policy.affiliation(self.who, &node.name, stored),
            Affiliation::None | Affiliation::Outcast
        ))
    }

    async fn read(&self) -> Result<Held, Refused> {
        let page = Page {
            max: Some(AFFILIATIONS),
            from: Start::First,
        };
        let store = &self.desk.store;
        let held = store.affiliations_of(self.who.clone(), None, page).await?;
        Ok(if held.entries.len() < AFFILIATIONS as usize {
            Held::All(held.entries.into_iter().collect())
        } else {
            Held::TooMany
        })
    }

    async fn look_up(&self, node: &Node) -> Result<Option<Affiliation>, Refused> {
        let needs = Needs {
            node: Some(node.name.clone()),
            actor: Some(self.who.clone()),
            ..Needs::default()
        };
        let found = self.desk.store.look(needs).await?;
        Ok(found.actor.map(|actor| actor.affiliation))
    }
}
