//! Faults of the disk, the file and the process.

use std::fs;

use futures_util::future::join_all;
use rusqlite::Connection;

use super::*;
use crate::{page::Page, snapshot::Snapshot, sqlite, store::suite::subscribe};

#[track_caller]
fn broken<T>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Broken(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it went well"),
    }
}

pub(super) async fn opening(path: &Path) -> String {
    broken(sqlite::open(path).await)
}

pub(super) async fn publishing(store: &dyn Store, id: &str) -> Result<(), StoreError> {
    let changes = vec![publish(id)];
    store.change(at("news"), Box::new(|_| changes)).await
}

#[tokio::test]
async fn what_was_answered_is_there_after_opening_again() {
    let (store, folder) = open().await;
    create(&store, "news").await;
    let changes = vec![
        publish("1"),
        subscribe("a@x", "s1"),
        announce_to_subscribers(),
    ];
    run(&store, "news", changes).await;
    let before = node(&store, "news").await;
    store.close().await.unwrap();
    let store = sqlite::open(&file(&folder)).await.unwrap();
    assert_eq!(node(&store, "news").await, before);
    let jobs = claim(&store, "b", 0).await;
    assert_eq!(jobs.len(), 1);
    store.finish(jobs[0].id, "b").await.unwrap();
    drop(store);
    let store = sqlite::open(&file(&folder)).await.unwrap();
    assert!(claim(&store, "c", 0).await.is_empty());
    let key = create(&store, "later").await.id;
    assert_eq!(key.0, before.id.0 + 1);
}

#[tokio::test]
async fn a_key_is_not_used_again_after_opening_again() {
    let (store, folder) = open().await;
    let first = create(&store, "news").await.id;
    let delete = crate::change::Change::Delete { redirect: None };
    run(&store, "news", vec![delete]).await;
    drop(store);
    let store = sqlite::open(&file(&folder)).await.unwrap();
    assert_ne!(create(&store, "news").await.id, first);
}

#[tokio::test]
async fn a_closed_store_returns_an_error() {
    let (store, _folder) = open().await;
    create(&store, "news").await;
    store.close().await.unwrap();
    assert_eq!(
        broken(publishing(&*store, "1").await),
        "the store is closed"
    );
    assert_eq!(
        broken(store.nodes(Page::default()).await),
        "the store is closed"
    );
}

