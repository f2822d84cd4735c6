//! The echo binary in operation: over HTTP, by its subcommand, and under systemd.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use couplet_test::{Client, Prosody, Setup};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(60);
const CHAT: &str = "<message to='bot@echo.localhost' type='chat'><body>hi</body></message>";

/// A running echo.
struct Echo {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Echo {
    fn start(mut command: Command) -> Outcome<Echo> {
        let mut child = command.spawn()?;
        let log = BufReader::new(child.stderr.take().ok_or("no standard error")?);
        Ok(Echo { child, log })
    }

    /// Returns the first line of its log that contains these words.
    async fn says(&mut self, words: &str) -> Outcome<String> {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            let read = timeout(PATIENCE, self.log.read_line(&mut line)).await??;
            assert_ne!(read, 0, "it ended without a word of {words}");
        }
        Ok(line)
    }

    /// Returns the address at which it listens, once it does.
    async fn address(&mut self) -> Outcome<String> {
        let line = self
            .says("health, readiness and metrics are served")
            .await?;
        let (_, address) = line.split_once("address=").ok_or("no address")?;
        Ok(address.trim().to_owned())
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()));
        Ok(kill_process(pid.ok_or("it has ended")?, signal)?)
    }

    async fn ends_well(mut self) -> Outcome {
        self.signal(Signal::TERM)?;
        let ended = timeout(PATIENCE, self.child.wait()).await??;
        assert!(ended.success(), "{ended}");
        Ok(())
    }
}

/// Returns the binary as users build it with the cargo feature `ops`.
fn echo(server: &str) -> Outcome<Command> {
    // target/debug/deps/ops-… → target/debug/echo
    let tests = std::env::current_exe()?;
    let built = tests.ancestors().nth(2).ok_or("no target folder")?;
    let program = built.join("echo");
    if !program.exists() {
        let build = "cargo build -p echo -p couplet-tests --bins --tests";
        return Err(format!("{} is missing: {build}", program.display()).into());
    }
    let mut command = Command::new(program);
    command
        .env("COUPLET_DOMAIN", "echo.localhost")
        .env("COUPLET_SECRET", "s3cret")
        .env("COUPLET_SERVER", server)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

/// Returns status and body of a page.
async fn page(address: &str, path: &str) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
    let status = answer.split(' ').nth(1).ok_or("no status")?.parse()?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    Ok((status, body.to_owned()))
}

/// Requests the page until it has this status and these words.
async fn is_told(address: &str, path: &str, status: u16, words: &str) -> Outcome<String> {
    for _ in 0..3000 {
        let (found, body) = page(address, path).await?;
        if found == status && body.contains(words) {
            return Ok(body);
        }
        sleep(Duration::from_millis(10)).await;
    }
    let (found, body) = page(address, path).await?;
    Err(format!("{path} should say {status} {words}: {found} {body}").into())
}

async fn is_echoed(alice: &mut Client) -> Outcome {
    alice.send_raw(CHAT).await?;
    let echoed = alice.next_from("message", "bot@echo.localhost");
    timeout(PATIENCE, echoed).await??;
    Ok(())
}

async fn health(url: &str) -> Outcome<(Option<i32>, String)> {
    let mut command = echo("localhost")?;
    let output = command.args(["health", "--url", url]).output().await?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(said)?))
}

fn promtool(arguments: &[&str], input: &str) -> Outcome<String> {
    let mut child = std::process::Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| format!("promtool, which tests/install.sh installs: {why}"))?;
    child
        .stdin
        .take()
        .ok_or("no standard input")?
        .write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    assert!(output.status.success(), "{said}");
    Ok(said)
}

