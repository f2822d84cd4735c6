//! Purges and deletions of large nodes: one row changes, the others are removed in batches.

use tokio_postgres::Client;

use crate::{
    change::Change,
    page::Page,
    postgres::{Postgres, sweep},
    request::Wanted,
    store::suite::{announce_to_subscribers, create, node, publish, run, subscribe},
};

use super::{Shared, new_id, store};

/// Returns a store that removes no rows by itself, and a connection to its tables.
async fn idle() -> (Shared, Postgres) {
    let url = new_id().await;
    let [store, other] = [
        Postgres::open(&url, None).await.unwrap(),
        Postgres::open(&url, None).await.unwrap(),
    ];
    for one in [&store, &other] {
        let mut tasks = std::mem::take(&mut *one.tasks.lock().unwrap());
        tasks.shutdown().await;
    }
    (std::sync::Arc::new(store), other)
}

async fn rows(client: &Client, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    client.query_one(&sql, &[]).await.unwrap().get(0)
}

async fn ids(store: &Shared, name: &str) -> Vec<String> {
    let id = node(store, name).await.id;
    let all = Wanted::Page(Page::default());
    let found = store.items(id, all).await.unwrap();
    assert_eq!(found.count, found.entries.len() as u64);
    found.entries.into_iter().map(|item| item.head.id).collect()
}

/// A node with 1,200 items that are purged and not yet removed.
async fn given_up(store: &Shared, other: &Postgres) {
    create(store, "news").await;
    let id = node(store, "news").await.id.0;
    let client = other.pool.get().await.unwrap();
    let sql = format!(
        "INSERT INTO item SELECT {id}, seq, seq, 'a@x', 0, 0, '<a xmlns=\"x\"/>'
         FROM generate_series(1, 1200) AS seq;
         UPDATE node SET next_seq = 1201, floor = 1201 WHERE id = {id};
         INSERT INTO trash (node, floor) VALUES ({id}, 1201)"
    );
    client.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn other_changes_of_the_node_are_committed_between_two_parts() {
    let (store, other) = idle().await;
    given_up(&store, &other).await;
    let client = other.pool.get().await.unwrap();
    let mut left = Vec::new();
    let mut published = 0_usize;
    while sweep::some(&other.pool, 500).await.unwrap() {
        left.push(rows(&client, "item").await);
        published += 1;
        run(&store, "news", vec![publish(&format!("new{published}"))]).await;
        assert_eq!(ids(&store, "news").await.len(), published);
    }
    assert_eq!(left[..3], [700, 201, 2]);
    assert_eq!(rows(&client, "trash").await, 0);
    assert_eq!(rows(&client, "item").await, published as i64);
}

#[tokio::test]
async fn items_that_are_purged_are_not_there_and_their_ids_are_free() {
    let (store, other) = idle().await;
    given_up(&store, &other).await;
    assert!(ids(&store, "news").await.is_empty());
    let found = store
        .expired(crate::timestamp::Timestamp(9), 9)
        .await
        .unwrap();
    assert!(found.items.is_empty(), "{found:?}");
    run(&store, "news", vec![publish("7"), publish("8")]).await;
    run(&store, "news", vec![publish("7")]).await;
    assert_eq!(ids(&store, "news").await, ["8", "7"]);
    assert_eq!(node(&store, "news").await.items, 2);
    while sweep::some(&other.pool, 500).await.unwrap() {}
    assert_eq!(ids(&store, "news").await, ["8", "7"]);
}

#[tokio::test]
async fn what_is_purged_and_deleted_is_removed_in_the_end() {
    let url = new_id().await;
    let store = store(&url).await;
    let other = Postgres::open(&url, None).await.unwrap();
    for name in ["purged", "deleted"] {
        create(&store, name).await;
        let mut changes = ["1", "2", "3"].map(publish).to_vec();
        changes.push(subscribe("a@x", "s"));
        run(&store, name, changes).await;
    }
    run(&store, "purged", vec![Change::Purge, publish("1")]).await;
    let delete = Change::Delete { redirect: None };
    run(&store, "deleted", vec![delete, announce_to_subscribers()]).await;
    let client = other.pool.get().await.unwrap();
    while rows(&client, "trash").await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ids(&store, "purged").await, ["1"]);
    let left = (
        rows(&client, "item").await,
        rows(&client, "subscription").await,
    );
    assert_eq!(
        left,
        (1, 2),
        "subscribers of the deleted node are still to be notified"
    );
    let job = crate::store::suite::claim(&store, "a", 0).await.remove(0);
    assert_eq!(store.recipients(&job, None, 9).await.unwrap().len(), 1);
    store.finish(job.id, "a").await.unwrap();
    while rows(&client, "subscription").await > 1 {
        tokio::task::yield_now().await;
    }
}
