//! Expired leases and items.

use crate::{change::Change, subscription::Subscription, timestamp::Timestamp};

use super::{
    Shared, announce_to_subscribers, create, publish, run, subscribe, subscription, unsubscribe,
};

fn leased(jid: &str, subid: &str, until: i64) -> Change {
    Change::Subscribe(Subscription {
        expires: Some(Timestamp(until)),
        ..subscription(jid, subid)
    })
}

fn lasting(id: &str, until: i64) -> Change {
    let Change::Publish {
        id,
        publisher,
        payload,
        at,
        ..
    } = publish(id)
    else {
        unreachable!()
    };
    let expires = Some(Timestamp(until));
    Change::Publish {
        id,
        publisher,
        payload,
        at,
        expires,
    }
}

pub(crate) async fn expired_entries_come_the_oldest_first(store: &Shared) {
    create(store, "news").await;
    create(store, "other").await;
    let changes = vec![
        leased("a@x", "s1", 20),
        leased("b@x/r", "s2", 10),
        leased("c@x", "s3", 31),
        lasting("i1", 40),
        lasting("i2", 30),
    ];
    run(store, "news", changes).await;
    run(
        store,
        "other",
        vec![leased("a@x", "s4", 0), lasting("i3", -5)],
    )
    .await;
    let expired = store.expired(Timestamp(30), 10).await.unwrap();
    let subids: Vec<_> = expired
        .leases
        .iter()
        .map(|(node, jid, subid)| (node.as_str(), jid.as_str(), subid.as_str()))
        .collect();
    let expected = [
        ("other", "a@x", "s4"),
        ("news", "b@x/r", "s2"),
        ("news", "a@x", "s1"),
    ];
    assert_eq!(subids, expected);
    let pair = |node: &str, id: &str| (node.to_owned(), id.to_owned());
    assert_eq!(expired.items, [pair("other", "i3"), pair("news", "i2")]);
    let one = store.expired(Timestamp(30), 1).await.unwrap();
    assert_eq!((one.leases.len(), one.items.len()), (1, 1));
    let none = store.expired(Timestamp(-10), 10).await.unwrap();
    assert!(none.leases.is_empty() && none.items.is_empty());
}

pub(crate) async fn what_was_renewed_or_ended_does_not_run_out(store: &Shared) {
    create(store, "news").await;
    create(store, "gone").await;
    run(
        store,
        "gone",
        vec![leased("a@x", "s9", 10), lasting("i9", 10)],
    )
    .await;
    let delete = Change::Delete { redirect: None };
    run(store, "gone", vec![announce_to_subscribers(), delete]).await;
    let changes = vec![
        leased("a@x", "s1", 10),
        leased("a@x", "s2", 10),
        leased("a@x", "s3", 10),
        lasting("i1", 10),
        lasting("i2", 10),
    ];
    run(store, "news", changes).await;
    let changes = vec![
        leased("a@x", "s1", 99),
        subscribe("a@x", "s2"),
        unsubscribe("a@x", "s3"),
        publish("i1"),
        Change::Retract {
            ids: vec!["i2".to_owned()],
        },
    ];
    run(store, "news", changes).await;
    let expired = store.expired(Timestamp(50), 10).await.unwrap();
    assert!(expired.leases.is_empty(), "{expired:?}");
    assert!(expired.items.is_empty(), "{expired:?}");
}
