//! The whole way of requests, as XML, over the store in memory: what the pure decisions cannot
//! tell, because it takes several in a row.

use std::sync::Arc;

use bytes::Bytes;
use couplet::{IqType, Jid};
use couplet_core::{
    element::{Scope, Tree},
    wire::Wire,
};

use super::Engine;
use crate::{
    codec, memory,
    moment::Moment,
    policy::House,
    refused::Refused,
    reply::Reply,
    request::Approval,
    store::{Claim, Cursor, Store},
};

const OWNER: &str = "hamlet@denmark.lit";
const OTHER: &str = "francisco@denmark.lit";
const START: i64 = 1_000_000;

/// A service without a component around it.
struct Service {
    store: Arc<dyn Store>,
    engine: Engine,
    now: Moment,
}

impl Service {
    fn new() -> Service {
        let store = memory::store();
        let house = Arc::new(House::default());
        Service {
            engine: Engine::new(Arc::clone(&store), house, "pubsub.shakespeare.lit"),
            store,
            now: Moment(START),
        }
    }

    /// With a node of that configuration.
    async fn with_node(fields: &[(&str, &str)]) -> Service {
        let service = Service::new();
        let create = format!("<create node='n'/><configure>{}</configure>", form(fields));
        service.set(OWNER, &create).await.unwrap();
        service
    }

    /// The result's payload, or the conditions of the error.
    async fn ask(&self, from: &str, type_: IqType, xml: String) -> Result<String, String> {
        let from = Jid::new(from).unwrap();
        let tree = Tree::parse(Bytes::from(xml), &Scope::client()).unwrap();
        let request = codec::read(tree.root(), type_, &from).map_err(told)?;
        let reply = self.engine.answer(&from, request, self.now).await;
        let reply: Reply = reply.map_err(told)?;
        if let Some(refusal) = codec::unchanged(&reply) {
            return Err(written(|wire| refusal.write(wire)));
        }
        Ok(written(|wire| codec::write(&reply, wire)))
    }

    async fn get(&self, from: &str, content: &str) -> Result<String, String> {
        let xml = format!("<pubsub xmlns='{}'>{content}</pubsub>", codec::NS);
        self.ask(from, IqType::Get, xml).await
    }

    async fn set(&self, from: &str, content: &str) -> Result<String, String> {
        let xml = format!("<pubsub xmlns='{}'>{content}</pubsub>", codec::NS);
        self.ask(from, IqType::Set, xml).await
    }

    async fn owner_set(&self, from: &str, content: &str) -> Result<String, String> {
        let xml = format!("<pubsub xmlns='{}'>{content}</pubsub>", codec::NS_OWNER);
        self.ask(from, IqType::Set, xml).await
    }

    async fn subscribe(&self, jid: &str) -> Result<String, String> {
        self.set(jid, &format!("<subscribe node='n' jid='{jid}'/>"))
            .await
    }

    async fn publish(&self, id: &str) -> Result<String, String> {
        let item = format!("<item id='{id}'><entry xmlns='urn:e'>{id}</entry></item>");
        self.set(OWNER, &format!("<publish node='n'>{item}</publish>"))
            .await
    }

    /// Delivers what waits: to whom, and what.
    async fn delivered(&self) -> Vec<(String, String)> {
        let claim = Claim {
            instance: "one".to_owned(),
            now: self.now,
            until: Moment(self.now.0 + 1_000),
            max: 100,
        };
        let mut delivered = Vec::new();
        for _ in 0..100 {
            let jobs = self.store.claim(claim.clone()).await.unwrap();
            if jobs.is_empty() {
                return delivered;
            }
            for job in jobs {
                let none: Option<&Cursor> = None;
                for to in self.store.recipients(&job, none, 100).await.unwrap() {
                    delivered.push((to.jid, job.announcement.content.clone()));
                }
                self.store.finish(job.id, "one").await.unwrap();
            }
        }
        panic!("there is no end to it: {delivered:?}");
    }

