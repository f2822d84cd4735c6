//! What publishers ask. (XEP-0060, 7)
//!
//! Deliberately no DOM: a payload is cut out of the bytes it came in.

use couplet::Condition;
use couplet_core::element::Element;

use super::{Ask, bad_request, filled, missing};
use crate::{
    codec::{NS, body, form, form::Submitted},
    refused::{Detail, Refused},
    request::{NewItem, Payload, Request},
};

/// No batch is read that has more items, whatever a policy says: to cut each payload out takes a
/// look at those before it.
const MOST_ITEMS: usize = 1_000;

/// Several items are a batch, all or nothing; none is for a node without items. (XEP-0060, 12.10)
pub(super) fn publish(ask: Ask<'_>) -> Result<Request, Refused> {
    let node = ask.node()?;
    if children(ask.element).nth(MOST_ITEMS).is_some() {
        let detail = Detail::MaxItemsExceeded;
        return Err(Refused::with(Condition::NotAllowed, detail));
    }
    let items = children(ask.element)
        .map(new_item)
        .collect::<Result<_, _>>()?;
    let options = match ask.payload.child("publish-options", NS) {
        Some(options) => form::submitted(options)?,
        None => None,
    };
    let options = match options {
        Some(Submitted::Fields(fields)) => Some(fields),
        Some(Submitted::Cancel) => return Err(bad_request("Options cannot be cancelled")),
        None => None,
    };
    Ok(Request::Publish {
        node,
        items,
        options,
    })
}

pub(super) fn retract(ask: Ask<'_>) -> Result<Request, Refused> {
    let node = ask.node()?;
    let ids = children(ask.element)
        .map(|item| filled(item, "id").ok_or_else(|| missing(Detail::ItemRequired)))
        .collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() {
        return Err(missing(Detail::ItemRequired));
    }
    let notify = match filled(ask.element, "notify").as_deref() {
        Some(word) => Some(form::flag(word).ok_or_else(|| bad_request("notify is true or false"))?),
        None => None,
    };
    Ok(Request::Retract { node, ids, notify })
}

fn children(element: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    element.children().filter(|child| child.is("item", NS))
}

/// XEP-0060, 7.1.3.6: exactly one payload element, or none at all.
fn new_item(item: Element<'_>) -> Result<NewItem, Refused> {
    let mut payloads = item.children();
    let payload = payloads.next();
    if payloads.next().is_some() || !item.text().trim().is_empty() {
        return Err(missing(Detail::InvalidPayload));
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

    use super::super::tests::{ask, is_bad, set};
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
        let told = Payload {
            xml: entry.into(),
            text: Some("Soliloquy".into()),
        };
        assert_eq!(
            items(&format!("<item id='i'>{entry}</item>")),
            [NewItem {
                id: Some("i".into()),
                payload: Some(told.clone())
            }]
        );
        assert_eq!(
            items(&format!(
                "<item id='' publisher='false@b'> {entry}\n</item>"
            )),
            [NewItem {
                id: None,
                payload: Some(told)
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
        let refused = set(&format!("<publish node='n'>{many}</publish>")).unwrap_err();
        assert_eq!(refused.condition, Condition::NotAllowed);
        assert_eq!(refused.detail, Some(Detail::MaxItemsExceeded));
    }

    #[test]
    fn two_payloads_or_bare_text_are_an_invalid_payload() {
        let item = |inside: &str| {
            set(&format!(
                "<publish node='n'><item>{inside}</item></publish>"
            ))
        };
        is_bad(item("<a xmlns='u'/><b xmlns='u'/>"), Detail::InvalidPayload);
        is_bad(item("<a xmlns='u'/>text"), Detail::InvalidPayload);
        is_bad(item("text"), Detail::InvalidPayload);
        is_bad(
            set("<publish node='n'><item><a xmlns='u'/></item><item>text</item></publish>"),
            Detail::InvalidPayload,
        );
    }

    #[test]
    fn a_payload_keeps_its_bytes() {
        let xml = "<a xmlns=\"urn:a\"  b='&#65;'><![CDATA[<]]><c/></a >";
        assert_eq!(payload(xml).xml, xml);
    }

    #[test]
    fn a_payload_takes_along_what_was_declared_around_it() {
        let answer = ask(
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
    fn a_retraction_without_an_item_or_its_id_says_so() {
        is_bad(set("<retract node='n'/>"), Detail::ItemRequired);
        is_bad(
            set("<retract node='n'><item/></retract>"),
            Detail::ItemRequired,
        );
        is_bad(
            set("<retract node='n'><item id='a'/><item id=''/></retract>"),
            Detail::ItemRequired,
        );
    }
}
