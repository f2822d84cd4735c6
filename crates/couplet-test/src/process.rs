//! Runs one server process: starts it on free ports, watches it, and kills it when the test process
//! ends.
//!
//! Nothing here depends on the kind of server.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::error::{TestServerError, doing};

/// Generous, because a machine with two cores may be compiling at the same time.
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
const LOG_TAIL: u64 = 6_000;

/// A running server, with what its error texts need.
#[derive(Debug)]
pub(crate) struct Process {
    server: &'static str,
    child: Child,
    watchdog: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in `folder` with its output in `log`, in a process group of its own, so
    /// that a Ctrl-C in a terminal only reaches the test, which then stops the servers in order.
    pub(crate) fn spawn(
        server: &'static str,
        command: &mut Command,
        folder: &Path,
        log: &Path,
    ) -> Result<Process, TestServerError> {
        let output = File::create(log).map_err(doing(format!("creating {}", log.display())))?;
        let errors = output.try_clone().map_err(doing("sharing the log file"))?;
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(doing(format!("starting {server}")))?;
        match watch(&child, folder) {
            Ok(watchdog) => Ok(Process {
                server,
                child,
                watchdog,
                log: log.to_owned(),
            }),
            Err(error) => {
                end(&mut child);
                Err(doing("starting a shell to watch the server")(error))
            }
        }
    }

    /// Waits until the log shows all `signs` and the server accepts connections on all `ports`.
    ///
    /// The ports alone prove nothing, because another program may listen on them. A log with
    /// `clash` means that the server could not bind a port.
    pub(crate) async fn ready(
        &mut self,
        ports: &[u16],
        signs: &[String],
        clash: &str,
    ) -> Result<(), TestServerError> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let ended = self.ended();
            let log = read(&self.log, u64::MAX);
            if log.contains(clash) {
                return Err(TestServerError::PortTaken {
                    server: self.server,
                    log: tail(&self.log),
                });
            }
            if let Some(status) = ended {
                let (status, log) = (status.to_string(), tail(&self.log));
                return Err(TestServerError::Ended {
                    server: self.server,
                    status,
                    log,
                });
            }
            if signs.iter().all(|sign| log.contains(sign)) && all_open(ports).await {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.too_slow("opening its ports", READY_WITHIN));
            }
            sleep(PAUSE).await;
        }
    }

    /// Kills the process with SIGKILL and waits for its end.
    pub(crate) fn kill(&mut self) {
        end(&mut self.child);
        release(&mut self.watchdog);
    }

    /// Stops the process with SIGTERM and waits for its end; kills it after a timeout.
    pub(crate) async fn stop(&mut self) -> Result<(), TestServerError> {
        if self.ended().is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)
                .map_err(|error| doing("sending SIGTERM")(error.into()))?;
        }
        let deadline = Instant::now() + STOPPED_WITHIN;
        while self.ended().is_none() {
            if Instant::now() >= deadline {
                let error = self.too_slow("stopping after SIGTERM", STOPPED_WITHIN);
                self.kill();
                return Err(error);
            }
            sleep(PAUSE).await;
        }
        release(&mut self.watchdog);
        Ok(())
    }

    pub(crate) fn too_slow(&self, awaiting: &'static str, waited: Duration) -> TestServerError {
        TestServerError::TooSlow {
            server: self.server,
            awaiting,
            waited,
            log: tail(&self.log),
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the full path of a program, from `PATH` or the directories of programs for root.
pub(crate) fn find(
    program: &'static str,
    package: &'static str,
) -> Result<PathBuf, TestServerError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or(TestServerError::Missing { program, package })
}

/// Returns this number of loopback ports that are free at the moment.
///
/// They are below the range of ports for outgoing connections (32768 and up on Linux), so that a
/// stopped server finds its port still free when it restarts.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], TestServerError> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = (0..1_000)
            .find_map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, a_port())).ok())
            .map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok)
            .map_err(doing("looking for a free port"))?;
        *port = listener
            .local_addr()
            .map_err(doing("reading the port"))?
            .port();
        held.push(listener);
    }
    Ok(ports)
}

/// Returns the last lines of a log; empty if there is none.
pub(crate) fn tail(log: &Path) -> String {
    read(log, LOG_TAIL)
}

/// Writes one file of a server.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), TestServerError> {
    fs::write(path, text).map_err(doing(format!("writing {}", path.display())))
}

fn read(log: &Path, at_most: u64) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(at_most)))?;
        let mut bytes = Vec::new();
        file.take(at_most).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

async fn all_open(ports: &[u16]) -> bool {
    for port in ports {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, *port))
            .await
            .is_err()
        {
            return false;
        }
    }
    true
}

fn a_port() -> u16 {
    // `RandomState` is the only source of randomness in the standard library.
    let chance = RandomState::new().build_hasher().finish();
    20_000 + u16::try_from(chance % 12_000).unwrap_or_default()
}

/// Starts a shell that kills the server and removes its folder when our end of its standard input
/// closes. This also works after a SIGKILL of the test, when `Drop` does not run; a prctl would
/// need unsafe code.
fn watch(server: &Child, folder: &Path) -> std::io::Result<Child> {
    Command::new("sh")
        .args([
            "-c",
            "read -r released || { kill -9 \"$0\"; sleep 1; rm -rf \"$1\"; }",
        ])
        .arg(server.id().to_string())
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Ends the watchdog without killing: the process id may soon belong to another process.
fn release(watchdog: &mut Child) {
    if let Some(mut input) = watchdog.stdin.take() {
        let _gone_already = input.write_all(b"released\n");
    }
    let _reaped = watchdog.wait();
}

fn end(child: &mut Child) {
    let _ended_before = child.kill();
    // Short: nothing survives a SIGKILL for long.
    let _reaped = child.wait();
}
