//! The pubsub program with faults of its disk or file: errors are reported, nothing acknowledged is
//! lost, and it continues when the fault is over.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use couplet_test::{Backend, Postgres};
use couplet_tests::pubsub_rig::{NODE, Rig, condition, kind};
use couplet_tests::pubsub_service::{Place, Service};
use couplet_tests::pubsub_sink::Sink;

/// Payload bytes: some of these payloads fill 2 MiB.
const LARGE: usize = 20_000;

/// Publishes until the disk is full; returns the number of the rejected item.
async fn fills_it(rig: &mut Rig) -> u32 {
    let text = "x".repeat(LARGE);
    for item in 0..1_000 {
        let answer = rig.publishes_with(item, &text).await;
        if !condition(&answer).is_empty() {
            assert_eq!(
                (&*condition(&answer), &*kind(&answer)),
                ("resource-constraint", "wait"),
                "{}",
                answer.as_str()
            );
            return item;
        }
    }
    panic!("there was room for everything");
}

async fn has_no_room_for_a_while(place: Place, cure: &str) {
    let mut rig = Rig::on(Backend::Prosody, |service| service.on(place)).await;
    let sink = Sink::subscribe(&rig.server.components(), NODE, 10).await;
    let refused = fills_it(&mut rig).await;
    let mut kept: Vec<u32> = (0..refused).collect();
    // Requests that write nothing still succeed.
    rig.is_answered().await;
    assert_eq!(rig.stored().await, kept);
    sink.until("what was kept", |tally| tally.all_have(refused - 1))
        .await;
    for item in refused..refused + 100 {
        let answer = rig.publishes_with(item, &"x".repeat(LARGE)).await;
        assert_eq!(condition(&answer), "resource-constraint");
    }
    let log = rig.service.log();
    let warnings = log.matches("WARN").count();
    assert!(log.contains("pubsub.db") && log.contains(cure), "{log}");
    assert!(warnings < 20, "{warnings} warnings of one fault:\n{log}");
    assert!(!log.contains("ERROR"), "{log}");

    rig.service.make_room();
    let answer = rig.publishes(refused + 100).await;
    assert_eq!(condition(&answer), "", "{}", answer.as_str());
    kept.push(refused + 100);
    assert_eq!(rig.stored().await, kept);
    sink.until("what came later", |tally| tally.all_have(refused + 100))
        .await;
    // A disk of its own is removed with the program.
    if place == Place::Quota {
        rig.service.kill().await;
        rig.service.start().await;
        assert_eq!(rig.stored().await, kept);
    }
    sink.tally().is_whole(&kept);
    assert!(rig.service.stop().await.success(), "{}", rig.service.log());
}

#[tokio::test]
async fn a_full_disk_is_reported_until_there_is_room() {
    has_no_room_for_a_while(Place::SmallDisk, "free some space").await;
}

#[tokio::test]
async fn a_quota_is_reported_until_it_is_raised() {
    has_no_room_for_a_while(Place::Quota, "a quota or a limit").await;
}

/// A database that no process can write, not even with an open file.
struct Immutable {
    files: Vec<PathBuf>,
}

impl Immutable {
    fn database(service: &Service) -> Immutable {
        let database = service.file();
        let files = ["", "-wal", "-shm"].map(|end| {
            let mut file = database.clone().into_os_string();
            file.push(end);
            file.into()
        });
        let immutable = Immutable {
            files: files.to_vec(),
        };
        immutable.set("+i");
        immutable
    }

    fn set(&self, attribute: &str) {
        let done = Command::new("chattr")
            .arg(attribute)
            .args(&self.files)
            .status();
        assert!(done.unwrap().success(), "chattr {attribute}");
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        self.set("-i");
    }
}

