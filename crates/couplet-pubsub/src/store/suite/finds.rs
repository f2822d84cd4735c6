//! Snapshots: complete and consistent.

use crate::{
    change::Change,
    node::Affiliation,
    snapshot::{Query, SubscriptionRange, Usage},
    store::Statistics,
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

use super::{
    Shared, about, affiliate, announce_to_subscribers, at, bare, create, pend, publish, run,
    subids, subscribe, subscription, unsubscribe,
};

pub(crate) async fn a_snapshot_of_an_unknown_node_is_empty(store: &Shared) {
    let query = Query {
        others: vec![bare("b@x")],
        items: vec!["1".to_owned()],
        oldest: 9,
        newest: 9,
        owners: true,
        pending: 9,
        subscriber_range: Some(SubscriptionRange {
            after: None,
            max: 9,
        }),
        ..about("nowhere", "a@x")
    };
    let snapshot = store.snapshot(query).await.unwrap();
    assert_eq!((snapshot.node, snapshot.redirect), (None, None));
    let entity = snapshot.entity.unwrap();
    assert_eq!(entity.jid, bare("a@x"));
    assert_eq!(entity.affiliation, Affiliation::None);
    assert!(entity.subscriptions.is_empty());
    assert_eq!(snapshot.others[0].jid, bare("b@x"));
    assert!(snapshot.items.is_empty() && snapshot.oldest.is_empty() && snapshot.newest.is_empty());
    assert!(
        snapshot.owners.is_empty()
            && snapshot.pending.is_empty()
            && snapshot.subscriber_range.is_empty()
    );
    assert_eq!((snapshot.usage, snapshot.backlog), (Usage::default(), 0));
    let nothing = store.snapshot(Query::default()).await.unwrap();
    assert_eq!((nothing.node, nothing.entity), (None, None));
}

pub(crate) async fn an_entity_is_found_by_a_labels_and_by_u_labels(store: &Shared) {
    create(store, "news").await;
    let changes = vec![
        affiliate("u@xn--bdk.example", Affiliation::Publisher),
        subscribe("u@xn--bdk.example", "s1"),
        subscribe("u@ツ.example/desk", "s2"),
        affiliate("😀@x", Affiliation::Member),
        subscribe("😀@x/🐎", "s3"),
    ];
    run(store, "news", changes).await;
    for who in ["u@ツ.example", "u@xn--bdk.example", "U@XN--BDK.Example"] {
        let snapshot = store.snapshot(about("news", who)).await.unwrap();
        assert_eq!(snapshot.usage.subscriptions, 2);
        let entity = snapshot.entity.unwrap();
        assert_eq!(entity.affiliation, Affiliation::Publisher, "{who}");
        let held = entity.subscriptions.iter();
        let jids: Vec<&str> = held.map(|held| held.jid.as_str()).collect();
        // Notifications go to the address as the server wrote it.
        assert_eq!(jids, ["u@xn--bdk.example", "u@ツ.example/desk"]);
    }
    let snapshot = store.snapshot(about("news", "😀@x")).await.unwrap();
    assert_eq!(snapshot.entity.unwrap().affiliation, Affiliation::Member);
    let gone = vec![
        affiliate("u@ツ.example", Affiliation::None),
        unsubscribe("u@xn--bdk.example", "s1"),
    ];
    run(store, "news", gone).await;
    let entity = store
        .snapshot(about("news", "u@xn--bdk.example"))
        .await
        .unwrap();
    let entity = entity.entity.unwrap();
    assert_eq!(entity.affiliation, Affiliation::None);
    assert_eq!(subids(&entity.subscriptions), ["s2"]);
}

pub(crate) async fn an_actor_is_found_with_what_its_resources_hold(store: &Shared) {
    create(store, "news").await;
    let options = SubscribeOptions {
        deliver: false,
        include_body: true,
    };
    let full = Subscription {
        options,
        expires: Some(Timestamp(5_000)),
        bounces: 3,
        ..subscription("a@x/desk", "s1")
    };
    let changes = vec![
        affiliate("a@x", Affiliation::PublishOnly),
        Change::Subscribe(full.clone()),
        subscribe("a@x", "s3"),
        pend("a@x", "s2"),
        subscribe("b@x", "s4"),
    ];
    run(store, "news", changes).await;
    let entity = store
        .snapshot(about("news", "a@x"))
        .await
        .unwrap()
        .entity
        .unwrap();
    assert_eq!(entity.affiliation, Affiliation::PublishOnly);
    assert_eq!(subids(&entity.subscriptions), ["s1", "s3", "s2"]);
    let since = entity.subscriptions[0].since;
    assert_eq!(entity.subscriptions[0], Subscription { since, ..full });
    assert_eq!(entity.subscriptions[2].state, SubscriptionState::Pending);
}

pub(crate) async fn others_are_found_in_the_order_they_were_named(store: &Shared) {
    create(store, "news").await;
    let changes = vec![
        affiliate("a@x", Affiliation::Member),
        subscribe("c@x/1", "s1"),
    ];
    run(store, "news", changes).await;
    let query = Query {
        others: ["c@x", "a@x", "b@x"].map(bare).to_vec(),
        ..at("news")
    };
    let others = store.snapshot(query).await.unwrap().others;
    let found: Vec<_> = others
        .iter()
        .map(|entity| {
            (
                entity.jid.as_str(),
                entity.affiliation,
                entity.subscriptions.len(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("c@x", Affiliation::None, 1),
            ("a@x", Affiliation::Member, 0),
            ("b@x", Affiliation::None, 0)
        ]
    );
}

pub(crate) async fn adjacent_jids_are_not_mixed_up(store: &Shared) {
    create(store, "news").await;
    let names = ["x", "x/r", "x-y", "x.y", "x0", "x0/r", "xx", "a@x", "x-y/r"];
    let changes = names.map(|name| subscribe(name, name)).to_vec();
    run(store, "news", changes).await;
    for (who, held) in [
        ("x", ["x", "x/r"]),
        ("x-y", ["x-y", "x-y/r"]),
        ("x0", ["x0", "x0/r"]),
    ] {
        let snapshot = store.snapshot(about("news", who)).await.unwrap();
        assert_eq!(subids(&snapshot.entity.unwrap().subscriptions), held);
        assert_eq!(snapshot.usage.subscriptions, 2);
    }
}

pub(crate) async fn items_are_found_by_id_and_by_age(store: &Shared) {
    create(store, "news").await;
    let changes = ["1", "2", "3", "4"].map(publish).to_vec();
    run(store, "news", changes).await;
    let query = Query {
        items: ["3", "unknown", "1"].map(str::to_owned).to_vec(),
        oldest: 2,
        newest: 3,
        ..at("news")
    };
    let snapshot = store.snapshot(query).await.unwrap();
    let mut found: Vec<&str> = snapshot.items.iter().map(|head| &*head.id).collect();
    found.sort_unstable();
    assert_eq!(found, ["1", "3"]);
    assert_eq!(snapshot.items[0].publisher, bare("publisher@example.org"));
    assert_eq!(snapshot.items[0].published, Timestamp(2_000));
    let oldest: Vec<&str> = snapshot.oldest.iter().map(|head| &*head.id).collect();
    assert_eq!(oldest, ["1", "2"]);
    let newest: Vec<&str> = snapshot.newest.iter().map(|item| &*item.head.id).collect();
    assert_eq!(newest, ["2", "3", "4"]);
    let payload = snapshot.newest[0].payload.as_deref();
    assert_eq!(payload, Some("<entry xmlns='urn:example:entry'>2</entry>"));
}

pub(crate) async fn owners_pending_and_a_range_of_subscribers_are_found_on_request(store: &Shared) {
    create(store, "news").await;
    let changes = vec![
        affiliate("o2@x", Affiliation::Owner),
        affiliate("o1@x", Affiliation::Owner),
        affiliate("m@x", Affiliation::Member),
        subscribe("m@x/1", "s1"),
        pend("z@x", "s2"),
        pend("b@x", "s3"),
        subscribe("m@x/2", "s4"),
    ];
    run(store, "news", changes).await;
    let query = Query {
        owners: true,
        affiliations: true,
        pending: 9,
        subscriber_range: Some(SubscriptionRange {
            after: None,
            max: 9,
        }),
        ..at("news")
    };
    let snapshot = store.snapshot(query).await.unwrap();
    assert_eq!(snapshot.owners, ["o1@x", "o2@x"].map(bare));
    assert_eq!(snapshot.affiliations, 3);
    assert_eq!(subids(&snapshot.pending), ["s2", "s3"]);
    let mut subscriber_range = snapshot.subscriber_range;
    subscriber_range.sort_by(|a, b| a.jid.cmp(&b.jid));
    let found: Vec<_> = subscriber_range
        .iter()
        .map(|entity| {
            (
                entity.jid.as_str(),
                entity.affiliation,
                subids(&entity.subscriptions),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("b@x", Affiliation::None, vec!["s3"]),
            ("m@x", Affiliation::Member, vec!["s1", "s4"]),
            ("z@x", Affiliation::None, vec!["s2"])
        ]
    );
    let unasked = store.snapshot(at("news")).await.unwrap();
    assert!(unasked.owners.is_empty() && unasked.pending.is_empty());
    assert!(unasked.subscriber_range.is_empty() && unasked.entity.is_none());
}

pub(crate) async fn usage_counts_nodes_created_and_subscriptions_held(store: &Shared) {
    let usage = async |who| {
        let query = Query {
            node: None,
            ..about("", who)
        };
        let usage = store.snapshot(query).await.unwrap().usage;
        (usage.nodes, usage.subscriptions)
    };
    create(store, "news").await;
    create(store, "other").await;
    let held = vec![
        subscribe("a@x/1", "s1"),
        pend("a@x", "s2"),
        subscribe("b@x", "s3"),
    ];
    run(store, "news", held).await;
    run(store, "other", vec![subscribe("a@x", "s4")]).await;
    assert_eq!(usage("owner@example.org").await, (2, 0));
    assert_eq!(usage("a@x").await, (0, 3));
    run(store, "news", vec![unsubscribe("a@x", "s2")]).await;
    assert_eq!(usage("a@x").await, (0, 2));
    let delete = Change::Delete { redirect: None };
    run(store, "news", vec![delete, announce_to_subscribers()]).await;
    assert_eq!(usage("owner@example.org").await, (1, 0));
    assert_eq!(usage("a@x").await, (0, 1));
}

pub(crate) async fn statistics_count_what_is_there(store: &Shared) {
    assert_eq!(store.statistics().await.unwrap(), Statistics::default());
    create(store, "news").await;
    create(store, "other").await;
    let changes = vec![
        publish("1"),
        publish("2"),
        subscribe("a@x", "s1"),
        pend("b@x", "s2"),
    ];
    run(store, "news", changes).await;
    run(
        store,
        "other",
        vec![
            publish("1"),
            subscribe("a@x", "s3"),
            announce_to_subscribers(),
        ],
    )
    .await;
    let all = Statistics {
        nodes: 2,
        items: 3,
        subscriptions: 2,
        announcements: 1,
    };
    assert_eq!(store.statistics().await.unwrap(), all);
    run(store, "other", vec![Change::Delete { redirect: None }]).await;
    let rest = Statistics {
        nodes: 1,
        items: 2,
        subscriptions: 1,
        announcements: 1,
    };
    assert_eq!(store.statistics().await.unwrap(), rest);
}

pub(crate) async fn affiliations_of_others_are_counted_when_asked_for(store: &Shared) {
    for name in ["one", "two", "three"] {
        create(store, name).await;
        let to = affiliate("much@x", Affiliation::Outcast);
        run(store, name, vec![to, affiliate("a@x", Affiliation::None)]).await;
    }
    run(store, "one", vec![affiliate("a@x", Affiliation::Member)]).await;
    run(store, "three", vec![Change::Delete { redirect: None }]).await;
    let query = Query {
        others: ["a@x", "nobody@x", "much@x"].map(bare).to_vec(),
        affiliated: true,
        ..at("one")
    };
    let snapshot = store.snapshot(query).await.unwrap();
    assert_eq!(snapshot.affiliated, [1, 0, 2]);
}
