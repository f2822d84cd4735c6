//! Parses requests: finds the element of the operation, and reads what all operations share.
//!
//! The engine checks access and existence. Unknown attributes and elements beside a request are
//! ignored; an incomplete request is rejected as XEP-0060 says.

use couplet::{Condition, IqType, Jid};
use couplet_core::element::Element;

use super::{NS, NS_OWNER};
use crate::{pubsub_error::PubsubError, request::Request};

mod owner;
mod publisher;
mod entity;
mod raw_request;

use raw_request::RawRequest;

/// One kind of request: its element, the type of its IQ, and its parser.
type Kind = (
    &'static str,
    IqType,
    fn(RawRequest<'_>) -> Result<Request, PubsubError>,
);

/// XEP-0060, 5 to 8.1
const ENTITY: &[Kind] = &[
    ("publish", IqType::Set, publisher::publish),
    ("items", IqType::Get, entity::items),
    ("subscribe", IqType::Set, entity::subscribe),
    ("unsubscribe", IqType::Set, entity::unsubscribe),
    ("retract", IqType::Set, publisher::retract),
    ("subscriptions", IqType::Get, entity::subscriptions),
    ("affiliations", IqType::Get, entity::affiliations),
    ("options", IqType::Get, entity::options),
    ("options", IqType::Set, entity::set_options),
    ("default", IqType::Get, entity::default_options),
    ("create", IqType::Set, owner::create),
];

/// XEP-0060, 8.2 to 8.9
const OWNER: &[Kind] = &[
    ("configure", IqType::Get, owner::configuration),
    ("configure", IqType::Set, owner::configure),
    ("default", IqType::Get, owner::default_configuration),
    ("delete", IqType::Set, owner::delete),
    ("purge", IqType::Set, owner::purge),
    ("subscriptions", IqType::Get, owner::subscribers),
    ("subscriptions", IqType::Set, owner::set_subscribers),
    ("affiliations", IqType::Get, owner::affiliates),
    ("affiliations", IqType::Set, owner::set_affiliates),
];

/// Parses the payload of an IQ.
///
/// # Errors
///
/// The error that XEP-0060 defines for an incomplete or unknown request.
pub(crate) fn read(
    payload: Element<'_>,
    type_: IqType,
    _from: &Jid,
) -> Result<Request, PubsubError> {
    let kinds = match payload.ns() {
        NS => ENTITY,
        NS_OWNER => OWNER,
        _ => return Err(PubsubError::new(Condition::ServiceUnavailable)),
    };
    let element = requested_element(payload, kinds)?;
    let kind = kinds
        .iter()
        .find(|(name, own, _)| *name == element.name() && *own == type_);
    let Some((_, _, read)) = kind else {
        return Err(PubsubError::bad_request(
            "The IQ has the wrong type for this operation",
        ));
    };
    read(RawRequest { payload, element })
}

/// Returns the only element that is an operation.
fn requested_element<'a>(payload: Element<'a>, kinds: &[Kind]) -> Result<Element<'a>, PubsubError> {
    let known = |child: &Element<'_>| {
        child.ns() == payload.ns() && kinds.iter().any(|(name, ..)| *name == child.name())
    };
    let mut all = payload.children().filter(known);
    let Some(first) = all.next() else {
        return Err(nothing_requested(payload));
    };
    let Some(second) = all.next() else {
        return Ok(first);
    };
    // XEP-0060, 6.3.7: these options belong to the subscription and follow it.
    if all.next().is_none() && first.name() == "subscribe" && second.name() == "options" {
        return Ok(first);
    }
    Err(PubsubError::bad_request(
        "One operation for each request, followed by what belongs to it",
    ))
}

fn nothing_requested(payload: Element<'_>) -> PubsubError {
    if payload.children().next().is_none() {
        return PubsubError::bad_request("The request has no operation");
    }
    let lost = |name| payload.child(name, NS).is_some();
    if lost("configure") || lost("publish-options") {
        return PubsubError::bad_request("The operation that this belongs to is missing");
    }
    PubsubError::new(Condition::FeatureNotImplemented)
}

#[cfg(test)]
mod tests {
    use couplet_core::element::{Scope, Tree};

    use super::*;
    use crate::pubsub_error::PubsubCondition;

    pub(super) fn request(type_: IqType, xml: &str) -> Result<Request, PubsubError> {
        let iq = format!("<iq>{xml}</iq>");
        let tree = Tree::parse(iq, &Scope::component()).unwrap();
        let payload = tree.root().children().next().unwrap();
        read(payload, type_, &Jid::new("a@example.org/r").unwrap())
    }

    pub(super) fn get(inside: &str) -> Result<Request, PubsubError> {
        request(
            IqType::Get,
            &format!("<pubsub xmlns='{NS}'>{inside}</pubsub>"),
        )
    }

    pub(super) fn set(inside: &str) -> Result<Request, PubsubError> {
        request(
            IqType::Set,
            &format!("<pubsub xmlns='{NS}'>{inside}</pubsub>"),
        )
    }

    pub(super) fn owner_get(inside: &str) -> Result<Request, PubsubError> {
        request(
            IqType::Get,
            &format!("<pubsub xmlns='{NS_OWNER}'>{inside}</pubsub>"),
        )
    }

    pub(super) fn owner_set(inside: &str) -> Result<Request, PubsubError> {
        request(
            IqType::Set,
            &format!("<pubsub xmlns='{NS_OWNER}'>{inside}</pubsub>"),
        )
    }

