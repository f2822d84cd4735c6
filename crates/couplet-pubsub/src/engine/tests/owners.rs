//! Owners, and the effects on other entities.

use couplet::Jid;

use super::{OTHER, OWNER, Service, assert_tells};
use crate::{
    change::Change,
    node::AccessModel,
    request::Approval,
    snapshot::{Query, Snapshot},
};

#[tokio::test]
async fn an_approval_turns_pending_into_subscribed() {
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
    let error = service
        .engine
        .approve(&stranger, answer.clone(), service.now)
        .await;
    assert!(error.is_err());
    assert_eq!(service.delivered().await, []);
    let owner = Jid::new("hamlet@denmark.lit/elsinore").unwrap();
    let approved = service.engine.approve(&owner, answer, service.now).await;
    approved.unwrap();
    let got = service.delivered_to(OTHER).await;
    assert_eq!(got.len(), 2, "the news and the last item: {got:?}");
    assert!(got[0].contains("subscription='subscribed'"));
    assert_tells(service.get(OTHER, read).await, &["id='1'"]);
}

#[tokio::test]
async fn a_removed_member_gets_no_more_events_and_is_notified() {
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
async fn pending_subscribers_are_notified_of_a_deletion_and_its_redirect() {
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
async fn the_only_owner_stays_and_the_other_changes_are_made() {
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
async fn owners_get_pending_forms_again() {
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

#[tokio::test]
async fn a_whitelist_ends_the_subscriptions_of_however_many_are_not_on_it() {
    let service = Service::with_node(&[("pubsub#notify_retract", "0")]).await;
    for number in 0..450 {
        let jid = format!("u{number}@denmark.lit");
        service.subscribe(&jid).await.unwrap();
    }
    let whitelist = super::form(&[("pubsub#access_model", "whitelist")]);
    let configure = format!("<configure node='n'>{whitelist}</configure>");
    service.owner_set(OWNER, &configure).await.unwrap();
    let statistics = service.store.statistics().await.unwrap();
    assert_eq!(statistics.subscriptions, 0);
    assert_eq!(statistics.announcements, 450, "one for each subscriber");
    assert_eq!(service.store.unapplied(9).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn fewer_items_are_kept_when_there_is_less_room_however_many_there_were() {
    let service = Service::with_node(&[("pubsub#notify_retract", "0")]).await;
    for number in 0..450 {
        service.publish(&number.to_string()).await.unwrap();
    }
    let fewer = super::form(&[("pubsub#max_items", "3")]);
    let configure = format!("<configure node='n'>{fewer}</configure>");
    service.owner_set(OWNER, &configure).await.unwrap();
    assert_eq!(service.store.statistics().await.unwrap().items, 3);
    assert_tells(
        service.get(OTHER, "<items node='n'/>").await,
        &["id='447'", "id='449'"],
    );
}

#[tokio::test]
async fn the_next_sweep_applies_what_an_ended_process_left_over() {
    let service = Service::with_node(&[]).await;
    service.subscribe(OTHER).await.unwrap();
    let query = Query {
        node: Some("n".to_owned()),
        ..Query::default()
    };
    // As if the process had ended between the first change and the second.
    let decide = Box::new(|snapshot: &Snapshot| {
        let mut config = snapshot.node.as_ref().unwrap().config.clone();
        config.access = AccessModel::Whitelist;
        vec![Change::Configure(Box::new(config)), Change::MarkUnapplied]
    });
    service.store.change(query, decide).await.unwrap();
    assert_eq!(service.store.statistics().await.unwrap().subscriptions, 1);
    service.engine.expire(service.now).await;
    assert_eq!(service.store.statistics().await.unwrap().subscriptions, 0);
    assert!(service.delivered_to(OTHER).await[0].contains("subscription='none'"));
}
