use std::path::PathBuf;

use super::*;
use crate::store::suite;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.db");
    (folder, path)
}

fn key(conversation: &str) -> StateKey {
    StateKey {
        bot: "remind@bot.test".to_owned(),
        conversation: conversation.to_owned(),
        name: "pending",
    }
}

#[tokio::test]
async fn the_store_in_a_file_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    suite::run(async || {
        count.set(count.get() + 1);
        SqliteStore::open(&folder.path().join(count.get().to_string())).unwrap()
    })
    .await;
}

#[tokio::test]
async fn what_a_caller_was_told_is_there_after_the_process_has_gone() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store
        .set_state(key("alice"), Some("1".to_owned()))
        .await
        .unwrap();
    store.close().await.unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(
        store.state(key("alice")).await.unwrap().as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_has_closed_the_store() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let second = SqliteStore::open(&path);
    assert!(matches!(second, Err(StoreError::Busy(_))), "{second:?}");
    store.close().await.unwrap();
    assert!(store.state(key("alice")).await.is_err());
    SqliteStore::open(&path).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_store_in_use_is_refused_as_the_store_itself() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let second = SqliteStore::open(&link);
    assert!(matches!(second, Err(StoreError::Busy(_))), "{second:?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn many_changes_at_once_are_all_there() {
    let (_folder, path) = folder();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..500 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            store
                .set_state(key(&n.to_string()), Some("1".to_owned()))
                .await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    let all = store.states("remind@bot.test", "pending").await.unwrap();
    assert_eq!(all.len(), 500);
}

#[test]
fn a_file_of_another_program_is_left_alone() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(other);
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(refused.to_string().contains("another program"), "{refused}");
    std::fs::write(&path, "not a database, by far: only some text in a file").unwrap();
    assert!(matches!(
        SqliteStore::open(&path),
        Err(StoreError::Broken(_))
    ));
}
