//! The echo program with the faults that operators meet: settings, secrets, signals, a full log, a
//! server that moves, a second instance.
//!
//! Faults of a store are in `pubsub_faults.rs` and `faults_store.rs`, a port that is in use in
//! `ops.rs`, and containers in `deploy/test.sh`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use couplet_test::{Client, Prosody, Setup};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const DOMAIN: &str = "echo.localhost";
const SECRET: &str = "s3cret";
const ONLINE: &str = "online domain=";
const PATIENCE: Duration = Duration::from_secs(90);
const CHAT: &str = "<message to='bot@echo.localhost' type='chat'><body>hi</body></message>";

/// The program, with a folder that has its log.
struct Echo {
    folder: TempDir,
    child: Option<Child>,
}

impl Echo {
    fn new() -> Echo {
        let folder = tempfile::tempdir().unwrap();
        // Prosody needs access to the folder as well.
        Echo {
            folder,
            child: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Returns the program with the settings of a component, without its secret.
    fn command(&self, server: &str) -> Command {
        self.wrapped(server, Command::new(program()))
    }

    fn wrapped(&self, server: &str, mut command: Command) -> Command {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        command
            .env("COUPLET_DOMAIN", DOMAIN)
            .env("COUPLET_SERVER", server)
            .env("COUPLET_TIMING_RECONNECT_LONGEST", "200ms")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .kill_on_drop(true);
        command
    }

    fn start(&mut self, command: &mut Command) {
        self.child = Some(command.spawn().unwrap());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    async fn says(&mut self, what: &str, like: impl Fn(&str) -> bool) {
        let wanted = async {
            while !like(&self.log()) {
                let child = self.child.as_mut().unwrap();
                let ended = child.try_wait().unwrap();
                assert_eq!(ended, None, "it has ended:\n{}", self.log());
                sleep(Duration::from_millis(10)).await;
            }
        };
        let said = timeout(PATIENCE, wanted).await;
        assert!(said.is_ok(), "never {what}:\n{}", self.log());
    }

    async fn is_online(&mut self, times: usize) {
        let what = format!("online {times} times");
        self.says(&what, |log| log.matches(ONLINE).count() >= times)
            .await;
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(Child::id).unwrap();
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
    }

    async fn ends(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        timeout(PATIENCE, child.wait()).await.unwrap().unwrap()
    }

    /// Waits for its end and returns the whole log.
    async fn ends_well(mut self) -> String {
        self.signal(Signal::TERM);
        let ended = self.ends().await;
        assert!(ended.success(), "{ended}\n{}", self.log());
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        log
    }
}

/// Returns the program that was built with the tests.
fn program() -> PathBuf {
    // target/debug/deps/faults-… → target/debug/echo
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("echo");
    assert!(program.exists(), "cargo build -p echo");
    program
}

async fn prosody() -> Prosody {
    let setup = Setup::component(DOMAIN, SECRET);
    Prosody::start(setup).await.unwrap()
}

async fn is_echoed(alice: &mut Client) {
    alice.send_raw(CHAT).await.unwrap();
    let echoed = alice.next_from("message", "bot@echo.localhost");
    timeout(PATIENCE, echoed).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_typo_in_the_file_is_reported_with_its_line_and_a_suggestion() {
    let mut echo = Echo::new();
    let file = "domain = \"echo.localhost\"\n\n[timing]\nreconect_longest = \"5s\"\n";
    let file = echo.write("couplet.toml", file);
    let mut command = echo.command("localhost");
    echo.start(
        command
            .env("COUPLET_SECRET", SECRET)
            .arg("--config")
            .arg(&file),
    );
    assert_eq!(echo.ends().await.code(), Some(2));
    let log = echo.log();
    let place = format!("{}:4", file.display());
    assert!(log.contains(&place), "{log}");
    assert!(log.contains("reconnect_longest"), "{log}");
    assert!(!log.contains(ONLINE), "{log}");
}

#[tokio::test]
async fn a_file_that_is_not_toml_is_reported_with_its_line() {
    let mut echo = Echo::new();
    let file = echo.write(
        "couplet.toml",
        "domain = \"echo.localhost\"\nsecret = \"s3cret\n",
    );
    let mut command = echo.command("localhost");
    echo.start(command.arg("--config").arg(&file));
    assert_eq!(echo.ends().await.code(), Some(2));
    let log = echo.log();
    assert!(log.contains(&format!("{}:2", file.display())), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn a_secret_that_others_may_read_and_that_ends_with_a_newline_serves_with_a_warning() {
    let prosody = prosody().await;
    let mut echo = Echo::new();
    let secret = echo.write("secret", "s3cret\n");
    let mut command = echo.command(&prosody.component_addr());
    command.env("COUPLET_SECRET_FILE", &secret);
    echo.start(&mut command);
    echo.is_online(1).await;
    assert!(!echo.log().contains("WARN"), "{}", echo.log());
    echo.signal(Signal::TERM);
    assert!(echo.ends().await.success());
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    echo.start(&mut command);
    echo.is_online(2).await;
    let cure = format!("chmod 600 {}", secret.display());
    assert!(echo.log().contains(&cure), "{}", echo.log());
    echo.ends_well().await;
}

#[tokio::test]
async fn a_secret_file_that_is_missing_ends_it_but_not_what_is_online() {
    let mut prosody = prosody().await;
    let mut echo = Echo::new();
    let secret = echo.path("secret");
    let mut command = echo.command(&prosody.component_addr());
    command.env("COUPLET_SECRET_FILE", &secret);
    echo.start(&mut command);
    assert_eq!(echo.ends().await.code(), Some(2));
    let log = echo.log();
    assert!(log.contains(&secret.display().to_string()), "{log}");
    assert!(log.contains("COUPLET_SECRET_FILE"), "{log}");

    echo.write("secret", SECRET);
    echo.start(&mut command);
    echo.is_online(1).await;
    fs::remove_file(&secret).unwrap();
    prosody.restart().await.unwrap();
    echo.is_online(2).await;
    assert!(
        echo.log().contains("the previous secret is used"),
        "{}",
        echo.log()
    );
    echo.ends_well().await;
}

/// The disk of the log is full: only the log is lost.
#[tokio::test]
async fn a_log_without_room_changes_nothing_else() {
    let mut prosody = prosody().await;
    let mut alice = prosody.user("alice").await.unwrap();
    let mut echo = Echo::new();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut command = echo.command(&prosody.component_addr());
    command.env("COUPLET_SECRET", SECRET).stderr(full());
    echo.start(command.env("RUST_LOG", "trace"));
    is_online_for(&mut alice).await;
    prosody.restart().await.unwrap();
    let mut alice = prosody.user("alice").await.unwrap();
    is_online_for(&mut alice).await;
    echo.ends_well().await;

    let mut echo = Echo::new();
    let mut command = echo.command("localhost");
    echo.start(command.stderr(full()));
    assert_eq!(echo.ends().await.code(), Some(2));
}

/// Sends until the component replies: without a log there is no other sign.
async fn is_online_for(alice: &mut Client) {
    for _ in 0..1_000 {
        alice.send_raw(CHAT).await.unwrap();
        let answer = alice.next_from("message", "bot@echo.localhost");
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
        if answer.root().attr("type").as_deref() == Some("chat") {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came online");
}

/// Sends SIGTERM when the program has come this far, and expects exit code 0.
async fn is_stopped_when(mut echo: Echo, mut command: Command, far: impl Fn(&str) -> bool) {
    echo.start(command.env("COUPLET_SECRET", SECRET));
    echo.says("so far", far).await;
    let log = echo.ends_well().await;
    let last = log.lines().last().unwrap();
    assert!(last.ends_with("stopped"), "{log}");
}

#[tokio::test]
async fn a_shutdown_before_the_server_can_be_reached_succeeds() {
    let echo = Echo::new();
    let command = echo.command("127.0.0.1:1");
    is_stopped_when(echo, command, |log| log.contains("not online")).await;
}

#[tokio::test]
async fn a_shutdown_during_the_handshake_succeeds() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let echo = Echo::new();
    let reached = echo.path("reached");
    let told = reached.clone();
    // Sends half of the header, and keeps the connection open.
    thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).unwrap();
        let header = "<stream:stream xmlns='jabber:component:accept' \
            xmlns:stream='http://etherx.jabber.org/streams' id='1' from='echo.localhost'>";
        stream.write_all(header.as_bytes()).unwrap();
        // The digest.
        let read = read + stream.read(&mut bytes).unwrap();
        fs::write(told, read.to_string()).unwrap();
        while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
    });
    let command = echo.command(&address);
    is_stopped_when(echo, command, |_| reached.exists()).await;
}

/// A listener that forwards to the component port of a server elsewhere.
struct Door {
    address: String,
    _owner: JoinSet<()>,
}

impl Door {
    async fn at(address: String, server: String) -> Door {
        let listens = tokio::net::TcpListener::bind(&address).await.unwrap();
        let address = listens.local_addr().unwrap().to_string();
        let mut owner = JoinSet::new();
        owner.spawn(async move {
            let mut visits = JoinSet::new();
            loop {
                let (mut visitor, _) = listens.accept().await.unwrap();
                let server = server.clone();
                visits.spawn(async move {
                    let mut there = TcpStream::connect(server).await.unwrap();
                    let _it_ends = tokio::io::copy_bidirectional(&mut visitor, &mut there).await;
                });
            }
        });
        Door {
            address,
            _owner: owner,
        }
    }

    fn port(&self) -> &str {
        self.address.rsplit_once(':').unwrap().1
    }
}

/// The server's name gets another address, as when its container is created again.
#[tokio::test]
async fn a_server_that_is_at_another_address_is_found_by_its_name() {
    let prosody = prosody().await;
    let mut alice = prosody.user("alice").await.unwrap();
    let mut echo = Echo::new();
    let hosts = echo.write("hosts", "127.0.0.2 server.test\n");
    let before = Door::at("127.0.0.2:0".to_owned(), prosody.component_addr()).await;
    let server = format!("server.test:{}", before.port());
    let mut command = echo.wrapped(&server, with_names_of(&hosts));
    echo.start(command.env("COUPLET_SECRET", SECRET));
    echo.is_online(1).await;
    is_echoed(&mut alice).await;

    let elsewhere = format!("127.0.0.3:{}", before.port());
    drop(before);
    echo.says("not online", |log| log.contains("not online"))
        .await;
    let _after = Door::at(elsewhere, prosody.component_addr()).await;
    fs::write(&hosts, "127.0.0.3 server.test\n").unwrap();
    echo.is_online(2).await;
    is_echoed(&mut alice).await;
    echo.ends_well().await;
}

/// Runs the program with this file as `/etc/hosts`.
fn with_names_of(hosts: &Path) -> Command {
    let mut command = Command::new("unshare");
    let script = "mount --bind \"$1\" /etc/hosts && exec \"$0\"";
    command.args(["-rm", "sh", "-c", script]);
    command.arg(program()).arg(hosts);
    command
}

/// Prosody's default: the second instance waits. When the first comes back, it is the second.
#[tokio::test]
async fn a_hot_standby_takes_over_and_stays_active() {
    let prosody = prosody().await;
    let mut alice = prosody.user("alice").await.unwrap();
    let mut instances = [Echo::new(), Echo::new()];
    let server = prosody.component_addr();
    for echo in &mut instances {
        let mut command = echo.command(&server);
        echo.start(command.env("COUPLET_SECRET", SECRET));
        echo.says("any outcome", |log| {
            log.contains(ONLINE) || log.contains("conflict")
        })
        .await;
    }
    let [mut first, mut second] = instances;
    is_echoed(&mut alice).await;
    assert!(first.log().contains(ONLINE), "{}", first.log());
    assert!(!second.log().contains(ONLINE), "{}", second.log());

    for _ in 0..2 {
        let times = second.log().matches(ONLINE).count() + 1;
        first.signal(Signal::KILL);
        assert!(!first.ends().await.success());
        second.is_online(times).await;
        is_echoed(&mut alice).await;
        let waits = |log: &str| log.matches("conflict").count();
        let so_far = waits(&first.log());
        let mut command = first.command(&server);
        first.start(command.env("COUPLET_SECRET", SECRET));
        first.says("conflict", |log| waits(log) > so_far).await;
        // No instance replaces the other.
        is_echoed(&mut alice).await;
        assert_eq!(second.log().matches(ONLINE).count(), times);
        std::mem::swap(&mut first, &mut second);
    }
    first.ends_well().await;
    second.ends_well().await;
}
