//! The pubsub program: shutdown before it serves, a read-only volume, and changes of the clock.
//!
//! Full disks and damaged files are in `pubsub_faults.rs`, and shutdown during a fan-out in
//! `pubsub_crash.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use couplet_test::{Backend, Postgres};
use couplet_tests::pubsub_rig::{NODE, Rig, condition};
use couplet_tests::pubsub_service::{Place, Service};
use couplet_tests::pubsub_sink::{Sink, Tally};
use rustix::process::Signal;
use tokio::time::sleep;

/// Returns the path of Debian's `libfaketime` on this architecture.
fn faketime() -> String {
    let found = Command::new("sh")
        .args(["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"])
        .output()
        .unwrap();
    let path = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    assert!(Path::new(&path).exists(), "apt-get install libfaketime");
    path
}

/// A wall clock for one program that can be set. Monotonic clocks continue, as on a real machine.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn of(service: &mut Service) -> Clock {
        let file = service.folder().join("clock");
        let clock = Clock { file };
        clock.set("+0");
        service.set("LD_PRELOAD", &faketime());
        service.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        service.set("FAKETIME_NO_CACHE", "1");
        service.set("FAKETIME_TIMESTAMP_FILE", &clock.file.display().to_string());
        clock
    }

    /// Sets the offset from the clock of the machine: `+5h`, `-5h`.
    fn set(&self, offset: &str) {
        // Replaces the file atomically.
        let draft = self.file.with_extension("draft");
        fs::write(&draft, offset).unwrap();
        fs::rename(draft, &self.file).unwrap();
    }
}

/// Returns the time of the program. (XEP-0202)
async fn says_the_time(rig: &mut Rig) -> String {
    let ask = "<iq type='get' to='pubsub.localhost' id='time'><time xmlns='urn:xmpp:time'/></iq>";
    rig.bob.send_raw(ask).await.unwrap();
    let answer = rig.bob.next_from("iq", "pubsub.localhost").await.unwrap();
    let time = answer.root().child("time", "urn:xmpp:time").unwrap();
    time.child("utc", "urn:xmpp:time")
        .unwrap()
        .text()
        .to_string()
}

/// Checks that every subscriber received these items, and none repeatedly.
fn came_once(tally: &Tally, stored: &[u32]) {
    tally.is_whole(stored);
    assert_eq!(tally.copies, tally.firsts(), "{tally}");
}

#[tokio::test]
async fn a_clock_that_is_set_in_the_middle_of_a_fan_out_sends_nothing_twice() {
    let mut clock = None;
    let mut rig = Rig::on(Backend::Prosody, |service| {
        // Slow enough to last for a while.
        clock = Some(Clock::of(service));
    })
    .await;
    let clock = clock.unwrap();
    let sink = Sink::subscribe(&rig.server.components(), NODE, 1_000).await;
    let mut item = 0;
    let mut hours = vec![says_the_time(&mut rig).await];
    for offset in ["+5h", "-5h", "+400d", "+0"] {
        let before = sink.tally().firsts();
        for _ in 0..3 {
            assert_eq!(condition(&rig.publishes(item).await), "");
            item += 1;
        }
        sink.until("the middle", |tally| tally.firsts() > before + 500)
            .await;
        clock.set(offset);
        hours.push(says_the_time(&mut rig).await);
        assert_eq!(condition(&rig.publishes(item).await), "");
        sink.until("the end", |tally| tally.all_have(item)).await;
        item += 1;
    }
    // Otherwise the clock was not set.
    hours.sort();
    hours.dedup_by(|one, other| one.get(..13) == other.get(..13));
    assert!(hours.len() >= 4, "{hours:?}");
    let stored = rig.stored().await;
    assert_eq!(stored, (0..item).collect::<Vec<u32>>());
    came_once(&sink.tally(), &stored);
    // The session lasted, without errors.
    let log = rig.service.log();
    assert_eq!(log.matches("online").count(), 1, "{log}");
    rig.service.logged_no_problem();
    assert!(rig.service.stop().await.success());
}

