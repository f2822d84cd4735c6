//! Subscriptions in snapshots: where they begin, and how many of them are read.

use crate::{
    change::Change,
    snapshot::{MAX_SUBSCRIPTIONS, Query, SubscriptionFilter, SubscriptionRange},
    subscription::Subscription,
};

use super::{
    Shared, about, announce_to_subscribers, at, create, node, pend, publish, run, subids,
    subscribe, subscription, unsubscribe,
};

async fn since(store: &Shared, who: &str) -> u64 {
    let snapshot = store.snapshot(about("news", who)).await.unwrap();
    snapshot.entity.unwrap().subscriptions[0].since
}

pub(crate) async fn a_subscription_begins_where_the_node_stands(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![
            publish("1"),
            announce_to_subscribers(),
            subscribe("a@x", "s1"),
        ],
    )
    .await;
    let begun = since(store, "a@x").await;
    assert_eq!(begun, node(store, "news").await.next_seq);
    let changed = Subscription {
        bounces: 2,
        since: 77,
        ..subscription("a@x", "s1")
    };
    run(
        store,
        "news",
        vec![publish("2"), Change::Subscribe(changed)],
    )
    .await;
    assert_eq!(since(store, "a@x").await, begun);
}

pub(crate) async fn a_pending_subscription_begins_when_it_is_approved(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![pend("a@x", "s1")]).await;
    run(store, "news", vec![publish("1"), subscribe("a@x", "s1")]).await;
    assert_eq!(
        since(store, "a@x").await,
        node(store, "news").await.next_seq
    );
}

pub(crate) async fn a_subscription_that_is_replaced_keeps_its_place(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![subscribe("a@x", "s2"), subscribe("a@x", "s1")],
    )
    .await;
    run(store, "news", vec![subscribe("a@x", "s2")]).await;
    let snapshot = store.snapshot(about("news", "a@x")).await.unwrap();
    assert_eq!(
        subids(&snapshot.entity.unwrap().subscriptions),
        ["s2", "s1"]
    );
    run(
        store,
        "news",
        vec![unsubscribe("a@x", "s2"), subscribe("a@x", "s2")],
    )
    .await;
    let snapshot = store.snapshot(about("news", "a@x")).await.unwrap();
    assert_eq!(
        subids(&snapshot.entity.unwrap().subscriptions),
        ["s1", "s2"]
    );
}

pub(crate) async fn few_of_many_subscriptions_are_found_and_those_that_are_named(store: &Shared) {
    create(store, "news").await;
    let many =
        (0..MAX_SUBSCRIPTIONS + 30).map(|number| subscribe("a@x/r", &format!("s{number:03}")));
    let mut changes: Vec<Change> = many.collect();
    changes.push(subscribe("a@x/z", "z1"));
    changes.push(subscribe("a@x/z", "z2"));
    run(store, "news", changes).await;
    let found = async |filter: SubscriptionFilter| {
        let query = Query {
            filter,
            ..about("news", "a@x")
        };
        let snapshot = store.snapshot(query).await.unwrap();
        let held = snapshot.entity.unwrap().subscriptions;
        held.into_iter().map(|held| held.subid).collect::<Vec<_>>()
    };
    assert_eq!(
        found(SubscriptionFilter::default()).await.len(),
        MAX_SUBSCRIPTIONS as usize
    );
    let named = SubscriptionFilter {
        jid: None,
        subid: Some("z2".to_owned()),
    };
    let found_by_subid = found(named).await;
    assert_eq!(found_by_subid.last().unwrap(), "z2");
    let found_by_jid = found(SubscriptionFilter::of(&couplet::Jid::new("a@x/z").unwrap())).await;
    assert!(found_by_jid.ends_with(&["z1".to_owned(), "z2".to_owned()]));
    assert!(found_by_jid.len() <= 2 * MAX_SUBSCRIPTIONS as usize);
    let snapshot = store.snapshot(about("news", "a@x")).await.unwrap();
    assert_eq!(
        snapshot.usage.subscriptions,
        u64::from(MAX_SUBSCRIPTIONS) + 32
    );
}

pub(crate) async fn pending_and_all_subscriptions_are_found_in_ranges(store: &Shared) {
    create(store, "news").await;
    let changes = vec![
        pend("c@x", "s1"),
        pend("b@x", "s2"),
        subscribe("a@x", "s3"),
        subscribe("a@x/r", "s4"),
    ];
    run(store, "news", changes).await;
    let slice = async |after| {
        let query = Query {
            pending: 1,
            subscriber_range: Some(SubscriptionRange { after, max: 2 }),
            ..at("news")
        };
        store.snapshot(query).await.unwrap()
    };
    let first = slice(None).await;
    assert_eq!(subids(&first.pending), ["s1"]);
    let held = &first.subscriber_range[0].subscriptions;
    assert_eq!(subids(held), ["s3", "s4"]);
    let rest = slice(Some(held[1].cursor())).await;
    let rest: Vec<&str> = rest
        .subscriber_range
        .iter()
        .map(|one| one.jid.as_str())
        .collect();
    assert_eq!(rest, ["b@x", "c@x"]);
}
