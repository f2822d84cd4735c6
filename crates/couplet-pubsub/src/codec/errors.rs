//! Converts a [`PubsubError`] to an error stanza, with the error types of XEP-0060.

use couplet::{Condition, ErrorType, StanzaError};
use couplet_core::xml_writer::XmlWriter;

use super::{
    NS_ERRORS, NS_OWNER,
    elements::{empty, tag, within},
    truncate::count_fitting,
    wire_name::WireName,
};
use crate::{
    pubsub_error::{PubsubCondition, PubsubError},
    reply::Reply,
};

/// The cases in which XEP-0060 has another error type than RFC 6120 for the condition. An entry
/// without a pubsub condition is for the condition alone.
const TYPES: &[(Condition, Option<PubsubCondition>, ErrorType)] = &[
    // 6.1.3.9: retrying helps once another subscription ends.
    (
        Condition::PolicyViolation,
        Some(PubsubCondition::TooManySubscriptions),
        ErrorType::Wait,
    ),
    // 6.2.3.2. 6.3.4.2 has `modify`; retrying helps in neither case.
    (
        Condition::UnexpectedRequest,
        Some(PubsubCondition::NotSubscribed),
        ErrorType::Cancel,
    ),
    // 6.1.3.11: the request has to go to the new node.
    (Condition::Gone, None, ErrorType::Modify),
];

/// Converts an error to the stanza that the peer gets.
pub(crate) fn stanza_error(error: PubsubError) -> StanzaError {
    let PubsubError {
        condition,
        detail,
        text,
        uri,
        store_failure: _,
    } = error;
    let mut error = StanzaError::new(condition);
    let type_ = TYPES
        .iter()
        .find(|(one, other, _)| *one == condition && *other == detail);
    if let Some((.., type_)) = type_ {
        error = error.of_type(*type_);
    }
    if let Some(text) = text {
        error = error.text(text);
    }
    if let Some(uri) = uri {
        error = error.instead(uri);
    }
    match detail {
        Some(detail) => error.detail_by(|xml| write_detail(detail, xml)),
        None => error,
    }
}

/// Returns the error stanza for a reply that lists changes that were not made, `None` for other
/// replies, which are results. (XEP-0060, 8.8.2.4 and 8.9.2.4)
pub(crate) fn unchanged(reply: &Reply) -> Option<StanzaError> {
    match reply {
        Reply::SubscribersUnchanged {
            node,
            why,
            unchanged,
        } => {
            let entries = unchanged
                .iter()
                .map(|(jid, state)| (jid.as_str(), state.wire_name()));
            Some(beside("subscription", node, entries, why))
        }
        Reply::AffiliatesUnchanged {
            node,
            why,
            unchanged,
        } => {
            let entries = unchanged
                .iter()
                .map(|(jid, now)| (jid.as_str(), now.wire_name()));
            Some(beside("affiliation", node, entries, why))
        }
        _ => None,
    }
}

/// Maximum bytes of entries that are listed in an error; the rest is left out.
const UNCHANGED_BYTES: usize = 262_144;

fn beside<'a>(
    what: &str,
    node: &str,
    entries: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    why: &PubsubError,
) -> StanzaError {
    let fitting = count_fitting(entries.clone(), UNCHANGED_BYTES, |(jid, now), xml| {
        write_unchanged(what, jid, now, xml);
    });
    stanza_error(why.clone()).beside(|xml| list(what, node, entries.take(fitting), xml))
}

fn list<'a>(
    what: &str,
    node: &str,
    entries: impl Iterator<Item = (&'a str, &'a str)>,
    xml: &mut XmlWriter<'_>,
) {
    within(NS_OWNER, xml, |xml| {
        tag(&format!("{what}s"), &[("node", Some(node))], xml, |xml| {
            for (jid, now) in entries {
                write_unchanged(what, jid, now, xml);
            }
        });
    });
}

fn write_unchanged(what: &str, jid: &str, now: &str, xml: &mut XmlWriter<'_>) {
    empty(what, &[("jid", Some(jid)), (what, Some(now))], xml);
}

