//! Parses requests of owners, and to create nodes. (XEP-0060, 8)

use std::collections::HashSet;

use super::raw_request::{RawRequest, filled, jid};
use crate::{
    codec::{NS_OWNER, form, wire_name::WireName},
    node::Affiliation,
    pubsub_error::{PubsubCondition, PubsubError},
    request::{Request, SetSubscriber},
    subscription::SubscriptionState,
};

pub(super) fn create(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let configure = match request.companion("configure")? {
        Some(configure) => form::submitted(configure)?,
        None => None,
    };
    Ok(Request::Create {
        node: request.any_node(),
        configure,
    })
}

pub(super) fn configuration(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Configuration {
        node: request.node()?,
    })
}

pub(super) fn configure(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let node = request.node()?;
    let form = form::submitted(request.element)?
        .ok_or_else(|| PubsubError::bad_request("The form is missing"))?;
    Ok(Request::Configure { node, form })
}

pub(super) fn default_configuration(_ask: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::DefaultConfiguration)
}

pub(super) fn delete(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let redirect = match request.element.child("redirect", NS_OWNER) {
        Some(redirect) => Some(
            filled(redirect, "uri")
                .ok_or_else(|| PubsubError::bad_request("The redirect has no uri"))?,
        ),
        None => None,
    };
    Ok(Request::Delete {
        node: request.node()?,
        redirect,
    })
}

pub(super) fn purge(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Purge {
        node: request.node()?,
    })
}

pub(super) fn subscribers(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Subscribers {
        node: request.node()?,
        page: request.page()?,
    })
}

/// Parses new states of subscriptions. (XEP-0060, 8.8.2: an entry without a state changes nothing;
/// entries of one JID differ in subid.)
pub(super) fn set_subscribers(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let node = request.node()?;
    let (mut wanted, mut seen) = (Vec::new(), HashSet::new());
    for entry in request.element.children() {
        if !entry.is("subscription", NS_OWNER) {
            continue;
        }
        let (jid, subid) = (
            jid(entry, PubsubCondition::JidRequired)?,
            filled(entry, "subid"),
        );
        if !seen.insert((jid.clone(), subid.clone())) {
            return Err(PubsubError::bad_request(
                "The same subscription appears twice",
            ));
        }
        let Some(word) = filled(entry, "subscription") else {
            continue;
        };
        let state = Option::<SubscriptionState>::from_wire_name(&word)
            .ok_or_else(|| PubsubError::bad_request("Unknown state of a subscription"))?;
        wanted.push(SetSubscriber { jid, subid, state });
    }
    Ok(Request::SetSubscribers { node, wanted })
}

pub(super) fn affiliates(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Affiliates {
        node: request.node()?,
        page: request.page()?,
    })
}

/// Parses new affiliations. (XEP-0060, 8.9.2: an entry without an affiliation changes nothing; each
/// JID appears once.)
pub(super) fn set_affiliates(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let node = request.node()?;
    let (mut wanted, mut seen) = (Vec::new(), HashSet::new());
    for entry in request.element.children() {
        if !entry.is("affiliation", NS_OWNER) {
            continue;
        }
        // XEP-0060, 4.1: affiliations are those of bare JIDs.
        let jid = jid(entry, PubsubCondition::JidRequired)?.to_bare();
        if !seen.insert(jid.clone()) {
            return Err(PubsubError::bad_request("The same entity appears twice"));
        }
        let Some(word) = filled(entry, "affiliation") else {
            continue;
        };
        let affiliation = Affiliation::from_wire_name(&word)
            .ok_or_else(|| PubsubError::bad_request("Unknown affiliation"))?;
        wanted.push((jid, affiliation));
    }
    Ok(Request::SetAffiliates { node, wanted })
}

#[cfg(test)]
mod tests {
    use couplet::Jid;

    use super::super::tests::{is_bad, owner_get, owner_set, set};
    use super::*;
    use crate::request::SubmittedForm;
    use crate::{
        page::{Page, Start},
        request::Field,
    };

    const FORM: &str = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#node_config</value></field><field var='pubsub#title'><value>T</value></field></x>";

    fn title() -> Vec<Field> {
        vec![Field {
            var: "pubsub#title".into(),
            values: vec!["T".into()],
        }]
    }

    #[test]
    fn a_node_is_created_with_or_without_a_name_and_a_form() {
        assert_eq!(
            set("<create/>"),
            Ok(Request::Create {
                node: None,
                configure: None
            })
        );
        assert_eq!(
            set("<create node='n'/><configure/>"),
            Ok(Request::Create {
                node: Some("n".into()),
                configure: None
            })
        );
        assert_eq!(
            set(&format!("<create node='n'/><configure>{FORM}</configure>")),
            Ok(Request::Create {
                node: Some("n".into()),
                configure: Some(SubmittedForm::Submit(title()))
            })
        );
    }

    #[test]
    fn the_configuration_of_a_new_node_names_nothing_and_follows_it() {
        is_bad(
            set(&format!(
                "<create node='n'/><configure node='n'>{FORM}</configure>"
            )),
            None,
        );
        is_bad(
            set(&format!("<configure>{FORM}</configure><create node='n'/>")),
            None,
        );
        is_bad(
            set(&format!("<configure node='n'>{FORM}</configure>")),
            None,
        );
        is_bad(set("<create node='n'/><configure/><configure/>"), None);
    }

