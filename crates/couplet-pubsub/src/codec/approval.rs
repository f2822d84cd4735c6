//! Owners' answers to approval forms. (XEP-0060, 8.6)

use couplet::{Jid, Message, MessageType};

use super::form::data::{self, FORM_TYPE, NS_DATA};
use crate::request::Approval;

/// The FORM_TYPE of approval forms.
pub(super) const SUBSCRIBE_AUTHORIZATION: &str =
    "http://jabber.org/protocol/pubsub#subscribe_authorization";

/// An owner's answer to an approval form, where this message is one.
///
/// None for messages that are something else, and for cancelled forms: what is pending stays so.
pub(crate) fn approval(message: &Message) -> Option<Approval> {
    if message.type_() == MessageType::Error {
        return None;
    }
    let mut forms = message.stanza().payloads();
    let form = forms.find(|payload| payload.is("x", NS_DATA))?;
    if !matches!(form.attr("type").as_deref(), Some("submit") | None) {
        return None;
    }
    let fields = data::fields(form);
    let value = |var: &str| {
        let field = fields.iter().find(|field| field.var == var)?;
        field.values.first().filter(|value| !value.is_empty())
    };
    // XEP-0068, 3: in a message nothing else says what the form is about.
    if value(FORM_TYPE)? != SUBSCRIBE_AUTHORIZATION {
        return None;
    }
    Some(Approval {
        node: value("pubsub#node")?.clone(),
        subid: value("pubsub#subid").cloned(),
        subscriber: Jid::new(value("pubsub#subscriber_jid")?.trim()).ok()?,
        allow: data::flag(value("pubsub#allow")?)?,
    })
}
