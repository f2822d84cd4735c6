//! The nodes of a contact, which others may only read. (XEP-0060, 6.5; XEP-0163)

use std::sync::Arc;

use async_trait::async_trait;
use couplet_core::{
    stanza::IqType,
    stanza_error::{Condition, StanzaError},
    xml_writer::XmlWriter,
};
use xso::FromXml;

use super::{
    Contacts,
    profile::{Item, Profile},
};
use crate::{
    handler::{IntoResponse, IqHandler},
    incoming::Incoming,
};

const NS: &str = "http://jabber.org/protocol/pubsub";

/// Any request; what is in it is read from the stanza.
#[derive(Debug, FromXml)]
#[xml(namespace = "http://jabber.org/protocol/pubsub", name = "pubsub")]
pub(super) struct PepRequest;

/// Answers requests for items, and rejects everything else.
pub(super) struct Nodes(pub(super) Arc<Contacts>);

#[async_trait]
impl IqHandler<PepRequest> for Nodes {
    type Response = Items;

    async fn handle(&self, request: Incoming<PepRequest>) -> Result<Items, StanzaError> {
        let stanza = request.stanza();
        let profile = self.0.at(stanza).ok_or(Condition::ServiceUnavailable)?;
        if IqType::of(stanza) == Some(IqType::Set) {
            return Err(Condition::Forbidden.into());
        }
        let asked = stanza
            .payload("pubsub", NS)
            .and_then(|pubsub| pubsub.child("items", NS))
            .ok_or(Condition::FeatureNotImplemented)?;
        let node = asked.attr("node").ok_or(Condition::BadRequest)?;
        let item = profile.item(&node).ok_or(Condition::ItemNotFound)?;
        let mut ids = asked
            .children()
            .filter(|child| child.is("item", NS))
            .peekable();
        let is_wanted = ids.peek().is_none()
            || ids.any(|wanted| wanted.attr("id").is_none_or(|id| id == item.id));
        if !is_wanted {
            return Err(Condition::ItemNotFound.into());
        }
        Ok(Items {
            profile: Arc::clone(profile),
            item,
        })
    }
}

/// The item that was asked for.
pub(super) struct Items {
    profile: Arc<Profile>,
    item: Item,
}

impl IntoResponse for Items {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        xml.raw("<pubsub xmlns='http://jabber.org/protocol/pubsub'>");
        self.profile.write_items(&self.item, xml);
        xml.raw("</pubsub>");
        Ok(())
    }
}
