//! Retrieving items. (XEP-0060, 6.5)

use std::collections::HashSet;

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
    page::{Page, Paged},
    refused::{Detail, Refused},
    reply::Reply,
    request::Wanted,
};
use couplet::Condition;

use super::invalid_subid;

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    subid: Option<String>,
    wanted: Wanted,
) -> Result<Reply, Refused> {
    let facts = engine.look(needs(&ask, node)).await?;
    let node = readable(&ask, &facts, subid.as_deref())?;
    let items = engine
        .store()
        .items(node.id, bounded(&ask, &wanted))
        .await?;
    Ok(Reply::Items {
        node: node.name.clone(),
        paged: tells_page(&ask, &wanted, &items),
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
