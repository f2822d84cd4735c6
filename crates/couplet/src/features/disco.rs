//! Service discovery, generated from the registered handlers. (XEP-0030)

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use couplet_core::{
    jid::Jid,
    stanza::Stanza,
    stanza_error::{Condition, StanzaError},
    xml_writer::XmlWriter,
};
use xmpp_parsers::{
    disco::{DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery, Identity},
    rsm::SetResult,
};

use super::{About, contact_addresses};
use crate::{
    contact::Contacts,
    handler::{IntoResponse, IqHandler},
    incoming::Incoming,
};

/// Answers service discovery for nodes and addresses that change while the component runs: nodes in
/// a store, rooms, jobs. (XEP-0030, 3 and 4)
///
/// Add it with [`Component::on_discovery`](crate::Component::on_discovery). If there are several,
/// the first one that returns an answer wins; without any, the answer comes from
/// [`About`](crate::About).
///
/// # Examples
///
/// ```
/// use couplet::{DiscoItem, DiscoItems, Discovery, Incoming, StanzaError, async_trait};
/// use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery};
///
/// struct Rooms;
///
/// #[async_trait]
/// impl Discovery for Rooms {
///     async fn info(&self, _request: &Incoming<DiscoInfoQuery>) -> Result<Option<DiscoInfoResult>, StanzaError> {
///         Ok(None)
///     }
///
///     async fn items(&self, request: &Incoming<DiscoItemsQuery>) -> Result<Option<DiscoItems>, StanzaError> {
///         let hall = DiscoItem { jid: request.to().clone(), node: Some("hall".to_owned()), name: None };
///         Ok(Some(DiscoItems { node: request.node.clone(), items: vec![hall], rsm: None }))
///     }
/// }
/// ```
#[async_trait]
pub trait Discovery: Send + Sync + 'static {
    /// Returns the identities and features of a node, or of an address of the domain; `None` passes
    /// the request to the next `Discovery`. Not called for the domain itself without a node. An
    /// empty `node` counts as absent.
    ///
    /// # Errors
    ///
    /// The error that the requester gets.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when its deadline has passed.
    async fn info(
        &self,
        request: &Incoming<DiscoInfoQuery>,
    ) -> Result<Option<DiscoInfoResult>, StanzaError>;

    /// Returns the items of an address or of one of its nodes; `None` passes the request to the
    /// next.
    ///
    /// # Errors
    ///
    /// The error that the requester gets.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when its deadline has passed.
    async fn items(
        &self,
        request: &Incoming<DiscoItemsQuery>,
    ) -> Result<Option<DiscoItems>, StanzaError>;
}

/// The items of an address or of a node; [`Discovery::items`] returns them. (XEP-0030, 4)
///
/// # Examples
///
/// ```
/// use couplet::{DiscoItem, DiscoItems};
///
/// let hall = DiscoItem { jid: "hall@rooms.example.org".parse()?, node: None, name: Some("Hall".into()) };
/// let all = DiscoItems { node: None, items: vec![hall], rsm: None };
/// assert_eq!(all.items.len(), 1);
/// # Ok::<(), couplet::InvalidJid>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiscoItems {
    /// The node that they belong to: that of the request.
    pub node: Option<String>,
    /// The items, in order.
    pub items: Vec<DiscoItem>,
    /// Which page of the list this is. (XEP-0059)
    pub rsm: Option<SetResult>,
}

/// One item of [`DiscoItems`].
///
/// # Examples
///
/// ```
/// use couplet::DiscoItem;
///
/// let hall = DiscoItem { jid: "rooms.example.org".parse()?, node: Some("hall".into()), name: None };
/// assert_eq!(hall.jid.domain(), "rooms.example.org");
/// # Ok::<(), couplet::InvalidJid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoItem {
    /// The address.
    pub jid: Jid,
    /// The node at that address.
    pub node: Option<String>,
    /// The human-readable name.
    pub name: Option<String>,
}

impl IntoResponse for DiscoItems {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        let optional = |xml: &mut XmlWriter<'_>, name: &str, value: Option<&String>| {
            if let Some(value) = value {
                xml.attribute(name, value);
            }
        };
        xml.raw("<query xmlns='http://jabber.org/protocol/disco#items'");
        optional(xml, "node", self.node.as_ref());
        xml.raw(">");
        for item in &self.items {
            xml.raw("<item");
            xml.attribute("jid", item.jid.as_str());
            optional(xml, "node", item.node.as_ref());
            optional(xml, "name", item.name.as_ref());
            xml.raw("/>");
        }
        if let Some(rsm) = &self.rsm {
            xml.payload(rsm)?;
        }
        xml.raw("</query>");
        Ok(())
    }
}

pub(super) const NS_INFO: &str = "http://jabber.org/protocol/disco#info";

