//! Parses requests of publishers. (XEP-0060, 7)
//!
//! A payload stays a slice of the received bytes; it is never converted to a DOM.

use couplet::Condition;
use couplet_core::element::Element;

use super::raw_request::{RawRequest, filled, missing};
use crate::{
    codec::{NS, body, form},
    pubsub_error::{PubsubCondition, PubsubError},
    request::{NewItem, Payload, Request, SubmittedForm},
};

/// Maximum number of items of a batch, regardless of the policy: the cost of cutting out a payload
/// grows with its position.
const MOST_ITEMS: usize = 1_000;

/// Parses a publication. Several items are a batch, all or nothing; none is a notification of a
/// node without items. (XEP-0060, 12.10)
pub(super) fn publish(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let node = request.node()?;
    if children(request.element).nth(MOST_ITEMS).is_some() {
        let detail = PubsubCondition::MaxItemsExceeded;
        return Err(PubsubError::with(Condition::NotAllowed, detail));
    }
    let items = children(request.element)
        .map(new_item)
        .collect::<Result<_, _>>()?;
    let options = match request.payload.child("publish-options", NS) {
        Some(options) => form::submitted(options)?,
        None => None,
    };
    let options = match options {
        Some(SubmittedForm::Submit(fields)) => Some(fields),
        Some(SubmittedForm::Cancel) => {
            return Err(PubsubError::bad_request("Options cannot be cancelled"));
        }
        None => None,
    };
    Ok(Request::Publish {
        node,
        items,
        options,
    })
}

pub(super) fn retract(request: RawRequest<'_>) -> Result<Request, PubsubError> {
    let node = request.node()?;
    let ids = children(request.element)
        .map(|item| filled(item, "id").ok_or_else(|| missing(PubsubCondition::ItemRequired)))
        .collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() {
        return Err(missing(PubsubCondition::ItemRequired));
    }
    let notify = match filled(request.element, "notify").as_deref() {
        Some(word) => Some(
            form::flag(word)
                .ok_or_else(|| PubsubError::bad_request("notify must be true or false"))?,
        ),
        None => None,
    };
    Ok(Request::Retract { node, ids, notify })
}

fn children(element: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    element.children().filter(|child| child.is("item", NS))
}

/// Parses an item, which has exactly one payload element, or none. (XEP-0060, 7.1.3.6)
fn new_item(item: Element<'_>) -> Result<NewItem, PubsubError> {
    let mut payloads = item.children();
    let payload = payloads.next();
    if payloads.next().is_some() || !item.text().trim().is_empty() {
        return Err(missing(PubsubCondition::InvalidPayload));
    }
    Ok(NewItem {
        id: filled(item, "id"),
        payload: payload.map(|payload| Payload {
            xml: payload.to_xml(),
            text: body::text(payload),
        }),
    })
}

#[cfg(test)]
mod tests {
    use couplet::IqType;

    use super::super::tests::{is_bad, request, set};
    use super::*;
    use crate::request::Field;

    fn items(inside: &str) -> Vec<NewItem> {
        match set(&format!("<publish node='n'>{inside}</publish>")) {
            Ok(Request::Publish {
                node,
                items,
                options: None,
            }) if node == "n" => items,
            other => panic!("{other:?}"),
        }
    }

    fn payload(inside: &str) -> Payload {
        let mut items = items(&format!("<item>{inside}</item>"));
        items.remove(0).payload.unwrap()
    }

    #[test]
    fn an_item_is_published_with_an_id_or_without() {
        let entry = "<entry xmlns='http://www.w3.org/2005/Atom'><title>Soliloquy</title></entry>";
        let payload = Payload {
            xml: entry.into(),
            text: Some("Soliloquy".into()),
        };
        assert_eq!(
            items(&format!("<item id='i'>{entry}</item>")),
            [NewItem {
                id: Some("i".into()),
                payload: Some(payload.clone())
            }]
        );
        assert_eq!(
            items(&format!(
                "<item id='' publisher='false@b'> {entry}\n</item>"
            )),
            [NewItem {
                id: None,
                payload: Some(payload)
            }]
        );
    }

    #[test]
    fn no_item_and_an_empty_item_are_different() {
        assert_eq!(items(""), []);
        assert_eq!(
            items("<item/>"),
            [NewItem {
                id: None,
                payload: None
            }]
        );
    }

