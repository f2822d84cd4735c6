//! Announcements: in order, to their recipients, and claimed by one instance.

use futures_util::FutureExt;

use crate::{change::Change, store::Claim, timestamp::Timestamp};

use super::{
    Shared, announce_to_subscribers, at, claim, claim_some, create, cursor, ids, publish, run,
    subscribe,
};

pub(crate) async fn an_announcement_is_claimed_once(store: &Shared) {
    let node = create(store, "news").await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].node, jobs[0].seq), (node.id, node.next_seq));
    assert_eq!(
        Change::Announce(jobs[0].announcement.clone()),
        announce_to_subscribers()
    );
    assert_eq!(jobs[0].after, None);
    assert!(claim(store, "a", 1).await.is_empty());
    assert!(claim(store, "b", 1).await.is_empty());
}

pub(crate) async fn announcements_of_a_node_come_in_order_to_one_instance(store: &Shared) {
    create(store, "news").await;
    let three = [
        announce_to_subscribers(),
        announce_to_subscribers(),
        announce_to_subscribers(),
    ];
    run(store, "news", three.to_vec()).await;
    let mut jobs = claim_some(store, "a", 0, 2).await;
    assert!(claim(store, "b", 0).await.is_empty());
    jobs.extend(claim(store, "a", 10).await);
    assert_eq!(jobs.len(), 3);
    assert!(jobs.is_sorted_by(|one, next| one.id < next.id && one.seq < next.seq));
    // In the order in which they are known to be delivered.
    store.finish(jobs[1].id, "a").await.unwrap();
    store.finish(jobs[0].id, "a").await.unwrap();
    // The lease of the third is the longest, and decides for the node.
    assert!(claim(store, "b", 109).await.is_empty());
    run(store, "news", vec![announce_to_subscribers()]).await;
    assert!(claim(store, "b", 109).await.is_empty());
    let rest = claim(store, "b", 110).await;
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[0].id, jobs[2].id);
}

pub(crate) async fn what_is_handed_back_is_free_at_once(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![announce_to_subscribers(), announce_to_subscribers()],
    )
    .await;
    let jobs = claim(store, "a", 0).await;
    let reached = cursor("m@x", "s1");
    let advanced = store
        .advance(jobs[0].id, "a", reached.clone(), Timestamp(99))
        .await;
    assert!(advanced.unwrap());
    store.release("b").await.unwrap();
    assert!(claim(store, "b", 1).await.is_empty());
    store.release("a").await.unwrap();
    let taken = claim(store, "b", 1).await;
    assert_eq!(ids(&taken), ids(&jobs));
    assert_eq!(taken[0].after, Some(reached));
    store.finish(jobs[0].id, "a").await.unwrap();
    assert_eq!(claim(store, "c", 900).await.len(), 2);
}

pub(crate) async fn nodes_do_not_wait_for_each_other(store: &Shared) {
    for name in ["c", "a", "b"] {
        create(store, name).await;
        run(store, name, vec![announce_to_subscribers()]).await;
    }
    let first = claim_some(store, "a", 0, 1).await;
    assert_eq!(first.len(), 1);
    let others = claim(store, "b", 0).await;
    assert_eq!(others.len(), 2);
    assert!(first[0].id < others[0].id && others[0].id < others[1].id);
    for name in ["c", "a"] {
        run(store, name, vec![announce_to_subscribers()]).await;
    }
    let next = claim(store, "b", 0).await;
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].node, others[0].node);
}

pub(crate) async fn no_more_are_claimed_than_requested(store: &Shared) {
    for name in ["a", "b", "c"] {
        create(store, name).await;
        run(store, name, vec![announce_to_subscribers()]).await;
    }
    let two = Claim {
        instance: "a".to_owned(),
        now: Timestamp(0),
        until: Timestamp(10),
        max: 2,
    };
    assert_eq!(store.claim(two).await.unwrap().len(), 2);
    assert_eq!(claim(store, "b", 0).await.len(), 1);
}

pub(crate) async fn a_lease_that_ran_out_is_adopted_with_its_cursor(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    let reached = cursor("m@x", "s1");
    let advanced = store
        .advance(job.id, "a", reached.clone(), Timestamp(50))
        .await;
    assert!(advanced.unwrap());
    assert!(claim(store, "b", 49).await.is_empty());
    let adopted = claim(store, "b", 50).await;
    assert_eq!(ids(&adopted), [job.id]);
    assert_eq!(adopted[0].after, Some(reached));
    assert_eq!(adopted[0].announcement, job.announcement);
}

pub(crate) async fn a_lease_that_is_prolonged_is_not_adopted(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    // Late, but no other instance has claimed it.
    let advanced = store
        .advance(job.id, "a", cursor("m@x", "s1"), Timestamp(300))
        .await;
    assert!(advanced.unwrap());
    assert!(claim(store, "b", 299).await.is_empty());
}

