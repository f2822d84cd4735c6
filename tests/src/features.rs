//! The built-in features of every component.

use couplet::{Component, Config, Feature, Incoming};
use couplet_test::{Heard, TestServer, TestUser};
use xmpp_parsers::version::{VersionQuery, VersionResult};

use crate::apps::{BOT, DOMAIN, Slow, echo, payload, troubled};

const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";
const PING: &str = "urn:xmpp:ping";
const VERSION: &str = "jabber:iq:version";
const TIME: &str = "urn:xmpp:time";
const LAST: &str = "jabber:iq:last";

/// XEP-0030: the identity, and the features of the registered handlers.
pub async fn disco_lists_what_is_registered(server: &mut TestServer) {
    let told = |config| {
        Component::new(config)
            .named("A thing")
            .about(|about| {
                about.identity("automation", "monitor");
            })
            .on_get(|_: Incoming<Slow>| async { Ok(Slow) })
    };
    let component = server.run(told).await;
    let mut alice = server.user("alice").await;
    for address in [DOMAIN, BOT] {
        let info = query(&mut alice, address, INFO, "").await;
        let identity = info
            .root()
            .child("query", INFO)
            .unwrap()
            .child("identity", INFO)
            .unwrap();
        assert_eq!(identity.attr("category").as_deref(), Some("automation"));
        assert_eq!(identity.attr("type").as_deref(), Some("monitor"));
        assert_eq!(identity.attr("name").as_deref(), Some("A thing"));
        let mut wanted = vec![INFO, ITEMS, PING, VERSION, TIME, LAST, crate::apps::NS];
        wanted.sort_unstable();
        assert_eq!(features(&info), wanted);
    }
    component.stop().await.unwrap();
}

/// XEP-0030, 4 and 7.
pub async fn disco_items_are_those_that_the_app_names(server: &mut TestServer) {
    let listing = |config| {
        Component::new(config).about(|about| {
            about.item("oslo@echo.localhost".parse().unwrap(), "Oslo");
            about.node(None, "echo.localhost".parse().unwrap(), "cities", "Cities");
            about.node(
                Some("cities"),
                "bergen@echo.localhost".parse().unwrap(),
                "bergen",
                "Bergen",
            );
        })
    };
    let component = server.run(listing).await;
    let mut alice = server.user("alice").await;
    let root = query(&mut alice, DOMAIN, ITEMS, "").await;
    assert_eq!(items(&root), ["oslo@echo.localhost", "echo.localhost"]);
    let cities = query(&mut alice, DOMAIN, ITEMS, "node='cities'").await;
    assert_eq!(items(&cities), ["bergen@echo.localhost"]);
    assert_eq!(
        cities
            .root()
            .child("query", ITEMS)
            .unwrap()
            .attr("node")
            .as_deref(),
        Some("cities")
    );
    let node = query(&mut alice, DOMAIN, INFO, "node='bergen'").await;
    let identity = node
        .root()
        .child("query", INFO)
        .unwrap()
        .child("identity", INFO)
        .unwrap();
    assert_eq!(identity.attr("name").as_deref(), Some("Bergen"));
    for ns in [INFO, ITEMS] {
        let nowhere = query(&mut alice, DOMAIN, ns, "node='nowhere'").await;
        assert_eq!(nowhere.condition(), "item-not-found");
    }
    component.stop().await.unwrap();
}

/// Some libraries always write the attribute.
pub async fn an_empty_node_counts_as_no_node(server: &mut TestServer) {
    let component = server
        .run(|config| Component::new(config).named("Echo"))
        .await;
    let mut alice = server.user("alice").await;
    let info = query(&mut alice, DOMAIN, INFO, "").await;
    let empty = query(&mut alice, DOMAIN, INFO, "node=''").await;
    assert_eq!(features(&empty), features(&info));
    let empty = query(&mut alice, DOMAIN, ITEMS, "node=''").await;
    assert_eq!(empty.type_(), "result");
    component.stop().await.unwrap();
}

