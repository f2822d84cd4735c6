//! Responses with names, ids and addresses that take several times as many bytes when they are
//! written.

use super::*;

/// Maximum bytes of a stanza that Prosody accepts; longer ones must never be sent.
const SERVERS_LIMIT: usize = 524_288;

/// Returns a name that takes several times as many bytes when it is written.
fn long(number: usize, character: &str) -> String {
    format!("{number:03}{}", character.repeat(1_000))
}

async fn requested(user: &mut TestUser, type_: &str, payload: &str) -> String {
    let heard = user.ask(type_, HERE, payload).await;
    let answer = heard.to_string();
    assert!(is_good(&heard), "{}", heard.condition());
    assert!(answer.len() < SERVERS_LIMIT, "{} bytes", answer.len());
    answer
}

#[tokio::test(start_paused = true)]
async fn a_list_of_names_that_grow_when_written_is_a_shorter_page() {
    let (server, mut eve, mut bob) = serving().await;
    let mut admin = server.user("admin@example.org/x");
    let ns = "http://jabber.org/protocol/pubsub";
    for number in 0..100 {
        let node = long(number, ["'", "&amp;", "&amp;", "&amp;"][number % 4]);
        assert!(is_good(
            &set(&mut eve, &format!("<create node=\"{node}\"/>")).await
        ));
        let subscribe = format!("<subscribe node=\"{node}\" jid='alice@example.org'/>");
        assert!(is_good(&set(&mut eve, &subscribe).await));
    }
    let disco = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let nodes = requested(&mut bob, "get", disco).await;
    assert!(nodes.contains("<count>100</count>"), "no page is told");
    for list in ["subscriptions", "affiliations"] {
        let own = format!("<pubsub xmlns='{ns}'><{list}/></pubsub>");
        let own = requested(&mut eve, "get", &own).await;
        assert!(own.contains("<count>100</count>"), "no page is told");
    }
    let list = "<command xmlns='http://jabber.org/protocol/commands' node='couplet-pubsub#list'/>";
    let nodes = requested(&mut admin, "set", list).await;
    assert!(
        nodes.contains("of 100 nodes"),
        "nothing is said to be left out"
    );
}

#[tokio::test(start_paused = true)]
async fn items_whose_ids_grow_when_written_are_listed_published_and_retracted() {
    let (_server, mut alice, mut bob) = serving().await;
    let ns = "http://jabber.org/protocol/pubsub";
    let subscribe = "<subscribe node='news' jid='bob@example.org'/>";
    assert!(is_good(&set(&mut alice, "<create node='news'/>").await));
    assert!(is_good(&set(&mut bob, subscribe).await));
    let all = |inside: &str| -> String {
        let item = |number| format!("<item id=\"{}\"{inside}", long(number, "'"));
        (0..100).map(item).collect()
    };
    let items = all("><a xmlns='b'/></item>");
    let publish = format!("<pubsub xmlns='{ns}'><publish node='news'>{items}</publish></pubsub>");
    requested(&mut alice, "set", &publish).await;
    let listed = format!("<pubsub xmlns='{ns}'><items node='news'/></pubsub>");
    let listed = requested(&mut bob, "get", &listed).await;
    assert!(listed.contains("<count>100</count>"), "no page is told");
    let disco = "<query xmlns='http://jabber.org/protocol/disco#items' node='news'/>";
    let listed = requested(&mut bob, "get", disco).await;
    assert!(listed.contains("<count>100</count>"), "no page is told");
    let items = all("/>");
    let retract =
        format!("<pubsub xmlns='{ns}'><retract node='news' notify='1'>{items}</retract></pubsub>");
    requested(&mut alice, "set", &retract).await;
    let mut gone = 0;
    while gone < 100 {
        let event = bob.next().await.to_string();
        assert!(event.len() < SERVERS_LIMIT, "{} bytes", event.len());
        gone += event.matches("<retract ").count();
    }
}

const RSM: &str = "http://jabber.org/protocol/rsm";

#[tokio::test(start_paused = true)]
async fn a_page_of_names_that_grow_when_written_has_the_requested_number() {
    let (_server, mut eve, mut bob) = serving().await;
    for number in 0..60 {
        let node = long(number, "'");
        let create = format!("<create node=\"{node}\"/>");
        assert!(is_good(&set(&mut eve, &create).await));
    }
    let page = format!(
        "<query xmlns='http://jabber.org/protocol/disco#items'>\
         <set xmlns='{RSM}'><max>50</max></set></query>"
    );
    let nodes = requested(&mut bob, "get", &page).await;
    assert_eq!(nodes.matches("<item ").count(), 50);
    assert!(nodes.contains("<count>60</count>"), "no page is told");
    let last = nodes.split_once("<last>").unwrap().1;
    let last = last.split_once("</last>").unwrap().0;
    let rest = page.replace("</max>", &format!("</max><after>{last}</after>"));
    let rest = requested(&mut bob, "get", &rest).await;
    assert_eq!(rest.matches("<item ").count(), 10);
}

/// A full JID may have a thousand apostrophes. (XEP-0060, 8.8.1)
#[tokio::test(start_paused = true)]
async fn subscribers_whose_addresses_grow_when_written_are_a_shorter_page() {
    let (server, mut alice, _bob) = serving().await;
    create_with_access(&mut alice, "club", "authorize").await;
    create_with_access(&mut alice, "news", "open").await;
    for number in 0..100 {
        let jid = format!("user{number}@example.org/{}", long(number, "'"));
        let mut user = server.user(&format!("user{number}@example.org/x"));
        for node in ["news", "club"] {
            let subscribe = format!("<subscribe node='{node}' jid=\"{jid}\"/>");
            let subscribed = set(&mut user, &subscribe).await;
            assert!(is_good(&subscribed), "{subscribed}");
        }
        let request = alice.next().await.to_string();
        assert!(request.len() < SERVERS_LIMIT, "{} bytes", request.len());
    }
    let owner = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><subscriptions node='news'/></pubsub>";
    let listed = requested(&mut alice, "get", owner).await;
    assert!(listed.contains("<count>100</count>"), "no page is told");
    let pending = "http://jabber.org/protocol/pubsub#get-pending";
    let form = "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#node'><value>club</value></field></x>";
    let waiting = format!(
        "<command xmlns='http://jabber.org/protocol/commands' node='{pending}' action='next'>{form}</command>"
    );
    let waiting = requested(&mut alice, "set", &waiting).await;
    assert!(waiting.contains("list-multi"), "no subscription is shown");
}

#[tokio::test(start_paused = true)]
async fn a_form_of_names_that_grow_when_written_has_fewer_options() {
    let (_server, mut eve, _bob) = serving().await;
    for number in 0..50 {
        let node = long(number, "'");
        assert!(is_good(
            &set(&mut eve, &format!("<create node=\"{node}\"/>")).await
        ));
        let subscribe = format!("<subscribe node=\"{node}\" jid='alice@example.org'/>");
        assert!(is_good(&set(&mut eve, &subscribe).await));
    }
    for (command, shown) in [
        ("couplet-pubsub#subscriptions", "<option"),
        ("couplet-pubsub#delete", "type='form'"),
        ("couplet-pubsub#configure", "type='form'"),
        ("couplet-pubsub#subscribe", "type='form'"),
    ] {
        let begin =
            format!("<command xmlns='http://jabber.org/protocol/commands' node='{command}'/>");
        let form = requested(&mut eve, "set", &begin).await;
        assert!(form.contains(shown), "{command}");
    }
}
