//! The subcommands of the program, run on the command line.

#![cfg(unix)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use couplet::{Component, Config};
use couplet_pubsub::{
    Pubsub,
    settings::{Settings, StoreLocation},
};
use couplet_test::Server;
use tempfile::TempDir;

const NS: &str = "http://jabber.org/protocol/pubsub";

/// Returns a folder with a store of two nodes with 30 items each.
async fn filled() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store = StoreLocation::Sqlite(folder.path().join("pubsub.db"));
    let pubsub = Pubsub::open(settings).await.unwrap();
    let server = Server::start(|config: Config| Component::new(config).extend(&pubsub)).await;
    let mut alice = server.user("alice@example.org/phone");
    for node in ["news", "weather"] {
        let items: String = (0..30)
            .map(|number| format!("<item id='{number}'><rain xmlns='urn:x'/></item>"))
            .collect();
        let publish =
            format!("<pubsub xmlns='{NS}'><publish node='{node}'>{items}</publish></pubsub>");
        let answer = alice.ask("set", "echo.test", &publish).await;
        assert_eq!(answer.type_(), "result", "{answer}");
    }
    drop(server);
    pubsub.close().await.unwrap();
    folder
}

fn pubsub(folder: &Path, store: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pubsub"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("COUPLET_PUBSUB_STORE", store)
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, store: &str, arguments: &[&str]) -> Output {
    pubsub(folder, store, arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the lines of an export of a whole store.
fn exported(folder: &Path, store: &str) -> String {
    let output = run(folder, store, &["export"]);
    assert!(output.status.success(), "{}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_is_exported_or_backed_up_is_the_same_in_another_store() {
    let folder = filled().await;
    let folder = folder.path();
    let lines = exported(folder, "sqlite:pubsub.db");
    assert_eq!(lines.matches("\"item\":").count(), 60, "{lines}");

    let output = run(folder, "sqlite:pubsub.db", &["export", "all.jsonl"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(fs::read_to_string(folder.join("all.jsonl")).unwrap(), lines);
    let output = run(folder, "sqlite:other.db", &["import", "all.jsonl"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(exported(folder, "sqlite:other.db"), lines);

    let output = run(folder, "sqlite:pubsub.db", &["backup", "copy.db"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(exported(folder, "sqlite:copy.db"), lines);
}

#[tokio::test]
async fn a_backup_may_be_repeated_and_what_is_written_is_for_its_user_alone() {
    let folder = filled().await;
    let folder = folder.path();
    let lines = exported(folder, "sqlite:pubsub.db");
    for _night in 0..2 {
        let output = run(folder, "sqlite:pubsub.db", &["backup", "copy.db"]);
        assert!(output.status.success(), "{}", told(&output));
    }
    let output = run(folder, "sqlite:pubsub.db", &["export", "all.jsonl"]);
    assert!(output.status.success(), "{}", told(&output));
    for name in ["copy.db", "all.jsonl"] {
        let mode = fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(exported(folder, "sqlite:copy.db"), lines);
}

#[tokio::test]
async fn what_is_there_is_neither_written_over_nor_mixed() {
    let folder = filled().await;
    let folder = folder.path();
    fs::write(folder.join("taken"), "mine").unwrap();
    for arguments in [["export", "taken"], ["backup", "taken"]] {
        let output = run(folder, "sqlite:pubsub.db", &arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(told(&output).contains("taken: there is a file already"));
        assert_eq!(fs::read_to_string(folder.join("taken")).unwrap(), "mine");
    }
    let output = run(folder, "sqlite:pubsub.db", &["export", "all.jsonl"]);
    assert!(output.status.success(), "{}", told(&output));
    let output = run(folder, "sqlite:pubsub.db", &["import", "all.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told(&output).contains("--into-existing"),
        "{}",
        told(&output)
    );
    let arguments = ["import", "--into-existing", "all.jsonl"];
    let output = run(folder, "sqlite:pubsub.db", &arguments);
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("skipped"), "{}", told(&output));
}

#[test]
fn a_store_that_is_not_there_is_not_exported_as_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "sqlite:typo.db", &["export", "all.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("typo.db"), "{}", told(&output));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let output = run(folder.path(), "memory", &["backup", "copy.db"]);
    assert!(told(&output).contains("in memory"), "{}", told(&output));
}

#[tokio::test]
async fn an_interrupted_import_loses_nothing_when_it_continues() {
    let folder = filled().await;
    let folder = folder.path();
    let lines = exported(folder, "sqlite:pubsub.db");
    let (begun, rest) = lines.split_at(lines.match_indices('\n').nth(10).unwrap().0 + 1);

    let mut import = pubsub(folder, "sqlite:other.db", &["import"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = import.stdin.take().unwrap();
    let mut log = BufReader::new(import.stderr.take().unwrap());
    input.write_all(begun.as_bytes()).unwrap();
    wait_for(&folder.join("other.db"));
    let id = import.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let mut line = String::new();
    while !line.contains("stopping") {
        line.clear();
        assert_ne!(
            log.read_line(&mut line).unwrap(),
            0,
            "the signal had no effect"
        );
    }
    // The process may have ended before it read all of them.
    let _it_is_gone = input.write_all(rest.as_bytes());
    drop(input);
    let mut told = String::new();
    log.read_to_string(&mut told).unwrap();
    assert_eq!(import.wait().unwrap().code(), Some(1), "{told}");
    assert!(told.contains("stopped between two nodes"), "{told}");

    fs::write(folder.join("all.jsonl"), &lines).unwrap();
    let arguments = ["import", "--into-existing", "all.jsonl"];
    let output = run(folder, "sqlite:other.db", &arguments);
    assert!(output.status.success());
    assert_eq!(exported(folder, "sqlite:other.db"), lines);
}

/// Waits for the file. Signals are handled before a store is opened, so one can be sent from then
/// on.
fn wait_for(path: &Path) {
    for _ in 0..3_000 {
        if path.exists() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    panic!("{} did not come", path.display());
}
