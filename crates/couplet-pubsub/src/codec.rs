//! Parses requests from XML, and writes replies and notifications as XML.
//!
//! Has its own lenient parser: the typed payloads of xmpp-parsers reject requests that are valid
//! and cannot report `nodeid-required`. (README, "Decided points")

mod approval;
mod read;
mod errors;
pub(crate) mod event;
mod write;
pub(crate) mod truncate;
pub(crate) mod form;
mod rsm;
mod elements;
pub(crate) mod validate;
mod wire_name;
pub(crate) mod body;

pub(crate) use self::{
    approval::{SUBSCRIBE_AUTHORIZATION, approval},
    errors::{stanza_error, unchanged},
    read::read,
    write::{
        write, write_affiliate, write_affiliation, write_item, write_published, write_subscription,
    },
};

/// The namespace of requests of entities. (XEP-0060, 16.1)
pub(crate) const NS: &str = "http://jabber.org/protocol/pubsub";
/// The namespace of requests of owners.
pub(crate) const NS_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// The namespace of notifications.
pub(crate) const NS_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// The namespace of error details.
pub(crate) const NS_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";

#[cfg(test)]
mod tests {
    use couplet::{BareJid, IqType, Jid};
    use couplet_core::element::{Element, Scope, Tree};
    use proptest::{collection::vec, option, prelude::*};

    use super::{elements::to_string, event, form, read, stanza_error, unchanged, write};
    use crate::{
        item::{Item, ItemHead},
        node::{Affiliation, NodeConfig},
        page::Paged,
        policy::Limits,
        reply::{Publishers, Reply},
        request::{Request, Wanted},
        subscription::{SubscribeOptions, Subscription, SubscriptionState},
        timestamp::Timestamp,
    };

