//! Somebody's own component, as a child process with all the processes it may start.
//!
//! Deliberately absent: its configuration beyond where to log in; that is its own affair.

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

/// Longer than `timing.grace`, which a component of ours may use up.
const STOPPED_WITHIN: Duration = Duration::from_secs(12);
/// How long the last words of a program that has ended may take.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What is shown as one line at most. Bytes.
const LINE: u64 = 16 * 1024;

/// A process group of its own: Ctrl-C in a terminal is for us, who then end it in the right order.
#[derive(Debug)]
pub(super) struct Child {
    name: String,
    process: tokio::process::Child,
    /// What it writes, on its way to a terminal that a line editor has.
    output: JoinSet<()>,
    group: Option<Pid>,
    watchdog: process::Child,
}

impl Child {
    pub(super) fn start(
        program: &OsStr,
        arguments: &[OsString],
        config: &Config,
        screen: &Screen,
    ) -> Result<Child, Failure> {
        let name = program.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("COUPLET_DOMAIN", &config.domain)
            .env("COUPLET_SECRET", config.secret.expose())
            .env("COUPLET_SERVER", config.server.to_string())
            .env_remove("COUPLET_SECRET_FILE")
            .stdin(Stdio::null())
            // Standard output belongs to the chat.
            .stdout(io::stderr())
            .process_group(0)
            .kill_on_drop(true);
        if screen.is_shared() {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            if screen.has_colors() {
                // Cargo cannot see the terminal then.
                command.env("CARGO_TERM_COLOR", "always");
            }
        }
        let mut process = command
            .spawn()
            .map_err(|why| Failure::misuse(format!("{name}: {why}")))?;
        let mut output = JoinSet::new();
        if let Some(pipe) = process.stdout.take() {
            output.spawn(show(pipe, screen.clone()));
        }
        if let Some(pipe) = process.stderr.take() {
            output.spawn(show(pipe, screen.clone()));
        }
        let id = process.id().unwrap_or_default();
        Ok(Child {
            group: i32::try_from(id).ok().and_then(Pid::from_raw),
            watchdog: watch(id).map_err(context("starting a shell to watch the component"))?,
            name,
            process,
            output,
        })
    }

    pub(super) async fn ended(&mut self) -> Failure {
        let ended = self.process.wait().await;
        // Whatever it has started may keep the pipes open.
        let all_shown = async { while self.output.join_next().await.is_some() {} };
        let _or_not = timeout(LAST_WORDS, all_shown).await;
        match ended {
            Ok(status) => Failure::new(format!("{} ended by itself ({status})", self.name)),
            Err(why) => Failure::new(format!("{}: {why}", self.name)),
        }
    }

    pub(super) async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let _killed_below_then = timeout(STOPPED_WITHIN, self.process.wait()).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _gone_already = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(mut input) = self.watchdog.stdin.take() {
            let _gone_already = input.write_all(b"released\n");
        }
        let _reaped = self.watchdog.wait();
    }
}

/// Shows what a program writes, line by line, to its end.
async fn show(pipe: impl AsyncRead + Unpin, screen: Screen) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut pipe).take(LINE).read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        screen.tell(text.trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

/// A shell that kills the group once our end of its standard input is gone, however we died:
/// `Drop` does not run after a SIGKILL.
fn watch(group: u32) -> io::Result<process::Child> {
    process::Command::new("sh")
        .args(["-c", "read -r released || kill -9 -- \"-$0\""])
        .arg(group.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
