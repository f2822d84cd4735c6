//! Refusals as error stanzas, with the types that XEP-0060 gives them.

use couplet::{Condition, ErrorType, Refusal};
use couplet_core::wire::Wire;

use super::{
    NS_ERRORS, NS_OWNER,
    words::Word,
    write::{empty, tag, within},
};
use crate::{
    refused::{Detail, Refused},
    reply::Reply,
};

/// Where XEP-0060's examples have another type than RFC 6120 has for the condition; without a
/// detail they are about the condition alone.
const TYPES: &[(Condition, Option<Detail>, ErrorType)] = &[
    // 6.1.3.9: it will pass when another subscription ends.
    (
        Condition::PolicyViolation,
        Some(Detail::TooManySubscriptions),
        ErrorType::Wait,
    ),
    // 6.2.3.2; 6.3.4.2 has `modify`, and waiting helps in neither.
    (
        Condition::UnexpectedRequest,
        Some(Detail::NotSubscribed),
        ErrorType::Cancel,
    ),
    // 6.1.3.11: ask the node that took its place.
    (Condition::Gone, None, ErrorType::Modify),
];

/// The error stanza that tells a refusal.
pub(crate) fn refusal(refused: Refused) -> Refusal {
    let Refused {
        condition,
        detail,
        text,
        uri,
    } = refused;
    let mut refusal = Refusal::new(condition);
    let type_ = TYPES
        .iter()
        .find(|(one, other, _)| *one == condition && *other == detail);
    if let Some((.., type_)) = type_ {
        refusal = refusal.of_type(*type_);
    }
    if let Some(text) = text {
        refusal = refusal.text(text);
    }
    if let Some(uri) = uri {
        refusal = refusal.instead(uri);
    }
    match detail {
        Some(detail) => refusal.detail_by(|wire| write_detail(detail, wire)),
        None => refusal,
    }
}

/// The error stanza for a reply that lists what could not be changed; none for other replies,
/// which are results. (XEP-0060, 8.8.2.4 and 8.9.2.4)
pub(crate) fn unchanged(reply: &Reply) -> Option<Refusal> {
    match reply {
        Reply::SubscribersUnchanged {
            node,
            why,
            unchanged,
        } => {
            let entries = unchanged
                .iter()
                .map(|(jid, state)| (jid.as_str(), state.word()));
            Some(refusal(why.clone()).beside(|wire| list("subscription", node, entries, wire)))
        }
        Reply::AffiliatesUnchanged {
            node,
            why,
            unchanged,
        } => {
            let entries = unchanged
                .iter()
                .map(|(jid, now)| (jid.as_str(), now.word()));
            Some(refusal(why.clone()).beside(|wire| list("affiliation", node, entries, wire)))
        }
        _ => None,
    }
}

fn list<'a>(
    what: &str,
    node: &str,
    entries: impl Iterator<Item = (&'a str, &'a str)>,
    wire: &mut Wire<'_>,
) {
    within(NS_OWNER, wire, |wire| {
        tag(&format!("{what}s"), &[("node", Some(node))], wire, |wire| {
            for (jid, now) in entries {
                empty(what, &[("jid", Some(jid)), (what, Some(now))], wire);
            }
        });
    });
}

fn write_detail(detail: Detail, wire: &mut Wire<'_>) {
    let feature = match detail {
        Detail::Unsupported(feature) => Some(feature),
        _ => None,
    };
    empty(
        name(detail),
        &[("xmlns", Some(NS_ERRORS)), ("feature", feature)],
        wire,
    );
}

/// XEP-0060, 17.2
fn name(detail: Detail) -> &'static str {
    match detail {
        Detail::ClosedNode => "closed-node",
        Detail::ConfigurationRequired => "configuration-required",
        Detail::InvalidJid => "invalid-jid",
        Detail::InvalidOptions => "invalid-options",
        Detail::InvalidPayload => "invalid-payload",
        Detail::InvalidSubid => "invalid-subid",
        Detail::ItemForbidden => "item-forbidden",
        Detail::ItemRequired => "item-required",
        Detail::JidRequired => "jid-required",
        Detail::MaxItemsExceeded => "max-items-exceeded",
        Detail::NodeFull => "node-full",
        Detail::NodeidRequired => "nodeid-required",
        Detail::NotInRosterGroup => "not-in-roster-group",
        Detail::NotSubscribed => "not-subscribed",
        Detail::PayloadTooBig => "payload-too-big",
        Detail::PayloadRequired => "payload-required",
        Detail::PendingSubscription => "pending-subscription",
        Detail::PreconditionNotMet => "precondition-not-met",
        Detail::PresenceSubscriptionRequired => "presence-subscription-required",
        Detail::SubidRequired => "subid-required",
        Detail::TooManySubscriptions => "too-many-subscriptions",
        Detail::Unsupported(_) => "unsupported",
        Detail::UnsupportedAccessModel => "unsupported-access-model",
    }
}
