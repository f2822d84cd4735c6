//! XML to requests, replies and announcements to XML.
//!
//! Its own reader, lenient where XEP-0060 is: the typed payloads of xmpp-parsers refuse requests
//! that are valid and cannot tell `nodeid-required`. (pubsub.md, 0.4)

use couplet::{IqType, Jid, Message};
use couplet_core::{element::Element, wire::Wire};

use crate::{
    refused::Refused,
    reply::Reply,
    request::{Approval, Request},
};

pub(crate) mod event;
pub(crate) mod form;

/// The namespace of what entities ask. (XEP-0060, 16.1)
pub(crate) const NS: &str = "http://jabber.org/protocol/pubsub";
/// The namespace of what owners ask.
pub(crate) const NS_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// The namespace of notifications.
pub(crate) const NS_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// The namespace of error details.
pub(crate) const NS_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";

/// Reads the payload of an IQ that `from` sent.
pub(crate) fn read(payload: Element<'_>, type_: IqType, from: &Jid) -> Result<Request, Refused> {
    let _ = payload;
    unimplemented!("{type_:?} {from}")
}

/// An owner's answer to an approval form, where this message is one. (XEP-0060, 8.6)
///
/// None for messages that are something else, and for cancelled forms.
pub(crate) fn approval(message: &Message) -> Option<Approval> {
    let _ = message;
    unimplemented!()
}

/// Writes the payload of a result. The two `...Unchanged` replies go through [`refusal`].
pub(crate) fn write(reply: &Reply, wire: &mut Wire<'_>) {
    let _ = wire;
    unimplemented!("{reply:?}")
}

/// The error stanza that tells a refusal.
pub(crate) fn refusal(refused: Refused) -> couplet::Refusal {
    unimplemented!("{refused:?}")
}