/// Requests that common clients send to each contact and service at login or when a chat is opened.
pub async fn requests_of_clients_for_unsupported_features_are_rejected(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let pubsub = "http://jabber.org/protocol/pubsub";
    let of_owner = format!("{pubsub}#owner");
    let mut asked = vec![(
        "<query xmlns='jabber:iq:register'/>".to_owned(),
        "service-unavailable",
    )];
    for node in [
        "eu.siacs.conversations.axolotl.devicelist",
        "urn:xmpp:omemo:2:devices",
        "urn:xmpp:avatar:metadata",
        "urn:xmpp:avatar:data",
    ] {
        let items = format!("<items node='{node}'/>");
        let items = format!("<pubsub xmlns='{pubsub}'>{items}</pubsub>");
        asked.push((items, "item-not-found"));
        let form = format!("<configure node='{node}'/>");
        let form = format!("<pubsub xmlns='{of_owner}'>{form}</pubsub>");
        asked.push((form, "service-unavailable"));
    }
    for (payload, condition) in asked {
        let refused = alice.ask("get", BOT, &payload).await;
        assert_eq!(refused.condition(), condition, "{payload}");
        assert_eq!(refused.from(), BOT);
    }
    for payload in [
        "<vCard xmlns='vcard-temp'/>",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:vcard4'/></pubsub>",
    ] {
        let refused = alice.ask("get", DOMAIN, payload).await;
        assert_eq!(refused.condition(), "service-unavailable", "{payload}");
    }
    for address in [BOT, DOMAIN] {
        let rooms = query(&mut alice, address, INFO, "node='conference'").await;
        assert_eq!(rooms.condition(), "item-not-found");
    }
    component.stop().await.unwrap();
}

/// XEP-0157: a form in disco#info.
pub async fn contact_addresses_are_listed(server: &mut TestServer) {
    let kind = |config| {
        Component::new(config).about(|about| {
            about.contact("abuse-addresses", "mailto:abuse@example.org");
            about.contact("abuse-addresses", "xmpp:abuse@example.org");
        })
    };
    let component = server.run(kind).await;
    let mut alice = server.user("alice").await;
    let info = query(&mut alice, DOMAIN, INFO, "").await;
    let form = info
        .root()
        .child("query", INFO)
        .unwrap()
        .child("x", "jabber:x:data")
        .unwrap();
    let fields: Vec<_> = form
        .children()
        .map(|field| {
            let values: Vec<_> = field
                .children()
                .map(|value| value.text().into_owned())
                .collect();
            (field.attr("var").unwrap_or_default().into_owned(), values)
        })
        .collect();
    assert!(fields.contains(&(
        "FORM_TYPE".to_owned(),
        vec!["http://jabber.org/network/serverinfo".to_owned()]
    )));
    assert!(fields.contains(&(
        "abuse-addresses".to_owned(),
        vec![
            "mailto:abuse@example.org".to_owned(),
            "xmpp:abuse@example.org".to_owned()
        ]
    )));
    component.stop().await.unwrap();
}

/// XEP-0199, XEP-0092, XEP-0202, XEP-0012.
pub async fn ping_version_time_and_uptime_are_answered(server: &mut TestServer) {
    let versioned = |config| {
        Component::new(config).named("A thing").about(|about| {
            about.version("4.2");
        })
    };
    let component = server.run(versioned).await;
    let mut alice = server.user("alice").await;
    alice.ping(DOMAIN).await;
    alice.ping(BOT).await;

    let version = query(&mut alice, BOT, VERSION, "").await;
    let told = version.root().child("query", VERSION).unwrap();
    assert_eq!(told.child("name", VERSION).unwrap().text(), "A thing");
    assert_eq!(told.child("version", VERSION).unwrap().text(), "4.2");
    assert!(told.child("os", VERSION).is_none(), "nobody needs to know");

    let time = alice.ask("get", BOT, "<time xmlns='urn:xmpp:time'/>").await;
    let told = time.root().child("time", TIME).unwrap();
    assert_eq!(told.child("tzo", TIME).unwrap().text(), "+00:00");
    let utc = told.child("utc", TIME).unwrap().text().into_owned();
    assert!(utc.starts_with("20") && utc.ends_with('Z'), "{time}");

    let last = query(&mut alice, DOMAIN, LAST, "").await;
    let seconds = last
        .root()
        .child("query", LAST)
        .unwrap()
        .attr("seconds")
        .unwrap()
        .into_owned();
    assert!(seconds.parse::<u64>().is_ok(), "{last}");
    let refused = query(&mut alice, BOT, LAST, "").await;
    assert_eq!(refused.condition(), "service-unavailable");
    component.stop().await.unwrap();
}

