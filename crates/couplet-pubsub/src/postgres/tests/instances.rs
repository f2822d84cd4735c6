//! Two instances on one database.

use futures_util::FutureExt;

use crate::{
    change::{Audience, Change},
    snapshot::Snapshot,
    store::{
        Cursor, StoreError,
        suite::{
            announce, announce_to_subscribers, at, claim, claim_some, create, creation, ids, node,
            publish, run, subscribe,
        },
    },
    timestamp::Timestamp,
};

use super::{Shared, new_id, store};

async fn two() -> (Shared, Shared) {
    let url = new_id().await;
    (store(&url).await, store(&url).await)
}

#[tokio::test]
async fn what_one_instance_does_the_other_sees() {
    let (one, other) = two().await;
    let made = create(&one, "news").await;
    run(&other, "news", vec![publish("1"), subscribe("a@x", "s1")]).await;
    assert_eq!(node(&one, "news").await, node(&other, "news").await);
    assert_eq!(node(&one, "news").await.id, made.id);
}

#[tokio::test]
async fn the_other_instance_is_notified_of_an_announcement() {
    let (one, other) = two().await;
    create(&one, "news").await;
    assert!(other.announced().notified().now_or_never().is_none());
    run(&one, "news", vec![announce_to_subscribers()]).await;
    other.announced().notified().await;
    assert_eq!(claim(&other, "b", 0).await.len(), 1);
    assert!(claim(&one, "a", 0).await.is_empty());
}

#[tokio::test]
async fn leases_run_by_the_clock_of_the_server_for_all_instances() {
    let (one, other) = two().await;
    let first = one.now().await.unwrap();
    let second = other.now().await.unwrap();
    assert!(first <= second, "{first} {second}");
    // Milliseconds since 1970, by a wall clock.
    assert!(first > Timestamp(1_700_000_000_000), "{first}");
}

#[tokio::test]
async fn two_that_claim_at_once_share_no_node() {
    let (one, other) = two().await;
    for number in 0..8 {
        let name = format!("n{number}");
        create(&one, &name).await;
        run(
            &one,
            &name,
            vec![announce_to_subscribers(), announce_to_subscribers()],
        )
        .await;
    }
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..8 {
        let both = tokio::join!(claim_some(&one, "a", 0, 3), claim_some(&other, "b", 0, 3));
        taken[0].extend(both.0);
        taken[1].extend(both.1);
    }
    let [a, b] = taken;
    assert_eq!(a.len() + b.len(), 16);
    assert!(!a.is_empty() && !b.is_empty());
    assert!(
        a.iter()
            .all(|mine| b.iter().all(|theirs| mine.node != theirs.node))
    );
    for mine in [a, b] {
        assert!(mine.is_sorted_by_key(|job| job.id));
    }
}

#[tokio::test]
async fn an_instance_that_died_is_succeeded_when_its_leases_have_run_out() {
    let (one, other) = two().await;
    create(&one, "news").await;
    run(
        &one,
        "news",
        vec![announce_to_subscribers(), announce_to_subscribers()],
    )
    .await;
    let jobs = claim(&one, "a", 0).await;
    let after = Cursor {
        jid: "m@x".to_owned(),
        subid: "s1".to_owned(),
    };
    let advanced = one.advance(jobs[0].id, "a", after.clone(), Timestamp(150));
    assert!(advanced.await.unwrap());
    drop(one);
    assert!(claim(&other, "b", 149).await.is_empty());
    let adopted = claim(&other, "b", 150).await;
    assert_eq!(ids(&adopted), ids(&jobs));
    assert_eq!(adopted[0].after, Some(after));
}

#[tokio::test]
async fn an_expired_lease_is_lost_even_if_unclaimed() {
    let (one, other) = two().await;
    create(&one, "news").await;
    run(
        &one,
        "news",
        vec![announce_to_subscribers(), announce_to_subscribers()],
    )
    .await;
    let jobs = claim(&one, "a", 0).await;
    let adopted = claim_some(&other, "b", 100, 1).await;
    assert_eq!(ids(&adopted), [jobs[0].id]);
    let after = Cursor {
        jid: "m@x".to_owned(),
        subid: "s1".to_owned(),
    };
    let late = one.advance(jobs[1].id, "a", after, Timestamp(900)).await;
    assert!(!late.unwrap());
    one.finish(jobs[1].id, "a").await.unwrap();
    assert_eq!(ids(&claim(&other, "b", 100).await), [jobs[1].id]);
}

#[tokio::test]
async fn changes_of_one_node_are_serialized_across_instances() {
    let (one, other) = two().await;
    create(&one, "news").await;
    let stores = [&one, &other];
    let changes = (0..40).map(|number| {
        let store = stores[number % 2];
        async move {
            let decide = Box::new(move |snapshot: &Snapshot| {
                // The snapshot still holds when the changes are applied.
                let next = snapshot.node.as_ref().unwrap().next_seq;
                vec![publish(&format!("{next}")), announce_to_subscribers()]
            });
            store.change(at("news"), decide).await.unwrap();
        }
    });
    futures_util::future::join_all(changes).await;
    let found = node(&other, "news").await;
    assert_eq!((found.items, found.next_seq), (40, 81));
    let jobs = claim(&one, "a", 0).await;
    assert_eq!(jobs.len(), 40);
    assert!(jobs.is_sorted_by(|one, next| one.id < next.id && one.seq < next.seq));
}

#[tokio::test]
async fn of_two_that_create_a_node_the_second_finds_it() {
    let (one, other) = two().await;
    let decide = |snapshot: &Snapshot| match snapshot.node {
        None => vec![creation("news")],
        Some(_) => vec![publish("found")],
    };
    let (first, second) = tokio::join!(
        one.change(at("news"), Box::new(decide)),
        other.change(at("news"), Box::new(decide))
    );
    first.unwrap();
    second.unwrap();
    assert_eq!(node(&one, "news").await.items, 1);
}

#[tokio::test]
async fn of_two_that_create_a_node_under_another_name_one_is_contended() {
    let (one, other) = two().await;
    let create = |_: &Snapshot| vec![creation("news")];
    let (first, second) = tokio::join!(
        one.change(at("a"), Box::new(create)),
        other.change(at("b"), Box::new(create))
    );
    let results = [first, second];
    assert_eq!(results.iter().filter(|results| results.is_ok()).count(), 1);
    let busy = |results: &Result<(), StoreError>| matches!(results, Err(StoreError::Contended(_)));
    assert!(results.iter().any(busy), "{results:?}");
}

#[tokio::test]
async fn the_last_two_announcements_of_a_deleted_node_may_end_at_once() {
    let (one, other) = two().await;
    create(&one, "news").await;
    let delete = Change::Delete { redirect: None };
    let farewell = || announce(Audience::SubscribersAndPending);
    let changes = vec![subscribe("a@x", "s1"), farewell(), delete, farewell()];
    run(&one, "news", changes).await;
    let jobs = claim(&one, "a", 0).await;
    let (first, second) = tokio::join!(one.finish(jobs[0].id, "a"), other.finish(jobs[1].id, "a"));
    first.unwrap();
    second.unwrap();
    assert_eq!(one.statistics().await.unwrap().announcements, 0);
    assert!(one.recipients(&jobs[0], None, 9).await.is_ok());
}
