//! XML to requests, replies and announcements to XML.
//!
//! Its own reader, lenient where XEP-0060 is: the typed payloads of xmpp-parsers refuse requests
//! that are valid and cannot tell `nodeid-required`. (pubsub.md, 0.4)

mod approval;
mod errors;
pub(crate) mod event;
pub(crate) mod form;
mod read;
mod rsm;
mod words;
mod write;

#[allow(
    unused_imports,
    reason = "parts of the service are still being put together"
)]
pub(crate) use self::{
    approval::approval,
    errors::{refusal, unchanged},
    read::read,
    write::write,
};

/// The namespace of what entities ask. (XEP-0060, 16.1)
pub(crate) const NS: &str = "http://jabber.org/protocol/pubsub";
/// The namespace of what owners ask.
pub(crate) const NS_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// The namespace of notifications.
pub(crate) const NS_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// The namespace of error details.
pub(crate) const NS_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
