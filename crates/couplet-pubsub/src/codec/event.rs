//! Notifications: the `<event/>` of a message. (XEP-0060, 7.1.2, 16.1)

use std::borrow::Cow;

use couplet_core::wire::Wire;
use jid::{BareJid, Jid};

use super::{
    NS, NS_EVENT,
    approval::SUBSCRIBE_AUTHORIZATION,
    form::{
        self, Style,
        data::{self, flag_word},
    },
    words::Word,
    write::{empty, tag, to_string, within},
};
use crate::{
    moment::Moment,
    node::{Affiliation, NodeConfig},
    subscription::{Subscription, SubscriptionState},
};

/// An item in a notification.
pub(crate) struct Told<'a> {
    pub(crate) id: &'a str,
    /// None where the node delivers no payloads.
    pub(crate) payload: Option<&'a str>,
    pub(crate) publisher: Option<&'a BareJid>,
}

/// Items that were published; none for a notification without item. (4.3, 7.1.2)
pub(crate) fn items(node: &str, told: &[Told<'_>]) -> String {
    event(|wire| write_items(node, told, wire))
}

/// The last item, sent late: with `urn:xmpp:delay`. (6.1.7)
pub(crate) fn last_item(node: &str, told: &Told<'_>, published: Moment) -> String {
    to_string(|wire| {
        write_event(wire, |wire| {
            write_items(node, std::slice::from_ref(told), wire)
        });
        let stamp = published.to_string();
        empty(
            "delay",
            &[("xmlns", Some("urn:xmpp:delay")), ("stamp", Some(&stamp))],
            wire,
        );
    })
}

/// Items that are gone. (7.2.2.1)
pub(crate) fn retracted(node: &str, ids: &[String]) -> String {
    event(|wire| {
        tag("items", &[("node", Some(node))], wire, |wire| {
            for id in ids {
                empty("retract", &[("id", Some(id))], wire);
            }
        });
    })
}

/// All items are gone. (8.5.2)
pub(crate) fn purged(node: &str) -> String {
    event(|wire| empty("purge", &[("node", Some(node))], wire))
}

/// The node is gone, to there or for good. (8.4.2)
pub(crate) fn deleted(node: &str, redirect: Option<&str>) -> String {
    event(|wire| match redirect {
        Some(uri) => tag("delete", &[("node", Some(node))], wire, |wire| {
            empty("redirect", &[("uri", Some(uri))], wire);
        }),
        None => empty("delete", &[("node", Some(node))], wire),
    })
}

/// The node is configured anew; with the form where the node delivers payloads. (8.2.5.3)
pub(crate) fn configured(node: &str, config: Option<&NodeConfig>) -> String {
    event(|wire| match config {
        Some(config) => tag("configuration", &[("node", Some(node))], wire, |wire| {
            form::write_configuration(config, Style::Result, wire);
        }),
        None => empty("configuration", &[("node", Some(node))], wire),
    })
}

/// What has become of a subscription; `None` is `none`. (8.8.4, 12.19)
pub(crate) fn subscription(
    node: &str,
    jid: &Jid,
    subid: &str,
    state: Option<SubscriptionState>,
    expires: Option<Moment>,
) -> String {
    let expiry = expires.map(|moment| moment.to_string());
    let attributes = [
        ("node", Some(node)),
        ("jid", Some(jid.as_str())),
        ("subscription", Some(state.word())),
        ("subid", Some(subid)),
        ("expiry", expiry.as_deref()),
    ];
    event(|wire| empty("subscription", &attributes, wire))
}

/// What has become of an affiliation; as XEP-0060 has it, not an `<event/>`. (8.9.4)
pub(crate) fn affiliation(node: &str, jid: &BareJid, now: Affiliation) -> String {
    let own = [
        ("jid", Some(jid.as_str())),
        ("affiliation", Some(now.word())),
    ];
    to_string(|wire| {
        within(NS, wire, |wire| {
            tag("affiliations", &[("node", Some(node))], wire, |wire| {
                empty("affiliation", &own, wire);
            });
        });
    })
}

/// The form that asks an owner to approve a subscription; not an `<event/>`. (8.6)
pub(crate) fn approval_wanted(node: &str, subscription: &Subscription) -> String {
    let jid = subscription.jid.as_str();
    let fields = [
        ("pubsub#subid", "hidden", "", subscription.subid.as_str()),
        ("pubsub#node", "text-single", "Node", node),
        (
            "pubsub#subscriber_jid",
            "jid-single",
            "Who wants to subscribe",
            jid,
        ),
        (
            "pubsub#allow",
            "boolean",
            "Whether to allow it",
            flag_word(false),
        ),
    ];
    to_string(|wire| {
        data::write(Style::Form, SUBSCRIBE_AUTHORIZATION, wire, |wire| {
            wire.element("title", "Subscription request");
            wire.element(
                "instructions",
                "Somebody wants to subscribe to a node of yours.",
            );
            for (var, kind, label, value) in fields {
                let field = data::Told {
                    var,
                    kind,
                    label,
                    choices: &[],
                    values: &[Cow::from(value)],
                };
                field.write(Style::Form, wire);
            }
        });
    })
}

fn event(content: impl FnOnce(&mut Wire<'_>)) -> String {
    to_string(|wire| write_event(wire, content))
}

fn write_event(wire: &mut Wire<'_>, content: impl FnOnce(&mut Wire<'_>)) {
    wire.raw("<event xmlns='");
    wire.raw(NS_EVENT);
    wire.raw("'>");
    content(wire);
    wire.raw("</event>");
}

fn write_items(node: &str, told: &[Told<'_>], wire: &mut Wire<'_>) {
    tag("items", &[("node", Some(node))], wire, |wire| {
        for item in told {
            let publisher = item.publisher.map(|jid| jid.as_str());
            let attributes = [("id", Some(item.id)), ("publisher", publisher)];
            match item.payload {
                Some(payload) => tag("item", &attributes, wire, |wire| wire.raw(payload)),
                None => empty("item", &attributes, wire),
            }
        }
    });
}
