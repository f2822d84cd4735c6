//! Writes notifications: the `<event/>` of a message. (XEP-0060, 7.1.2, 16.1)

use std::borrow::Cow;

use couplet::{BareJid, Jid};
use couplet_core::xml_writer::XmlWriter;

use super::{
    NS, NS_EVENT,
    approval::SUBSCRIBE_AUTHORIZATION,
    elements::{empty, tag, to_string, within},
    form::{
        self, Style,
        data::{self, flag_word},
    },
    wire_name::WireName,
};
use crate::{
    node::{Affiliation, NodeConfig},
    subscription::{Subscription, SubscriptionState},
    timestamp::Timestamp,
};

/// The title of the command that lists pending subscriptions.
pub(crate) const PENDING_TITLE: &str = "Approve subscription requests";

/// An item in a notification.
pub(crate) struct EventItem<'a> {
    pub(crate) id: &'a str,
    /// `None` if the node delivers no payloads.
    pub(crate) payload: Option<&'a str>,
    pub(crate) publisher: Option<&'a BareJid>,
}

/// Writes published items; none for a notification without item. (4.3, 7.1.2)
pub(crate) fn items(node: &str, items: &[EventItem<'_>]) -> String {
    event(|xml| write_items(node, items, xml))
}

/// Writes the last item for a new subscriber, with its publication time in `urn:xmpp:delay`.
/// (6.1.7)
pub(crate) fn last_item(node: &str, items: &EventItem<'_>, published: Timestamp) -> String {
    to_string(|xml| {
        write_event(xml, |xml| {
            write_items(node, std::slice::from_ref(items), xml)
        });
        let stamp = published.to_string();
        empty(
            "delay",
            &[("xmlns", Some("urn:xmpp:delay")), ("stamp", Some(&stamp))],
            xml,
        );
    })
}

/// Writes retracted items. (7.2.2.1)
pub(crate) fn retracted(node: &str, ids: &[String]) -> String {
    event(|xml| {
        tag("items", &[("node", Some(node))], xml, |xml| {
            for id in ids {
                write_retracted(id, xml);
            }
        });
    })
}

/// Writes one retracted item.
pub(crate) fn write_retracted(id: &str, xml: &mut XmlWriter<'_>) {
    empty("retract", &[("id", Some(id))], xml);
}

/// Writes a purge. (8.5.2)
pub(crate) fn purged(node: &str) -> String {
    event(|xml| empty("purge", &[("node", Some(node))], xml))
}

/// Writes the deletion of a node, with its redirect. (8.4.2)
pub(crate) fn deleted(node: &str, redirect: Option<&str>) -> String {
    event(|xml| match redirect {
        Some(uri) => tag("delete", &[("node", Some(node))], xml, |xml| {
            empty("redirect", &[("uri", Some(uri))], xml);
        }),
        None => empty("delete", &[("node", Some(node))], xml),
    })
}

/// Writes a changed configuration, with the form if the node delivers payloads. (8.2.5.3)
pub(crate) fn configured(node: &str, config: Option<&NodeConfig>) -> String {
    event(|xml| match config {
        Some(config) => tag("configuration", &[("node", Some(node))], xml, |xml| {
            form::write_configuration(config, Style::Result, xml);
        }),
        None => empty("configuration", &[("node", Some(node))], xml),
    })
}

/// Writes the new state of a subscription; `None` is `none`. (8.8.4, 12.19)
pub(crate) fn subscription(
    node: &str,
    jid: &Jid,
    subid: &str,
    state: Option<SubscriptionState>,
    expires: Option<Timestamp>,
) -> String {
    let expiry = expires.map(|moment| moment.to_string());
    let attributes = [
        ("node", Some(node)),
        ("jid", Some(jid.as_str())),
        ("subscription", Some(state.wire_name())),
        ("subid", Some(subid)),
        ("expiry", expiry.as_deref()),
    ];
    event(|xml| empty("subscription", &attributes, xml))
}

/// Writes a changed affiliation; not an `<event/>`. (8.9.4)
pub(crate) fn affiliation(node: &str, jid: &BareJid, now: Affiliation) -> String {
    let own = [
        ("jid", Some(jid.as_str())),
        ("affiliation", Some(now.wire_name())),
    ];
    to_string(|xml| {
        within(NS, xml, |xml| {
            tag("affiliations", &[("node", Some(node))], xml, |xml| {
                empty("affiliation", &own, xml);
            });
        });
    })
}

/// Writes the form that asks an owner to approve a subscription; not an `<event/>`. (8.6)
pub(crate) fn approval_wanted(node: &str, subscription: &Subscription) -> String {
    let jid = subscription.jid.as_str();
    let fields = [
        ("pubsub#subid", "hidden", "", subscription.subid.as_str()),
        ("pubsub#node", "text-single", "Node", node),
        ("pubsub#subscriber_jid", "jid-single", "Subscriber", jid),
        ("pubsub#allow", "boolean", "Allow it", flag_word(false)),
    ];
    let title = (
        "Subscription request",
        "Allow or deny a subscription to your node.",
    );
    to_string(|xml| {
        data::write_titled(
            Style::Form,
            Some(title),
            SUBSCRIBE_AUTHORIZATION,
            xml,
            |xml| {
                for (var, kind, label, value) in fields {
                    let field = data::FormField {
                        var,
                        kind,
                        label,
                        choices: &[],
                        values: &[Cow::from(value)],
                    };
                    field.write(Style::Form, xml);
                }
            },
        );
    })
}

fn event(content: impl FnOnce(&mut XmlWriter<'_>)) -> String {
    to_string(|xml| write_event(xml, content))
}

fn write_event(xml: &mut XmlWriter<'_>, content: impl FnOnce(&mut XmlWriter<'_>)) {
    xml.raw("<event xmlns='");
    xml.raw(NS_EVENT);
    xml.raw("'>");
    content(xml);
    xml.raw("</event>");
}

fn write_items(node: &str, items: &[EventItem<'_>], xml: &mut XmlWriter<'_>) {
    tag("items", &[("node", Some(node))], xml, |xml| {
        for item in items {
            let publisher = item.publisher.map(|jid| jid.as_str());
            let attributes = [("id", Some(item.id)), ("publisher", publisher)];
            match item.payload {
                Some(payload) => tag("item", &attributes, xml, |xml| xml.raw(payload)),
                None => empty("item", &attributes, xml),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{codec::form::data::NS_DATA, subscription::SubscribeOptions};

    fn wrapped(inside: &str) -> String {
        format!("<event xmlns='{NS_EVENT}'>{inside}</event>")
    }

    const ITEM: EventItem<'static> = EventItem {
        id: "i<",
        payload: Some("<a xmlns='urn:a'/>"),
        publisher: None,
    };

    #[test]
    fn items_come_with_payload_without_or_not_at_all() {
        assert_eq!(
            items("n'", &[ITEM]),
            wrapped("<items node='n&apos;'><item id='i&lt;'><a xmlns='urn:a'/></item></items>")
        );
        let publisher = BareJid::new("a@b").unwrap();
        let item = EventItem {
            id: "i",
            payload: None,
            publisher: Some(&publisher),
        };
        assert_eq!(
            items("n", &[item]),
            wrapped("<items node='n'><item id='i' publisher='a@b'/></items>")
        );
        assert_eq!(items("n", &[]), wrapped("<items node='n'></items>"));
    }

    #[test]
    fn the_last_item_has_its_publication_time() {
        assert_eq!(
            last_item("n", &ITEM, Timestamp(1_141_127_999_000)),
            wrapped("<items node='n'><item id='i&lt;'><a xmlns='urn:a'/></item></items>")
                + "<delay xmlns='urn:xmpp:delay' stamp='2006-02-28T11:59:59Z'/>"
        );
    }

    #[test]
    fn removals_are_announced() {
        assert_eq!(
            retracted("n", &["a".into(), "b".into()]),
            wrapped("<items node='n'><retract id='a'/><retract id='b'/></items>")
        );
        assert_eq!(purged("n"), wrapped("<purge node='n'/>"));
        assert_eq!(deleted("n", None), wrapped("<delete node='n'/>"));
        assert_eq!(
            deleted("n", Some("xmpp:a?;node=b&c")),
            wrapped("<delete node='n'><redirect uri='xmpp:a?;node=b&amp;c'/></delete>")
        );
    }

    #[test]
    fn a_new_configuration_is_announced_with_its_values_or_by_name() {
        assert_eq!(configured("n", None), wrapped("<configuration node='n'/>"));
        let items = configured("n", Some(&NodeConfig::default()));
        assert!(
            items.starts_with(&wrapped(&format!("<configuration node='n'><x xmlns='{NS_DATA}' type='result'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>")).replace("</event>", "")),
            "{items}"
        );
        assert!(
            items.contains("<field var='pubsub#access_model'><value>open</value></field>"),
            "{items}"
        );
    }

    #[test]
    fn a_changed_subscription_is_announced() {
        let jid = Jid::new("a@b/c").unwrap();
        assert_eq!(
            subscription("n", &jid, "7", None, None),
            wrapped("<subscription node='n' jid='a@b/c' subscription='none' subid='7'/>")
        );
        let state = Some(SubscriptionState::Subscribed);
        assert_eq!(
            subscription("n", &jid, "7", state, Some(Timestamp(0))),
            wrapped(
                "<subscription node='n' jid='a@b/c' subscription='subscribed' subid='7' expiry='1970-01-01T00:00:00Z'/>"
            )
        );
    }

    #[test]
    fn a_changed_affiliation_is_announced() {
        let jid = BareJid::new("a@b").unwrap();
        assert_eq!(
            affiliation("n", &jid, Affiliation::PublishOnly),
            format!(
                "<pubsub xmlns='{NS}'><affiliations node='n'><affiliation jid='a@b' affiliation='publish-only'/></affiliations></pubsub>"
            )
        );
    }

    #[test]
    fn an_owner_gets_a_form() {
        let pending = Subscription {
            jid: Jid::new("a@b").unwrap(),
            subid: "7".into(),
            state: SubscriptionState::Pending,
            options: SubscribeOptions::default(),
            expires: None,
            bounces: 0,
            since: 0,
        };
        assert_eq!(
            approval_wanted("n<", &pending),
            format!(
                "<x xmlns='{NS_DATA}' type='form'><title>Subscription request</title><instructions>Allow or deny a subscription to your node.</instructions><field var='FORM_TYPE' type='hidden'><value>{SUBSCRIBE_AUTHORIZATION}</value></field><field var='pubsub#subid' type='hidden'><value>7</value></field><field var='pubsub#node' type='text-single' label='Node'><value>n&lt;</value></field><field var='pubsub#subscriber_jid' type='jid-single' label='Subscriber'><value>a@b</value></field><field var='pubsub#allow' type='boolean' label='Allow it'><value>0</value></field></x>"
            )
        );
    }
}
