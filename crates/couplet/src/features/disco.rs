//! Service discovery: what is here, told from what is mounted. (XEP-0030)

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use couplet_core::refusal::{Condition, Refusal};
use xmpp_parsers::disco::{
    DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery, DiscoItemsResult, Identity, Item,
};

use super::{About, contact};
use crate::{handler::IqHandler, incoming::Incoming};

const NS_INFO: &str = "http://jabber.org/protocol/disco#info";

/// disco#info: the same for every address of the component.
pub(crate) struct Info {
    about: Arc<About>,
    features: BTreeSet<String>,
}

impl Info {
    /// `namespaces` are those that something is served in.
    pub(crate) fn of(about: Arc<About>, namespaces: BTreeSet<String>) -> Info {
        let mut features = namespaces;
        features.insert(NS_INFO.to_owned());
        Info { about, features }
    }
}

#[async_trait]
impl IqHandler for Info {
    type Request = DiscoInfoQuery;
    type Response = DiscoInfoResult;

    async fn handle(&self, ask: Incoming<DiscoInfoQuery>) -> Result<DiscoInfoResult, Refusal> {
        let name = match &ask.node {
            None => Some(self.about.name.clone()),
            // XEP-0030, 7: a node that is not there is `item-not-found`.
            Some(node) => self
                .about
                .items
                .iter()
                .find(|item| item.node.as_ref() == Some(node))
                .ok_or(Condition::ItemNotFound)?
                .name
                .clone(),
        };
        let (category, type_) = self.about.identity.clone();
        Ok(DiscoInfoResult {
            node: ask.node.clone(),
            identities: vec![Identity {
                category,
                type_,
                lang: None,
                name,
            }],
            features: self.features.clone(),
            extensions: contact::form(&self.about.contacts).into_iter().collect(),
        })
    }
}

/// disco#items: what the app named.
pub(crate) struct Items(pub(crate) Arc<About>);

#[async_trait]
impl IqHandler for Items {
    type Request = DiscoItemsQuery;
    type Response = DiscoItemsResult;

    async fn handle(&self, ask: Incoming<DiscoItemsQuery>) -> Result<DiscoItemsResult, Refusal> {
        let all = &self.0.items;
        let is_known = |node: &String| all.iter().any(|item| item.node.as_ref() == Some(node));
        if ask.node.as_ref().is_some_and(|node| !is_known(node)) {
            return Err(Condition::ItemNotFound.into());
        }
        let items = all
            .iter()
            .filter(|item| item.parent == ask.node)
            .map(|item| Item {
                jid: item.jid.clone(),
                node: item.node.clone(),
                name: item.name.clone(),
            })
            .collect();
        Ok(DiscoItemsResult {
            node: ask.node.clone(),
            items,
            rsm: None,
        })
    }
}
