use std::path::{Path, PathBuf};

use proptest::{prelude::ProptestConfig, proptest};
use tempfile::TempDir;
use tokio::runtime;

use super::*;
use crate::{
    memory,
    store::suite::{
        Shared as Suite, announce_to_subscribers, at, claim, create, model, node, publish, run,
        suite,
    },
};

mod children;
mod faults;
#[cfg(unix)]
mod files;
mod migration;

mod unreadable;

async fn open() -> (Suite, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = super::open(&file(&folder)).await.unwrap();
    (store, folder)
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("pubsub.db")
}

suite!(open());

/// Returns a folder on a fast file system if there is one.
fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.exists() {
        true => TempDir::new_in(memory),
        false => TempDir::new(),
    };
    made.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_file_looks_like_memory(steps in model::steps()) {
        let folder = fast_folder();
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = super::open(&file(&folder)).await.unwrap();
            model::agree(&memory::store(), &store, steps).await;
        });
    }

    #[test]
    fn a_file_that_is_opened_again_looks_the_same(steps in model::steps()) {
        let folder = fast_folder();
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (memory, path) = (memory::store(), file(&folder));
            let store = super::open(&path).await.unwrap();
            model::agree(&memory, &store, steps).await;
            drop(store);
            let store = super::open(&path).await.unwrap();
            model::look_the_same(&memory, &store).await;
        });
    }
}
