//! Parses requests of entities and subscribers. (XEP-0060, 5.6, 5.7, 6)

use super::raw_request::{RawRequest, filled, missing};
use crate::{
    codec::{NS, form, rsm},
    page::Page,
    pubsub_error::{PubsubCondition, PubsubError},
    request::{Request, Wanted},
};

pub(super) fn subscriptions(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Subscriptions {
        node: request.any_node(),
        page: request.page()?,
    })
}

pub(super) fn affiliations(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Affiliations {
        node: request.any_node(),
        page: request.page()?,
    })
}

pub(super) fn subscribe(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let options = match request.companion("options")? {
        Some(options) => form::submitted(options)?,
        None => None,
    };
    Ok(Request::Subscribe {
        node: request.node()?,
        jid: request.jid(PubsubCondition::InvalidJid)?,
        options,
    })
}

pub(super) fn unsubscribe(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Unsubscribe {
        node: request.node()?,
        jid: request.jid(PubsubCondition::JidRequired)?,
        subid: request.subid(),
    })
}

pub(super) fn options(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Options {
        node: request.node()?,
        jid: request.jid(PubsubCondition::JidRequired)?,
        subid: request.subid(),
    })
}

pub(super) fn set_options(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::SetOptions {
        node: request.node()?,
        jid: request.jid(PubsubCondition::JidRequired)?,
        subid: request.subid(),
        form: form::submitted(request.element)?
            .ok_or_else(|| missing(PubsubCondition::InvalidOptions))?,
    })
}

pub(super) fn default_options(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::DefaultOptions {
        node: request.any_node(),
    })
}

pub(super) fn items(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    Ok(Request::Items {
        node: request.node()?,
        subid: request.subid(),
        wanted: wanted(request)?,
    })
}