    #[test]
    fn several_items_are_a_batch() {
        let ids: Vec<_> = items("<item id='a'/><item id='b'/>")
            .into_iter()
            .map(|item| item.id)
            .collect();
        assert_eq!(ids, [Some("a".into()), Some("b".into())]);
    }

    #[test]
    fn a_batch_without_end_is_not_read() {
        assert_eq!(items(&"<item/>".repeat(MOST_ITEMS)).len(), MOST_ITEMS);
        let many = "<item/>".repeat(MOST_ITEMS + 1);
        let error = set(&format!("<publish node='n'>{many}</publish>")).unwrap_err();
        assert_eq!(error.condition, Condition::NotAllowed);
        assert_eq!(error.detail, Some(PubsubCondition::MaxItemsExceeded));
    }

    #[test]
    fn two_payloads_or_bare_text_are_an_invalid_payload() {
        let item = |inside: &str| {
            set(&format!(
                "<publish node='n'><item>{inside}</item></publish>"
            ))
        };
        is_bad(
            item("<a xmlns='u'/><b xmlns='u'/>"),
            PubsubCondition::InvalidPayload,
        );
        is_bad(item("<a xmlns='u'/>text"), PubsubCondition::InvalidPayload);
        is_bad(item("text"), PubsubCondition::InvalidPayload);
        is_bad(
            set("<publish node='n'><item><a xmlns='u'/></item><item>text</item></publish>"),
            PubsubCondition::InvalidPayload,
        );
    }

    #[test]
    fn a_payload_keeps_its_bytes() {
        let xml = "<a xmlns=\"urn:a\"  b='&#65;'><![CDATA[<]]><c/></a >";
        assert_eq!(payload(xml).xml, xml);
    }

    #[test]
    fn a_payload_takes_along_what_was_declared_around_it() {
        let answer = request(
            IqType::Set,
            "<p:pubsub xmlns:p='http://jabber.org/protocol/pubsub' xmlns:q='urn:q' xml:lang='de'><p:publish node='n'><p:item><q:a><b/></q:a></p:item></p:publish></p:pubsub>",
        );
        let Ok(Request::Publish { mut items, .. }) = answer else {
            panic!("{answer:?}");
        };
        let payload = items.remove(0).payload.unwrap();
        assert_eq!(
            payload.xml,
            "<q:a xmlns='jabber:client' xmlns:q='urn:q' xml:lang='de'><b/></q:a>"
        );
        let undeclared = super::tests::payload("<entry/>");
        assert_eq!(undeclared.xml, format!("<entry xmlns='{NS}'/>"));
    }

    #[test]
    fn options_come_with_a_publication() {
        let form = "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x></publish-options>";
        let field = Field {
            var: "pubsub#access_model".into(),
            values: vec!["open".into()],
        };
        for xml in [
            format!("<publish node='n'/>{form}"),
            format!("{form}<publish node='n'/>"),
        ] {
            let answer = set(&xml);
            assert!(
                matches!(&answer, Ok(Request::Publish { options: Some(options), .. }) if *options == [field.clone()]),
                "{answer:?}"
            );
        }
        is_bad(
            set(
                "<publish node='n'/><publish-options><x xmlns='jabber:x:data' type='cancel'/></publish-options>",
            ),
            None,
        );
        is_bad(
            set(
                "<publish node='n'/><publish-options><x xmlns='jabber:x:data' type='bogus'/></publish-options>",
            ),
            None,
        );
    }

    #[test]
    fn items_are_retracted_by_id() {
        let retract = |attr: &str| {
            set(&format!(
                "<retract node='n'{attr}><item id='a'/><item id='b'/></retract>"
            ))
        };
        for (attr, notify) in [
            ("", None),
            (" notify=''", None),
            (" notify='1'", Some(true)),
            (" notify='true'", Some(true)),
            (" notify='0'", Some(false)),
            (" notify='false'", Some(false)),
        ] {
            assert_eq!(
                retract(attr),
                Ok(Request::Retract {
                    node: "n".into(),
                    ids: vec!["a".into(), "b".into()],
                    notify
                })
            );
        }
        is_bad(retract(" notify='maybe'"), None);
    }

    #[test]
    fn a_retraction_without_an_item_or_its_id_is_item_required() {
        is_bad(set("<retract node='n'/>"), PubsubCondition::ItemRequired);
        is_bad(
            set("<retract node='n'><item/></retract>"),
            PubsubCondition::ItemRequired,
        );
        is_bad(
            set("<retract node='n'><item id='a'/><item id=''/></retract>"),
            PubsubCondition::ItemRequired,
        );
    }
}