    /// Returns a tree of elements that look like requests.
    fn tree() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "pubsub",
            "publish",
            "items",
            "item",
            "subscribe",
            "unsubscribe",
            "retract",
            "options",
            "default",
            "create",
            "configure",
            "delete",
            "purge",
            "subscriptions",
            "subscription",
            "affiliations",
            "affiliation",
            "publish-options",
            "redirect",
            "x",
            "field",
            "value",
            "set",
            "max",
            "after",
            "before",
            "index",
            "bogus",
        ]);
        let ns = option::weighted(
            0.3,
            prop::sample::select(vec![
                super::NS,
                super::NS_OWNER,
                "jabber:x:data",
                "http://jabber.org/protocol/rsm",
                "jabber:component:accept",
                "urn:x",
                "",
            ]),
        );
        let attribute = (
            prop::sample::select(vec![
                "node",
                "jid",
                "id",
                "subid",
                "max_items",
                "notify",
                "uri",
                "type",
                "var",
                "affiliation",
                "subscription",
                "xml:lang",
            ]),
            prop_oneof![
                prop::sample::select(vec![
                    "",
                    "n",
                    "a@b/c",
                    "@",
                    "0",
                    "7",
                    "true",
                    "submit",
                    "cancel",
                    "owner",
                    "none",
                    "pubsub#title",
                    "pubsub#expire",
                    "FORM_TYPE",
                ])
                .prop_map(str::to_owned),
                "\\PC{0,6}",
            ],
        );
        let head = (name, ns, vec(attribute, 0..4));
        let leaf =
            (head.clone(), "\\PC{0,4}").prop_map(|(head, text)| element(&head, &escaped(&text)));
        leaf.prop_recursive(5, 40, 5, move |inner| {
            (head.clone(), vec(inner, 0..5))
                .prop_map(|(head, inside)| element(&head, &inside.concat()))
        })
    }

    /// Generates requests with random elements and attributes.
    fn request() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "publish",
            "items",
            "subscribe",
            "unsubscribe",
            "retract",
            "options",
            "create",
            "configure",
            "delete",
            "subscriptions",
            "affiliations",
        ]);
        let node = option::weighted(0.9, Just(" node='n'"));
        let jid = option::weighted(0.7, Just(" jid='a@b'"));
        let item = vec(tree(), 0..2).prop_map(|inside| {
            let inside = inside.concat();
            format!("<item id='i'>{inside}</item>")
        });
        let inside = vec(prop_oneof![item, tree()], 0..3);
        (name, node, jid, inside).prop_map(|(name, node, jid, inside)| {
            let (node, jid) = (node.unwrap_or_default(), jid.unwrap_or_default());
            format!("<{name}{node}{jid}>{}</{name}>", inside.concat())
        })
    }

    type Head = (
        &'static str,
        Option<&'static str>,
        Vec<(&'static str, String)>,
    );

    fn element((name, ns, attributes): &Head, inside: &str) -> String {
        let mut head = format!("<{name}");
        let mut seen = Vec::new();
        if let Some(ns) = ns {
            head += &format!(" xmlns='{ns}'");
        }
        for (name, value) in attributes {
            if !seen.contains(name) {
                seen.push(*name);
                head += &format!(" {name}='{}'", escaped(value));
            }
        }
        format!("{head}>{inside}</{name}>")
    }

    fn escaped(text: &str) -> String {
        to_string(|xml| xml.text(text)).replace('\'', "&apos;")
    }

    fn parsed(xml: String) -> Tree {
        Tree::parse(xml, &Scope::component()).unwrap()
    }

    fn asker() -> Jid {
        Jid::new("a@example.org/r").unwrap()
    }

    fn read_as(payload: Element<'_>, type_: IqType) {
        match read(payload, type_, &asker()) {
            Ok(Request::Publish { items, options, .. }) => {
                for payload in items.into_iter().filter_map(|item| item.payload) {
                    let _stands_alone = Tree::parse(payload.xml, &Scope::bind([])).unwrap();
                }
                let fields = options.unwrap_or_default();
                let _met_or_not =
                    form::check_preconditions(&NodeConfig::default(), &fields, &Limits::default());
            }
            Ok(_) => {}
            Err(error) => {
                let error = to_string(|xml| stanza_error(error).write(xml));
                assert_eq!(parsed(error).root().name(), "error");
            }
        }
    }

    /// Generates any text for a name, an id or a value.
    fn any_text() -> impl Strategy<Value = String> {
        "[\\PC\t\n\r'\"<&>\u{1F600}]{1,20}"
    }

    fn subscription(jid: Jid, subid: &str) -> Subscription {
        Subscription {
            jid,
            subid: subid.to_owned(),
            state: SubscriptionState::Subscribed,
            options: SubscribeOptions::default(),
            expires: Some(Timestamp(0)),
            bounces: 0,
            since: 0,
        }
    }

    fn all<T>(entries: Vec<T>) -> Paged<T> {
        Paged {
            entries,
            index: Some(0),
            count: 1,
        }
    }

    /// Returns replies of every kind about this node and this item.
    fn replies(node: &str, id: &str) -> Vec<Reply> {
        let (name, jid) = (node.to_owned(), asker());
        let held = subscription(jid.clone(), id);
        let item = Item {
            head: ItemHead {
                id: id.to_owned(),
                seq: 1,
                publisher: jid.to_bare(),
                published: Timestamp(0),
                expires: None,
            },
            payload: Some("<a xmlns='urn:a'/>".to_owned()),
        };
        let (options, config) = (
            held.options,
            NodeConfig {
                title: Some(id.to_owned()),
                ..NodeConfig::default()
            },
        );
        vec![
            Reply::Subscriptions {
                node: Some(name.clone()),
                held: all(vec![(name.clone(), held.clone())]),
                paged: true,
            },
            Reply::Affiliations {
                node: None,
                held: all(vec![(name.clone(), Affiliation::Owner)]),
                paged: true,
            },
            Reply::Subscribed {
                node: name.clone(),
                subscription: held.clone(),
                with_options: true,
            },
            Reply::Unsubscribed {
                node: name.clone(),
                jid: jid.clone(),
                subid: id.to_owned(),
            },
            Reply::Options {
                node: name.clone(),
                jid: jid.clone(),
                subid: Some(id.to_owned()),
                options,
                expires: None,
            },
            Reply::DefaultOptions {
                node: Some(name.clone()),
                options,
            },
            Reply::Items {
                node: name.clone(),
                items: all(vec![item]),
                paged: true,
                publishers: Publishers::Shown,
            },
            Reply::Published {
                node: name.clone(),
                ids: vec![id.to_owned()],
            },
            Reply::Created {
                node: Some(name.clone()),
            },
            Reply::Configuration {
                node: name.clone(),
                config: Box::new(config.clone()),
            },
            Reply::DefaultConfiguration {
                config: Box::new(config),
            },
            Reply::Subscribers {
                node: name.clone(),
                held: all(vec![held]),
                paged: true,
            },
            Reply::Affiliates {
                node: name,
                held: all(vec![(jid.to_bare(), Affiliation::Member)]),
                paged: true,
            },
        ]
    }

    fn announcements(node: &str, id: &str) -> Vec<String> {
        let (jid, publisher) = (asker(), BareJid::new("p@b").unwrap());
        let told = event::EventItem {
            id,
            payload: Some("<a xmlns='urn:a'/>"),
            publisher: Some(&publisher),
        };
        vec![
            event::items(node, std::slice::from_ref(&told)),
            event::last_item(node, &told, Timestamp(0)),
            event::retracted(node, &[id.to_owned()]),
            event::purged(node),
            event::deleted(node, Some(id)),
            event::configured(node, Some(&NodeConfig::default())),
            event::subscription(node, &jid, id, None, None),
            event::affiliation(node, &publisher, Affiliation::None),
            event::approval_wanted(node, &subscription(jid, id)),
        ]
    }

    /// Returns whether this text is the value of an attribute or the text of an element.
    fn holds(root: Element<'_>, text: &str) -> bool {
        let elements = root.steps().filter_map(|step| match step {
            couplet_core::element::Step::Open(element) => Some(element),
            _ => None,
        });
        elements.into_iter().any(|element| {
            element.text() == text || element.attrs().any(|(_, _, value)| value == text)
        })
    }

    proptest! {
        #[test]
        fn any_request_is_read_or_rejected(
            inside in vec(prop_oneof![4 => request(), 1 => tree()], 0..3),
        ) {
            for ns in [super::NS, super::NS_OWNER] {
                let iq = parsed(format!("<iq xml:lang='de'><pubsub xmlns='{ns}'>{}</pubsub></iq>", inside.concat()));
                let payload = iq.root().children().next().unwrap();
                read_as(payload, IqType::Get);
                read_as(payload, IqType::Set);
            }
        }

        #[test]
        fn every_reply_and_notification_is_xml_and_names_the_node(node in any_text(), id in any_text()) {
            for reply in replies(&node, &id) {
                let xml = parsed(to_string(|xml| write(&reply, xml)));
                prop_assert!(unchanged(&reply).is_none());
                prop_assert!(holds(xml.root(), &node) || holds(xml.root(), &id), "{}", xml.as_str());
            }
            for told in announcements(&node, &id) {
                let xml = parsed(format!("<message>{told}</message>"));
                prop_assert!(holds(xml.root(), &node), "{}", xml.as_str());
            }
        }

        #[test]
        fn a_name_comes_back_as_it_was_sent(node in any_text(), id in any_text()) {
            let ask = to_string(|xml| {
                xml.raw("<iq><pubsub xmlns='http://jabber.org/protocol/pubsub'><items");
                xml.attribute("node", &node);
                xml.raw("><item");
                xml.attribute("id", &id);
                xml.raw("/></items></pubsub></iq>");
            });
            let ask = parsed(ask);
            let read = read(ask.root().children().next().unwrap(), IqType::Get, &asker());
            let expected = Request::Items { node, subid: None, wanted: Wanted::Ids(vec![id]) };
            prop_assert_eq!(read, Ok(expected));
        }

        #[test]
        fn any_submission_is_applied_or_rejected(
            word in prop_oneof![
                prop::sample::select(vec!["", "1", "0", "max", "open", "leaf", "2006-02-28T11:59:59Z"]).prop_map(str::to_owned),
                any_text(),
            ],
            which in 0_usize..24,
        ) {
            let now = form::configuration(&NodeConfig::default());
            let now = Tree::parse(now, &Scope::bind([])).unwrap();
            let mut fields = form::data::fields(now.root());
            let at = (which + 1) % fields.len();
            fields[at].values = vec![word];
            if let Ok(config) = form::apply_config(&NodeConfig::default(), &fields, &Limits::default()) {
                prop_assert_eq!(form::check_preconditions(&config, &fields[1..], &Limits::default()), Ok(()));
            }
            fields[at].var = "pubsub#expire".to_owned();
            let _valid_or_not = form::read_options(SubscribeOptions::default(), &fields);
        }
    }
}
