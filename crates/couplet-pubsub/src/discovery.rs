//! Service discovery: nodes, their meta-data, and their items. (XEP-0060, 5.1 to 5.5)
//!
//! The engine applies access rules when items are requested.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use couplet::{Condition, DiscoItem, DiscoItems, Discovery, Incoming, Jid, StanzaError};
use xmpp_parsers::{
    disco::{DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery, Identity},
    rsm::{First, SetQuery, SetResult},
};

use crate::{
    codec::{self, truncate::truncate_page},
    commands::{self, Command},
    node::Node,
    node_list,
    page::{Keep, Page, Paged, Start},
    pubsub_error::PubsubError,
    service_context::ServiceContext,
    snapshot::Query,
};

const NS_INFO: &str = "http://jabber.org/protocol/disco#info";

/// Handles disco requests to the service.
pub(crate) struct Nodes(pub(crate) Arc<ServiceContext>);

#[async_trait]
impl Discovery for Nodes {
    async fn info(
        &self,
        ask: &Incoming<DiscoInfoQuery>,
    ) -> Result<Option<DiscoInfoResult>, StanzaError> {
        let Some(name) = ask.node.clone() else {
            return Ok(None);
        };
        if name == commands::NS {
            return Ok(Some(command(&name, "command-list", None)));
        }
        if let Some(known) = Command::named(&name) {
            return Ok(Some(command(&name, "command-node", Some(known.title()))));
        }
        let query = Query {
            node: Some(name.clone()),
            owners: true,
            ..Query::default()
        };
        let found = self.0.store.snapshot(query).await;
        let found = found.map_err(|why| codec::stanza_error(why.into()))?;
        match (found.node, found.redirect) {
            (Some(node), _) => {
                // As in the lists: an entity that may not see the node only learns that it exists.
                let who = ask.from().to_bare();
                let shown = node_list::shown(&self.0, &who, vec![node.clone()]).await;
                let is_shown = !shown.map_err(codec::stanza_error)?.is_empty();
                Ok(Some(leaf(&node, &found.owners, is_shown)))
            }
            (None, Some(uri)) => Err(codec::stanza_error(PubsubError {
                uri: Some(uri),
                ..PubsubError::new(Condition::Gone)
            })),
            (None, None) => Err(Condition::ItemNotFound.into()),
        }
    }

    async fn items(
        &self,
        ask: &Incoming<DiscoItemsQuery>,
    ) -> Result<Option<DiscoItems>, StanzaError> {
        let page = ask.rsm.as_ref().map(page).transpose()?;
        let (here, who) = (ask.to(), ask.from());
        let told = match ask.node.as_deref() {
            None => self.nodes(here, who, page).await?,
            Some(commands::NS) => self.commands(here, who),
            Some(name) if Command::named(name).is_some() => (Vec::new(), None),
            Some(name) => self.items_of(here, who, name, page).await?,
        };
        Ok(Some(DiscoItems {
            node: ask.node.clone(),
            items: told.0,
            rsm: told.1,
        }))
    }
}

/// Entries and their position in the list.
type ListedItems = (Vec<DiscoItem>, Option<SetResult>);

impl Nodes {
    async fn nodes(
        &self,
        here: &Jid,
        who: &Jid,
        page: Option<Page>,
    ) -> Result<ListedItems, StanzaError> {
        let requested = page.is_some();
        let keep = page.as_ref().map_or(Keep::First, Page::keep);
        let found = node_list::page(&self.0, &who.to_bare(), page).await;
        let found = found.map_err(codec::stanza_error)?;
        let entries = found.entries.into_iter().map(|node| {
            let item = DiscoItem {
                jid: here.clone(),
                name: node.config.title,
                node: Some(node.name.clone()),
            };
            (node.name, item)
        });
        let listed = Paged {
            entries: entries.collect(),
            index: found.index,
            count: found.count,
        };
        Ok(self.fit(who, listed, keep, requested))
    }

