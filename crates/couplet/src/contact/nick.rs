//! The nickname of a contact, on request and as an event. (XEP-0172)

use couplet_core::xml_writer::XmlWriter;

use super::profile::Profile;

pub(super) const NS: &str = "http://jabber.org/protocol/nick";

pub(super) fn write(profile: &Profile, xml: &mut XmlWriter<'_>) {
    xml.raw("<nick xmlns='http://jabber.org/protocol/nick'>");
    xml.text(&profile.name);
    xml.raw("</nick>");
}
