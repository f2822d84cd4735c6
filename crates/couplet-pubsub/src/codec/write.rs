//! Writes replies as XML. (XEP-0060, 5 to 8)

use std::borrow::Cow;

use couplet::BareJid;
use couplet_core::xml_writer::XmlWriter;

use super::{
    NS, NS_OWNER,
    elements::{empty, tag, within},
    form::{self, Style},
    rsm,
    wire_name::WireName,
};
use crate::{
    item::Item,
    node::Affiliation,
    page::Paged,
    reply::{Publishers, Reply},
    subscription::Subscription,
};

/// Writes the payload of a result; nothing for an empty one. The two `...Unchanged` replies are
/// errors, written by [`unchanged`](super::unchanged).
pub(crate) fn write(reply: &Reply, xml: &mut XmlWriter<'_>) {
    match reply {
        Reply::Empty
        | Reply::Created { node: None }
        | Reply::SubscribersUnchanged { .. }
        | Reply::AffiliatesUnchanged { .. } => {}
        Reply::Configuration { .. }
        | Reply::DefaultConfiguration { .. }
        | Reply::Subscribers { .. }
        | Reply::Affiliates { .. } => within(NS_OWNER, xml, |xml| owner(reply, xml)),
        _ => within(NS, xml, |xml| entity(reply, xml)),
    }
}

/// Writes replies to entities, subscribers and publishers.
fn entity(reply: &Reply, xml: &mut XmlWriter<'_>) {
    match reply {
        Reply::Subscriptions { node, held, paged } => {
            tag("subscriptions", &[("node", node.as_deref())], xml, |xml| {
                for (node, subscription) in &held.entries {
                    write_subscription(Some(node), subscription, xml);
                }
            });
            set(
                *paged,
                held,
                |(_, subscription)| Cow::from(&subscription.subid),
                xml,
            );
        }
        Reply::Affiliations { node, held, paged } => {
            tag("affiliations", &[("node", node.as_deref())], xml, |xml| {
                for (node, affiliation) in &held.entries {
                    write_affiliation(node, *affiliation, xml);
                }
            });
            set(*paged, held, |(node, _)| Cow::from(node), xml);
        }
        Reply::Subscribed {
            node,
            subscription,
            with_options,
        } => {
            write_subscription(Some(node), subscription, xml);
            if *with_options {
                tag("options", &[], xml, |xml| {
                    let Subscription {
                        options, expires, ..
                    } = subscription;
                    form::write_options(*options, *expires, Style::Result, xml);
                });
            }
        }
        Reply::Unsubscribed { node, jid, subid } => {
            let attributes = [
                ("node", Some(node.as_str())),
                ("jid", Some(jid.as_str())),
                ("subscription", Some("none")),
                ("subid", Some(subid)),
            ];
            empty("subscription", &attributes, xml);
        }
        Reply::Options {
            node,
            jid,
            subid,
            options,
            expires,
        } => {
            let attributes = [
                ("node", Some(node.as_str())),
                ("jid", Some(jid.as_str())),
                ("subid", subid.as_deref()),
            ];
            tag("options", &attributes, xml, |xml| {
                form::write_options(*options, *expires, Style::Form, xml);
            });
        }
        Reply::DefaultOptions { node, options } => {
            tag("default", &[("node", node.as_deref())], xml, |xml| {
                form::write_options(*options, None, Style::Form, xml);
            });
        }
        Reply::Items {
            node,
            items,
            paged,
            publishers,
        } => {
            tag("items", &[("node", Some(node))], xml, |xml| {
                for item in &items.entries {
                    write_item(item, publishers, xml);
                }
            });
            set(*paged, items, |item| Cow::from(&item.head.id), xml);
        }
        Reply::Published { node, ids } => {
            tag("publish", &[("node", Some(node))], xml, |xml| {
                for id in ids {
                    write_published(id, xml);
                }
            });
        }
        Reply::Created { node } => empty("create", &[("node", node.as_deref())], xml),
        _ => {}
    }
}

