//! The identity and the features of a contact, and their hash in its presence. (XEP-0030, XEP-0115)

use std::{collections::BTreeSet, sync::Arc};

use couplet_core::xml_writer::XmlWriter;
use xmpp_parsers::{
    caps::{Caps, compute_disco, hash_caps, query_caps},
    disco::{DiscoInfoResult, Identity},
    hashes::{Algo, Hash},
};

/// The software, as XEP-0115, 4 wants it.
const NODE: &str = env!("CARGO_PKG_REPOSITORY");

/// What service discovery says of a contact, written once.
pub(crate) struct Info {
    pub(super) caps: Caps,
    /// The node that stands for the hash.
    node: Option<String>,
    bare: Arc<[u8]>,
    full: Arc<[u8]>,
    versioned: Arc<[u8]>,
}

impl Info {
    pub(super) fn new(name: &str, features: &BTreeSet<String>, has_pep: bool) -> Info {
        let full = DiscoInfoResult {
            node: None,
            identities: vec![identity("client", "bot", Some(name))],
            features: features.clone(),
            extensions: Vec::new(),
        };
        let caps = Caps::new(NODE, sha1(&compute_disco(&full)));
        let node = query_caps(caps.clone()).node;
        let mut bare = full.clone();
        if has_pep {
            // XEP-0163, 6.1
            bare.identities.push(identity("pubsub", "pep", None));
            let items = "http://jabber.org/protocol/pubsub#retrieve-items";
            bare.features.insert(items.to_owned());
        }
        let versioned = DiscoInfoResult {
            node: node.clone(),
            ..full.clone()
        };
        Info {
            caps,
            node,
            bare: written(&bare),
            full: written(&full),
            versioned: written(&versioned),
        }
    }

    /// Returns the XML for the bare address or one of its resources, or for the node of the hash.
    pub(super) fn of(&self, is_bare: bool, node: Option<&str>) -> Option<Arc<[u8]>> {
        match node {
            None if is_bare => Some(Arc::clone(&self.bare)),
            None => Some(Arc::clone(&self.full)),
            Some(node) => (Some(node) == self.node.as_deref()).then(|| Arc::clone(&self.versioned)),
        }
    }
}

fn identity(category: &str, type_: &str, name: Option<&str>) -> Identity {
    Identity {
        category: category.to_owned(),
        type_: type_.to_owned(),
        lang: None,
        name: name.map(str::to_owned),
    }
}

fn written(info: &DiscoInfoResult) -> Arc<[u8]> {
    let mut out = Vec::new();
    let written = XmlWriter::new(&mut out).payload(info);
    debug_assert!(written.is_ok(), "it is all text");
    out.into()
}

pub(super) fn sha1(bytes: &[u8]) -> Hash {
    // It fails for unknown algorithms only.
    hash_caps(bytes, Algo::Sha_1).unwrap_or_else(|_| Hash::new(Algo::Sha_1, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_hash_is_that_of_the_example_of_the_specification() {
        // XEP-0115, 5.2
        let mut info = DiscoInfoResult {
            node: None,
            identities: vec![identity("client", "pc", Some("Exodus 0.9.1"))],
            features: features(&[
                "http://jabber.org/protocol/caps",
                "http://jabber.org/protocol/disco#info",
                "http://jabber.org/protocol/disco#items",
                "http://jabber.org/protocol/muc",
            ]),
            extensions: Vec::new(),
        };
        let hash = sha1(&compute_disco(&info));
        assert_eq!(hash.to_base64(), "QgayPKawpkPSDYmwT/WM94uAlu0=");
        info.features.clear();
        assert_ne!(sha1(&compute_disco(&info)).to_base64(), hash.to_base64());
    }

    #[test]
    fn the_node_of_the_hash_says_what_the_full_address_says() {
        let info = Info::new("Bot", &features(&["urn:xmpp:ping"]), true);
        let node = format!(
            "{NODE}#{}",
            Hash::new(Algo::Sha_1, info.caps.ver.clone()).to_base64()
        );
        let text = |is_bare, node| {
            let xml = info.of(is_bare, node)?;
            Some(String::from_utf8(xml.to_vec()).unwrap())
        };
        let versioned = text(true, Some(&node)).unwrap();
        assert!(versioned.contains(&format!("node='{node}'")), "{versioned}");
        let full = text(false, None).unwrap();
        assert_eq!(versioned.replace(&format!(" node='{node}'"), ""), full);
        let bare = text(true, None).unwrap();
        assert!(bare.contains("type='pep'") && !full.contains("type='pep'"));
        assert_eq!(text(true, Some("another")), None);
    }
}