/// Handles disco#info, with the same answer for every address of the component except its contacts.
pub(crate) struct Info {
    about: Arc<About>,
    features: BTreeSet<String>,
    /// The most frequent answer, serialized once.
    root: Arc<[u8]>,
    more: Arc<[Arc<dyn Discovery>]>,
    contacts: Option<Arc<Contacts>>,
}

impl Info {
    /// Creates the handler; `namespaces` are those of the registered payloads.
    pub(crate) fn of(
        about: Arc<About>,
        features: BTreeSet<String>,
        more: Arc<[Arc<dyn Discovery>]>,
        contacts: Option<Arc<Contacts>>,
    ) -> Info {
        let mut info = Info {
            about,
            features,
            root: Arc::default(),
            more,
            contacts,
        };
        let mut root = Vec::new();
        let info_result = info.describe(None, Some(info.about.name.clone()));
        let written = XmlWriter::new(&mut root).payload(&info_result);
        debug_assert!(written.is_ok(), "it contains only text");
        info.root = root.into();
        info
    }

    fn answer(&self, request: &Stanza, node: Option<&String>) -> Result<InfoResponse, StanzaError> {
        let contacts = self.contacts.as_ref();
        let of_contact =
            contacts.and_then(|contacts| contacts.info(request, node.map(String::as_str)));
        if let Some(written) = of_contact {
            return Ok(InfoResponse::Written(written));
        }
        let Some(node) = node else {
            return Ok(InfoResponse::Written(Arc::clone(&self.root)));
        };
        // XEP-0030, 7: an unknown node is `item-not-found`.
        let mut items = self.about.items.iter();
        let item = items
            .find(|item| item.node.as_ref() == Some(node))
            .ok_or(Condition::ItemNotFound)?;
        Ok(InfoResponse::Node(
            self.describe(Some(node.clone()), item.name.clone()),
        ))
    }

    fn describe(&self, node: Option<String>, name: Option<String>) -> DiscoInfoResult {
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
            extensions: contact_addresses::form(&self.about.contacts)
                .into_iter()
                .collect(),
        }
    }
}

#[async_trait]
impl IqHandler<DiscoInfoQuery> for Info {
    type Response = InfoResponse;

    async fn handle(
        &self,
        mut request: Incoming<DiscoInfoQuery>,
    ) -> Result<InfoResponse, StanzaError> {
        drop_empty(&mut request.payload_mut().node);
        if is_of_the_program(&request) {
            for discovery in self.more.iter() {
                if let Some(info) = discovery.info(&request).await? {
                    return Ok(InfoResponse::Node(info));
                }
            }
        }
        self.answer(request.stanza(), request.node.as_ref())
    }

    fn handle_now(
        &self,
        request: &Incoming<DiscoInfoQuery>,
    ) -> Option<Result<InfoResponse, StanzaError>> {
        if !self.more.is_empty() && is_of_the_program(request) {
            return None;
        }
        let node = request.node.as_ref().filter(|node| !node.is_empty());
        Some(self.answer(request.stanza(), node))
    }
}

/// The result of disco#info.
pub(crate) enum InfoResponse {
    Written(Arc<[u8]>),
    Node(DiscoInfoResult),
}

impl IntoResponse for InfoResponse {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        match self {
            InfoResponse::Written(written) => {
                xml.written(written);
                Ok(())
            }
            InfoResponse::Node(result) => xml.payload(result),
        }
    }
}

/// Handles disco#items: the items in [`About`](crate::About).
pub(crate) struct Items {
    pub(crate) about: Arc<About>,
    pub(crate) more: Arc<[Arc<dyn Discovery>]>,
}

#[async_trait]
impl IqHandler<DiscoItemsQuery> for Items {
    type Response = DiscoItems;

    async fn handle(
        &self,
        mut request: Incoming<DiscoItemsQuery>,
    ) -> Result<DiscoItems, StanzaError> {
        drop_empty(&mut request.payload_mut().node);
        for discovery in self.more.iter() {
            if let Some(items) = discovery.items(&request).await? {
                return Ok(items);
            }
        }
        let all = &self.about.items;
        let is_known = |node: &String| all.iter().any(|item| item.node.as_ref() == Some(node));
        if request.node.as_ref().is_some_and(|node| !is_known(node)) {
            return Err(Condition::ItemNotFound.into());
        }
        let items = all
            .iter()
            .filter(|item| item.parent == request.node)
            .map(|item| DiscoItem {
                jid: item.jid.clone(),
                node: item.node.clone(),
                name: item.name.clone(),
            })
            .collect();
        Ok(DiscoItems {
            node: request.node.clone(),
            items,
            rsm: None,
        })
    }
}

/// Returns whether [`Discovery`] is asked: for nodes, and for addresses with a local part.
fn is_of_the_program(request: &Incoming<DiscoInfoQuery>) -> bool {
    request.node.as_ref().is_some_and(|node| !node.is_empty()) || request.to().node().is_some()
}

/// Treats an empty `node` as absent: some libraries always write the attribute.
fn drop_empty(node: &mut Option<String>) {
    node.take_if(|node| node.is_empty());
}
