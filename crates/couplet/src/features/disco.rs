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

/// Answers service discovery for what comes and goes while the component runs: nodes in a store,
/// rooms, jobs. (XEP-0030, 3 and 4)
///
/// Mount it with [`Component::on_discovery`](crate::Component::on_discovery). What it does not know
/// is answered from [`About`](crate::About).
///
/// # Examples
///
/// ```
/// use couplet::{Discovery, Incoming, Refusal, async_trait};
/// use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery, DiscoItemsResult, Item};
///
/// struct Rooms;
///
/// #[async_trait]
/// impl Discovery for Rooms {
///     async fn info(&self, _ask: &Incoming<DiscoInfoQuery>) -> Result<Option<DiscoInfoResult>, Refusal> {
///         Ok(None)
///     }
///
///     async fn items(&self, ask: &Incoming<DiscoItemsQuery>) -> Result<Option<DiscoItemsResult>, Refusal> {
///         let hall = Item { jid: ask.to().clone(), node: Some("hall".to_owned()), name: None };
///         Ok(Some(DiscoItemsResult { node: ask.node.clone(), items: vec![hall], rsm: None }))
///     }
/// }
/// ```
#[async_trait]
pub trait Discovery: Send + Sync + 'static {
    /// What a node is; none where the component says itself. Never called without a node: an empty
    /// `node` counts as absent.
    ///
    /// # Errors
    ///
    /// What the asker is refused with.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where it stands when its deadline has passed.
    async fn info(
        &self,
        ask: &Incoming<DiscoInfoQuery>,
    ) -> Result<Option<DiscoInfoResult>, Refusal>;

    /// What is at the component, or at one of its nodes; none where the component says itself.
    ///
    /// # Errors
    ///
    /// What the asker is refused with.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where it stands when its deadline has passed.
    async fn items(
        &self,
        ask: &Incoming<DiscoItemsQuery>,
    ) -> Result<Option<DiscoItemsResult>, Refusal>;
}

const NS_INFO: &str = "http://jabber.org/protocol/disco#info";

/// disco#info: the same for every address of the component.
pub(crate) struct Info {
    about: Arc<About>,
    features: BTreeSet<String>,
    /// What is asked most often, written once.
    root: Arc<[u8]>,
    more: Option<Arc<dyn Discovery>>,
}

impl Info {
    /// `namespaces` are those that something is served in.
    pub(crate) fn of(
        about: Arc<About>,
        namespaces: BTreeSet<String>,
        more: Option<Arc<dyn Discovery>>,
    ) -> Info {
        let mut features = namespaces;
        features.insert(NS_INFO.to_owned());
        features.extend(about.features.iter().cloned());
        features.retain(|feature| !about.untold.contains(feature));
        let mut info = Info {
            about,
            features,
            root: Arc::default(),
            more,
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

    async fn handle(&self, mut ask: Incoming<DiscoInfoQuery>) -> Result<Told, Refusal> {
        drop_empty(&mut ask.payload_mut().node);
        if let Some(more) = self.more.as_ref().filter(|_| ask.node.is_some())
            && let Some(told) = more.info(&ask).await?
        {
            return Ok(Told::Node(told));
        }
        self.answer(ask.node.as_ref())
    }

    fn handle_now(&self, ask: &Incoming<DiscoInfoQuery>) -> Option<Result<Told, Refusal>> {
        let node = ask.node.as_ref().filter(|node| !node.is_empty());
        if self.more.is_some() && node.is_some() {
            return None;
        }
        Some(self.answer(node))
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
pub(crate) struct Items {
    pub(crate) about: Arc<About>,
    pub(crate) more: Option<Arc<dyn Discovery>>,
}

#[async_trait]
impl IqHandler for Items {
    type Request = DiscoItemsQuery;
    type Response = DiscoItemsResult;

    async fn handle(
        &self,
        mut ask: Incoming<DiscoItemsQuery>,
    ) -> Result<DiscoItemsResult, Refusal> {
        drop_empty(&mut ask.payload_mut().node);
        if let Some(more) = &self.more
            && let Some(told) = more.items(&ask).await?
        {
            return Ok(told);
        }
        let all = &self.about.items;
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

/// An empty `node` counts as absent: some libraries write the attribute in every request.
fn drop_empty(node: &mut Option<String>) {
    node.take_if(|node| node.is_empty());
}