fn write_detail(detail: PubsubCondition, xml: &mut XmlWriter<'_>) {
    let feature = match detail {
        PubsubCondition::Unsupported(feature) => Some(feature),
        _ => None,
    };
    empty(
        name(detail),
        &[("xmlns", Some(NS_ERRORS)), ("feature", feature)],
        xml,
    );
}

/// Returns the element name of a condition. (XEP-0060, 17.2)
fn name(detail: PubsubCondition) -> &'static str {
    match detail {
        PubsubCondition::ClosedNode => "closed-node",
        PubsubCondition::InvalidJid => "invalid-jid",
        PubsubCondition::InvalidOptions => "invalid-options",
        PubsubCondition::InvalidPayload => "invalid-payload",
        PubsubCondition::InvalidSubid => "invalid-subid",
        PubsubCondition::ItemForbidden => "item-forbidden",
        PubsubCondition::ItemRequired => "item-required",
        PubsubCondition::JidRequired => "jid-required",
        PubsubCondition::MaxItemsExceeded => "max-items-exceeded",
        PubsubCondition::NodeFull => "node-full",
        PubsubCondition::NodeidRequired => "nodeid-required",
        PubsubCondition::NotSubscribed => "not-subscribed",
        PubsubCondition::PayloadTooBig => "payload-too-big",
        PubsubCondition::PayloadRequired => "payload-required",
        PubsubCondition::PendingSubscription => "pending-subscription",
        PubsubCondition::PreconditionNotMet => "precondition-not-met",
        PubsubCondition::SubidRequired => "subid-required",
        PubsubCondition::TooManySubscriptions => "too-many-subscriptions",
        PubsubCondition::Unsupported(_) => "unsupported",
        PubsubCondition::UnsupportedAccessModel => "unsupported-access-model",
    }
}

#[cfg(test)]
mod tests {
    use couplet::{BareJid, Jid};

    use super::*;
    use crate::{
        codec::{elements::to_string, write},
        node::Affiliation,
        subscription::SubscriptionState,
    };

    fn written(error: PubsubError) -> String {
        to_string(|xml| stanza_error(error).write(xml))
    }

    /// Returns the error type and the element names in the error, without their namespaces.
    fn short(condition: Condition, detail: impl Into<Option<PubsubCondition>>) -> String {
        let error = PubsubError {
            detail: detail.into(),
            ..PubsubError::new(condition)
        };
        written(error)
            .replace(" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'", "")
            .replace(" xmlns='http://jabber.org/protocol/pubsub#errors'", "")
            .replace("</error>", "")
    }