    /// Asserts that it is a bad request with this detail.
    #[track_caller]
    pub(super) fn is_bad(
        answer: Result<Request, PubsubError>,
        detail: impl Into<Option<PubsubCondition>>,
    ) {
        let error = answer.unwrap_err();
        assert_eq!(error.condition, Condition::BadRequest);
        assert_eq!(error.detail, detail.into());
    }

    #[test]
    fn a_request_without_an_operation_is_a_bad_request() {
        is_bad(get(""), None);
        is_bad(set(""), None);
        is_bad(owner_get(" "), None);
    }

    #[test]
    fn an_unknown_operation_is_not_implemented() {
        for answer in [
            set("<bogus node='n'/>"),
            get("<items xmlns='urn:other' node='n'/>"),
            owner_set("<publish node='n'/>"),
            set("<purge node='n'/>"),
        ] {
            assert_eq!(
                answer.unwrap_err().condition,
                Condition::FeatureNotImplemented
            );
        }
    }

    #[test]
    fn a_foreign_payload_is_not_served() {
        let answer = request(IqType::Get, "<query xmlns='urn:other'/>");
        assert_eq!(answer.unwrap_err().condition, Condition::ServiceUnavailable);
    }

    #[test]
    fn every_request_requires_its_own_type() {
        for inside in ["items", "subscriptions", "affiliations", "default"] {
            is_bad(set(&format!("<{inside} node='n'/>")), None);
        }
        for inside in ["publish", "subscribe", "unsubscribe", "retract", "create"] {
            is_bad(get(&format!("<{inside} node='n' jid='a@b'/>")), None);
        }
        is_bad(owner_set("<default/>"), None);
        is_bad(owner_get("<delete node='n'/>"), None);
        is_bad(owner_get("<purge node='n'/>"), None);
    }

    #[test]
    fn a_request_without_a_node_is_nodeid_required() {
        let detail = PubsubCondition::NodeidRequired;
        for inside in [
            "publish",
            "retract",
            "subscribe jid='a@b'",
            "unsubscribe jid='a@b'",
            "options jid='a@b'",
        ] {
            is_bad(set(&format!("<{inside}/>")), detail);
        }
        is_bad(get("<items/>"), detail);
        is_bad(get("<items node=''/>"), detail);
        is_bad(get("<options jid='a@b'/>"), detail);
        for inside in [
            "configure",
            "delete",
            "purge",
            "subscriptions",
            "affiliations",
        ] {
            is_bad(owner_set(&format!("<{inside}/>")), detail);
        }
        for inside in ["configure", "subscriptions", "affiliations"] {
            is_bad(owner_get(&format!("<{inside}/>")), detail);
        }
    }

    #[test]
    fn two_requests_at_once_are_a_bad_request() {
        is_bad(set("<create node='n'/><publish node='n'/>"), None);
        is_bad(
            set("<subscribe node='n' jid='a@b'/><subscribe node='m' jid='a@b'/>"),
            None,
        );
        is_bad(owner_set("<purge node='n'/><delete node='n'/>"), None);
    }

    #[test]
    fn what_is_foreign_beside_a_request_is_passed_over() {
        assert!(get("<x xmlns='urn:x'/><bogus/><items node='n' bogus='1'/>").is_ok());
    }

    #[test]
    fn a_companion_without_its_request_is_a_bad_request() {
        is_bad(set("<configure/>"), None);
        is_bad(set("<publish-options/>"), None);
    }

    #[test]
    fn an_empty_attribute_counts_as_an_absent_one() {
        for (empty, absent) in [
            ("<subscriptions node=''/>", "<subscriptions/>"),
            ("<affiliations node=''/>", "<affiliations/>"),
            ("<default node=''/>", "<default/>"),
            (
                "<items node='n' subid='' max_items=''/>",
                "<items node='n'/>",
            ),
            (
                "<options node='n' jid='a@b' subid=''/>",
                "<options node='n' jid='a@b'/>",
            ),
        ] {
            assert!(get(empty).is_ok(), "{empty}: {:?}", get(empty));
            assert_eq!(get(empty), get(absent));
        }
        for (empty, absent) in [
            ("<create node=''/>", "<create/>"),
            (
                "<unsubscribe node='n' jid='a@b' subid=''/>",
                "<unsubscribe node='n' jid='a@b'/>",
            ),
            (
                "<publish node='n'><item id=''><a xmlns='b'/></item></publish>",
                "<publish node='n'><item><a xmlns='b'/></item></publish>",
            ),
            (
                "<retract node='n' notify=''><item id='1'/></retract>",
                "<retract node='n'><item id='1'/></retract>",
            ),
            (
                "<subscribe node='n' jid='a@b'/><options node='' jid=''><x xmlns='jabber:x:data' type=''/></options>",
                "<subscribe node='n' jid='a@b'/><options><x xmlns='jabber:x:data'/></options>",
            ),
        ] {
            assert!(set(empty).is_ok(), "{empty}: {:?}", set(empty));
            assert_eq!(set(empty), set(absent));
        }
    }

    #[test]
    fn a_node_keeps_its_name_byte_for_byte() {
        let answer = get("<items node='a/b &quot;&lt;&amp;&gt;&apos; \u{1F600}&#9;E\u{301}'/>");
        let Ok(Request::Items { node, .. }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(node, "a/b \"<&>' \u{1F600}\tE\u{301}");
    }
}