    /// What of it this one gets.
    async fn delivered_to(&self, jid: &str) -> Vec<String> {
        let all = self.delivered().await.into_iter();
        all.filter(|(to, _)| to == jid)
            .map(|(_, content)| content)
            .collect()
    }
}

fn written(write: impl FnOnce(&mut Wire<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Wire::new(&mut out));
    String::from_utf8(out).unwrap()
}

/// The error as XML.
fn told(refused: Refused) -> String {
    let refusal = codec::refusal(refused);
    written(|wire| refusal.write(wire))
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields: String = fields
        .iter()
        .map(|(var, value)| format!("<field var='{var}'><value>{value}</value></field>"))
        .collect();
    format!("<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
}

#[track_caller]
fn assert_tells(answer: Result<String, String>, parts: &[&str]) {
    let text = answer.unwrap_or_else(|error| error);
    for part in parts {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

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
async fn nobody_gets_an_item_from_before_its_subscription_but_the_last() {
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
async fn who_left_gets_nothing_more() {
    let service = Service::with_node(&[]).await;
    service.subscribe(OTHER).await.unwrap();
    let leave = format!("<unsubscribe node='n' jid='{OTHER}'/>");
    service.set(OTHER, &leave).await.unwrap();
    service.publish("1").await.unwrap();
    assert_eq!(service.delivered().await, []);
    assert_tells(service.set(OTHER, &leave).await, &["<not-subscribed"]);
}

#[tokio::test]
async fn two_subscriptions_of_one_jid_are_told_apart() {
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
async fn an_owners_word_turns_waiting_into_a_subscription() {
    let service = Service::with_node(&[("pubsub#access_model", "authorize")]).await;
    service.publish("1").await.unwrap();
    assert_tells(service.subscribe(OTHER).await, &["subscription='pending'"]);
    assert_tells(service.subscribe(OTHER).await, &["<pending-subscription"]);
    let read = "<items node='n'/>";
    assert_tells(
        service.get(OTHER, read).await,
        &["<not-authorized", "<not-subscribed"],
    );
    let forms = service.delivered_to(OWNER).await;
    assert_eq!(forms.len(), 1);
    assert!(forms[0].contains("subscribe_authorization"), "{forms:?}");

    let answer = Approval {
        node: "n".to_owned(),
        subid: None,
        subscriber: Jid::new(OTHER).unwrap(),
        allow: true,
    };
    let stranger = Jid::new(OTHER).unwrap();
    service
        .engine
        .approve(&stranger, answer.clone(), service.now)
        .await;
    assert_eq!(service.delivered().await, []);
    let owner = Jid::new("hamlet@denmark.lit/elsinore").unwrap();
    service.engine.approve(&owner, answer, service.now).await;
    let got = service.delivered_to(OTHER).await;
    assert_eq!(got.len(), 2, "the news and the last item: {got:?}");
    assert!(got[0].contains("subscription='subscribed'"));
    assert_tells(service.get(OTHER, read).await, &["id='1'"]);
}

#[tokio::test]
async fn who_is_taken_off_a_whitelist_gets_nothing_more_and_is_told() {
    let service = Service::with_node(&[("pubsub#access_model", "whitelist")]).await;
    let make = |affiliation: &str| {
        let one = format!("<affiliation jid='{OTHER}' affiliation='{affiliation}'/>");
        format!("<affiliations node='n'>{one}</affiliations>")
    };
    service.owner_set(OWNER, &make("member")).await.unwrap();
    service.subscribe(OTHER).await.unwrap();
    service.publish("1").await.unwrap();
    let got = service.delivered_to(OTHER).await;
    assert!(got.last().unwrap().contains("id='1'"), "{got:?}");

    service.owner_set(OWNER, &make("none")).await.unwrap();
    service.publish("2").await.unwrap();
    let got = service.delivered_to(OTHER).await;
    assert!(
        got.iter().any(|one| one.contains("subscription='none'")),
        "{got:?}"
    );
    assert!(!got.iter().any(|one| one.contains("id='2'")), "{got:?}");
    assert_tells(
        service.get(OTHER, "<items node='n'/>").await,
        &["<not-allowed", "<closed-node"],
    );
}

#[tokio::test]
async fn those_who_wait_learn_of_a_deletion_too_and_where_to_go() {
    let service = Service::with_node(&[("pubsub#access_model", "authorize")]).await;
    service.subscribe(OTHER).await.unwrap();
    service.delivered().await;
    let delete = "<delete node='n'><redirect uri='xmpp:b.lit?;node=m'/></delete>";
    service.owner_set(OWNER, delete).await.unwrap();
    let got = service.delivered_to(OTHER).await;
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("xmpp:b.lit?;node=m"), "{got:?}");
    for answer in [
        service.subscribe(OTHER).await,
        service.publish("1").await,
        service.get(OTHER, "<items node='n'/>").await,
    ] {
        assert_tells(answer, &["<gone", "xmpp:b.lit?;node=m"]);
    }
    assert!(service.set(OWNER, "<create node='n'/>").await.is_ok());
    assert!(service.subscribe(OTHER).await.is_ok());
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
    let next = service.engine.sweep(service.now).await;
    assert_eq!(next, Some(Moment(1_200_000)));
    let renew = format!(
        "<options node='n' jid='{OTHER}'>{}</options>",
        until("1970-01-01T00:30:00Z")
    );
    service.set(OTHER, &renew).await.unwrap();
    service.now = Moment(1_200_000);
    assert_eq!(
        service.engine.sweep(service.now).await,
        Some(Moment(1_800_000))
    );
    assert_eq!(service.delivered().await, []);
    service.now = Moment(1_800_000);
    assert_eq!(service.engine.sweep(service.now).await, None);
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
    service.now = Moment(START + 30_000);
    service.publish("2").await.unwrap();
    service.subscribe(OTHER).await.unwrap();
    service.delivered().await;
    service.now = Moment(START + 60_000);
    let next = service.engine.sweep(service.now).await;
    assert_eq!(next, Some(Moment(START + 90_000)));
    let got = service.delivered_to(OTHER).await;
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("<retract id='1'"), "{got:?}");
}

#[tokio::test]
async fn who_cannot_be_reached_is_a_subscriber_no_longer() {
    let service = Service::with_node(&[]).await;
    let jid = Jid::new(OTHER).unwrap();
    for (permanent, times) in [(true, 1), (false, 10)] {
        service.subscribe(OTHER).await.unwrap();
        for time in 0..times {
            service.publish(&time.to_string()).await.unwrap();
            assert!(!service.delivered_to(OTHER).await.is_empty());
            let engine = &service.engine;
            engine
                .bounced(&jid, "n", None, permanent, service.now)
                .await;
        }
        service.publish("last").await.unwrap();
        assert_eq!(service.delivered().await, []);
    }
}

#[tokio::test]
async fn an_owner_who_is_alone_stays_and_the_others_change() {
    let service = Service::with_node(&[]).await;
    let change = format!(
        "<affiliations node='n'><affiliation jid='{OWNER}' affiliation='none'/>\
         <affiliation jid='{OTHER}/full' affiliation='publisher'/></affiliations>"
    );
    assert_tells(
        service.owner_set(OWNER, &change).await,
        &["<not-acceptable", OWNER, "affiliation='owner'"],
    );
    let mine = service.get(OTHER, "<affiliations/>").await;
    assert_tells(mine, &["affiliation='publisher'"]);
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

#[tokio::test]
async fn waiting_owners_get_their_forms_again() {
    let service = Service::with_node(&[("pubsub#access_model", "authorize")]).await;
    service.subscribe(OTHER).await.unwrap();
    service.delivered().await;
    let owner = Jid::new("hamlet@denmark.lit/elsinore").unwrap();
    let engine = &service.engine;
    engine.send_pending(&owner, "n", service.now).await.unwrap();
    let forms = service.delivered_to("hamlet@denmark.lit/elsinore").await;
    assert_eq!(forms.len(), 1);
    let other = Jid::new(OTHER).unwrap();
    assert!(engine.send_pending(&other, "n", service.now).await.is_err());
}