    #[test]
    fn every_pair_has_the_type_of_its_example() {
        use Condition as C;
        use PubsubCondition as D;
        for (condition, detail, expected) in [
            // XEP-0060, 6.1.3
            (
                C::BadRequest,
                D::InvalidJid,
                "modify'><bad-request/><invalid-jid/>",
            ),
            (
                C::NotAllowed,
                D::ClosedNode,
                "cancel'><not-allowed/><closed-node/>",
            ),
            (
                C::NotAuthorized,
                D::PendingSubscription,
                "auth'><not-authorized/><pending-subscription/>",
            ),
            (
                C::PolicyViolation,
                D::TooManySubscriptions,
                "wait'><policy-violation/><too-many-subscriptions/>",
            ),
            (
                C::FeatureNotImplemented,
                D::Unsupported("subscribe"),
                "cancel'><feature-not-implemented/><unsupported feature='subscribe'/>",
            ),
            // 6.2.3
            (
                C::BadRequest,
                D::SubidRequired,
                "modify'><bad-request/><subid-required/>",
            ),
            (
                C::UnexpectedRequest,
                D::NotSubscribed,
                "cancel'><unexpected-request/><not-subscribed/>",
            ),
            (
                C::NotAcceptable,
                D::InvalidSubid,
                "modify'><not-acceptable/><invalid-subid/>",
            ),
            // 6.3.4, 6.3.6
            (
                C::BadRequest,
                D::JidRequired,
                "modify'><bad-request/><jid-required/>",
            ),
            (
                C::BadRequest,
                D::InvalidOptions,
                "modify'><bad-request/><invalid-options/>",
            ),
            // 6.5.9
            (
                C::NotAuthorized,
                D::NotSubscribed,
                "auth'><not-authorized/><not-subscribed/>",
            ),
            // 7.1.3, 7.1.5, 7.2.3, 12.10
            (C::Conflict, D::NodeFull, "cancel'><conflict/><node-full/>"),
            (
                C::NotAcceptable,
                D::PayloadTooBig,
                "modify'><not-acceptable/><payload-too-big/>",
            ),
            (
                C::BadRequest,
                D::InvalidPayload,
                "modify'><bad-request/><invalid-payload/>",
            ),
            (
                C::BadRequest,
                D::ItemRequired,
                "modify'><bad-request/><item-required/>",
            ),
            (
                C::BadRequest,
                D::PayloadRequired,
                "modify'><bad-request/><payload-required/>",
            ),
            (
                C::BadRequest,
                D::ItemForbidden,
                "modify'><bad-request/><item-forbidden/>",
            ),
            (
                C::Conflict,
                D::PreconditionNotMet,
                "cancel'><conflict/><precondition-not-met/>",
            ),
            (
                C::NotAllowed,
                D::MaxItemsExceeded,
                "cancel'><not-allowed/><max-items-exceeded/>",
            ),
            (
                C::BadRequest,
                D::NodeidRequired,
                "modify'><bad-request/><nodeid-required/>",
            ),
            // 8.1.2
            (
                C::NotAcceptable,
                D::UnsupportedAccessModel,
                "modify'><not-acceptable/><unsupported-access-model/>",
            ),
        ] {
            assert_eq!(short(condition, detail), format!("<error type='{expected}"));
        }
        for (condition, expected) in [
            (C::Forbidden, "auth'><forbidden/>"),
            (C::ItemNotFound, "cancel'><item-not-found/>"),
            (C::RegistrationRequired, "auth'><registration-required/>"),
            (C::Conflict, "cancel'><conflict/>"),
            (C::NotAcceptable, "modify'><not-acceptable/>"),
            (C::NotAllowed, "cancel'><not-allowed/>"),
            (C::ResourceConstraint, "wait'><resource-constraint/>"),
        ] {
            assert_eq!(short(condition, None), format!("<error type='{expected}"));
        }
    }

    #[test]
    fn a_redirected_node_returns_its_new_place() {
        let moved = PubsubError {
            uri: Some("xmpp:a.b?;node=c&d".into()),
            ..PubsubError::new(Condition::Gone)
        };
        assert_eq!(
            written(moved),
            "<error type='modify'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:a.b?;node=c&amp;d</gone></error>"
        );
    }

    #[test]
    fn labels_are_written() {
        let error = PubsubError::new(Condition::Conflict).text("<taken>");
        assert!(written(error).contains(">&lt;taken&gt;</text>"));
    }

    #[test]
    fn what_could_not_be_changed_is_listed_beside_the_error() {
        let why = PubsubError::new(Condition::NotAcceptable);
        let reply = Reply::AffiliatesUnchanged {
            node: "n'".into(),
            why: why.clone(),
            unchanged: vec![(BareJid::new("a@b").unwrap(), Affiliation::Owner)],
        };
        let error = "<error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        assert_eq!(
            to_string(|xml| unchanged(&reply).unwrap().write(xml)),
            format!(
                "<pubsub xmlns='{NS_OWNER}'><affiliations node='n&apos;'><affiliation jid='a@b' affiliation='owner'/></affiliations></pubsub>{error}"
            )
        );
        assert_eq!(to_string(|xml| write(&reply, xml)), "");
        let reply = Reply::SubscribersUnchanged {
            node: "n".into(),
            why,
            unchanged: vec![
                (Jid::new("a@b/c").unwrap(), Some(SubscriptionState::Pending)),
                (Jid::new("d@e").unwrap(), None),
            ],
        };
        assert_eq!(
            to_string(|xml| unchanged(&reply).unwrap().write(xml)),
            format!(
                "<pubsub xmlns='{NS_OWNER}'><subscriptions node='n'><subscription jid='a@b/c' subscription='pending'/><subscription jid='d@e' subscription='none'/></subscriptions></pubsub>{error}"
            )
        );
        assert!(unchanged(&Reply::Empty).is_none());
    }
}
