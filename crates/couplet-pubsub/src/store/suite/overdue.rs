//! What has run out: leases and items.

use crate::{change::Change, moment::Moment, subscription::Subscription};

use super::{Shared, create, publish, run, subscribe, subscription, tell_subscribers, unsubscribe};

fn leased(jid: &str, subid: &str, until: i64) -> Change {
    Change::Subscribe(Subscription {
        expires: Some(Moment(until)),
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
    let expires = Some(Moment(until));
    Change::Publish {
        id,
        publisher,
        payload,
        at,
        expires,
    }
}

pub(crate) async fn what_has_run_out_comes_the_longest_overdue_first(store: &Shared) {
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
    let overdue = store.overdue(Moment(30), 10).await.unwrap();
    let subids: Vec<_> = overdue
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
    assert_eq!(overdue.items, [pair("other", "i3"), pair("news", "i2")]);
    let one = store.overdue(Moment(30), 1).await.unwrap();
    assert_eq!((one.leases.len(), one.items.len()), (1, 1));
    let none = store.overdue(Moment(-10), 10).await.unwrap();
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
    run(store, "gone", vec![tell_subscribers(), delete]).await;
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
    let overdue = store.overdue(Moment(50), 10).await.unwrap();
    assert!(overdue.leases.is_empty(), "{overdue:?}");
    assert!(overdue.items.is_empty(), "{overdue:?}");
}
