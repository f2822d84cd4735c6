//! Rows that an import or a manual change has damaged: none affects another.

use crate::{
    page::Page,
    request::Wanted,
    store::{
        record::DumpPosition,
        suite::{announce_to_subscribers, claim, create, node, publish, run, subscribe},
    },
};

use super::{Shared, new_id, store};

/// Returns a store with three items, and a second one that damages it.
async fn filled(sql: &str) -> (Shared, super::super::Postgres) {
    let url = new_id().await;
    let store = store(&url).await;
    create(&store, "news").await;
    let mut changes = ["1", "2", "3"].map(publish).to_vec();
    changes.extend(["a@x", "b@x", "c@x"].map(|jid| subscribe(jid, "s")));
    changes.extend([announce_to_subscribers(), announce_to_subscribers()]);
    run(&store, "news", changes).await;
    let other = super::super::Postgres::open(&url, None).await.unwrap();
    let client = other.pool.get().await.unwrap();
    client.batch_execute(sql).await.unwrap();
    drop(client);
    (store, other)
}

async fn set_aside(other: &super::super::Postgres) -> Vec<(String, String)> {
    let client = other.pool.get().await.unwrap();
    let sql = "SELECT what, node FROM set_aside ORDER BY id";
    let found = client.query(sql, &[]).await.unwrap();
    found.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn ids(store: &Shared) -> Vec<String> {
    let id = node(store, "news").await.id;
    let all = Wanted::Page(Page::default());
    let found = store.items(id, all).await.unwrap();
    found.entries.into_iter().map(|item| item.head.id).collect()
}

#[tokio::test]
async fn an_item_that_is_not_well_formed_is_left_out_and_set_aside() {
    for sql in [
        "UPDATE item SET payload = '</item></items></event></message><message/>' WHERE id = '2'",
        "UPDATE item SET publisher = '@' WHERE id = '2'",
    ] {
        let (store, other) = filled(sql).await;
        assert_eq!(ids(&store).await, ["1", "3"], "{sql}");
        assert_eq!(node(&store, "news").await.items, 2, "{sql}");
        let expected = ("item".to_owned(), "news".to_owned());
        assert_eq!(set_aside(&other).await, [expected], "{sql}");
        run(&store, "news", vec![publish("2")]).await;
        assert_eq!(ids(&store).await, ["1", "3", "2"]);
    }
}

#[tokio::test]
async fn an_announcement_that_is_not_well_formed_is_never_handed_out() {
    let sql = "UPDATE announcement SET content = '</message><message>'
               WHERE id = (SELECT min(id) FROM announcement)";
    let (store, other) = filled(sql).await;
    let jobs = claim(&store, "a", 0).await;
    assert_eq!(jobs.len(), 1);
    let expected = ("announcement".to_owned(), "news".to_owned());
    assert_eq!(set_aside(&other).await, [expected]);
    store.finish(jobs[0].id, "a").await.unwrap();
    assert_eq!(store.statistics().await.unwrap().announcements, 0);
}

#[tokio::test]
async fn a_recipient_that_is_no_address_is_left_out_and_those_behind_it_are_not() {
    let sql = "UPDATE subscription SET jid = 'a@@x' WHERE jid = 'a@x'";
    let (store, _other) = filled(sql).await;
    let job = claim(&store, "a", 0).await.remove(0);
    let found = store.recipients(&job, None, 1).await.unwrap();
    assert_eq!(found[0].jid, "b@x");
    let found = store.recipients(&job, None, 2).await.unwrap();
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn an_export_leaves_out_what_cannot_be_read_and_nothing_behind_it() {
    let (store, _other) = filled("UPDATE item SET payload = '<' WHERE id <> '3'").await;
    let id = node(&store, "news").await.id;
    let found = store.dump(DumpPosition::Items(id, 0), 1).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}
