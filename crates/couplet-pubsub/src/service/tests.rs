use couplet::{Component, Config};
use couplet_test::{Heard, Server, TestUser};

use super::*;
use crate::policy::Rules;

mod commands;
mod limits;
mod payloads;

const HERE: &str = "echo.test";

/// Starts a service; returns it with an administrator and another user.
async fn serving() -> (Server, TestUser, TestUser) {
    let rules = Rules {
        admins: vec!["admin@example.org".parse().unwrap()],
        ..Rules::default()
    };
    let pubsub = Pubsub::memory().policy(rules);
    let server = Server::start(|config: Config| Component::new(config).extend(&pubsub)).await;
    let alice = server.user("alice@example.org/phone");
    let bob = server.user("bob@example.org/desk");
    (server, alice, bob)
}

#[test]
fn a_broken_store_exits_with_2_and_a_busy_one_with_1() {
    let message = || "pubsub.db: in the way".to_owned();
    for (why, code) in [
        (StoreError::Broken(message()), 2),
        (StoreError::Busy(message()), 1),
    ] {
        let error = Error::from(OpenError(why));
        assert_eq!(error.exit_code(), code, "{error}");
        assert_eq!(
            error.to_string(),
            "the store of pubsub: pubsub.db: in the way"
        );
    }
}

async fn set(user: &mut TestUser, payload: &str) -> Heard {
    let payload = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{payload}</pubsub>");
    user.ask("set", HERE, &payload).await
}

async fn items(user: &mut TestUser, node: &str) -> Heard {
    let node = match node {
        "" => String::new(),
        node => format!(" node='{node}'"),
    };
    let query = format!("<query xmlns='http://jabber.org/protocol/disco#items'{node}/>");
    user.ask("get", HERE, &query).await
}

async fn command(user: &mut TestUser, node: &str, form: &str) -> Heard {
    let command = format!(
        "<command xmlns='http://jabber.org/protocol/commands' node='{node}'>{form}</command>"
    );
    user.ask("set", HERE, &command).await
}

fn is_good(heard: &Heard) -> bool {
    heard.type_() == "result"
}

