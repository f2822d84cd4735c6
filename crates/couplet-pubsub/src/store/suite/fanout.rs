//! Announcements: in order, to whom they are for, once claimed by one instance.

use futures_util::FutureExt;

use crate::{
    change::{Audience, Change},
    moment::Moment,
    store::{Claim, Cursor, Job, Recipient},
    subscription::{SubscribeOptions, Subscription},
};

use super::{
    Shared, announce, at, claim, claim_some, create, ids, pend, publish, run, subscribe,
    subscription, tell_subscribers, unsubscribe,
};

fn cursor(jid: &str, subid: &str) -> Cursor {
    Cursor {
        jid: jid.to_owned(),
        subid: subid.to_owned(),
    }
}

async fn told(store: &Shared, job: &Job) -> Vec<Recipient> {
    store.recipients(job, None, 100).await.unwrap()
}

fn short(recipients: &[Recipient]) -> Vec<(&str, &str)> {
    recipients
        .iter()
        .map(|one| (one.jid.as_str(), one.subid.as_str()))
        .collect()
}

pub(crate) async fn an_announcement_is_claimed_once(store: &Shared) {
    let node = create(store, "news").await;
    run(store, "news", vec![tell_subscribers()]).await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].node, jobs[0].seq), (node.id, node.next_seq));
    assert_eq!(
        Change::Announce(jobs[0].announcement.clone()),
        tell_subscribers()
    );
    assert_eq!(jobs[0].after, None);
    assert!(claim(store, "a", 1).await.is_empty());
    assert!(claim(store, "b", 1).await.is_empty());
}

pub(crate) async fn announcements_of_a_node_come_in_order_to_one_instance(store: &Shared) {
    create(store, "news").await;
    let three = [tell_subscribers(), tell_subscribers(), tell_subscribers()];
    run(store, "news", three.to_vec()).await;
    let mut jobs = claim_some(store, "a", 0, 2).await;
    assert!(claim(store, "b", 0).await.is_empty());
    jobs.extend(claim(store, "a", 10).await);
    assert_eq!(jobs.len(), 3);
    assert!(jobs.is_sorted_by(|one, next| one.id < next.id && one.seq < next.seq));
    // In the order in which they are known to be delivered.
    store.finish(jobs[1].id, "a").await.unwrap();
    store.finish(jobs[0].id, "a").await.unwrap();
    // The lease of the third runs longest, and with it goes the node.
    assert!(claim(store, "b", 109).await.is_empty());
    run(store, "news", vec![tell_subscribers()]).await;
    assert!(claim(store, "b", 109).await.is_empty());
    let rest = claim(store, "b", 110).await;
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[0].id, jobs[2].id);
}

pub(crate) async fn what_is_handed_back_is_free_at_once(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![tell_subscribers(), tell_subscribers()]).await;
    let jobs = claim(store, "a", 0).await;
    let reached = cursor("m@x", "s1");
    let advanced = store
        .advance(jobs[0].id, "a", reached.clone(), Moment(99))
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
        run(store, name, vec![tell_subscribers()]).await;
    }
    let first = claim_some(store, "a", 0, 1).await;
    assert_eq!(first.len(), 1);
    let others = claim(store, "b", 0).await;
    assert_eq!(others.len(), 2);
    assert!(first[0].id < others[0].id && others[0].id < others[1].id);
    for name in ["c", "a"] {
        run(store, name, vec![tell_subscribers()]).await;
    }
    let next = claim(store, "b", 0).await;
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].node, others[0].node);
}

pub(crate) async fn no_more_are_claimed_than_asked_for(store: &Shared) {
    for name in ["a", "b", "c"] {
        create(store, name).await;
        run(store, name, vec![tell_subscribers()]).await;
    }
    let two = Claim {
        instance: "a".to_owned(),
        now: Moment(0),
        until: Moment(10),
        max: 2,
    };
    assert_eq!(store.claim(two).await.unwrap().len(), 2);
    assert_eq!(claim(store, "b", 0).await.len(), 1);
}

