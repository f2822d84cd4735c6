//! The element of an operation and its attributes, for the parsers of all operations.

use couplet::{Condition, Jid};
use couplet_core::element::Element;

use crate::{
    codec::{NS, rsm},
    page::Page,
    pubsub_error::{PubsubCondition, PubsubError},
};

/// A request that is being parsed.
#[derive(Clone, Copy)]
pub(super) struct RawRequest<'a> {
    /// `<pubsub/>`
    pub(super) payload: Element<'a>,
    /// The child that is the operation.
    pub(super) element: Element<'a>,
}

impl<'a> RawRequest<'a> {
    pub(super) fn node(self) -> Result<String, PubsubError> {
        self.any_node()
            .ok_or_else(|| missing(PubsubCondition::NodeidRequired))
    }

    /// Returns the node; an empty name is `None`, because there is no root collection. (XEP-0248)
    pub(super) fn any_node(self) -> Option<String> {
        filled(self.element, "node")
    }

    pub(super) fn subid(self) -> Option<String> {
        filled(self.element, "subid")
    }

    pub(super) fn jid(self, where_missing: PubsubCondition) -> Result<Jid, PubsubError> {
        jid(self.element, where_missing)
    }

    pub(super) fn page(self) -> Result<Page, PubsubError> {
        Ok(self.requested_page()?.unwrap_or_default())
    }

    /// Returns the requested page. The `<set/>` belongs beside the operation; some clients put it
    /// inside.
    pub(super) fn requested_page(self) -> Result<Option<Page>, PubsubError> {
        match rsm::read(self.payload)? {
            Some(page) => Ok(Some(page)),
            None => rsm::read(self.element),
        }
    }

    /// Returns the element that belongs to the operation: it follows the operation and names
    /// neither node nor JID. (XEP-0060, 6.3.7 and 8.1.3)
    pub(super) fn companion(self, name: &str) -> Result<Option<Element<'a>>, PubsubError> {
        let (mut behind, mut found) = (false, None);
        for child in self.payload.children() {
            behind |= child.is(self.element.name(), NS);
            if !child.is(name, NS) {
                continue;
            }
            let names = ["node", "jid"]
                .iter()
                .any(|name| filled(child, name).is_some());
            if !behind || names || found.replace(child).is_some() {
                return Err(PubsubError::bad_request(
                    "It may appear once, after its operation, and names no node",
                ));
            }
        }
        Ok(found)
    }
}

/// Returns the value of an attribute; an empty one counts as absent, because some libraries always
/// write it.
pub(super) fn filled(element: Element<'_>, name: &str) -> Option<String> {
    let value = element.attr(name)?;
    (!value.is_empty()).then(|| value.into_owned())
}

pub(super) fn jid(
    element: Element<'_>,
    where_missing: PubsubCondition,
) -> Result<Jid, PubsubError> {
    let text = filled(element, "jid").ok_or_else(|| missing(where_missing))?;
    let jid = Jid::new(&text).map_err(|_| missing(PubsubCondition::InvalidJid))?;
    Ok(jid.normalized())
}

pub(super) fn missing(detail: PubsubCondition) -> PubsubError {
    PubsubError::with(Condition::BadRequest, detail)
}