#[tokio::test]
async fn a_second_process_gets_the_id_of_the_one_that_has_the_file() {
    let (store, folder) = open().await;
    let Err(StoreError::Busy(explained)) = sqlite::open(&file(&folder)).await else {
        panic!("two processes have it");
    };
    let me = format!(
        "in use by another process (its id is {})",
        std::process::id()
    );
    assert!(
        explained.contains("pubsub.db: ") && explained.contains(&me),
        "{explained}"
    );
    drop(store);
    sqlite::open(&file(&folder)).await.unwrap();
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let (store, folder) = open().await;
    store.close().await.unwrap();
    let connection = Connection::open(file(&folder)).unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    drop(connection);
    let explained = opening(&file(&folder)).await;
    assert!(
        explained.contains("written by a newer version of this program"),
        "{explained}"
    );
    assert!(
        explained.contains("tables 4, this one knows up to 3"),
        "{explained}"
    );
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let connection = Connection::open(file(&folder)).unwrap();
    connection.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(connection);
    let explained = opening(&file(&folder)).await;
    assert!(explained.contains("of another program"), "{explained}");
    let connection = Connection::open(file(&folder)).unwrap();
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_file_that_is_not_of_sqlite_is_reported_with_advice() {
    let folder = TempDir::new().unwrap();
    fs::write(
        file(&folder),
        "not a database, but long enough to be one ".repeat(99),
    )
    .unwrap();
    let explained = opening(&file(&folder)).await;
    assert!(
        explained.contains("pubsub.db: damaged, or no SQLite database"),
        "{explained}"
    );
    assert!(
        explained.contains("put a backup in its place"),
        "{explained}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_reported_at_the_start() {
    let (store, folder) = open().await;
    create(&store, "news").await;
    run(
        &store,
        "news",
        (0..500).map(|id| publish(&id.to_string())).collect(),
    )
    .await;
    store.close().await.unwrap();
    let mut bytes = fs::read(file(&folder)).unwrap();
    let half = bytes.len() / 2;
    bytes[half..half + 8_192].fill(0x55);
    fs::write(file(&folder), bytes).unwrap();
    let explained = opening(&file(&folder)).await;
    assert!(
        explained.contains("damaged") && explained.contains(".recover"),
        "{explained}"
    );
}

#[tokio::test]
async fn damage_while_it_runs_is_an_answer_and_no_end() {
    let (store, folder) = open().await;
    create(&store, "news").await;
    run(
        &store,
        "news",
        (0..900).map(|id| publish(&id.to_string())).collect(),
    )
    .await;
    drop(store);
    let sound = fs::read(file(&folder)).unwrap();
    let sqlite = Arc::new(Sqlite::open(file(&folder)).unwrap());
    let store: Suite = Arc::clone(&sqlite) as Suite;
    let mut bytes = sound.clone();
    bytes[4_096..].fill(0x55);
    fs::write(file(&folder), bytes).unwrap();
    // Without this, it continues with its cache.
    let sql = "PRAGMA shrink_memory";
    sqlite
        .write(|answer| Op::Run { sql, answer })
        .await
        .unwrap();
    broken(publishing(&*store, "1").await);
    broken(store.nodes(Page::default()).await);
    // The file is repaired, without a restart.
    fs::write(file(&folder), sound).unwrap();
    publishing(&*store, "new").await.unwrap();
    assert_eq!(node(&store, "news").await.items, 901);
}

#[tokio::test]
async fn a_full_disk_is_busy_until_there_is_room() {
    let folder = TempDir::new().unwrap();
    let sqlite = Arc::new(Sqlite::open(file(&folder)).unwrap());
    let store: Suite = Arc::clone(&sqlite) as Suite;
    let limit = |sql| sqlite.write(move |answer| Op::Run { sql, answer });
    create(&store, "news").await;
    run(&store, "news", vec![announce_to_subscribers()]).await;
    let job = claim(&store, "a", 0).await.remove(0);
    limit("PRAGMA max_page_count = 1").await.unwrap();
    let ids: Vec<String> = (0..2_000).map(|id| format!("{id:0>500}")).collect();
    let all = join_all(ids.iter().map(|id| publishing(&*store, id))).await;
    let kept = all.iter().filter(|one| one.is_ok()).count();
    let busy = |one: &&Result<(), StoreError>| matches!(one, Err(StoreError::Busy(_)));
    let error = all.iter().filter(busy).count();
    assert_eq!(kept + error, 2_000);
    assert!(error > 0);
    assert_eq!(node(&store, "news").await.items, kept as u64);
    // What was delivered meanwhile is not delivered again.
    store.finish(job.id, "a").await.unwrap();
    assert!(claim(&store, "b", 900).await.is_empty());
    limit("PRAGMA max_page_count = 1000000").await.unwrap();
    publishing(&*store, "room").await.unwrap();
    assert_eq!(node(&store, "news").await.items, kept as u64 + 1);
    drop((store, sqlite));
    let store = sqlite::open(&file(&folder)).await.unwrap();
    assert_eq!(node(&store, "news").await.items, kept as u64 + 1);
    assert!(claim(&store, "c", 0).await.is_empty());
}

#[tokio::test]
async fn a_commit_that_fails_is_reported_to_every_caller_and_rolled_back() {
    let folder = TempDir::new().unwrap();
    let sqlite = Arc::new(Sqlite::open(file(&folder)).unwrap());
    let store: Suite = Arc::clone(&sqlite) as Suite;
    create(&store, "news").await;
    // The commit checks the constraint.
    let sabotage = "CREATE TABLE wanted (id INTEGER PRIMARY KEY) STRICT;
        CREATE TABLE wanting (id REFERENCES wanted DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER sabotage AFTER INSERT ON item BEGIN INSERT INTO wanting VALUES (7); END";
    let sql = |sql| sqlite.write(move |answer| Op::Run { sql, answer });
    sql(sabotage).await.unwrap();
    let before = node(&store, "news").await;
    let all = join_all(["1", "2", "3"].map(|id| publishing(&*store, id))).await;
    assert!(all.iter().all(Result::is_err), "{all:?}");
    assert_eq!(node(&store, "news").await, before);
    sql("DROP TRIGGER sabotage").await.unwrap();
    publishing(&*store, "4").await.unwrap();
    let after = node(&store, "news").await;
    assert_eq!((after.items, after.next_seq), (1, before.next_seq + 1));
}

#[tokio::test]
async fn a_full_write_queue_returns_contended() {
    let (store, _folder) = open().await;
    create(&store, "news").await;
    let (go, gone) = std::sync::mpsc::sync_channel::<()>(1);
    let (begin, begun) = oneshot::channel();
    let blocking = Box::new(move |_: &Snapshot| {
        begin.send(()).unwrap();
        let _either = gone.recv();
        Vec::new()
    });
    let blocked = store.change(at("news"), blocking);
    let others = async {
        begun.await.unwrap();
        let waiting = (0..5_000).map(|id| {
            let store = Arc::clone(&store);
            async move { publishing(&*store, &id.to_string()).await }
        });
        let release = async { go.send(()).unwrap() };
        tokio::join!(join_all(waiting), release).0
    };
    let (blocked, all) = tokio::join!(blocked, others);
    blocked.unwrap();
    let busy = |one: &&Result<(), StoreError>| matches!(one, Err(StoreError::Contended(_)));
    let error = all.iter().filter(busy).count();
    assert!(error > 0);
    assert_eq!(node(&store, "news").await.items, (5_000 - error) as u64);
}

#[tokio::test]
async fn a_backup_is_a_store_of_one_moment() {
    let (store, folder) = open().await;
    create(&store, "news").await;
    run(
        &store,
        "news",
        vec![publish("1"), announce_to_subscribers()],
    )
    .await;
    let copy = folder.path().join("copy.db");
    let (from, to) = (file(&folder), copy.clone());
    spawn_blocking(move || backup::backup(&from, &to))
        .await
        .unwrap()
        .unwrap();
    publishing(&*store, "2").await.unwrap();
    let copied = sqlite::open(&copy).await.unwrap();
    assert_eq!(node(&copied, "news").await.items, 1);
    assert_eq!(claim(&copied, "a", 0).await.len(), 1);
    let onto_itself = broken(backup::backup(&file(&folder), &file(&folder)));
    assert!(
        onto_itself.contains("there is a file already"),
        "{onto_itself}"
    );
    let nothing = broken(backup::backup(&folder.path().join("no.db"), &copy));
    assert!(
        nothing.contains("no.db: there is no such file"),
        "{nothing}"
    );
}
