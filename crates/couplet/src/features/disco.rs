//! Service discovery: what is here, told from what is mounted. (XEP-0030)

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use couplet_core::{
    refusal::{Condition, Refusal},
    wire::Wire,
};
use xmpp_parsers::disco::{
    DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery, DiscoItemsResult, Identity, Item,
};

use super::{About, contact};
use crate::{
    handler::{IntoResult, IqHandler},
    incoming::Incoming,
};

const NS_INFO: &str = "http://jabber.org/protocol/disco#info";

/// disco#info: the same for every address of the component.
pub(crate) struct Info {
    about: Arc<About>,
    features: BTreeSet<String>,
    /// What is asked most often, written once.
    root: Arc<[u8]>,
}

impl Info {
    /// `namespaces` are those that something is served in.
    pub(crate) fn of(about: Arc<About>, namespaces: BTreeSet<String>) -> Info {
        let mut features = namespaces;
        features.insert(NS_INFO.to_owned());
        let mut info = Info {
            about,
            features,
            root: Arc::default(),
        };
        let mut root = Vec::new();
        let told = info.tell(None, Some(info.about.name.clone()));
        let written = Wire::new(&mut root).payload(&told);
        debug_assert!(written.is_ok(), "it is all text");
        info.root = root.into();
        info
    }

    fn answer(&self, node: Option<&String>) -> Result<Told, Refusal> {
        let Some(node) = node else {
            return Ok(Told::Root(Arc::clone(&self.root)));
        };
        // XEP-0030, 7: a node that is not there is `item-not-found`.
        let mut items = self.about.items.iter();
        let item = items
            .find(|item| item.node.as_ref() == Some(node))
            .ok_or(Condition::ItemNotFound)?;
        Ok(Told::Node(self.tell(Some(node.clone()), item.name.clone())))
    }

    fn tell(&self, node: Option<String>, name: Option<String>) -> DiscoInfoResult {
        let (category, type_) = self.about.identity.clone();
        DiscoInfoResult {
            node,
            identities: vec![Identity {
                category,
                type_,
                lang: None,
                name,
            }],
            features: self.features.clone(),
            extensions: contact::form(&self.about.contacts).into_iter().collect(),
        }
    }
}

#[async_trait]
impl IqHandler for Info {
    type Request = DiscoInfoQuery;
    type Response = Told;

    async fn handle(&self, ask: Incoming<DiscoInfoQuery>) -> Result<Told, Refusal> {
        self.answer(ask.node.as_ref())
    }

    fn handle_now(&self, ask: &Incoming<DiscoInfoQuery>) -> Option<Result<Told, Refusal>> {
        Some(self.answer(ask.node.as_ref()))
    }
}

/// An answer to disco#info.
pub(crate) enum Told {
    Root(Arc<[u8]>),
    Node(DiscoInfoResult),
}

impl IntoResult for Told {
    fn write(&self, wire: &mut Wire<'_>) -> Result<(), xso::error::Error> {
        match self {
            Told::Root(written) => {
                wire.written(written);
                Ok(())
            }
            Told::Node(result) => wire.payload(result),
        }
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