/// Parses which items are requested: by id, else a page, else the newest that fit one answer.
/// (XEP-0060, 6.5.2, 6.5.4, 6.5.7 and 6.5.8)
fn wanted(request: RawRequest<'_>) -> Result<Wanted, PubsubError> {
    let mut ids = Vec::new();
    for item in request
        .element
        .children()
        .filter(|child| child.is("item", NS))
    {
        let id = filled(item, "id").ok_or_else(|| PubsubError::bad_request("Which item?"))?;
        ids.push(id);
    }
    if !ids.is_empty() {
        return Ok(Wanted::Ids(ids));
    }
    let newest = match filled(request.element, "max_items") {
        Some(max) => Some(rsm::number(&max)?.try_into().unwrap_or(u32::MAX)),
        None => None,
    };
    if newest == Some(0) {
        return Err(PubsubError::bad_request("max_items must be at least 1"));
    }
    Ok(match (request.requested_page()?, newest) {
        (Some(page), newest) => Wanted::Page(Page {
            max: page.max.or(newest),
            ..page
        }),
        (None, Some(newest)) => Wanted::Newest(newest),
        // XEP-0060, 6.5.4: some of the items. Clients without RSM get the newest.
        (None, None) => Wanted::Newest(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use couplet::Jid;

    use super::super::tests::{get, is_bad, set};
    use super::*;
    use crate::request::SubmittedForm;
    use crate::{page::Start, request::Field};

    const FORM: &str = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#subscribe_options</value></field><field var='pubsub#deliver'><value>0</value></field></x>";

    fn deliver() -> Vec<Field> {
        vec![Field {
            var: "pubsub#deliver".into(),
            values: vec!["0".into()],
        }]
    }

    fn jid(text: &str) -> Jid {
        Jid::new(text).unwrap()
    }

    #[test]
    fn own_subscriptions_and_affiliations_are_requested_for_all_nodes_or_one() {
        assert_eq!(
            get("<subscriptions/>"),
            Ok(Request::Subscriptions {
                node: None,
                page: Page::default()
            })
        );
        assert_eq!(
            get(
                "<affiliations node='n'/><set xmlns='http://jabber.org/protocol/rsm'><max>2</max></set>"
            ),
            Ok(Request::Affiliations {
                node: Some("n".into()),
                page: Page {
                    max: Some(2),
                    from: Start::First
                }
            })
        );
        is_bad(
            get("<subscriptions/><set xmlns='http://jabber.org/protocol/rsm'><max>x</max></set>"),
            None,
        );
    }

    #[test]
    fn a_subscription_may_be_for_a_bare_or_a_full_jid() {
        for text in ["a@example.org", "a@example.org/r"] {
            assert_eq!(
                set(&format!("<subscribe node='n' jid='{text}'/>")),
                Ok(Request::Subscribe {
                    node: "n".into(),
                    jid: jid(text),
                    options: None
                })
            );
        }
    }

    #[test]
    fn a_jid_that_is_missing_or_malformed_is_invalid_for_a_subscription() {
        is_bad(set("<subscribe node='n'/>"), PubsubCondition::InvalidJid);
        is_bad(
            set("<subscribe node='n' jid=''/>"),
            PubsubCondition::InvalidJid,
        );
        is_bad(
            set("<subscribe node='n' jid='@@'/>"),
            PubsubCondition::InvalidJid,
        );
    }

    #[test]
    fn options_come_with_a_subscription() {
        let answer = set(&format!(
            "<subscribe node='n' jid='a@b'/><options>{FORM}</options>"
        ));
        let Ok(Request::Subscribe { options, .. }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(options, Some(SubmittedForm::Submit(deliver())));
    }

    #[test]
    fn options_of_a_subscription_name_nothing_and_follow_it() {
        is_bad(
            set("<subscribe node='n' jid='a@b'/><options node='n'/>"),
            None,
        );
        is_bad(
            set("<subscribe node='n' jid='a@b'/><options jid='a@b'/>"),
            None,
        );
        is_bad(set("<options/><subscribe node='n' jid='a@b'/>"), None);
        is_bad(
            set("<subscribe node='n' jid='a@b'/><options/><options/>"),
            None,
        );
    }

    #[test]
    fn unsubscribing_may_name_the_subscription() {
        assert_eq!(
            set("<unsubscribe node='n' jid='a@b' subid='7'/>"),
            Ok(Request::Unsubscribe {
                node: "n".into(),
                jid: jid("a@b"),
                subid: Some("7".into())
            })
        );
        is_bad(set("<unsubscribe node='n'/>"), PubsubCondition::JidRequired);
        is_bad(
            set("<unsubscribe node='n' jid='@'/>"),
            PubsubCondition::InvalidJid,
        );
    }

    #[test]
    fn options_are_requested_and_set() {
        assert_eq!(
            get("<options node='n' jid='a@b'/>"),
            Ok(Request::Options {
                node: "n".into(),
                jid: jid("a@b"),
                subid: None
            })
        );
        assert_eq!(
            set(&format!(
                "<options node='n' jid='a@b' subid='7'>{FORM}</options>"
            )),
            Ok(Request::SetOptions {
                node: "n".into(),
                jid: jid("a@b"),
                subid: Some("7".into()),
                form: SubmittedForm::Submit(deliver())
            })
        );
        is_bad(get("<options node='n'/>"), PubsubCondition::JidRequired);
        is_bad(set("<options node='n'/>"), PubsubCondition::JidRequired);
    }

    #[test]
    fn options_without_a_form_are_invalid_and_a_cancelled_form_is_one() {
        is_bad(
            set("<options node='n' jid='a@b'/>"),
            PubsubCondition::InvalidOptions,
        );
        let answer =
            set("<options node='n' jid='a@b'><x xmlns='jabber:x:data' type='cancel'/></options>");
        assert!(
            matches!(
                answer,
                Ok(Request::SetOptions {
                    form: SubmittedForm::Cancel,
                    ..
                })
            ),
            "{answer:?}"
        );
    }

    #[test]
    fn default_options_are_read_for_a_node_or_the_service() {
        assert_eq!(
            get("<default/>"),
            Ok(Request::DefaultOptions { node: None })
        );
        assert_eq!(
            get("<default node='n'/>"),
            Ok(Request::DefaultOptions {
                node: Some("n".into())
            })
        );
    }

    fn wanted_of(inside: &str) -> Wanted {
        match get(inside) {
            Ok(Request::Items { wanted, .. }) => wanted,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn items_are_requested_by_id_by_number_or_by_page() {
        let set = "<set xmlns='http://jabber.org/protocol/rsm'><after>i</after></set>";
        assert_eq!(
            wanted_of("<items node='n'/>"),
            Wanted::Newest(u32::MAX),
            "without a page the newest as far as one answer reaches"
        );
        assert_eq!(
            wanted_of("<items node='n' max_items='' subid=''/>"),
            Wanted::Newest(u32::MAX)
        );
        assert_eq!(
            wanted_of("<items node='n' max_items='3'/>"),
            Wanted::Newest(3)
        );
        assert_eq!(
            wanted_of("<items node='n'><item id='a'/><item id='b'/></items>"),
            Wanted::Ids(vec!["a".into(), "b".into()])
        );
        let page = Wanted::Page(Page {
            max: None,
            from: Start::After("i".into()),
        });
        assert_eq!(wanted_of(&format!("<items node='n'/>{set}")), page);
        assert_eq!(wanted_of(&format!("<items node='n'>{set}</items>")), page);
        assert_eq!(
            wanted_of(&format!("<items node='n' max_items='3'/>{set}")),
            Wanted::Page(Page {
                max: Some(3),
                from: Start::After("i".into())
            })
        );
    }

    #[test]
    fn malformed_items_are_a_bad_request() {
        is_bad(get("<items node='n' max_items='0'/>"), None);
        is_bad(get("<items node='n' max_items='x'/>"), None);
        is_bad(get("<items node='n'><item/></items>"), None);
    }
}
