//! Entities and publishers.

use couplet::Jid;

use super::{OTHER, OWNER, START, Service, assert_tells, form};
use crate::timestamp::Timestamp;

#[tokio::test]
async fn an_item_goes_from_publisher_to_subscriber() {
    let service = Service::with_node(&[]).await;
    assert_tells(
        service.subscribe(OTHER).await,
        &["subscription='subscribed'"],
    );
    assert_tells(service.publish("1").await, &["id='1'"]);
    let got = service.delivered_to(OTHER).await;
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("<entry xmlns='urn:e'>1</entry>"), "{got:?}");
    let items = service.get(OTHER, "<items node='n'/>").await;
    assert_tells(items, &["<entry xmlns='urn:e'>1</entry>"]);
}

#[tokio::test]
async fn subscribers_get_no_earlier_item_but_the_last() {
    let service = Service::with_node(&[]).await;
    service.publish("1").await.unwrap();
    service.publish("2").await.unwrap();
    service.subscribe(OTHER).await.unwrap();
    service.publish("3").await.unwrap();
    let got = service.delivered_to(OTHER).await;
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[0].contains("urn:xmpp:delay") && got[0].contains("id='2'"));
    assert!(got[1].contains("id='3'"));
}

#[tokio::test]
async fn an_ended_subscription_gets_no_more_events() {
    let service = Service::with_node(&[]).await;
    service.subscribe(OTHER).await.unwrap();
    let leave = format!("<unsubscribe node='n' jid='{OTHER}'/>");
    service.set(OTHER, &leave).await.unwrap();
    service.publish("1").await.unwrap();
    assert_eq!(service.delivered().await, []);
    assert_tells(service.set(OTHER, &leave).await, &["<not-subscribed"]);
}

#[tokio::test]
async fn two_subscriptions_of_one_jid_are_distinguished() {
    let service = Service::with_node(&[]).await;
    service.subscribe(OTHER).await.unwrap();
    let options = form(&[("pubsub#include_body", "1")]);
    let again = format!("<subscribe node='n' jid='{OTHER}'/><options>{options}</options>");
    let second = service.set(OTHER, &again).await.unwrap();
    let subid = second.split("subid='").nth(1).unwrap();
    let subid = subid.split('\'').next().unwrap();
    let leave = format!("<unsubscribe node='n' jid='{OTHER}'/>");
    assert_tells(service.set(OTHER, &leave).await, &["<subid-required"]);
    assert_tells(
        service.get(OTHER, "<items node='n'/>").await,
        &["<subid-required"],
    );
    let leave = format!("<unsubscribe node='n' jid='{OTHER}' subid='{subid}'/>");
    service.set(OTHER, &leave).await.unwrap();
    service.publish("1").await.unwrap();
    assert_eq!(service.delivered_to(OTHER).await.len(), 1);
}

#[tokio::test]
async fn the_last_items_stay_and_the_others_are_retracted() {
    let service = Service::with_node(&[("pubsub#max_items", "2")]).await;
    service.subscribe(OTHER).await.unwrap();
    for id in ["1", "2", "3", "2", "4"] {
        service.publish(id).await.unwrap();
    }
    let items = service.get(OTHER, "<items node='n'/>").await.unwrap();
    let ids: Vec<_> = items.split("<item id='").skip(1).map(|s| &s[..1]).collect();
    assert_eq!(ids, ["2", "4"]);
    let got = service.delivered_to(OTHER).await;
    let gone: Vec<_> = got
        .iter()
        .filter(|one| one.contains("<retract"))
        .map(|one| one.split("id='").nth(1).unwrap()[..1].to_owned())
        .collect();
    assert_eq!(gone, ["1", "3"]);
}

#[tokio::test]
async fn publishing_makes_a_node_once_and_then_relies_on_it() {
    let service = Service::new();
    let publish = |access: &str| {
        let options = form(&[("pubsub#access_model", access)]);
        format!(
            "<publish node='n'><item id='{access}'><entry xmlns='urn:e'/></item></publish>\
             <publish-options>{options}</publish-options>"
        )
    };
    service.set(OWNER, &publish("whitelist")).await.unwrap();
    assert!(service.set(OWNER, &publish("whitelist")).await.is_ok());
    assert_tells(
        service.set(OWNER, &publish("open")).await,
        &["<conflict", "<precondition-not-met"],
    );
    assert_tells(
        service.set(OTHER, &publish("whitelist")).await,
        &["<forbidden"],
    );
    let items = service.get(OWNER, "<items node='n'/>").await.unwrap();
    assert!(!items.contains("id='open'"));
}

#[tokio::test]
async fn a_lease_ends_by_itself_unless_it_is_renewed() {
    let mut service = Service::with_node(&[]).await;
    let until = |text: &str| form(&[("pubsub#expire", text)]);
    let subscribe = format!(
        "<subscribe node='n' jid='{OTHER}'/><options>{}</options>",
        until("1970-01-01T00:20:00Z")
    );
    service.set(OTHER, &subscribe).await.unwrap();
    let renew = format!(
        "<options node='n' jid='{OTHER}'>{}</options>",
        until("1970-01-01T00:30:00Z")
    );
    service.set(OTHER, &renew).await.unwrap();
    service.now = Timestamp(1_200_000);
    service.engine.expire(service.now).await;
    assert_eq!(service.delivered().await, []);
    service.now = Timestamp(1_800_000);
    service.engine.expire(service.now).await;
    let got = service.delivered_to(OTHER).await;
    assert!(got[0].contains("subscription='none'"), "{got:?}");
    service.publish("1").await.unwrap();
    assert_eq!(service.delivered().await, []);
}

#[tokio::test]
async fn an_item_ends_by_itself_unless_it_is_published_again() {
    let mut service = Service::with_node(&[("pubsub#item_expire", "60")]).await;
    service.publish("1").await.unwrap();
    service.publish("2").await.unwrap();
    service.now = Timestamp(START + 30_000);
    service.publish("2").await.unwrap();
    service.subscribe(OTHER).await.unwrap();
    service.delivered().await;
    service.now = Timestamp(START + 60_000);
    service.engine.expire(service.now).await;
    let got = service.delivered_to(OTHER).await;
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("<retract id='1'"), "{got:?}");
}

#[tokio::test]
async fn permanent_bounces_end_the_subscription() {
    let service = Service::with_node(&[]).await;
    let jid = Jid::new(OTHER).unwrap();
    for (permanent, times) in [(true, 1), (false, 10)] {
        service.subscribe(OTHER).await.unwrap();
        for time in 0..times {
            service.publish(&time.to_string()).await.unwrap();
            assert!(!service.delivered_to(OTHER).await.is_empty());
            let engine = &service.engine;
            engine.bounced(&jid, "n", permanent, service.now).await;
        }
        service.publish("last").await.unwrap();
        assert_eq!(service.delivered().await, []);
    }
}

#[tokio::test]
async fn a_page_begins_after_what_there_is() {
    let service = Service::with_node(&[]).await;
    for id in ["1", "2", "3"] {
        service.publish(id).await.unwrap();
    }
    let after = |id: &str| {
        let rsm = "http://jabber.org/protocol/rsm";
        format!("<items node='n'/><set xmlns='{rsm}'><max>1</max><after>{id}</after></set>")
    };
    let page = service.get(OTHER, &after("1")).await;
    assert_tells(page, &["<item id='2'", "<count>3</count>"]);
    let nowhere = service.get(OTHER, &after("x")).await;
    assert_tells(nowhere, &["<item-not-found"]);
}