/// Writes replies to owners.
fn owner(reply: &Reply, xml: &mut XmlWriter<'_>) {
    match reply {
        Reply::Configuration { node, config } => {
            tag("configure", &[("node", Some(node))], xml, |xml| {
                form::write_configuration(config, Style::Form, xml);
            });
        }
        Reply::DefaultConfiguration { config } => {
            tag("default", &[], xml, |xml| {
                form::write_configuration(config, Style::Form, xml);
            });
        }
        Reply::Subscribers { node, held, paged } => {
            tag("subscriptions", &[("node", Some(node))], xml, |xml| {
                for subscription in &held.entries {
                    write_subscription(None, subscription, xml);
                }
            });
            set(
                *paged,
                held,
                |subscription| subscription.cursor().to_string().into(),
                xml,
            );
        }
        Reply::Affiliates { node, held, paged } => {
            tag("affiliations", &[("node", Some(node))], xml, |xml| {
                for (jid, affiliation) in &held.entries {
                    write_affiliate(jid, *affiliation, xml);
                }
            });
            set(*paged, held, |(jid, _)| Cow::from(jid.as_str()), xml);
        }
        _ => {}
    }
}

/// Writes one subscription of a list.
pub(crate) fn write_subscription(
    node: Option<&str>,
    subscription: &Subscription,
    xml: &mut XmlWriter<'_>,
) {
    let attributes = [
        ("node", node),
        ("jid", Some(subscription.jid.as_str())),
        ("subscription", Some(Some(subscription.state).wire_name())),
        ("subid", Some(&subscription.subid)),
    ];
    empty("subscription", &attributes, xml);
}

/// Writes the id of a published item.
pub(crate) fn write_published(id: &str, xml: &mut XmlWriter<'_>) {
    empty("item", &[("id", Some(id))], xml);
}

/// Writes one affiliation of an entity, with its node.
pub(crate) fn write_affiliation(node: &str, affiliation: Affiliation, xml: &mut XmlWriter<'_>) {
    let affiliation = Some(affiliation.wire_name());
    let attributes = [("node", Some(node)), ("affiliation", affiliation)];
    empty("affiliation", &attributes, xml);
}

/// Writes one affiliation to a node, with its entity.
pub(crate) fn write_affiliate(jid: &BareJid, affiliation: Affiliation, xml: &mut XmlWriter<'_>) {
    let affiliation = Some(affiliation.wire_name());
    let attributes = [("jid", Some(jid.as_str())), ("affiliation", affiliation)];
    empty("affiliation", &attributes, xml);
}

/// Writes one item of a list.
pub(crate) fn write_item(item: &Item, publishers: &Publishers, xml: &mut XmlWriter<'_>) {
    let publisher = match publishers {
        Publishers::Hidden => None,
        Publishers::Shown => Some(item.head.publisher.as_str()),
        Publishers::Owner(owner) => Some(owner.as_str()),
    };
    let attributes = [
        ("id", Some(item.head.id.as_str())),
        ("publisher", publisher),
    ];
    match &item.payload {
        Some(payload) => tag("item", &attributes, xml, |xml| xml.raw(payload)),
        None => empty("item", &attributes, xml),
    }
}

fn set<'a, T>(
    paged: bool,
    held: &'a Paged<T>,
    cursor: impl Fn(&'a T) -> Cow<'a, str>,
    xml: &mut XmlWriter<'_>,
) {
    if paged {
        rsm::write(held, cursor, xml);
    }
}

#[cfg(test)]
mod tests {
    use couplet::Jid;

    use super::{super::elements::to_string, *};
    use crate::{
        item::ItemHead,
        node::NodeConfig,
        subscription::{SubscribeOptions, SubscriptionState},
        timestamp::Timestamp,
    };