pub(crate) async fn a_lease_that_ran_out_is_adopted_with_its_cursor(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![tell_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    let reached = cursor("m@x", "s1");
    let advanced = store
        .advance(job.id, "a", reached.clone(), Moment(50))
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
    run(store, "news", vec![tell_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    // Late, but nobody took it meanwhile.
    let advanced = store
        .advance(job.id, "a", cursor("m@x", "s1"), Moment(300))
        .await;
    assert!(advanced.unwrap());
    assert!(claim(store, "b", 299).await.is_empty());
}

pub(crate) async fn somebody_elses_job_is_neither_advanced_nor_finished(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![tell_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    assert_eq!(ids(&claim(store, "b", 500).await), [job.id]);
    let advanced = store
        .advance(job.id, "a", cursor("m@x", "s1"), Moment(900))
        .await;
    assert!(!advanced.unwrap());
    store.finish(job.id, "a").await.unwrap();
    let again = claim(store, "c", 800).await;
    assert_eq!(ids(&again), [job.id]);
    assert_eq!(again[0].after, None);
}

pub(crate) async fn a_finished_job_is_gone(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![tell_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    store.finish(job.id, "a").await.unwrap();
    store.finish(job.id, "a").await.unwrap();
    assert!(claim(store, "b", 900).await.is_empty());
    let advanced = store
        .advance(job.id, "a", cursor("m@x", "s1"), Moment(900))
        .await;
    assert!(!advanced.unwrap());
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
    changes.push(tell_subscribers());
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
    // The place of one who is gone is a place still.
    run(store, "news", vec![unsubscribe("a@x/r", "s1")]).await;
    let gone = cursor("a@x/r", "s1");
    let rest = store.recipients(&job, Some(&gone), 1).await.unwrap();
    assert_eq!(short(&rest), [("b@x", "s4")]);
}

pub(crate) async fn recipients_are_those_who_were_subscribed_before(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![subscribe("a@x", "s1"), pend("b@x", "s2")],
    )
    .await;
    run(store, "news", vec![publish("1"), tell_subscribers()]).await;
    run(
        store,
        "news",
        vec![subscribe("c@x", "s3"), subscribe("b@x", "s2")],
    )
    .await;
    run(
        store,
        "news",
        vec![tell_subscribers(), subscribe("d@x", "s4")],
    )
    .await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(short(&told(store, &jobs[0]).await), [("a@x", "s1")]);
    let second = &jobs[1];
    let all = [("a@x", "s1"), ("b@x", "s2"), ("c@x", "s3")];
    assert_eq!(short(&told(store, second).await), all);
}

pub(crate) async fn recipients_want_to_be_told(store: &Shared) {
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
    run(store, "news", vec![tell_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    let met = told(store, &job).await;
    assert_eq!(short(&met), [("a@x", "a@x"), ("c@x", "c@x")]);
    assert_eq!((met[0].include_body, met[1].include_body), (true, false));
}

pub(crate) async fn pending_ones_are_told_only_where_they_are_meant(store: &Shared) {
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
    run(store, "news", vec![tell_subscribers()]).await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(
        short(&told(store, &jobs[0]).await),
        [("a@x", "s1"), ("b@x", "s2")]
    );
    assert_eq!(short(&told(store, &jobs[1]).await), [("b@x", "s2")]);
}

pub(crate) async fn named_recipients_come_once_each(store: &Shared) {
    create(store, "news").await;
    let named = ["c@x", "a@x/r", "c@x", "a@x"].map(|jid| jid::Jid::new(jid).unwrap());
    run(
        store,
        "news",
        vec![announce(Audience::Named(named.to_vec()))],
    )
    .await;
    let job = claim(store, "a", 0).await.remove(0);
    let met = told(store, &job).await;
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
    run(store, "news", vec![tell_subscribers()]).await;
    let job = claim(store, "a", 0).await.remove(0);
    let several =
        |met: &[Recipient]| -> Vec<bool> { met.iter().map(|one| one.one_of_several).collect() };
    let all = told(store, &job).await;
    assert_eq!(several(&all), [false, false, true, true, false]);
    // Where a slice ends makes no difference.
    let slice = store.recipients(&job, Some(&cursor("b@x", "s3")), 1).await;
    assert_eq!(several(&slice.unwrap()), [true]);
    let slice = store
        .recipients(&job, Some(&cursor("a@x/r", "s2")), 1)
        .await;
    assert_eq!(several(&slice.unwrap()), [true]);
}

pub(crate) async fn subscribers_of_a_deleted_node_are_told_before_it_goes(store: &Shared) {
    create(store, "news").await;
    run(
        store,
        "news",
        vec![subscribe("a@x", "s1"), tell_subscribers()],
    )
    .await;
    let delete = Change::Delete { redirect: None };
    let farewell = announce(Audience::SubscribersAndPending);
    run(store, "news", vec![pend("b@x", "s2"), delete, farewell]).await;
    create(store, "news").await;
    run(
        store,
        "news",
        vec![subscribe("c@x", "s3"), tell_subscribers()],
    )
    .await;
    let jobs = claim(store, "a", 0).await;
    assert_eq!(jobs.len(), 3);
    assert_eq!(short(&told(store, &jobs[0]).await), [("a@x", "s1")]);
    let last = jobs[1].clone();
    assert_eq!(short(&told(store, &jobs[2]).await), [("c@x", "s3")]);
    store.finish(jobs[0].id, "a").await.unwrap();
    assert_eq!(
        short(&told(store, &last).await),
        [("a@x", "s1"), ("b@x", "s2")]
    );
    store.finish(last.id, "a").await.unwrap();
    store.finish(jobs[2].id, "a").await.unwrap();
    // What is finished may be forgotten with the next change only.
    create(store, "other").await;
    assert!(told(store, &last).await.is_empty());
    assert!(claim(store, "a", 900).await.is_empty());
}

pub(crate) async fn a_deleted_node_without_announcements_is_gone_at_once(store: &Shared) {
    let node = create(store, "news").await;
    run(store, "news", vec![subscribe("a@x", "s1")]).await;
    run(store, "news", vec![Change::Delete { redirect: None }]).await;
    assert!(claim(store, "a", 0).await.is_empty());
    let left = crate::store::record::Mark::Nodes(None);
    assert!(store.dump(left, 9).await.unwrap().is_empty());
    let left = crate::store::record::Mark::Subscriptions(node.id, None);
    assert!(store.dump(left, 9).await.unwrap().is_empty());
}

pub(crate) async fn the_backlog_is_what_is_not_delivered(store: &Shared) {
    let backlog = async || store.look(at("news")).await.unwrap().backlog;
    create(store, "news").await;
    create(store, "other").await;
    run(store, "news", vec![tell_subscribers(), tell_subscribers()]).await;
    run(store, "other", vec![tell_subscribers()]).await;
    assert_eq!(backlog().await, 3);
    let jobs = claim(store, "a", 0).await;
    assert_eq!(backlog().await, 3);
    store.finish(jobs[0].id, "a").await.unwrap();
    assert_eq!(backlog().await, 2);
    let (seen, told) = tokio::sync::oneshot::channel();
    let decide = Box::new(move |facts: &crate::facts::Facts| {
        seen.send(facts.backlog).unwrap();
        Vec::new()
    });
    store.change(at("news"), decide).await.unwrap();
    assert_eq!(told.await.unwrap(), 2);
}

pub(crate) async fn whoever_waits_hears_of_an_announcement(store: &Shared) {
    create(store, "news").await;
    let _from_before = store.announced().notified().now_or_never();
    run(store, "news", vec![publish("1")]).await;
    assert!(store.announced().notified().now_or_never().is_none());
    run(store, "news", vec![tell_subscribers(), tell_subscribers()]).await;
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
    run(store, "\u{1f980}", vec![tell_subscribers()]).await;
    run(store, "\u{1f980}", vec![Change::Delete { redirect: None }]).await;
    assert_eq!(name().await, None);
}