#[tokio::test]
async fn a_file_that_becomes_read_only_is_reported_until_it_is_writable_again() {
    let mut rig = Rig::on(Backend::Prosody, |_| {}).await;
    let sink = Sink::subscribe(&rig.server.components(), NODE, 10).await;
    assert_eq!(condition(&rig.publishes(0).await), "");
    sink.until("the first", |tally| tally.all_have(0)).await;
    let immutable = Immutable::database(&rig.service);
    for item in 1..100 {
        let answer = rig.publishes(item).await;
        let told = (condition(&answer), kind(&answer));
        assert_eq!((&*told.0, &*told.1), ("resource-constraint", "wait"));
    }
    rig.is_answered().await;
    assert_eq!(rig.stored().await, [0]);
    let log = rig.service.log();
    let warnings = log.matches("WARN").count();
    assert!(log.contains("nothing can be written"), "{log}");
    assert!(warnings < 20, "{warnings} warnings of one fault:\n{log}");
    assert!(!log.contains("ERROR"), "{log}");

    drop(immutable);
    assert_eq!(condition(&rig.publishes(100).await), "");
    sink.until("what came later", |tally| tally.all_have(100))
        .await;
    rig.service.kill().await;
    rig.service.start().await;
    assert_eq!(rig.stored().await, [0, 100]);
    sink.tally().is_whole(&[0, 100]);
    assert!(rig.service.stop().await.success(), "{}", rig.service.log());
}