    async fn items_of(
        &self,
        here: &Jid,
        who: &Jid,
        name: &str,
        page: Option<Page>,
    ) -> Result<ListedItems, StanzaError> {
        let requested = page.is_some();
        let keep = page.as_ref().map_or(Keep::Last, Page::keep);
        let found = self.0.item_ids(who, name, page).await;
        let found = found.map_err(codec::stanza_error)?;
        // XEP-0060, 5.5: the name is the ItemID, and there is no node.
        let entries = found.entries.into_iter().map(|id| {
            let item = DiscoItem {
                jid: here.clone(),
                node: None,
                name: Some(id.clone()),
            };
            (id, item)
        });
        let listed = Paged {
            entries: entries.collect(),
            index: found.index,
            count: found.count,
        };
        Ok(self.fit(who, listed, keep, requested))
    }

    /// Truncates entries, with their cursors, to the size of one answer.
    fn fit(
        &self,
        who: &Jid,
        mut listed: Paged<(String, DiscoItem)>,
        keep: Keep,
        requested: bool,
    ) -> ListedItems {
        let limit = self.0.policy.limits(&who.to_bare()).answer_bytes;
        truncate_page(
            &mut listed,
            keep,
            limit,
            |(cursor, _)| Cow::from(cursor),
            |(_, item), xml| {
                xml.raw("<item/>");
                xml.attribute("jid", item.jid.as_str());
                for (name, value) in [("node", &item.node), ("name", &item.name)] {
                    xml.attribute(name, value.as_deref().unwrap_or_default());
                }
            },
        );
        let place = place(&listed, requested, |(cursor, _)| cursor.clone());
        let items = listed.entries.into_iter().map(|(_, item)| item);
        (items.collect(), place)
    }

    fn commands(&self, here: &Jid, who: &Jid) -> ListedItems {
        let who = who.to_bare();
        let items = Command::offered(&self.0, &who).map(|command| DiscoItem {
            jid: here.clone(),
            node: Some(command.node().to_owned()),
            name: Some(command.title().to_owned()),
        });
        (items.collect(), None)
    }
}

/// Returns the node itself, with title and metadata if the entity may see them. (XEP-0060, 5.4)
fn leaf(node: &Node, owners: &[couplet::BareJid], is_shown: bool) -> DiscoInfoResult {
    let title = node.config.title.clone().filter(|_| is_shown);
    let meta_data = is_shown.then(|| codec::form::meta_data(node, owners));
    DiscoInfoResult {
        node: Some(node.name.clone()),
        identities: vec![identity("pubsub", "leaf", title)],
        features: features([NS_INFO, codec::NS]),
        extensions: meta_data.into_iter().collect(),
    }
}

fn command(node: &str, type_: &str, name: Option<&str>) -> DiscoInfoResult {
    DiscoInfoResult {
        node: Some(node.to_owned()),
        identities: vec![identity("automation", type_, name.map(str::to_owned))],
        features: features([commands::NS, "jabber:x:data"]),
        extensions: Vec::new(),
    }
}

fn identity(category: &str, type_: &str, name: Option<String>) -> Identity {
    Identity {
        category: category.to_owned(),
        type_: type_.to_owned(),
        lang: None,
        name,
    }
}

fn features<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.into_iter().map(str::to_owned).collect()
}

/// Converts the requested page. (XEP-0059)
fn page(requested: &SetQuery) -> Result<Page, StanzaError> {
    let from = match (&requested.after, &requested.before, requested.index) {
        (None, None, None) => Start::First,
        (Some(after), None, None) if after.is_empty() => Start::First,
        (Some(after), None, None) => Start::After(after.clone()),
        (None, Some(before), None) if before.is_empty() => Start::Last,
        (None, Some(before), None) => Start::Before(before.clone()),
        (None, None, Some(index)) => Start::Index(index as u64),
        _ => return Err(StanzaError::new(Condition::BadRequest).text("A page has one start point")),
    };
    let max = requested
        .max
        .map(|max| u32::try_from(max).unwrap_or(u32::MAX));
    Ok(Page { max, from })
}

/// Returns the `<set/>` of a page, if one was requested or entries are left.
fn place<T>(found: &Paged<T>, requested: bool, cursor: impl Fn(&T) -> String) -> Option<SetResult> {
    if !requested && found.entries.len() as u64 == found.count {
        return None;
    }
    let first = found.entries.first().map(|entry| First {
        index: found.index.and_then(|index| usize::try_from(index).ok()),
        item: cursor(entry),
    });
    Some(SetResult {
        first,
        last: found.entries.last().map(cursor),
        count: usize::try_from(found.count).ok(),
    })
}