pub(crate) async fn a_job_of_another_instance_is_neither_advanced_nor_finished(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    assert_eq!(ids(&claim(store, "b", 500).await), [job.id]);
    let advanced = store
        .advance(job.id, "a", cursor("m@x", "s1"), Timestamp(900))
        .await;
    assert!(!advanced.unwrap());
    store.finish(job.id, "a").await.unwrap();
    let again = claim(store, "c", 800).await;
    assert_eq!(ids(&again), [job.id]);
    assert_eq!(again[0].after, None);
}

pub(crate) async fn a_finished_job_is_gone(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    store.finish(job.id, "a").await.unwrap();
    store.finish(job.id, "a").await.unwrap();
    assert!(claim(store, "b", 900).await.is_empty());
    let advanced = store
        .advance(job.id, "a", cursor("m@x", "s1"), Timestamp(900))
        .await;
    assert!(!advanced.unwrap());
}

pub(crate) async fn a_deleted_node_without_announcements_is_gone_at_once(store: &Shared) {
    let node = create(store, "news").await;
    run(store, "news", vec![subscribe("a@x", "s1")]).await;
    run(store, "news", vec![Change::Delete { redirect: None }]).await;
    assert!(claim(store, "a", 0).await.is_empty());
    let left = crate::store::record::DumpPosition::Nodes(None);
    assert!(store.dump(left, 9).await.unwrap().is_empty());
    let left = crate::store::record::DumpPosition::Subscriptions(node.id, None);
    assert!(store.dump(left, 9).await.unwrap().is_empty());
}

pub(crate) async fn the_backlog_is_what_is_not_delivered(store: &Shared) {
    let backlog = async || store.snapshot(at("news")).await.unwrap().backlog;
    create(store, "news").await;
    create(store, "other").await;
    run(
        store,
        "news",
        vec![announce_to_subscribers(), announce_to_subscribers()],
    )
    .await;
    run(store, "other", vec![announce_to_subscribers()]).await;
    assert_eq!(backlog().await, 3);
    let jobs = claim(store, "a", 0).await;
    assert_eq!(backlog().await, 3);
    store.finish(jobs[0].id, "a").await.unwrap();
    assert_eq!(backlog().await, 2);
    let (seen, told) = tokio::sync::oneshot::channel();
    let decide = Box::new(move |snapshot: &crate::snapshot::Snapshot| {
        seen.send(snapshot.backlog).unwrap();
        Vec::new()
    });
    store.change(at("news"), decide).await.unwrap();
    assert_eq!(told.await.unwrap(), 2);
}

pub(crate) async fn a_waiting_task_is_notified_of_an_announcement(store: &Shared) {
    create(store, "news").await;
    let _from_before = store.announced().notified().now_or_never();
    run(store, "news", vec![publish("1")]).await;
    assert!(store.announced().notified().now_or_never().is_none());
    run(
        store,
        "news",
        vec![announce_to_subscribers(), announce_to_subscribers()],
    )
    .await;
    store.announced().notified().await;
    let job = claim_some(store, "a", 0, 1).await.remove(0);
    assert!(store.announced().notified().now_or_never().is_none());
    store.finish(job.id, "a").await.unwrap();
    store.announced().notified().await;
}

pub(crate) async fn the_name_of_a_node_is_found_by_its_key(store: &Shared) {
    let node = create(store, "\u{1f980}").await;
    let name = async || store.node_named(node.id).await.unwrap();
    assert_eq!(name().await.as_deref(), Some("\u{1f980}"));
    run(store, "\u{1f980}", vec![announce_to_subscribers()]).await;
    run(store, "\u{1f980}", vec![Change::Delete { redirect: None }]).await;
    assert_eq!(name().await, None);
}

pub(crate) async fn what_is_set_aside_is_gone_and_what_is_behind_it_is_not(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![announce_to_subscribers(), announce_to_subscribers()],
    )
    .await;
    let jobs = claim(store, "a", 0).await;
    store.set_aside(jobs[0].id, "a", "a test").await.unwrap();
    assert_eq!(store.statistics().await.unwrap().announcements, 1);
    store.release("a").await.unwrap();
    assert_eq!(ids(&claim(store, "a", 1).await), ids(&jobs[1..]));
}

pub(crate) async fn a_job_of_another_instance_is_not_set_aside(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![announce_to_subscribers()]).await;
    let jobs = claim(store, "a", 0).await;
    store.set_aside(jobs[0].id, "b", "a test").await.unwrap();
    assert_eq!(store.statistics().await.unwrap().announcements, 1);
    store.release("a").await.unwrap();
    assert_eq!(claim(store, "b", 1).await.len(), 1);
}