#[tokio::test]
async fn a_postgres_that_goes_away_is_reported_until_it_is_back() {
    let mut postgres = Postgres::start().await.unwrap();
    let mut rig = Rig::on(Backend::Prosody, |service| {
        service.set("COUPLET_PUBSUB_STORE", &postgres.url());
    })
    .await;
    let sink = Sink::subscribe(&rig.server.components(), NODE, 1_000).await;
    let mut acknowledged = Vec::new();
    let mut item = 0;
    for round in 1..=3 {
        let before = sink.tally().firsts();
        assert_eq!(condition(&rig.publishes(item).await), "");
        acknowledged.push(item);
        sink.until("the middle", |tally| tally.firsts() > before + 200 * round)
            .await;
        postgres.kill();
        for _ in 0..10 {
            item += 1;
            let answer = rig.publishes(item).await;
            let told = (condition(&answer), kind(&answer));
            assert_eq!((&*told.0, &*told.1), ("resource-constraint", "wait"));
        }
        rig.is_answered().await;
        postgres.restart().await.unwrap();
        item += 1;
        while !condition(&rig.publishes(item).await).is_empty() {
            assert!(item < 100_000, "it never comes back");
            item += 1;
        }
        acknowledged.push(item);
        sink.until("the rest", |tally| tally.all_have(item)).await;
        item += 1;
    }
    // A rejected item may be stored anyway, if the response of the database was lost.
    let stored = rig.stored().await;
    let lost = acknowledged.iter().filter(|item| !stored.contains(item));
    assert_eq!(lost.count(), 0, "{acknowledged:?} of {stored:?}");
    sink.tally().is_whole(&stored);
    let log = rig.service.log();
    let warnings = log.matches("WARN").count();
    assert!((1..60).contains(&warnings), "{warnings} warnings:\n{log}");
    assert!(!log.contains("ERROR"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
    assert!(rig.service.stop().await.success());
}

#[tokio::test]
async fn a_file_that_is_damaged_at_run_time_is_reported_and_ends_nothing() {
    let mut rig = Rig::on(Backend::Prosody, |_| {}).await;
    for item in 0..100 {
        let answer = rig.publishes_with(item, &"x".repeat(2_000)).await;
        assert_eq!(condition(&answer), "");
    }
    let kept: Vec<u32> = (0..100).collect();
    // The next start reads from the file, not from the log.
    assert!(rig.service.stop().await.success());
    rig.service.start().await;
    let file = rig.service.file();
    let sound = fs::read(&file).unwrap();
    let mut damaged = sound.clone();
    damaged[4_096..].fill(0x55);
    fs::write(&file, &damaged).unwrap();
    for _ in 0..20 {
        let answer = rig.lists("").await;
        assert_eq!(
            condition(&answer),
            "internal-server-error",
            "{}",
            answer.as_str()
        );
    }
    rig.is_answered().await;
    let log = rig.service.log();
    let errors = log.matches("ERROR").count();
    assert!(
        (1..5).contains(&errors),
        "{errors} errors of one fault:\n{log}"
    );

    // The file is repaired, without a restart.
    fs::write(&file, &sound).unwrap();
    assert_eq!(rig.stored().await, kept);
    let answer = rig.publishes(100).await;
    assert_eq!(condition(&answer), "", "{}", answer.as_str());
    rig.service.kill().await;
    rig.service.start().await;
    assert_eq!(rig.stored().await, (0..=100).collect::<Vec<u32>>());
}

#[tokio::test]
async fn a_request_whose_response_exceeds_the_servers_limit_ends_no_session() {
    // Prosody ends the stream of a component with a stanza above 512 KiB.
    let mut rig = Rig::on(Backend::Prosody, |_| {}).await;
    for item in 0..60 {
        let answer = rig.publishes_with(item, &"x".repeat(LARGE)).await;
        assert_eq!(condition(&answer), "");
    }
    let answer = rig.items().await;
    // XEP-0060, 6.5.4: some of them, and their count.
    let (items, set) = answer.as_str().split_once("</items>").unwrap();
    assert!(items.matches("<item ").count() > 10, "{set}");
    assert!(set.contains("<count>60</count>"), "{set}");
    rig.is_answered().await;
    let log = rig.service.log();
    assert_eq!(log.matches("online").count(), 1, "{log}");
}

/// The exit code after which a supervisor restarts the program.
const LATER: i32 = 1;

/// The exit code after which a supervisor does not restart the program, because a person has to
/// act.
const NEVER: i32 = 2;

/// Starts a program that fails, and returns its error in a line.
async fn fails_to_start(service: &mut Service, code: i32) -> String {
    service.launch();
    let ended = service.ended().await;
    let log = service.log();
    assert_eq!(ended.code(), Some(code), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("stopped by an error exit_code="), "{log}");
    assert!(log.starts_with("pubsub: the store of pubsub: "), "{log}");
    log
}

#[tokio::test]
async fn a_file_that_is_damaged_at_the_start_is_reported_with_advice() {
    // The port is closed, but the store fails first.
    let mut service = Service::beside("127.0.0.1:1");
    fs::write(service.file(), "no database ".repeat(1_000)).unwrap();
    let told = fails_to_start(&mut service, NEVER).await;
    let file = service.file().display().to_string();
    assert!(told.contains(&file), "{told}");
    assert!(
        told.contains("damaged") && told.contains("backup"),
        "{told}"
    );
}

#[tokio::test]
async fn a_file_without_write_permission_is_reported_with_advice() {
    let mut service = Service::beside("127.0.0.1:1");
    service.on(Place::Powerless);
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let file = service.file();
    let lock = file.with_extension("db.lock");
    fs::write(&file, "").unwrap();
    fs::write(&lock, "").unwrap();
    mode(&file, 0o444);
    mode(&lock, 0o666);
    mode(service.folder(), 0o755);
    let told = fails_to_start(&mut service, NEVER).await;
    assert!(told.contains(&file.display().to_string()), "{told}");
    assert!(told.contains("may not be written"), "{told}");
    assert!(told.contains("the right to write"), "{told}");
}

#[tokio::test]
async fn a_second_program_gets_the_id_of_the_one_that_has_the_file() {
    let mut rig = Rig::on(Backend::Prosody, |_| {}).await;
    let mut second = Service::beside(&rig.server.components());
    let store = format!("sqlite:{}", rig.service.file().display());
    second.set("COUPLET_PUBSUB_STORE", &store);
    let told = fails_to_start(&mut second, LATER).await;
    assert!(told.contains("in use by another process"), "{told}");
    let answer = rig.publishes(0).await;
    assert_eq!(condition(&answer), "");
}
