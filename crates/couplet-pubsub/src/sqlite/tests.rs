use std::path::PathBuf;

use tempfile::TempDir;

use crate::store::suite::{Shared, suite};

async fn open() -> (Shared, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = super::open(&file(&folder)).await.unwrap();
    (store, folder)
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("pubsub.db")
}

suite!(open());