#[tokio::test]
async fn it_serves_readiness_and_metrics() -> Outcome {
    let mut prosody = Prosody::start(Setup::component("echo.localhost", "s3cret")).await?;
    let mut alice = prosody.user("alice").await?;
    let mut command = echo(&prosody.component_addr())?;
    command
        .env("COUPLET_OPS_LISTEN", "127.0.0.1:0")
        .env("COUPLET_TIMING_RECONNECT_LONGEST", "200ms");
    let mut echo = Echo::start(command)?;
    let address = echo.address().await?;
    is_told(&address, "/readyz", 200, "online as echo.localhost").await?;
    assert_eq!(
        page(&address, "/healthz").await?,
        (200, "alive\n".to_owned())
    );
    is_echoed(&mut alice).await?;
    let handled = "kind=\"message\",outcome=\"handled\"} 1\n";
    let metrics = is_told(&address, "/metrics", 200, handled).await?;
    let complaints = spawn_blocking(move || {
        promtool(&["check", "metrics"], &metrics).map_err(|why| why.to_string())
    });
    assert_eq!(complaints.await??, "");
    let url = format!("http://{address}/readyz");
    let (code, said) = health(&url).await?;
    assert_eq!((code, said.trim()), (Some(0), "online as echo.localhost"));

    drop(alice);
    prosody.kill();
    is_told(&address, "/readyz", 503, "echo.localhost: reconnecting: ").await?;
    assert_eq!(page(&address, "/healthz").await?.0, 200);
    assert_eq!(health(&url).await?.0, Some(1));
    is_told(
        &address,
        "/metrics",
        200,
        "couplet_connection_up{domain=\"echo.localhost\"} 0",
    )
    .await?;
    prosody.restart().await?;
    is_told(&address, "/readyz", 200, "online as echo.localhost").await?;
    let twice = "couplet_sessions_total{domain=\"echo.localhost\"} 2\n";
    is_told(&address, "/metrics", 200, twice).await?;
    echo.ends_well().await
}

#[tokio::test]
async fn a_port_that_is_in_use_ends_it_with_the_setting_and_advice() -> Outcome {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let mut command = echo("localhost")?;
    let output = command.args(["--ops-listen", &address]).output().await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--ops-listen: ops.listen"), "{said}");
    assert!(said.contains("a different port"), "{said}");
    Ok(())
}

/// Receives the notifications to a supervisor.
struct Supervisor(tokio::net::UnixDatagram);

impl Supervisor {
    /// Waits for the first notification with this line; returns the earlier ones.
    async fn hears(&self, line: &str) -> Outcome<String> {
        let mut heard = String::new();
        loop {
            let mut bytes = [0; 4096];
            let read = timeout(PATIENCE, self.0.recv(&mut bytes)).await;
            let read = read.map_err(|_| format!("no {line} after {heard}"))??;
            heard += std::str::from_utf8(bytes.get(..read).unwrap_or_default())?;
            heard.push('\n');
            if heard.lines().any(|heard| heard == line) {
                return Ok(heard);
            }
        }
    }
}

#[tokio::test]
async fn systemd_is_notified_from_start_to_stop() -> Outcome {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("notify");
    let listens = UnixDatagram::bind(&socket)?;
    listens.set_nonblocking(true)?;
    let supervisor = Supervisor(tokio::net::UnixDatagram::from_std(listens)?);
    let mut prosody = Prosody::start(Setup::component("echo.localhost", "s3cret")).await?;
    let mut command = echo(&prosody.component_addr())?;
    command
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "200000")
        .env("COUPLET_TIMING_RECONNECT_LONGEST", "200ms");
    let echo = Echo::start(command)?;
    let before = supervisor.hears("READY=1").await?;
    assert!(!before.contains("RELOADING"), "{before}");
    supervisor.hears("WATCHDOG=1").await?;
    echo.signal(Signal::HUP)?;
    let reloading = supervisor.hears("RELOADING=1").await?;
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    supervisor.hears("READY=1").await?;
    prosody.kill();
    let mut heard = String::new();
    while !heard.contains("STATUS=echo.localhost: reconnecting: ") {
        heard = supervisor.hears("WATCHDOG=1").await?;
    }
    prosody.restart().await?;
    let heard = supervisor.hears("STATUS=online as echo.localhost").await?;
    assert!(!heard.contains("READY=1"), "{heard}");
    echo.signal(Signal::TERM)?;
    supervisor.hears("STOPPING=1").await?;
    let mut echo = echo;
    assert!(timeout(PATIENCE, echo.child.wait()).await??.success());
    Ok(())
}

#[test]
fn the_alert_rules_are_rules() -> Outcome {
    let rules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/alerts.yaml");
    let path = fs::canonicalize(rules)?;
    let said = promtool(&["check", "rules", &path.to_string_lossy()], "")?;
    assert!(said.contains("SUCCESS: 14 rules found"), "{said}");
    Ok(())
}
