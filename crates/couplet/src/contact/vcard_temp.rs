//! The vCard of a contact. (XEP-0054)

use std::sync::Arc;

use async_trait::async_trait;
use couplet_core::{
    stanza_error::{Condition, StanzaError},
    xml_writer::XmlWriter,
};
use xmpp_parsers::vcard::VCardQuery;

use super::{
    Contacts,
    profile::{Profile, Written},
};
use crate::{handler::IqHandler, incoming::Incoming};

/// Answers requests for the vCard.
pub(super) struct VCards(pub(super) Arc<Contacts>);

#[async_trait]
impl IqHandler<VCardQuery> for VCards {
    type Response = Written;

    async fn handle(&self, request: Incoming<VCardQuery>) -> Result<Written, StanzaError> {
        let profile = self.0.at(request.stanza());
        Ok(Written {
            profile: Arc::clone(profile.ok_or(Condition::ServiceUnavailable)?),
            write,
        })
    }
}

fn write(profile: &Profile, xml: &mut XmlWriter<'_>) {
    xml.raw("<vCard xmlns='vcard-temp'>");
    xml.element("FN", &profile.name);
    xml.element("NICKNAME", &profile.name);
    for (name, text) in [("URL", &profile.url), ("DESC", &profile.about)] {
        if let Some(text) = text {
            xml.element(name, text);
        }
    }
    if let Some(avatar) = &profile.avatar {
        xml.raw("<PHOTO>");
        xml.element("TYPE", avatar.media_type);
        xml.element("BINVAL", &avatar.base64);
        xml.raw("</PHOTO>");
    }
    xml.raw("</vCard>");
}
