//! What a contact says of itself, ready to be written.

use std::{collections::BTreeSet, sync::Arc};

use couplet_core::xml_writer::XmlWriter;

use super::{Contact, avatar, avatar::Avatar, caps::Info, nick, vcard4};
use crate::handler::IntoResponse;

/// A [`Contact`] that has been checked.
pub(crate) struct Profile {
    pub(super) name: String,
    pub(super) about: Option<String>,
    pub(super) url: Option<String>,
    pub(super) avatar: Option<Avatar>,
    pub(super) info: Option<Info>,
    /// Whether it answers requests for its nodes; without it there are no events of them either.
    has_pep: bool,
}

/// The one item of a node, and what writes its payload.
pub(super) struct Item {
    pub(super) node: &'static str,
    pub(super) id: String,
    write: Write,
}

type Write = fn(&Profile, &mut XmlWriter<'_>);

impl Profile {
    /// Checks a contact.
    ///
    /// # Errors
    ///
    /// What is wrong with its avatar.
    pub(super) fn new(
        contact: &Contact,
        name: &str,
        features: Option<&BTreeSet<String>>,
        has_pep: bool,
    ) -> Result<Profile, String> {
        let name = contact.name.as_deref().unwrap_or(name);
        Ok(Profile {
            avatar: contact.avatar.as_deref().map(Avatar::read).transpose()?,
            info: features.map(|features| Info::new(name, features, has_pep)),
            name: name.to_owned(),
            about: contact.about.clone(),
            url: contact.url.clone(),
            has_pep,
        })
    }

    /// The item of a node.
    pub(super) fn item(&self, node: &str) -> Option<Item> {
        let of_avatar = || self.avatar.as_ref().map(Avatar::id);
        let current = || "current".to_owned();
        let (node, id, write): (_, _, Write) = match node {
            avatar::METADATA => (avatar::METADATA, of_avatar()?, avatar::write_metadata),
            avatar::DATA => (avatar::DATA, of_avatar()?, avatar::write_data),
            nick::NS => (nick::NS, current(), nick::write),
            vcard4::NODE => (vcard4::NODE, current(), vcard4::write),
            _ => return None,
        };
        Some(Item { node, id, write })
    }

    /// The items that are sent as events along with presence, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = Item> {
        let nodes: &[_] = match self.has_pep {
            true => &[avatar::METADATA, nick::NS],
            false => &[],
        };
        nodes.iter().filter_map(|node| self.item(node))
    }

    /// Writes `<items/>` with an item.
    pub(super) fn write_items(&self, item: &Item, xml: &mut XmlWriter<'_>) {
        xml.raw("<items");
        xml.attribute("node", item.node);
        xml.raw("><item");
        xml.attribute("id", &item.id);
        xml.raw(">");
        (item.write)(self, xml);
        xml.raw("</item></items>");
    }
}

/// A part of a profile as the result of a request.
pub(super) struct Written {
    pub(super) profile: Arc<Profile>,
    pub(super) write: Write,
}

impl IntoResponse for Written {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        (self.write)(&self.profile, xml);
        Ok(())
    }
}
