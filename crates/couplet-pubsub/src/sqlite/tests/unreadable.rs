//! Rows that a disk, an import or a manual change has damaged: none affects another.

use super::*;
use crate::{
    page::Page,
    request::Wanted,
    snapshot::Query,
    store::{
        record::DumpPosition,
        suite::{after, page, subscribe},
    },
};

async fn filled() -> (Arc<Sqlite>, Suite, TempDir) {
    let folder = TempDir::new().unwrap();
    let sqlite = Arc::new(Sqlite::open(file(&folder)).unwrap());
    let store: Suite = Arc::clone(&sqlite) as Suite;
    create(&store, "news").await;
    let items = ["1", "2", "3"].map(publish).to_vec();
    run(&store, "news", items).await;
    (sqlite, store, folder)
}

async fn damage(sqlite: &Sqlite, sql: &'static str) {
    sqlite
        .write(|answer| Op::Run { sql, answer })
        .await
        .unwrap();
}

async fn ids(store: &Suite, wanted: Wanted) -> Vec<String> {
    let id = node(store, "news").await.id;
    let found = store.items(id, wanted).await.unwrap();
    found.entries.into_iter().map(|item| item.head.id).collect()
}

fn all() -> Wanted {
    Wanted::Page(Page::default())
}

async fn set_aside(folder: &TempDir) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(file(folder)).unwrap();
    let sql = "SELECT what, coalesce(node, '') FROM set_aside ORDER BY id";
    let mut found = connection.prepare(sql).unwrap();
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    found.unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn an_item_that_is_not_well_formed_is_left_out_and_set_aside() {
    for sql in [
        "UPDATE item SET payload = replace(payload, '</entry>', '</dntry>') WHERE id = '2'",
        "UPDATE item SET payload = '</item></items></event></message><message/>' WHERE id = '2'",
        "UPDATE item SET payload = CAST(x'3c612f3e00' AS TEXT) WHERE id = '2'",
        "UPDATE item SET payload = CAST(x'3c613eff3c2f613e' AS TEXT) WHERE id = '2'",
        "UPDATE item SET id = CAST(x'32ff' AS TEXT) WHERE id = '2'",
        "UPDATE item SET publisher = '@' WHERE id = '2'",
    ] {
        let (sqlite, store, folder) = filled().await;
        damage(&sqlite, sql).await;
        assert_eq!(ids(&store, all()).await, ["1", "3"], "{sql}");
        // Later reads do not find the row that was set aside.
        run(&store, "news", vec![publish("4")]).await;
        assert_eq!(node(&store, "news").await.items, 3, "{sql}");
        assert_eq!(ids(&store, all()).await, ["1", "3", "4"]);
        let expected = ("item".to_owned(), "news".to_owned());
        assert_eq!(set_aside(&folder).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn a_page_is_as_long_as_without_the_damage() {
    let (sqlite, store, _folder) = filled().await;
    damage(&sqlite, "UPDATE item SET payload = '<' WHERE id = '2'").await;
    let two = || Wanted::Page(page(2, after("1")));
    assert_eq!(ids(&store, two()).await, ["3"]);
    assert_eq!(ids(&store, Wanted::Newest(2)).await, ["1", "3"]);
    let chosen = ["2", "3"].map(str::to_owned).to_vec();
    assert_eq!(ids(&store, Wanted::Ids(chosen)).await, ["3"]);
}

#[tokio::test]
async fn a_decision_does_not_see_an_item_that_is_damaged() {
    let (sqlite, store, folder) = filled().await;
    damage(&sqlite, "UPDATE item SET payload = '<a>' WHERE id = '3'").await;
    let query = || Query {
        newest: 1,
        ..at("news")
    };
    let snapshot = store.snapshot(query()).await.unwrap();
    assert_eq!(snapshot.newest[0].head.id, "2");
    store
        .change(query(), Box::new(|_| Vec::new()))
        .await
        .unwrap();
    run(&store, "news", vec![publish("4")]).await;
    assert_eq!(set_aside(&folder).await.len(), 1);
}

#[tokio::test]
async fn an_announcement_that_is_not_well_formed_is_never_handed_out() {
    let (sqlite, store, folder) = filled().await;
    let tell = || vec![announce_to_subscribers()];
    run(&store, "news", tell()).await;
    run(&store, "news", tell()).await;
    create(&store, "other").await;
    run(&store, "other", tell()).await;
    let sql = "UPDATE announcement SET content = '</message><message>'
               WHERE id = (SELECT min(id) FROM announcement)";
    damage(&sqlite, sql).await;
    let jobs = claim(&store, "a", 0).await;
    assert_eq!(jobs.len(), 2, "the others go on");
    let set_aside = set_aside(&folder).await;
    assert_eq!(set_aside, [("announcement".to_owned(), "news".to_owned())]);
    for job in jobs {
        store.finish(job.id, "a").await.unwrap();
    }
    assert_eq!(store.statistics().await.unwrap().announcements, 0);
    drop((store, sqlite));
    let store = super::super::open(&file(&folder)).await.unwrap();
    assert!(claim(&store, "a", 0).await.is_empty());
}

#[tokio::test]
async fn a_recipient_that_is_no_address_is_left_out() {
    let (sqlite, store, _folder) = filled().await;
    let changes = vec![
        subscribe("a@x", "s1"),
        subscribe("b@x", "s2"),
        subscribe("c@x", "s3"),
        announce_to_subscribers(),
    ];
    run(&store, "news", changes).await;
    damage(
        &sqlite,
        "UPDATE subscription SET jid = 'b@@x' WHERE jid = 'b@x'",
    )
    .await;
    let job = claim(&store, "a", 0).await.remove(0);
    let found = store.recipients(&job, None, 2).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|one| one.jid).collect();
    assert_eq!(found, ["a@x", "c@x"]);
    let id = node(&store, "news").await.id;
    let listed = store.subscribers(id, Page::default()).await.unwrap();
    assert_eq!(listed.entries.len(), 2);
}

#[tokio::test]
async fn an_unreadable_node_does_not_affect_lists() {
    let (sqlite, store, _folder) = filled().await;
    create(&store, "other").await;
    damage(&sqlite, "UPDATE node SET config = '{' WHERE name = 'news'").await;
    let found = store.nodes(Page::default()).await.unwrap();
    let found: Vec<_> = found.entries.into_iter().map(|node| node.name).collect();
    assert_eq!(found, ["other"]);
    run(&store, "other", vec![publish("1")]).await;
}

#[tokio::test]
async fn an_export_leaves_out_what_cannot_be_read_and_nothing_behind_it() {
    let (sqlite, store, _folder) = filled().await;
    damage(&sqlite, "UPDATE item SET payload = '<' WHERE id <> '3'").await;
    let id = node(&store, "news").await.id;
    let found = store.dump(DumpPosition::Items(id, 0), 1).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}
