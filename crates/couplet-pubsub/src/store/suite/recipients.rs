//! The recipients of announcements.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    change::{Audience, Change},
    store::{Job, Recipient},
    subscription::{SubscribeOptions, Subscription},
};

use super::{
    Shared, announce, announce_to_subscribers, claim, create, cursor, pend, publish, run,
    subscribe, subscription, unsubscribe,
};

async fn recipients_of(store: &Shared, job: &Job) -> Vec<Recipient> {
    store.recipients(job, None, 100).await.unwrap()
}

fn short(recipients: &[Recipient]) -> Vec<(&str, &str)> {
    recipients
        .iter()
        .map(|one| (one.jid.as_str(), one.subid.as_str()))
        .collect()
}

pub(crate) async fn recipients_come_in_order_after_the_cursor(store: &Shared) {
    create(store, "news").await;
    let all = [
        ("a@x", "s2"),
        ("a@x-y", "s3"),
        ("a@x/r", "s1"),
        ("b@x", "s4"),
        ("b@x", "s5"),
    ];
    let mut changes: Vec<Change> = all.iter().map(|(jid, id)| subscribe(jid, id)).collect();
    changes.reverse();
    changes.push(announce_to_subscribers());
    run(store, "news", changes).await;
    let job = claim(store, "a", 0).await.remove(0);
    let mut after = None;
    let mut met = Vec::new();
    for _ in 0..3 {
        let some = store.recipients(&job, after.as_ref(), 2).await.unwrap();
        let last = some.last().unwrap();
        after = Some(cursor(&last.jid, &last.subid));
        met.extend(some);
    }
    assert_eq!(short(&met), all);
    let rest = store.recipients(&job, after.as_ref(), 2).await.unwrap();
    assert!(rest.is_empty());
    // The cursor of an ended subscription is still a valid position.
    run(store, "news", vec![unsubscribe("a@x/r", "s1")]).await;
    let gone = cursor("a@x/r", "s1");
    let rest = store.recipients(&job, Some(&gone), 1).await.unwrap();
    assert_eq!(short(&rest), [("b@x", "s4")]);
}

pub(crate) async fn recipients_are_earlier_subscribers(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![subscribe("a@x", "s1"), pend("b@x", "s2")],
    )
    .await;
    run(store, "news", vec![publish("1"), announce_to_subscribers()]).await;
    run(
        store,
        "news",
        vec![subscribe("c@x", "s3"), subscribe("b@x", "s2")],
    )
    .await;
    run(
        store,
        "news",
        vec![announce_to_subscribers(), subscribe("d@x", "s4")],
    )
    .await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(
        short(&recipients_of(store, &jobs[0]).await),
        [("a@x", "s1")]
    );
    let second = &jobs[1];
    let all = [("a@x", "s1"), ("b@x", "s2"), ("c@x", "s3")];
    assert_eq!(short(&recipients_of(store, second).await), all);
}

pub(crate) async fn recipients_have_notifications_enabled(store: &Shared) {
    create(store, "news").await;
    let with = |jid: &str, deliver, include_body| {
        let options = SubscribeOptions {
            deliver,
            include_body,
        };
        Change::Subscribe(Subscription {
            options,
            ..subscription(jid, jid)
        })
    };
    let changes = vec![
        with("a@x", true, true),
        with("b@x", false, true),
        with("c@x", true, false),
    ];
    run(store, "news", changes).await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    let met = recipients_of(store, &job).await;
    assert_eq!(short(&met), [("a@x", "a@x"), ("c@x", "c@x")]);
    assert_eq!((met[0].include_body, met[1].include_body), (true, false));
}

pub(crate) async fn pending_subscribers_are_notified_only_of_deletions(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![pend("a@x", "s1"), subscribe("b@x", "s2")],
    )
    .await;
    run(
        store,
        "news",
        vec![announce(Audience::SubscribersAndPending)],
    )
    .await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(
        short(&recipients_of(store, &jobs[0]).await),
        [("a@x", "s1"), ("b@x", "s2")]
    );
    assert_eq!(
        short(&recipients_of(store, &jobs[1]).await),
        [("b@x", "s2")]
    );
}

pub(crate) async fn named_recipients_come_once_each(store: &Shared) {
    create(store, "news").await;
    let named = ["c@x", "a@x/r", "c@x", "a@x"].map(|jid| couplet::Jid::new(jid).unwrap());
    run(
        store,
        "news",
        vec![announce(Audience::Named(named.to_vec()))],
    )
    .await;
    let job = claim(store, "a", 0).await.remove(0);
    let met = recipients_of(store, &job).await;
    assert_eq!(short(&met), [("a@x", ""), ("a@x/r", ""), ("c@x", "")]);
    assert!(
        met.iter()
            .all(|one| one.include_body && !one.one_of_several)
    );
    let after = cursor("a@x", "");
    let rest = store.recipients(&job, Some(&after), 1).await.unwrap();
    assert_eq!(short(&rest), [("a@x/r", "")]);
}

pub(crate) async fn two_subscriptions_of_one_jid_are_one_of_several(store: &Shared) {
    create(store, "news").await;
    let changes = vec![
        subscribe("a@x", "s1"),
        subscribe("a@x/r", "s2"),
        subscribe("b@x", "s3"),
        subscribe("b@x", "s4"),
        subscribe("c@x", "s5"),
    ];
    run(store, "news", changes).await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    let several =
        |met: &[Recipient]| -> Vec<bool> { met.iter().map(|one| one.one_of_several).collect() };
    let all = recipients_of(store, &job).await;
    assert_eq!(several(&all), [false, false, true, true, false]);
    // The end of a slice makes no difference.
    let slice = store.recipients(&job, Some(&cursor("b@x", "s3")), 1).await;
    assert_eq!(several(&slice.unwrap()), [true]);
    let slice = store
        .recipients(&job, Some(&cursor("a@x/r", "s2")), 1)
        .await;
    assert_eq!(several(&slice.unwrap()), [true]);
}

pub(crate) async fn subscribers_of_a_deleted_node_are_notified_before_it_is_removed(
    store: &Shared,
) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![subscribe("a@x", "s1"), announce_to_subscribers()],
    )
    .await;
    let delete = Change::Delete { redirect: None };
    let farewell = announce(Audience::SubscribersAndPending);
    run(store, "news", vec![pend("b@x", "s2"), delete, farewell]).await;
    create(store, "news").await;
    run(
        store,
        "news",
        vec![subscribe("c@x", "s3"), announce_to_subscribers()],
    )
    .await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(jobs.len(), 3);
    assert_eq!(
        short(&recipients_of(store, &jobs[0]).await),
        [("a@x", "s1")]
    );
    let last = jobs[1].clone();
    assert_eq!(
        short(&recipients_of(store, &jobs[2]).await),
        [("c@x", "s3")]
    );
    store.finish(jobs[0].id, "a").await.unwrap();
    assert_eq!(
        short(&recipients_of(store, &last).await),
        [("a@x", "s1"), ("b@x", "s2")]
    );
    store.finish(last.id, "a").await.unwrap();
    store.finish(jobs[2].id, "a").await.unwrap();
    // A finished job may be removed with the next change only, and in parts.
    create(store, "other").await;
    for _ in 0..1_000 {
        if recipients_of(store, &last).await.is_empty() {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert!(recipients_of(store, &last).await.is_empty());
    assert!(claim(store, "a", 900).await.is_empty());
}
