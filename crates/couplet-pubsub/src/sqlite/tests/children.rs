//! Tests with another process: a sudden end, and missing permissions.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    process::{Child, Command, Stdio},
};

use super::{
    faults::{opening, publishing},
    *,
};
use crate::sqlite;

/// Set in a child process that a test has started.
const CHILD: &str = "COUPLET_STORE_TEST";

/// Runs this test again in a child process; as a user other than root if needed.
fn child(name: &str, folder: &Path, powerless: bool) -> Command {
    let mut program = std::env::current_exe().unwrap();
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if powerless && root {
        let copy = folder.join("program");
        fs::copy(&program, &copy).unwrap();
        program = copy;
    }
    let mut child = Command::new(program);
    child
        .args(["--exact", "--nocapture", name])
        .env(CHILD, folder)
        .stdout(Stdio::piped());
    if powerless && root {
        child.uid(65_534).gid(65_534);
    }
    child
}

fn run_as_a_child_process() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

#[test]
fn what_is_acknowledged_survives_a_kill() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    if let Some(folder) = run_as_a_child_process() {
        runtime.block_on(publish_until_killed(&folder));
    }
    let name = "sqlite::tests::children::what_is_acknowledged_survives_a_kill";
    let folder = TempDir::new().unwrap();
    let mut known = 0;
    for round in 1..=3 {
        let mut process = child(name, folder.path(), false).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let acknowledged = lines.map_while(Result::ok).filter_map(|line| {
            let number = line.strip_prefix("acknowledged ")?;
            number.parse::<u64>().ok()
        });
        let last = acknowledged.take(200 * round).last().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        known = last.max(known);
        let node = runtime.block_on(async {
            let store = sqlite::open(&folder.path().join("pubsub.db"))
                .await
                .unwrap();
            node(&store, "news").await
        });
        assert!(node.items >= known, "{} of {known}", node.items);
        known = node.items;
    }
    assert!(known >= 600);
}

/// Publishes until it is killed; prints the least number of items after each change.
async fn publish_until_killed(folder: &Path) {
    let store = sqlite::open(&folder.join("pubsub.db")).await.unwrap();
    if store.snapshot(at("news")).await.unwrap().node.is_none() {
        create(&store, "news").await;
    }
    let first = node(&store, "news").await.items;
    println!();
    for number in first + 1..first + 1_000_000 {
        let both = [format!("{number} of one"), format!("{number}")];
        let [one, other] = both.map(|id| {
            let store = Arc::clone(&store);
            async move { publishing(&*store, &id).await }
        });
        let (one, other) = tokio::join!(one, other);
        one.unwrap();
        other.unwrap();
        println!("acknowledged {}", first + 2 * (number - first));
    }
}

#[test]
fn missing_write_permission_is_reported_with_advice() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    if let Some(folder) = run_as_a_child_process() {
        for path in ["readonly/pubsub.db", "pubsub.db", "nowhere/pubsub.db"] {
            let explained = runtime.block_on(opening(&folder.join(path)));
            println!("\ntold {explained}");
        }
        return;
    }
    let name = "sqlite::tests::children::missing_write_permission_is_reported_with_advice";
    let folder = TempDir::new().unwrap();
    let mode = |path: &str, mode| {
        let path = folder.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(folder.path().join("readonly")).unwrap();
    mode("readonly", 0o555);
    drop(Sqlite::open(file(&folder)).unwrap());
    mode("pubsub.db", 0o444);
    mode("pubsub.db.lock", 0o666);
    mode("", 0o755);
    let done = child(name, folder.path(), true).output().unwrap();
    let explained = String::from_utf8(done.stdout).unwrap();
    let explained: Vec<&str> = explained
        .lines()
        .filter(|line| line.starts_with("told "))
        .collect();
    assert_eq!(explained.len(), 3, "{explained:?}");
    let advices = [
        "the right to write",
        "may not be written",
        "the directory has to exist",
    ];
    for (explained, advice) in explained.iter().zip(advices) {
        assert!(explained.contains(advice), "{explained}");
    }
    mode("readonly", 0o755);
}

/// Starts a process that has the store of this folder open until it is killed.
fn holder(name: &str, folder: &Path) -> Child {
    let mut process = child(name, folder, false).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let opened = lines.map_while(Result::ok).any(|line| line == "opened");
    assert!(opened, "the other process did not open the store");
    process
}

/// Opens the store and never returns.
async fn hold(folder: &Path) {
    let store = sqlite::open(&folder.join("pubsub.db")).await.unwrap();
    println!("\nopened");
    std::future::pending::<()>().await;
    drop(store);
}

#[test]
fn a_store_that_another_process_has_is_in_use_by_any_name() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    if let Some(folder) = run_as_a_child_process() {
        runtime.block_on(hold(&folder));
    }
    let name = "sqlite::tests::children::a_store_that_another_process_has_is_in_use_by_any_name";
    let folder = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let store = file(&folder);
    let [link, second] = ["link.db", "second.db"].map(|name| elsewhere.path().join(name));
    let mut process = holder(name, folder.path());
    let in_use = |path: &Path| match runtime.block_on(sqlite::open(path)) {
        Err(StoreError::Busy(explained)) => {
            assert!(
                explained.contains("in use by another process"),
                "{explained}"
            )
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("{} was opened twice", path.display()),
    };
    in_use(&store);
    symlink(&store, &link).unwrap();
    in_use(&link);
    if cfg!(target_os = "linux") {
        fs::hard_link(&store, &second).unwrap();
        in_use(&second);
        fs::remove_file(&second).unwrap();
        fs::remove_file(folder.path().join("pubsub.db.lock")).unwrap();
        in_use(&store);
    }
    process.kill().unwrap();
    process.wait().unwrap();
    // The link leads to the same store, whose log is beside the file.
    runtime.block_on(async { drop(sqlite::open(&link).await.unwrap()) });
    let beside = fs::read_dir(elsewhere.path()).unwrap();
    let names = beside.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|name| name.starts_with("link.db-")));
}
