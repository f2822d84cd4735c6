//! A file of version 0.1.0 is migrated.

use rusqlite::Connection;

use super::*;
use crate::store::suite::migrated;

const WRITTEN: &str = include_str!("../../store/suite/fixture/0.1.0.sqlite.sql");

async fn opened() -> (Suite, TempDir) {
    let folder = TempDir::new().unwrap();
    let connection = Connection::open(file(&folder)).unwrap();
    connection.execute_batch(WRITTEN).unwrap();
    drop(connection);
    let store = super::super::open(&file(&folder)).await.unwrap();
    (store, folder)
}

#[tokio::test]
async fn a_store_of_0_1_0_is_what_it_was() {
    let (store, _folder) = opened().await;
    migrated::holds_everything(&store).await;
}

#[tokio::test]
async fn a_store_of_0_1_0_accepts_changes() {
    let (store, folder) = opened().await;
    migrated::goes_on(&store).await;
    store.close().await.unwrap();
    let version: i64 = Connection::open(file(&folder))
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 3);
    let store = super::super::open(&file(&folder)).await.unwrap();
    assert_eq!(node(&store, "news").await.items, 1);
}

#[tokio::test]
async fn what_was_purged_is_gone_from_the_file_too() {
    let (store, folder) = opened().await;
    let many = (0..1_700).map(|number| publish(&number.to_string()));
    run(&store, "news", many.collect()).await;
    run(&store, "news", vec![crate::change::Change::Purge]).await;
    let delete = crate::change::Change::Delete { redirect: None };
    run(&store, "closed", vec![delete]).await;
    // `close` does not wait for it, the next start continues.
    store.close().await.unwrap();
    let left = || {
        let connection = Connection::open(file(&folder)).unwrap();
        let sql = "SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM trash)";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0))
    };
    for _ in 0..50 {
        let store = super::super::open(&file(&folder)).await.unwrap();
        run(&store, "news", vec![announce_to_subscribers()]).await;
        store.close().await.unwrap();
        if left().unwrap() == 0 {
            return;
        }
    }
    panic!("{:?} are left", left());
}