/// Waits until only these items are stored.
async fn is_left(rig: &mut Rig, items: &[u32]) {
    for _ in 0..3_000 {
        if rig.stored().await == items {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.stored().await, items);
}

/// Expiry is a date by the wall clock of the machine.
#[tokio::test]
async fn items_expire_by_the_wall_clock_of_the_machine() {
    let mut clock = None;
    let mut rig = Rig::on(Backend::Prosody, |service| clock = Some(Clock::of(service))).await;
    let clock = clock.unwrap();
    let hour = "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#item_expire'>\
        <value>3600</value></field></x>";
    let answer = rig
        .owns(
            "set",
            &format!("<configure node='{NODE}'>{hour}</configure>"),
        )
        .await;
    assert_eq!(condition(&answer), "", "{}", answer.as_str());
    assert_eq!(condition(&rig.publishes(0).await), "");
    clock.set("-3h");
    assert_eq!(condition(&rig.publishes(1).await), "");
    assert_eq!(rig.stored().await, [0, 1]);
    clock.set("+0");
    // The second item expires later.
    is_left(&mut rig, &[0]).await;
    clock.set("+2h");
    is_left(&mut rig, &[]).await;
    assert_eq!(condition(&rig.publishes(2).await), "");
    assert_eq!(rig.stored().await, [2]);
    rig.service.logged_no_problem();
    assert!(rig.service.stop().await.success());
}

/// Delays of reconnecting do not depend on the wall clock.
#[tokio::test]
async fn a_connection_that_dies_while_the_clock_is_set_is_reestablished() {
    let mut clock = None;
    let mut rig = Rig::on(Backend::Prosody, |service| clock = Some(Clock::of(service))).await;
    let clock = clock.unwrap();
    for offset in ["+5h", "-5h"] {
        rig.server.kill();
        clock.set(offset);
        rig.server.restart().await;
        rig.service.is_back().await;
        rig.users_return().await;
        rig.is_answered().await;
    }
    assert!(rig.service.stop().await.success());
}

#[tokio::test]
async fn instances_with_clocks_hours_apart_send_nothing_twice() {
    let postgres = Postgres::start().await.unwrap();
    let store = postgres.url();
    let mut rig = Rig::on(Backend::Ejabberd, |service| {
        service.set("COUPLET_PUBSUB_STORE", &store);
    })
    .await;
    let sink = Sink::subscribe(&rig.server.components(), NODE, 500).await;
    for item in 0..12 {
        assert_eq!(condition(&rig.publishes(item).await), "");
    }
    // The first instance holds all of it until it is delivered.
    let mut others = Vec::new();
    for (item, offset) in [(12, "+5h"), (13, "-5h")] {
        let mut other = Service::beside(&rig.server.components());
        other.set("COUPLET_PUBSUB_STORE", &store);
        let clock = Clock::of(&mut other);
        clock.set(offset);
        other.start().await;
        others.push(other);
        // Of the same node, so it follows the items that such an instance would claim.
        assert_eq!(condition(&rig.publishes(item).await), "");
        sink.until("all", |tally| tally.all_have(item)).await;
    }
    let stored = rig.stored().await;
    came_once(&sink.tally(), &stored);
    for mut service in others {
        service.logged_no_problem();
        assert!(service.stop().await.success());
    }
    assert!(rig.service.stop().await.success());
}

/// Accepts connections without sending anything.
fn silent() -> (TcpListener, String) {
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listens.local_addr().unwrap().to_string();
    (listens, address)
}

#[tokio::test]
async fn a_shutdown_while_the_database_is_silent_succeeds() {
    let (database, address) = silent();
    let mut service = Service::beside("127.0.0.1:1");
    service.set(
        "COUPLET_PUBSUB_STORE",
        &format!("postgres://a:b@{address}/x"),
    );
    service.launch();
    let (_connection, _) = database.accept().unwrap();
    assert!(service.stop().await.success(), "{}", service.log());
    assert!(!service.log().contains("the store"), "{}", service.log());
}

/// The tables are locked, as during the migration of another instance.
#[tokio::test]
async fn a_shutdown_while_waiting_for_the_tables_succeeds_and_leaves_them() {
    let mut service = Service::beside("127.0.0.1:1");
    let holder = holds(&service.file());
    service.launch();
    // It has locked the file, and is about to create the tables.
    let lock = service.file().with_extension("db.lock");
    while fs::read_to_string(&lock).is_ok_and(|holder| holder.is_empty()) || !lock.exists() {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(service.stop().await.success(), "{}", service.log());
    assert_eq!(
        service.log().matches("pubsub: ").count(),
        0,
        "{}",
        service.log()
    );
    drop(holder);
    service.launch();
    service.says(|log| log.contains("not online")).await;
    assert!(service.stop().await.success());
}

/// Locks this file until it is dropped.
struct Holder(Child);

fn holds(file: &Path) -> Holder {
    let script = "import sqlite3, sys\n\
        file = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
        file.execute('BEGIN EXCLUSIVE')\n\
        print('held', flush=True)\n\
        sys.stdin.read()";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = [0; 4];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut told)
        .unwrap();
    Holder(child)
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[tokio::test]
async fn stopped_at_any_moment_of_its_first_start_it_leaves_a_store_that_opens() {
    let mut service = Service::beside("127.0.0.1:1");
    for moment in 0..25 {
        for end in [Signal::TERM, Signal::KILL] {
            service.launch();
            sleep(Duration::from_millis(moment)).await;
            service.signal(end);
            let ended = service.ended().await;
            // Before it handles signals, the system ends it.
            assert!(ended.success() || ended.signal().is_some(), "{ended}");
        }
        assert!(!service.log().contains("the store"), "{}", service.log());
        if moment < 12 {
            for rest in ["", "-wal", "-shm", ".lock"] {
                let _there_is_none_yet =
                    fs::remove_file(format!("{}{rest}", service.file().display()));
            }
        }
    }
    service.launch();
    let before = service.log().len();
    service
        .says(|log| {
            log.get(before..)
                .is_some_and(|now| now.contains("not online"))
        })
        .await;
    assert!(service.stop().await.success());
}

#[tokio::test]
async fn a_read_only_volume_is_reported_with_advice() {
    let mut service = Service::beside("127.0.0.1:1");
    service.on(Place::ReadOnly);
    service.launch();
    let ended = service.ended().await;
    let log = service.log();
    assert_eq!(ended.code(), Some(2), "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.trim_end().ends_with("stopped by an error exit_code=2"),
        "{log}"
    );
    assert!(log.contains("Read-only file system"), "{log}");
    assert!(log.contains("right to write"), "{log}");
}
