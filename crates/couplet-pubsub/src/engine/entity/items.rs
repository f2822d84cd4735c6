//! Retrieving items. (XEP-0060, 6.5)

use std::collections::HashSet;

use couplet::Condition;

use crate::{
    engine::{
        Engine,
        access::{Standing, unsupported},
        announce,
        ask::{Ask, is_paged},
    },
    facts::{Facts, Needs},
    item::Item,
    node::Node,
    page::{Page, Paged, Start},
    refused::{Detail, Refused},
    reply::Reply,
    request::Wanted,
};

use super::invalid_subid;

/// Bytes of an `<item/>` besides id and payload, with a publisher.
const AROUND: usize = 100;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    subid: Option<String>,
    wanted: Wanted,
) -> Result<Reply, Refused> {
    let facts = engine.look(needs(&ask, node)).await?;
    let node = readable(&ask, &facts, subid.as_deref())?;
    let mut items = engine
        .store()
        .items(node.id, bounded(&ask, &wanted))
        .await?;
    let shortened = shorten(&mut items, ends_last(&wanted), ask.limits().answer_bytes);
    Ok(Reply::Items {
        node: node.name.clone(),
        paged: shortened || tells_page(&ask, &wanted, &items),
        items,
        publishers: announce::publishers(&node.config, &facts.owners),
    })
}

fn needs(ask: &Ask, node: String) -> Needs {
    Needs {
        node: Some(node),
        actor: Some(ask.who.clone()),
        owners: true,
        ..Needs::default()
    }
}

/// The node whose items may be told.
fn readable<'a>(ask: &Ask, facts: &'a Facts, subid: Option<&str>) -> Result<&'a Node, Refused> {
    let standing = Standing::of(ask, facts)?;
    standing.may_read()?;
    match subid {
        None if has_several_of_one_jid(&standing) => {
            return Err(Refused::with(Condition::BadRequest, Detail::SubidRequired));
        }
        Some(subid)
            if !standing
                .subscriptions
                .iter()
                .any(|held| held.subid == subid) =>
        {
            return Err(invalid_subid());
        }
        _ => {}
    }
    if standing.node.config.persist {
        Ok(standing.node)
    } else {
        Err(unsupported("persistent-items"))
    }
}

/// Full JIDs of one person are different subscribers. (XEP-0060, 6.1.6, 6.5.9.1)
fn has_several_of_one_jid(standing: &Standing<'_>) -> bool {
    let mut seen = HashSet::new();
    !standing
        .subscriptions
        .iter()
        .all(|held| seen.insert(&held.jid))
}

/// No more at once than the limit.
fn bounded(ask: &Ask, wanted: &Wanted) -> Wanted {
    let limit = ask.limits().page;
    match wanted {
        Wanted::Page(page) => Wanted::Page(ask.page(page)),
        Wanted::Newest(newest) => Wanted::Newest((*newest).min(limit)),
        Wanted::Ids(ids) => Wanted::Ids(ids.iter().take(limit as usize).cloned().collect()),
    }
}

/// Whether the end of the list is what matters, so that the beginning is left out.
fn ends_last(wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Page(page) => matches!(page.from, Start::Before(_) | Start::Last),
        Wanted::Newest(_) => true,
        Wanted::Ids(_) => false,
    }
}

/// Leaves out what would make a stanza too long for servers, but for one item. Tells whether.
fn shorten(items: &mut Paged<Item>, ends_last: bool, limit: u32) -> bool {
    let mut left = limit as usize;
    let mut fits = |item: &Item| {
        let size = AROUND + item.head.id.len() + item.payload.as_ref().map_or(0, String::len);
        let room = left.checked_sub(size);
        left = room.unwrap_or(0);
        room.is_some()
    };
    let all = items.entries.len();
    let fitting = if ends_last {
        items
            .entries
            .iter()
            .rev()
            .take_while(|item| fits(item))
            .count()
    } else {
        items.entries.iter().take_while(|item| fits(item)).count()
    };
    let kept = fitting.max(1).min(all);
    if ends_last {
        items.entries.drain(..all - kept);
        items.index += (all - kept) as u64;
    } else {
        items.entries.truncate(kept);
    }
    kept < all
}

/// Whoever gets less than it asked for is told how to get the rest. (XEP-0060, 6.5.4)
fn tells_page(ask: &Ask, wanted: &Wanted, items: &Paged<Item>) -> bool {
    match wanted {
        Wanted::Page(page) => is_paged(page, items.entries.len(), items.count),
        Wanted::Newest(newest) => {
            *newest > ask.limits().page
                && is_paged(&Page::default(), items.entries.len(), items.count)
        }
        Wanted::Ids(_) => false,
    }
}
