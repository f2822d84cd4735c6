//! Replies as XML. (XEP-0060, 5 to 8)

use couplet_core::wire::Wire;

use super::{
    NS, NS_OWNER,
    form::{self, Style},
    rsm,
    words::Word,
};
use crate::{
    item::Item,
    page::Paged,
    reply::{Publishers, Reply},
    subscription::Subscription,
};

/// Writes the payload of a result, or nothing for an empty one. The two `...Unchanged` replies are
/// no results: they go through [`unchanged`](super::unchanged).
pub(crate) fn write(reply: &Reply, wire: &mut Wire<'_>) {
    match reply {
        Reply::Done
        | Reply::Created { node: None }
        | Reply::SubscribersUnchanged { .. }
        | Reply::AffiliatesUnchanged { .. } => {}
        Reply::Configuration { .. }
        | Reply::DefaultConfiguration { .. }
        | Reply::Subscribers { .. }
        | Reply::Affiliates { .. } => within(NS_OWNER, wire, |wire| owner(reply, wire)),
        _ => within(NS, wire, |wire| entity(reply, wire)),
    }
}

/// What `content` writes.
pub(super) fn to_string(content: impl FnOnce(&mut Wire<'_>)) -> String {
    let mut out = Vec::new();
    content(&mut Wire::new(&mut out));
    String::from_utf8(out).unwrap_or_default()
}

/// `<pubsub/>` around something.
pub(super) fn within(ns: &str, wire: &mut Wire<'_>, content: impl FnOnce(&mut Wire<'_>)) {
    wire.raw("<pubsub xmlns='");
    wire.raw(ns);
    wire.raw("'>");
    content(wire);
    wire.raw("</pubsub>");
}

/// An element with attributes, those left out that have no value, and something in it.
pub(super) fn tag(
    name: &str,
    attributes: &[(&str, Option<&str>)],
    wire: &mut Wire<'_>,
    content: impl FnOnce(&mut Wire<'_>),
) {
    start(name, attributes, wire);
    wire.raw(">");
    content(wire);
    wire.raw("</");
    wire.raw(name);
    wire.raw(">");
}

/// An element with nothing in it.
pub(super) fn empty(name: &str, attributes: &[(&str, Option<&str>)], wire: &mut Wire<'_>) {
    start(name, attributes, wire);
    wire.raw("/>");
}

fn start(name: &str, attributes: &[(&str, Option<&str>)], wire: &mut Wire<'_>) {
    wire.raw("<");
    wire.raw(name);
    for (name, value) in attributes {
        if let Some(value) = value {
            wire.attribute(name, value);
        }
    }
}

/// The chapters of entities, subscribers and publishers.
fn entity(reply: &Reply, wire: &mut Wire<'_>) {
    match reply {
        Reply::Subscriptions { node, held, paged } => {
            tag(
                "subscriptions",
                &[("node", node.as_deref())],
                wire,
                |wire| {
                    for (node, subscription) in &held.entries {
                        self::subscription(Some(node), subscription, wire);
                    }
                },
            );
            set(*paged, held, |(_, subscription)| &subscription.subid, wire);
        }
        Reply::Affiliations { node, held, paged } => {
            tag("affiliations", &[("node", node.as_deref())], wire, |wire| {
                for (node, affiliation) in &held.entries {
                    let affiliation = Some(affiliation.word());
                    empty(
                        "affiliation",
                        &[("node", Some(node)), ("affiliation", affiliation)],
                        wire,
                    );
                }
            });
            set(*paged, held, |(node, _)| node, wire);
        }
        Reply::Subscribed {
            node,
            subscription,
            with_options,
        } => {
            self::subscription(Some(node), subscription, wire);
            if *with_options {
                tag("options", &[], wire, |wire| {
                    let Subscription {
                        options, expires, ..
                    } = subscription;
                    form::write_options(*options, *expires, Style::Result, wire);
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
            empty("subscription", &attributes, wire);
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
            tag("options", &attributes, wire, |wire| {
                form::write_options(*options, *expires, Style::Form, wire);
            });
        }
        Reply::DefaultOptions { node, options } => {
            tag("default", &[("node", node.as_deref())], wire, |wire| {
                form::write_options(*options, None, Style::Form, wire);
            });
        }
        Reply::Items {
            node,
            items,
            paged,
            publishers,
        } => {
            tag("items", &[("node", Some(node))], wire, |wire| {
                for item in &items.entries {
                    self::item(item, publishers, wire);
                }
            });
            set(*paged, items, |item| &item.head.id, wire);
        }
        Reply::Published { node, ids } => {
            tag("publish", &[("node", Some(node))], wire, |wire| {
                for id in ids {
                    empty("item", &[("id", Some(id))], wire);
                }
            });
        }
        Reply::Created { node } => empty("create", &[("node", node.as_deref())], wire),
        _ => {}
    }
}

/// The chapter of owners.
fn owner(reply: &Reply, wire: &mut Wire<'_>) {
    match reply {
        Reply::Configuration { node, config } => {
            tag("configure", &[("node", Some(node))], wire, |wire| {
                form::write_configuration(config, Style::Form, wire);
            });
        }
        Reply::DefaultConfiguration { config } => {
            tag("default", &[], wire, |wire| {
                form::write_configuration(config, Style::Form, wire);
            });
        }
        Reply::Subscribers { node, held, paged } => {
            tag("subscriptions", &[("node", Some(node))], wire, |wire| {
                for subscription in &held.entries {
                    self::subscription(None, subscription, wire);
                }
            });
            set(*paged, held, |subscription| &subscription.subid, wire);
        }
        Reply::Affiliates { node, held } => {
            tag("affiliations", &[("node", Some(node))], wire, |wire| {
                for (jid, affiliation) in held {
                    let affiliation = Some(affiliation.word());
                    empty(
                        "affiliation",
                        &[("jid", Some(jid.as_str())), ("affiliation", affiliation)],
                        wire,
                    );
                }
            });
        }
        _ => {}
    }
}

fn subscription(node: Option<&str>, subscription: &Subscription, wire: &mut Wire<'_>) {
    let attributes = [
        ("node", node),
        ("jid", Some(subscription.jid.as_str())),
        ("subscription", Some(Some(subscription.state).word())),
        ("subid", Some(&subscription.subid)),
    ];
    empty("subscription", &attributes, wire);
}

fn item(item: &Item, publishers: &Publishers, wire: &mut Wire<'_>) {
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
        Some(payload) => tag("item", &attributes, wire, |wire| wire.raw(payload)),
        None => empty("item", &attributes, wire),
    }
}

fn set<'a, T>(
    paged: bool,
    held: &'a Paged<T>,
    cursor: impl Fn(&'a T) -> &'a String,
    wire: &mut Wire<'_>,
) {
    if paged {
        rsm::write(held, |entry| cursor(entry), wire);
    }
}
