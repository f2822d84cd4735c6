//! Dump and restore.

use couplet::BareJid;

use crate::{
    change::{Audience, Change},
    node::{Affiliation, NodeId},
    page::Page,
    store::{
        Cursor,
        record::{DumpPosition, Record},
    },
    timestamp::Timestamp,
};

use super::{
    Shared, affiliate, announce, announce_to_subscribers, at, bare, claim, create, creation, node,
    pend, publish, run, subscribe,
};

/// Fills a store with records of all kinds.
async fn fill(store: &Shared) {
    create(store, "news").await;
    let changes = vec![
        affiliate("owner@example.org", Affiliation::Owner),
        affiliate("m@x", Affiliation::Member),
        subscribe("b@x", "s1"),
        subscribe("a@x/r", "s2"),
        pend("c@x", "s3"),
        publish("2"),
        publish("1"),
        announce_to_subscribers(),
        announce(Audience::Named(vec![couplet::Jid::new("a@x").unwrap()])),
    ];
    run(store, "news", changes).await;
    let job = claim(store, "a", 0).await.remove(0);
    let after = Cursor {
        jid: "a@x/r".to_owned(),
        subid: "s2".to_owned(),
    };
    let advanced = store.advance(job.id, "a", after, Timestamp(1)).await;
    assert!(advanced.unwrap());
    // The progress of a job may be saved with the next change only.
    create(store, "gone").await;
    let redirect = Some("xmpp:there".to_owned());
    let changes = vec![
        subscribe("a@x", "s4"),
        Change::Delete { redirect },
        announce_to_subscribers(),
    ];
    run(store, "gone", changes).await;
}

/// Returns all records, in the order of a restore.
async fn all(store: &Shared) -> Vec<Record> {
    let mut records = Vec::new();
    for node in store.dump(DumpPosition::Nodes(None), 99).await.unwrap() {
        let Record::Node { node: found, .. } = &node else {
            panic!("{node:?}");
        };
        let id = found.id;
        records.push(node);
        for mark in [
            DumpPosition::Affiliations(id, None),
            DumpPosition::Subscriptions(id, None),
            DumpPosition::Items(id, 0),
            DumpPosition::Announcements(id, 0),
        ] {
            records.extend(store.dump(mark, 99).await.unwrap());
        }
    }
    records.extend(store.dump(DumpPosition::Redirects(None), 99).await.unwrap());
    records
}

pub(crate) async fn what_is_dumped_and_restored_is_the_same(store: &Shared) {
    fill(store).await;
    let records = all(store).await;
    assert_eq!(records.len(), 2 + 2 + 4 + 2 + 3 + 1, "{records:#?}");
    // Back into the same store, once it is empty.
    for job in claim(store, "b", 900).await {
        store.finish(job.id, "b").await.unwrap();
    }
    run(store, "news", vec![Change::Delete { redirect: None }]).await;
    run(
        store,
        "gone",
        vec![creation("gone"), Change::Delete { redirect: None }],
    )
    .await;
    assert!(all(store).await.is_empty());
    let (first, rest) = records.split_at(5);
    let restored = store.restore(None, first.to_vec()).await.unwrap();
    assert_eq!((restored.node.is_some(), restored.left_out), (true, 0));
    let restored = store.restore(restored.node, rest.to_vec()).await.unwrap();
    assert_eq!(restored.left_out, 0);
    assert_eq!(all(store).await, records);
    assert_eq!(store.statistics().await.unwrap().announcements, 3);
    let jobs = claim(store, "c", 0).await;
    assert_eq!(jobs.len(), 3);
    let told = store
        .recipients(&jobs[0], jobs[0].after.as_ref(), 9)
        .await
        .unwrap();
    assert_eq!(told[0].jid, "b@x");
    let new_id = create(store, "fresh").await;
    assert!(jobs.iter().all(|job| job.node != new_id.id));
}

pub(crate) async fn a_taken_key_is_replaced_and_a_taken_name_left_out(store: &Shared) {
    create(store, "news").await;
    run(store, "news", vec![publish("kept")]).await;
    let mut records = all(store).await;
    let Record::Node { node: taken, .. } = &mut records[0] else {
        panic!("{records:?}");
    };
    taken.name = "other".to_owned();
    let restored = store.restore(None, records.clone()).await.unwrap();
    assert_eq!(restored.left_out, 0);
    let (news, other) = (node(store, "news").await, node(store, "other").await);
    assert_ne!(news.id, other.id);
    assert_eq!(
        (restored.node, news.items, other.items),
        (Some(other.id), 1, 1)
    );
    let restored = store.restore(None, records).await.unwrap();
    assert_eq!((restored.node, restored.left_out), (None, 2));
    assert_eq!(node(store, "other").await, other);
}

pub(crate) async fn a_dump_comes_in_parts(store: &Shared) {
    fill(store).await;
    create(store, "later").await;
    let id = node(store, "news").await.id;
    let nodes = store.dump(DumpPosition::Nodes(Some(id)), 1).await.unwrap();
    assert!(
        matches!(&nodes[..], [Record::Node { deleted: true, .. }]),
        "{nodes:?}"
    );
    let first = Some("m@x".to_owned());
    let people = store
        .dump(DumpPosition::Affiliations(id, first), 9)
        .await
        .unwrap();
    assert!(
        matches!(&people[..], [Record::Affiliation { jid, .. }] if *jid == bare("owner@example.org")),
        "{people:?}"
    );
    let after = Cursor {
        jid: "b@x".to_owned(),
        subid: "s1".to_owned(),
    };
    let held = store
        .dump(DumpPosition::Subscriptions(id, Some(after)), 9)
        .await
        .unwrap();
    assert_eq!(held.len(), 1);
    let items = store.dump(DumpPosition::Items(id, 0), 1).await.unwrap();
    let [Record::Item(item)] = &items[..] else {
        panic!("{items:?}");
    };
    let items = store
        .dump(DumpPosition::Items(id, item.head.seq), 9)
        .await
        .unwrap();
    assert_eq!(items.len(), 1);
    let jobs = store
        .dump(DumpPosition::Announcements(id, 0), 1)
        .await
        .unwrap();
    let [Record::Announcement { seq, .. }] = &jobs[..] else {
        panic!("{jobs:?}");
    };
    let jobs = store
        .dump(DumpPosition::Announcements(id, *seq), 9)
        .await
        .unwrap();
    assert_eq!(jobs.len(), 1);
    let nowhere = store
        .dump(DumpPosition::Items(NodeId(99), 0), 9)
        .await
        .unwrap();
    assert!(nowhere.is_empty());
    let none = store
        .dump(DumpPosition::Redirects(Some("gone".to_owned())), 9)
        .await;
    assert!(none.unwrap().is_empty());
}

pub(crate) async fn a_closed_store_closes_again(store: &Shared) {
    create(store, "news").await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let _whatever_it_says: Vec<BareJid> = match store.snapshot(at("news")).await {
        Ok(snapshot) => snapshot.owners,
        Err(_) => Vec::new(),
    };
    let _the_same = store.nodes(Page::default()).await.is_ok();
}
