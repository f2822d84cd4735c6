//! The files of a store: permissions, owners, and names that lead to them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
};

use super::{faults::opening, *};
use crate::sqlite;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_its_user_may_read_a_new_store_and_what_stands_beside_it() {
    let (store, folder) = open().await;
    create(&store, "news").await;
    let entries = fs::read_dir(folder.path()).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(paths.len(), 4, "{paths:?}");
    for path in paths {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn a_world_readable_store_loses_that_permission_and_keeps_its_group() {
    let (store, folder) = open().await;
    store.close().await.unwrap();
    fs::set_permissions(file(&folder), fs::Permissions::from_mode(0o664)).unwrap();
    let store = sqlite::open(&file(&folder)).await.unwrap();
    create(&store, "news").await;
    for name in ["pubsub.db", "pubsub.db-wal"] {
        assert_eq!(mode(&folder.path().join(name)), 0o660, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_keeps_its_mode() {
    let folder = TempDir::new().unwrap();
    fs::write(file(&folder), "none of ours ".repeat(400)).unwrap();
    fs::set_permissions(file(&folder), fs::Permissions::from_mode(0o644)).unwrap();
    opening(&file(&folder)).await;
    assert_eq!(mode(&file(&folder)), 0o644);
}

/// As root, files belong to the owner of the folder; otherwise to this user.
#[tokio::test]
async fn what_root_creates_belongs_to_the_owner_of_the_folder() {
    let folder = TempDir::new().unwrap();
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if is_root {
        chown(folder.path(), Some(65_534), Some(65_534)).unwrap();
    }
    let owner = fs::metadata(folder.path()).unwrap();
    let store = sqlite::open(&file(&folder)).await.unwrap();
    create(&store, "news").await;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let made = fs::metadata(&path).unwrap();
        let [made, owner] = [&made, &owner].map(|it| (it.uid(), it.gid()));
        assert_eq!(made, owner, "{}", path.display());
    }
}

#[tokio::test]
async fn the_file_of_the_lock_is_never_written_through_another_name() {
    let folder = TempDir::new().unwrap();
    let [victim, lock] = ["victim", "pubsub.db.lock"].map(|name| folder.path().join(name));
    fs::write(&victim, "theirs").unwrap();
    symlink("victim", &lock).unwrap();
    let explained = opening(&file(&folder)).await;
    assert!(
        explained.contains("pubsub.db.lock: is not a regular file"),
        "{explained}"
    );
    fs::remove_file(&lock).unwrap();
    fs::hard_link(&victim, &lock).unwrap();
    let explained = opening(&file(&folder)).await;
    assert!(
        explained.contains("pubsub.db.lock: has a second name"),
        "{explained}"
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "theirs");
    fs::remove_file(&lock).unwrap();
    sqlite::open(&file(&folder)).await.unwrap();
}

#[tokio::test]
async fn a_store_with_two_names_is_refused_by_both() {
    let (store, folder) = open().await;
    store.close().await.unwrap();
    let second = folder.path().join("second.db");
    fs::hard_link(file(&folder), &second).unwrap();
    for path in [&file(&folder), &second] {
        let explained = opening(path).await;
        assert!(explained.contains("remove one of the names"), "{explained}");
    }
    fs::remove_file(&second).unwrap();
    sqlite::open(&file(&folder)).await.unwrap();
}

#[tokio::test]
async fn a_link_to_a_store_that_is_not_there_yet_creates_it_where_the_link_leads() {
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let real = elsewhere.path().join("real.db");
    symlink(&real, file(&folder)).unwrap();
    let store = sqlite::open(&file(&folder)).await.unwrap();
    create(&store, "news").await;
    assert_eq!(mode(&real), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_name_that_is_no_file_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(file(&folder)).unwrap();
    let explained = opening(&file(&folder)).await;
    assert!(explained.contains("is not a regular file"), "{explained}");
}