    #[test]
    fn a_node_is_configured_by_a_form_that_may_be_cancelled() {
        assert_eq!(
            owner_get("<configure node='n'/>"),
            Ok(Request::Configuration { node: "n".into() })
        );
        assert_eq!(
            owner_set(&format!("<configure node='n'>{FORM}</configure>")),
            Ok(Request::Configure {
                node: "n".into(),
                form: SubmittedForm::Submit(title())
            })
        );
        assert_eq!(
            owner_set("<configure node='n'><x xmlns='jabber:x:data' type='cancel'/></configure>"),
            Ok(Request::Configure {
                node: "n".into(),
                form: SubmittedForm::Cancel
            })
        );
        is_bad(owner_set("<configure node='n'/>"), None);
        is_bad(
            owner_set("<configure node='n'><x xmlns='jabber:x:data' type='result'/></configure>"),
            None,
        );
    }

    #[test]
    fn defaults_are_read() {
        assert_eq!(owner_get("<default/>"), Ok(Request::DefaultConfiguration));
    }

    #[test]
    fn a_node_is_deleted_with_or_without_a_redirection() {
        assert_eq!(
            owner_set("<delete node='n'/>"),
            Ok(Request::Delete {
                node: "n".into(),
                redirect: None
            })
        );
        assert_eq!(
            owner_set("<delete node='n'><redirect uri='xmpp:a@b?;node=c'/></delete>"),
            Ok(Request::Delete {
                node: "n".into(),
                redirect: Some("xmpp:a@b?;node=c".into())
            })
        );
        is_bad(owner_set("<delete node='n'><redirect/></delete>"), None);
        assert_eq!(
            owner_set("<purge node='n'/>"),
            Ok(Request::Purge { node: "n".into() })
        );
    }

    #[test]
    fn subscribers_are_requested_page_by_page() {
        assert_eq!(
            owner_get(
                "<subscriptions node='n'/><set xmlns='http://jabber.org/protocol/rsm'><before/></set>"
            ),
            Ok(Request::Subscribers {
                node: "n".into(),
                page: Page {
                    max: None,
                    from: Start::Last
                }
            })
        );
        assert_eq!(
            owner_get("<affiliations node='n'/>"),
            Ok(Request::Affiliates {
                node: "n".into(),
                page: Page::default(),
            })
        );
    }

    fn subscribers_of(inside: &str) -> Result<Request, PubsubError> {
        owner_set(&format!("<subscriptions node='n'>{inside}</subscriptions>"))
    }

    #[test]
    fn subscribers_are_set_one_by_one() {
        let wanted = |jid: &str, subid: Option<&str>, state| SetSubscriber {
            jid: Jid::new(jid).unwrap(),
            subid: subid.map(str::to_owned),
            state,
        };
        assert_eq!(
            subscribers_of(
                "<subscription jid='a@b' subscription='none' subid='1'/><subscription jid='a@b' subid='2' subscription='subscribed'/><subscription jid='c@d/r' subscription='pending'/><subscription jid='e@f'/><bogus/>"
            ),
            Ok(Request::SetSubscribers {
                node: "n".into(),
                wanted: vec![
                    wanted("a@b", Some("1"), None),
                    wanted("a@b", Some("2"), Some(SubscriptionState::Subscribed)),
                    wanted("c@d/r", None, Some(SubscriptionState::Pending)),
                ]
            })
        );
    }

    #[test]
    fn subscribers_that_make_no_sense_are_a_bad_request() {
        is_bad(
            subscribers_of("<subscription jid='a@b' subscription='bogus'/>"),
            None,
        );
        is_bad(
            subscribers_of("<subscription jid='a@b' subscription='unconfigured'/>"),
            None,
        );
        is_bad(
            subscribers_of("<subscription subscription='none'/>"),
            PubsubCondition::JidRequired,
        );
        is_bad(
            subscribers_of("<subscription jid='@' subscription='none'/>"),
            PubsubCondition::InvalidJid,
        );
        is_bad(
            subscribers_of(
                "<subscription jid='a@b' subscription='none'/><subscription jid='a@b' subscription='pending'/>",
            ),
            None,
        );
    }

    fn affiliates_of(inside: &str) -> Result<Request, PubsubError> {
        owner_set(&format!("<affiliations node='n'>{inside}</affiliations>"))
    }

    #[test]
    fn affiliations_are_set_for_bare_jids() {
        let jid = |text: &str| couplet::BareJid::new(text).unwrap();
        assert_eq!(
            affiliates_of(
                "<affiliation jid='a@b/r' affiliation='publish-only'/><affiliation jid='c@d' affiliation='none'/><affiliation jid='e@f'/>"
            ),
            Ok(Request::SetAffiliates {
                node: "n".into(),
                wanted: vec![
                    (jid("a@b"), Affiliation::PublishOnly),
                    (jid("c@d"), Affiliation::None)
                ]
            })
        );
    }

    #[test]
    fn affiliations_that_make_no_sense_are_a_bad_request() {
        is_bad(
            affiliates_of("<affiliation jid='a@b' affiliation='bogus'/>"),
            None,
        );
        is_bad(
            affiliates_of("<affiliation affiliation='owner'/>"),
            PubsubCondition::JidRequired,
        );
        is_bad(
            affiliates_of("<affiliation jid='@' affiliation='owner'/>"),
            PubsubCondition::InvalidJid,
        );
        is_bad(
            affiliates_of(
                "<affiliation jid='a@b' affiliation='owner'/><affiliation jid='a@b/r' affiliation='member'/>",
            ),
            None,
        );
    }
}