    fn written(reply: &Reply) -> String {
        to_string(|xml| write(reply, xml))
    }

    fn entity(inside: &str) -> String {
        format!("<pubsub xmlns='{NS}'>{inside}</pubsub>")
    }

    fn owner(inside: &str) -> String {
        format!("<pubsub xmlns='{NS_OWNER}'>{inside}</pubsub>")
    }

    fn held(subid: &str) -> Subscription {
        Subscription {
            jid: Jid::new("a@b/o'hara").unwrap(),
            subid: subid.into(),
            state: SubscriptionState::Subscribed,
            options: SubscribeOptions::default(),
            expires: None,
            bounces: 0,
            since: 0,
        }
    }

    fn all<T>(entries: Vec<T>) -> Paged<T> {
        Paged {
            count: entries.len() as u64,
            index: Some(0),
            entries,
        }
    }

    #[test]
    fn an_empty_result_has_no_payload() {
        assert_eq!(written(&Reply::Empty), "");
        assert_eq!(written(&Reply::Created { node: None }), "");
    }

    #[test]
    fn own_subscriptions_are_listed_with_their_nodes() {
        let reply = Reply::Subscriptions {
            node: None,
            held: all(vec![("n".into(), held("7")), ("m".into(), held("8"))]),
            paged: true,
        };
        assert_eq!(
            written(&reply),
            entity(
                "<subscriptions><subscription node='n' jid='a@b/o&apos;hara' subscription='subscribed' subid='7'/><subscription node='m' jid='a@b/o&apos;hara' subscription='subscribed' subid='8'/></subscriptions><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>7</first><last>8</last><count>2</count></set>"
            )
        );
        let none = Reply::Subscriptions {
            node: Some("n".into()),
            held: all(vec![]),
            paged: false,
        };
        assert_eq!(
            written(&none),
            entity("<subscriptions node='n'></subscriptions>")
        );
    }

    #[test]
    fn own_affiliations_are_listed_with_their_nodes() {
        let reply = Reply::Affiliations {
            node: None,
            held: all(vec![
                ("n".into(), Affiliation::Owner),
                ("m".into(), Affiliation::PublishOnly),
            ]),
            paged: false,
        };
        assert_eq!(
            written(&reply),
            entity(
                "<affiliations><affiliation node='n' affiliation='owner'/><affiliation node='m' affiliation='publish-only'/></affiliations>"
            )
        );
    }

    #[test]
    fn a_new_subscription_is_returned_with_the_options_that_were_sent() {
        let mut subscription = held("7");
        subscription.expires = Some(Timestamp(0));
        let mut reply = Reply::Subscribed {
            node: "n".into(),
            subscription,
            with_options: false,
        };
        let expected =
            "<subscription node='n' jid='a@b/o&apos;hara' subscription='subscribed' subid='7'/>";
        assert_eq!(written(&reply), entity(expected));
        if let Reply::Subscribed { with_options, .. } = &mut reply {
            *with_options = true;
        }
        assert_eq!(
            written(&reply),
            entity(&format!(
                "{expected}<options><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#subscribe_options</value></field><field var='pubsub#deliver'><value>1</value></field><field var='pubsub#include_body'><value>0</value></field><field var='pubsub#expire'><value>1970-01-01T00:00:00Z</value></field></x></options>"
            ))
        );
    }

    #[test]
    fn a_subscription_that_ended_is_none() {
        let reply = Reply::Unsubscribed {
            node: "n".into(),
            jid: Jid::new("a@b").unwrap(),
            subid: "7".into(),
        };
        assert_eq!(
            written(&reply),
            entity("<subscription node='n' jid='a@b' subscription='none' subid='7'/>")
        );
    }

