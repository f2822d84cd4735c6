//! [`ChildComponent`]: the user's component as a child process, with all processes that it starts.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{self, Stdio};
use std::time::Duration;

use couplet::Config;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::screen::Screen;
use crate::failure::{Failure, context};

/// Longer than the default of `timing.grace`, within which a component stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(12);
/// How long to read the output of a program that has exited.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(500);
/// The longest line of output that is printed as one. Bytes.
const LINE: u64 = 16 * 1024;

/// A process in a group of its own: Ctrl-C at the terminal reaches this command, which then stops it.
#[derive(Debug)]
pub(super) struct ChildComponent {
    name: String,
    process: tokio::process::Child,
    /// The tasks that print its output above the line editor.
    output: JoinSet<()>,
    group: Option<Pid>,
    watchdog: process::Child,
}

impl ChildComponent {
    pub(super) fn start(
        program: &OsStr,
        arguments: &[OsString],
        config: &Config,
        screen: &Screen,
    ) -> Result<ChildComponent, Failure> {
        let name = program.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("COUPLET_DOMAIN", &config.domain)
            .env("COUPLET_SECRET", config.secret.expose())
            .env("COUPLET_SERVER", config.server.to_string())
            .env_remove("COUPLET_SECRET_FILE")
            .stdin(Stdio::null())
            // Standard output is for the messages of the chat.
            .stdout(io::stderr())
            .process_group(0)
            .kill_on_drop(true);
        if screen.is_shared() {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            if screen.has_colors() {
                // With a pipe, cargo would print no colors.
                command.env("CARGO_TERM_COLOR", "always");
            }
        }
        let mut process = command
            .spawn()
            .map_err(|why| Failure::misuse(format!("{name}: {why}")))?;
        let mut output = JoinSet::new();
        if let Some(pipe) = process.stdout.take() {
            output.spawn(print(pipe, screen.clone()));
        }
        if let Some(pipe) = process.stderr.take() {
            output.spawn(print(pipe, screen.clone()));
        }
        let id = process.id().unwrap_or_default();
        Ok(ChildComponent {
            group: i32::try_from(id).ok().and_then(Pid::from_raw),
            watchdog: start_watchdog(id)
                .map_err(context("starting a shell to watch the component"))?,
            name,
            process,
            output,
        })
    }

    pub(super) async fn wait(&mut self) -> Failure {
        let exited = self.process.wait().await;
        // Processes that it has started may keep the pipes open.
        let printed = async { while self.output.join_next().await.is_some() {} };
        let _or_timed_out = timeout(OUTPUT_TIMEOUT, printed).await;
        match exited {
            Ok(status) => Failure::new(format!("{} exited ({status})", self.name)),
            Err(why) => Failure::new(format!("{}: {why}", self.name)),
        }
    }

    pub(super) async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let _or_killed_on_drop = timeout(STOP_TIMEOUT, self.process.wait()).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _gone_already = kill_process_group(group, signal);
        }
    }
}

impl Drop for ChildComponent {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(mut input) = self.watchdog.stdin.take() {
            let _gone_already = input.write_all(b"released\n");
        }
        let _reaped = self.watchdog.wait();
    }
}

/// Prints the output of a program line by line.
async fn print(pipe: impl AsyncRead + Unpin, screen: Screen) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut pipe).take(LINE).read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        screen.status(text.trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

/// Starts a shell that kills the process group once its standard input is closed: `Drop` does not run
/// when this command is killed.
fn start_watchdog(group: u32) -> io::Result<process::Child> {
    process::Command::new("sh")
        .args(["-c", "read -r released || kill -9 -- \"-$0\""])
        .arg(group.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