#[tokio::test(start_paused = true)]
async fn an_item_reaches_all_earlier_subscribers() {
    let (_server, mut alice, mut bob) = serving().await;
    assert!(is_good(&set(&mut alice, "<create node='news'/>").await));
    for user in [&mut alice, &mut bob] {
        let jid = user.address().to_owned();
        let subscribe = format!("<subscribe node='news' jid='{jid}'/>");
        assert!(is_good(&set(user, &subscribe).await));
    }
    let publish = "<publish node='news'><item id='1'><rain xmlns='urn:x'/></item></publish>";
    let id = alice
        .send_request(
            "set",
            HERE,
            &format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{publish}</pubsub>"),
        )
        .await;
    assert_eq!(alice.next().await.id(), id);
    for user in [&mut alice, &mut bob] {
        let event = user.next().await;
        assert_eq!((event.name(), event.type_()), ("message", "headline"));
        assert_eq!(event.from(), HERE);
        assert!(
            event.to_string().contains("<rain xmlns='urn:x'/>"),
            "{event}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_that_come_by_publishing_are_announced_where_they_do() {
    for auto_create in [true, false] {
        let settings = Settings {
            auto_create,
            store: crate::settings::StoreLocation::Memory,
            ..Settings::default()
        };
        let pubsub = Pubsub::open(settings).await.unwrap();
        let server = Server::start(|config: Config| Component::new(config).extend(&pubsub)).await;
        let mut alice = server.user("alice@example.org/phone");
        let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let info = alice.ask("get", HERE, query).await.to_string();
        assert_eq!(info.contains("pubsub#auto-create"), auto_create, "{info}");
        let publish = "<publish node='new'><item id='1'><a xmlns='b'/></item></publish>";
        assert_eq!(is_good(&set(&mut alice, publish).await), auto_create);
    }
}

#[tokio::test(start_paused = true)]
async fn disco_shows_the_service_and_its_nodes() {
    let (server, mut alice, mut bob) = serving().await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let info = alice.ask("get", HERE, query).await.to_string();
    assert!(
        info.contains("category='pubsub'") && info.contains("type='service'"),
        "{info}"
    );
    assert!(
        info.contains("pubsub#publish'") && info.contains("urn:xmpp:ping"),
        "{info}"
    );
    assert!(
        !info.contains("last-published") && !info.contains("pubsub#owner"),
        "{info}"
    );

    set(&mut alice, "<create node='news'/>").await;
    set(
        &mut alice,
        "<publish node='news'><item id='one'><a xmlns='b'/></item></publish>",
    )
    .await;
    let nodes = items(&mut bob, "").await.to_string();
    assert!(nodes.contains("node='news'"), "{nodes}");
    let of_node = items(&mut bob, "news").await.to_string();
    assert!(of_node.contains("name='one'"), "{of_node}");
    let query = "<query xmlns='http://jabber.org/protocol/disco#info' node='news'/>";
    let leaf = bob.ask("get", HERE, query).await.to_string();
    assert!(
        leaf.contains("type='leaf'") && leaf.contains("pubsub#num_subscribers"),
        "{leaf}"
    );
    let unknown = query.replace("news", "olds");
    assert_eq!(
        bob.ask("get", HERE, &unknown).await.condition(),
        "item-not-found"
    );
    assert_eq!(server.faults(), 0, "{}", server.journal());
}

#[tokio::test(start_paused = true)]
async fn an_empty_node_counts_as_no_node() {
    let (_server, mut alice, _bob) = serving().await;
    set(&mut alice, "<create node='news'/>").await;
    for name in ["info", "items"] {
        let query = format!("<query xmlns='http://jabber.org/protocol/disco#{name}'/>");
        let without = alice.ask("get", HERE, &query).await;
        let empty = query.replace("/>", " node=''/>");
        let empty = alice.ask("get", HERE, &empty).await;
        assert!(is_good(&empty), "{empty}");
        let content = |heard: &Heard| heard.to_string().split_once("<query").unwrap().1.to_owned();
        assert_eq!(content(&empty), content(&without));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_pages_reads_the_newest_items() {
    let (_server, mut alice, mut bob) = serving().await;
    set(&mut alice, "<create node='news'/>").await;
    for batch in ["a", "b", "c"] {
        let item = |n| format!("<item id='{batch}{n}'><a xmlns='b'/></item>");
        let items: String = (0..100).map(item).collect();
        let publish = format!("<publish node='news'>{items}</publish>");
        assert!(is_good(&set(&mut alice, &publish).await));
    }
    let read = set_get(&mut bob, "<items node='news'/>").await.to_string();
    assert!(
        read.contains("id='c99'") && !read.contains("id='a99'"),
        "{read}"
    );
    assert!(read.contains("<count>300</count>"), "{read}");
    let listed = items(&mut bob, "news").await.to_string();
    assert!(listed.contains("name='c99'"), "{listed}");
}

#[tokio::test(start_paused = true)]
async fn a_body_names_the_node_and_comes_from_known_payloads_only() {
    let (_server, mut alice, mut bob) = serving().await;
    let form = "<x xmlns='jabber:x:data' type='submit'>\
        <field var='pubsub#title'><value>Weather news</value></field>\
        <field var='couplet#include_body'><value>1</value></field></x>";
    let create = format!("<create node='weather'/><configure>{form}</configure>");
    assert!(is_good(&set(&mut alice, &create).await));
    let subscribe = "<subscribe node='weather' jid='bob@example.org/desk'/>";
    assert!(is_good(&set(&mut bob, subscribe).await));
    let atom = "http://www.w3.org/2005/Atom";
    for (payload, body) in [
        (
            format!("<entry xmlns='{atom}'><title>It rains</title></entry>"),
            true,
        ),
        (
            "<data xmlns='urn:xmpp:avatar:data'>QUJDREVGRw==</data>".to_owned(),
            false,
        ),
    ] {
        let publish = format!("<publish node='weather'><item>{payload}</item></publish>");
        assert!(is_good(&set(&mut alice, &publish).await));
        let event = bob.next().await.to_string();
        let named = event.contains("<body>Weather news: It rains</body>");
        assert_eq!((named, event.contains("<body>")), (body, body), "{event}");
    }
    // The last item is sent with a subscription, with its text.
    let publish = format!(
        "<publish node='weather'><item><entry xmlns='{atom}'><title>Sun</title></entry></item></publish>"
    );
    set(&mut alice, &publish).await;
    let late = "<subscribe node='weather' jid='alice@example.org/phone'/>";
    assert!(is_good(&set(&mut alice, late).await));
    let last = alice.next().await.to_string();
    assert!(last.contains("<body>Weather news: Sun</body>"), "{last}");
}

async fn create_closed(user: &mut TestUser, node: &str) {
    create_with_access(user, node, "whitelist").await;
}

async fn create_with_access(user: &mut TestUser, node: &str, access: &str) {
    let form = format!(
        "<x xmlns='jabber:x:data' type='submit'>\
         <field var='pubsub#access_model'><value>{access}</value></field></x>"
    );
    let create = format!("<create node='{node}'/><configure>{form}</configure>");
    assert!(is_good(&set(user, &create).await));
}

async fn affiliate(owner: &mut TestUser, node: &str, jid: &str, affiliation: &str) {
    let one = format!("<affiliation jid='{jid}' affiliation='{affiliation}'/>");
    let set = format!(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\
         <affiliations node='{node}'>{one}</affiliations></pubsub>"
    );
    assert!(is_good(&owner.ask("set", HERE, &set).await));
}

#[tokio::test(start_paused = true)]
async fn lists_show_a_closed_node_to_those_on_its_list() {
    let (server, mut alice, mut bob) = serving().await;
    let mut admin = server.user("admin@example.org/x");
    set(&mut alice, "<create node='news'/>").await;
    create_closed(&mut alice, "private").await;
    for user in [&mut alice, &mut admin] {
        assert!(items(user, "").await.to_string().contains("node='private'"));
    }
    let message = items(&mut bob, "").await.to_string();
    assert!(
        message.contains("node='news'") && !message.contains("private"),
        "{message}"
    );
    assert!(!message.contains("<set"), "{message}");
    for (affiliation, is_shown) in [("member", true), ("outcast", false), ("publish-only", true)] {
        affiliate(&mut alice, "private", "bob@example.org", affiliation).await;
        let _told_so = bob.next().await;
        let message = items(&mut bob, "").await.to_string();
        assert_eq!(
            message.contains("private"),
            is_shown,
            "{affiliation}: {message}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_metadata_of_a_closed_node_is_for_those_on_its_list() {
    let (_server, mut alice, mut bob) = serving().await;
    create_closed(&mut alice, "private").await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info' node='private'/>";
    for (user, is_described) in [(&mut alice, true), (&mut bob, false)] {
        let info = user.ask("get", HERE, query).await;
        let info = info.root().children().next().unwrap().to_xml();
        assert!(info.contains("type='leaf'"), "{info}");
        assert_eq!(info.contains("pubsub#creator"), is_described, "{info}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_show_closed_nodes_to_all_with_list_closed() {
    let settings = Settings {
        list_closed: true,
        store: crate::settings::StoreLocation::Memory,
        ..Settings::default()
    };
    let pubsub = Pubsub::open(settings).await.unwrap();
    let server = Server::start(|config: Config| Component::new(config).extend(&pubsub)).await;
    let mut alice = server.user("alice@example.org/phone");
    let mut bob = server.user("bob@example.org/desk");
    create_closed(&mut alice, "private").await;
    assert!(items(&mut bob, "").await.to_string().contains("private"));
}

#[tokio::test(start_paused = true)]
async fn a_client_without_pages_sees_more_nodes_than_a_page() {
    let (_server, mut alice, mut bob) = serving().await;
    for number in 0..450 {
        set(&mut alice, &format!("<create node='n{number:03}'/>")).await;
    }
    let all = items(&mut bob, "").await.to_string();
    assert_eq!(all.matches("<item ").count(), 450, "{all}");
    assert!(!all.contains("<set"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_nodes_skips_those_that_are_not_listed() {
    let (_server, mut alice, mut bob) = serving().await;
    set(&mut alice, "<create node='a'/>").await;
    for number in 0..45 {
        create_closed(&mut alice, &format!("n{number:02}")).await;
    }
    set(&mut alice, "<create node='z'/>").await;
    for (from, found) in [("", ["a", "z"]), ("<before/>", ["a", "z"])] {
        let query = format!(
            "<query xmlns='http://jabber.org/protocol/disco#items'>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>2</max>{from}</set></query>"
        );
        let page = bob.ask("get", HERE, &query).await.to_string();
        assert_eq!(page.matches("<item ").count(), 2, "{page}");
        for node in found {
            assert!(page.contains(&format!("node='{node}'")), "{page}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_over_a_limit_of_the_component_is_refused_as_a_payload() {
    let (_server, mut alice, _bob) = serving().await;
    set(&mut alice, "<create node='news'/>").await;
    let deep = "<a xmlns='b'>".repeat(300) + &"</a>".repeat(300);
    let large = format!("<a xmlns='b'>{}</a>", "x".repeat(600_000));
    let below = format!("<a xmlns='b'>{}</a>", "x".repeat(249_000));
    for (payload, condition, detail) in [
        (&deep, "bad-request", "invalid-payload"),
        (&large, "not-acceptable", "payload-too-big"),
    ] {
        let publish = format!("<publish node='news'><item>{payload}</item></publish>");
        let error = set(&mut alice, &publish).await;
        assert_eq!(error.condition(), condition);
        assert!(error.to_string().contains(detail), "{error}");
    }
    let publish = format!("<publish node='news'><item>{below}</item></publish>");
    assert!(is_good(&set(&mut alice, &publish).await));
}

#[tokio::test(start_paused = true)]
async fn a_text_to_the_service_is_refused() {
    let (_server, mut alice, _bob) = serving().await;
    for type_ in ["chat", "normal"] {
        let text =
            format!("<message to='{HERE}' type='{type_}' id='1'><body>hello</body></message>");
        alice.send_raw(text).await;
        let error = alice.next().await;
        assert_eq!(error.condition(), "service-unavailable");
        assert_eq!((error.type_(), error.from()), ("error", HERE));
    }
    for silent in [
        "type='headline'><body>hello</body>",
        "type='groupchat'><body>hello</body>",
        "type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "type='chat'><body>retracted</body><fallback xmlns='urn:xmpp:fallback:0'/>",
        "type='error'><body>hello</body>",
        "><body>come</body><x xmlns='jabber:x:conference' jid='room@rooms.example.org'/>",
    ] {
        alice
            .send_raw(format!("<message to='{HERE}' id='2' {silent}</message>"))
            .await;
    }
    alice.hears_only_a_pong_from(HERE).await;
}

#[tokio::test(start_paused = true)]
async fn a_text_that_the_app_takes_is_not_refused() {
    let pubsub = Pubsub::memory();
    let server = Server::start(|config: Config| {
        let echo = Component::new(config)
            .on_chat(|chat: couplet::Incoming<couplet::Message>| async move {
                chat.reply(chat.text()).await
            });
        echo.extend(&pubsub)
    })
    .await;
    let mut alice = server.user("alice@example.org/phone");
    alice
        .send_raw(format!(
            "<message to='{HERE}' type='chat' id='1'><body>hello</body></message>"
        ))
        .await;
    assert_eq!(alice.next().await.text(), "hello");
}

#[tokio::test(start_paused = true)]
async fn a_contact_request_is_declined() {
    let (_server, mut alice, _bob) = serving().await;
    alice
        .send_raw(format!("<presence type='subscribe' to='{HERE}'/>"))
        .await;
    let declined = alice.next().await;
    assert_eq!(
        (declined.name(), declined.type_()),
        ("presence", "unsubscribed")
    );
    assert_eq!(declined.from(), HERE);
}

#[tokio::test(start_paused = true)]
async fn an_owner_gets_a_form_and_a_text_to_approve() {
    let (_server, mut alice, mut bob) = serving().await;
    let form = "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'><value>authorize</value></field></x>";
    let create = format!("<create node='club'/><configure>{form}</configure>");
    assert!(is_good(&set(&mut alice, &create).await));
    let pending = set(
        &mut bob,
        "<subscribe node='club' jid='bob@example.org/desk'/>",
    )
    .await;
    assert!(
        pending.to_string().contains("subscription='pending'"),
        "{pending}"
    );
    let wanted = alice.next().await;
    assert!(
        wanted.to_string().contains("pubsub#subscriber_jid"),
        "{wanted}"
    );
    let text = "<body>bob@example.org/desk wants to subscribe to club. Answer with the command";
    assert!(wanted.to_string().contains(text), "{wanted}");

    let answer = "<x xmlns='jabber:x:data' type='submit'>\
        <field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field>\
        <field var='pubsub#node'><value>club</value></field>\
        <field var='pubsub#subscriber_jid'><value>bob@example.org/desk</value></field>\
        <field var='pubsub#allow'><value>true</value></field></x>";
    alice
        .send_raw(format!("<message to='{HERE}'>{answer}</message>"))
        .await;
    let message = bob.next().await;
    assert!(
        message.to_string().contains("subscription='subscribed'"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_bounces_ends_its_subscription() {
    let (_server, mut alice, mut bob) = serving().await;
    set(&mut alice, "<create node='news'/>").await;
    set(
        &mut bob,
        "<subscribe node='news' jid='bob@example.org/desk'/>",
    )
    .await;
    set(
        &mut alice,
        "<publish node='news'><item><a xmlns='b'/></item></publish>",
    )
    .await;
    let event = bob.next().await;
    let error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    bob.send_raw(format!(
        "<message type='error' to='{HERE}' id='{}'>{error}</message>",
        event.id()
    ))
    .await;
    let held = set_get(&mut bob, "<subscriptions/>").await.to_string();
    assert!(!held.contains("node='news'"), "{held}");
}

async fn set_get(user: &mut TestUser, payload: &str) -> Heard {
    let payload = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{payload}</pubsub>");
    user.ask("get", HERE, &payload).await
}