/// XEP-0012, 3 to 5: uptime is the domain's; zero means that the bot is online.
pub async fn the_address_of_a_bot_is_online_for_last_activity(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let last = query(&mut alice, BOT, LAST, "").await;
    let told = last.root().child("query", LAST).unwrap();
    assert_eq!(told.attr("seconds").as_deref(), Some("0"));
    component.stop().await.unwrap();
}

/// A feature that is off is neither served nor advertised.
pub async fn a_feature_that_is_switched_off_is_not_there(server: &mut TestServer) {
    let shy = |config| {
        Component::new(config)
            .without(Feature::Version)
            .without(Feature::LastActivity)
    };
    let component = server.run(shy).await;
    let mut alice = server.user("alice").await;
    for ns in [VERSION, LAST] {
        let refused = query(&mut alice, DOMAIN, ns, "").await;
        assert_eq!(
            (refused.condition(), &*refused.error_type()),
            ("service-unavailable", "cancel")
        );
    }
    let info = query(&mut alice, DOMAIN, INFO, "").await;
    assert_eq!(
        features(&info),
        [INFO, ITEMS, LAST, PING, TIME, VERSION]
            .into_iter()
            .filter(|ns| ![VERSION, LAST].contains(ns))
            .collect::<Vec<_>>()
    );
    component.stop().await.unwrap();
}

/// Without service discovery, its requests are rejected.
pub async fn discovery_itself_can_be_switched_off(server: &mut TestServer) {
    let component = server
        .run(|config: Config| troubled(config).without(Feature::Disco))
        .await;
    let mut alice = server.user("alice").await;
    for ns in [INFO, ITEMS] {
        assert_eq!(
            query(&mut alice, DOMAIN, ns, "").await.condition(),
            "service-unavailable"
        );
    }
    assert_eq!(
        alice.ask("get", BOT, &payload("slow")).await.type_(),
        "result"
    );
    component.stop().await.unwrap();
}

/// The application's own handler wins over a built-in feature.
pub async fn the_app_may_answer_instead_of_a_feature(server: &mut TestServer) {
    let own = |config| {
        Component::new(config).on_get(|_: Incoming<VersionQuery>| async {
            let (name, version) = ("Mine".to_owned(), "0".to_owned());
            Ok(VersionResult {
                name,
                version,
                os: Some("none".to_owned()),
            })
        })
    };
    let component = server.run(own).await;
    let mut alice = server.user("alice").await;
    let version = query(&mut alice, DOMAIN, VERSION, "").await;
    let told = version.root().child("query", VERSION).unwrap();
    assert_eq!(told.child("name", VERSION).unwrap().text(), "Mine");
    let info = query(&mut alice, DOMAIN, INFO, "").await;
    assert_eq!(
        features(&info).iter().filter(|ns| **ns == VERSION).count(),
        1
    );
    component.stop().await.unwrap();
}

async fn query(user: &mut TestUser, to: &str, ns: &str, attributes: &str) -> Heard {
    user.ask("get", to, &format!("<query xmlns='{ns}' {attributes}/>"))
        .await
}

fn features(info: &Heard) -> Vec<String> {
    let query = info.root().child("query", INFO).unwrap();
    let features = query.children().filter(|child| child.name() == "feature");
    let mut features: Vec<_> = features
        .map(|feature| feature.attr("var").unwrap_or_default().into_owned())
        .collect();
    features.sort_unstable();
    features
}

fn items(items: &Heard) -> Vec<String> {
    let query = items.root().child("query", ITEMS).unwrap();
    query
        .children()
        .map(|item| item.attr("jid").unwrap_or_default().into_owned())
        .collect()
}
