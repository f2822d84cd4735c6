//! The vCard4 of a contact: the item of its node, and the answer to a plain request. (XEP-0292)

use std::sync::Arc;

use async_trait::async_trait;
use couplet_core::{
    stanza_error::{Condition, StanzaError},
    xml_writer::XmlWriter,
};
use xso::FromXml;

use super::{
    Contacts,
    profile::{Profile, Written},
};
use crate::{handler::IqHandler, incoming::Incoming};

pub(super) const NS: &str = "urn:ietf:params:xml:ns:vcard-4.0";
pub(super) const NODE: &str = "urn:xmpp:vcard4";

/// A request for the vCard4.
#[derive(Debug, FromXml)]
#[xml(namespace = "urn:ietf:params:xml:ns:vcard-4.0", name = "vcard")]
pub(super) struct Vcard4Query;

/// Answers requests for the vCard4.
pub(super) struct Vcards4(pub(super) Arc<Contacts>);

#[async_trait]
impl IqHandler<Vcard4Query> for Vcards4 {
    type Response = Written;

    async fn handle(&self, request: Incoming<Vcard4Query>) -> Result<Written, StanzaError> {
        let profile = self.0.at(request.stanza());
        Ok(Written {
            profile: Arc::clone(profile.ok_or(Condition::ServiceUnavailable)?),
            write,
        })
    }
}

pub(super) fn write(profile: &Profile, xml: &mut XmlWriter<'_>) {
    xml.raw("<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>");
    let (name, url) = (Some(&profile.name), profile.url.as_ref());
    for (property, type_, value) in [
        ("fn", "text", name),
        ("nickname", "text", name),
        ("url", "uri", url),
        ("note", "text", profile.about.as_ref()),
    ] {
        let Some(value) = value else { continue };
        for part in ["<", property, ">"] {
            xml.raw(part);
        }
        xml.element(type_, value);
        for part in ["</", property, ">"] {
            xml.raw(part);
        }
    }
    xml.raw("</vcard>");
}