    #[test]
    fn options_are_a_form_to_be_filled_in() {
        let reply = Reply::Options {
            node: "n".into(),
            jid: Jid::new("a@b").unwrap(),
            subid: None,
            options: SubscribeOptions::default(),
            expires: None,
        };
        let written = written(&reply);
        assert!(
            written.starts_with(
                &entity("<options node='n' jid='a@b'><x xmlns='jabber:x:data' type='form'>")
                    .replace("</pubsub>", "")
            ),
            "{written}"
        );
        let default = Reply::DefaultOptions {
            node: None,
            options: SubscribeOptions::default(),
        };
        let default = super::tests::written(&default);
        assert!(
            default.contains("<default><x xmlns='jabber:x:data' type='form'>"),
            "{default}"
        );
    }

    #[test]
    fn items_are_listed_with_their_bytes_and_publishers() {
        let item = |id: &str, payload: Option<&str>| Item {
            head: ItemHead {
                id: id.into(),
                seq: 1,
                publisher: BareJid::new("p@b").unwrap(),
                published: Timestamp(0),
                expires: None,
            },
            payload: payload.map(str::to_owned),
        };
        let mut reply = Reply::Items {
            node: "n".into(),
            items: Paged {
                entries: vec![item("<", Some("<a xmlns=\"urn:a\"/>")), item("j", None)],
                index: Some(3),
                count: 9,
            },
            paged: true,
            publishers: Publishers::Hidden,
        };
        assert_eq!(
            written(&reply),
            entity(
                "<items node='n'><item id='&lt;'><a xmlns=\"urn:a\"/></item><item id='j'/></items><set xmlns='http://jabber.org/protocol/rsm'><first index='3'>&lt;</first><last>j</last><count>9</count></set>"
            )
        );
        for (shown, jid) in [
            (Publishers::Shown, "p@b"),
            (Publishers::Owner(BareJid::new("o@b").unwrap()), "o@b"),
        ] {
            if let Reply::Items { publishers, .. } = &mut reply {
                *publishers = shown;
            }
            let written = written(&reply);
            assert_eq!(
                written.matches(&format!(" publisher='{jid}'")).count(),
                2,
                "{written}"
            );
        }
    }

    #[test]
    fn published_items_are_returned_by_id() {
        let reply = Reply::Published {
            node: "n".into(),
            ids: vec!["a".into(), "b'".into()],
        };
        assert_eq!(
            written(&reply),
            entity("<publish node='n'><item id='a'/><item id='b&apos;'/></publish>")
        );
    }

    #[test]
    fn a_generated_name_is_returned() {
        let reply = Reply::Created {
            node: Some("n\u{1F600}".into()),
        };
        assert_eq!(written(&reply), entity("<create node='n\u{1F600}'/>"));
    }

    #[test]
    fn a_configuration_is_a_form_to_be_filled_in() {
        let config = Box::new(NodeConfig::default());
        let default = Reply::DefaultConfiguration {
            config: config.clone(),
        };
        let form = crate::codec::form::configuration(&config);
        assert_eq!(
            written(&default),
            owner(&format!("<default>{form}</default>"))
        );
        let reply = Reply::Configuration {
            node: "n".into(),
            config,
        };
        assert_eq!(
            written(&reply),
            owner(&format!("<configure node='n'>{form}</configure>"))
        );
    }

    #[test]
    fn subscribers_and_affiliates_are_listed_for_the_owner() {
        let reply = Reply::Subscribers {
            node: "n".into(),
            held: all(vec![held("7")]),
            paged: false,
        };
        assert_eq!(
            written(&reply),
            owner(
                "<subscriptions node='n'><subscription jid='a@b/o&apos;hara' subscription='subscribed' subid='7'/></subscriptions>"
            )
        );
        let reply = Reply::Affiliates {
            node: "n".into(),
            held: all(vec![(BareJid::new("a@b").unwrap(), Affiliation::Outcast)]),
            paged: false,
        };
        assert_eq!(
            written(&reply),
            owner(
                "<affiliations node='n'><affiliation jid='a@b' affiliation='outcast'/></affiliations>"
            )
        );
    }
}
