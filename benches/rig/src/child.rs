//! The component under test as a child process, with its CPU time and memory from /proc. It is
//! ended by its handle, never by name.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::process::{Pid, Signal, kill_process};

use crate::clock;
use crate::fault::Fault;
use crate::peers::Peer;

/// Time limit for a child to end; valgrind writes its report then.
const FAREWELL: Duration = Duration::from_secs(20);

/// The server address and the domain that a component logs in with.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) server: String,
    pub(crate) domain: String,
    pub(crate) secret: String,
}

/// A running component.
pub(crate) struct Child {
    process: process::Child,
    pub(crate) started: Instant,
    log: PathBuf,
}

impl Child {
    /// Starts `peer` with the addresses in its environment, under both sets of names.
    pub(crate) fn start(peer: &Peer, door: &Door) -> Result<Child, Fault> {
        let log = std::env::temp_dir().join(format!("rig-{}-{}.log", process::id(), peer.name));
        let file = fs::File::create(&log)?;
        let mut command = Command::new(&peer.program);
        command
            .args(&peer.arguments)
            .envs(peer.environment.iter().map(|(key, value)| (key, value)));
        for prefix in ["COUPLET", "RIG"] {
            command.env(format!("{prefix}_DOMAIN"), &door.domain);
            command.env(format!("{prefix}_SECRET"), &door.secret);
            command.env(format!("{prefix}_SERVER"), &door.server);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        let started = clock::now();
        let process = command.spawn().map_err(|error| {
            Fault::new(format!(
                "{} cannot be started: {error}",
                peer.program.display()
            ))
        })?;
        Ok(Child {
            process,
            started,
            log,
        })
    }

    /// Returns an error with the child's last output if it has ended.
    pub(crate) fn alive(&mut self) -> Result<(), Fault> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let words: Vec<&str> = log.lines().rev().take(5).collect();
                let words: Vec<&str> = words.into_iter().rev().collect();
                Err(Fault::new(format!(
                    "the component ended ({status}): {}",
                    words.join(" | ")
                )))
            }
        }
    }

    /// Returns the CPU seconds of all its threads so far, user and kernel.
    pub(crate) fn cpu(&self) -> f64 {
        let id = self.process.id();
        // The scheduler's nanoseconds if the kernel has them: a tick is a tenth of a short run.
        let threads = fs::read_dir(format!("/proc/{id}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let nanoseconds: u64 = threads
            .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
            .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
            .sum();
        match nanoseconds {
            0 => cpu_ticks(&id.to_string()),
            _ => nanoseconds as f64 / 1e9,
        }
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns the memory in KiB: (now, maximum so far).
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        (
            field("VmRSS:").unwrap_or_default(),
            field("VmHWM:").unwrap_or_default(),
        )
    }

    /// Asks the child to end and waits for it. The stream stays open until then, so that it does
    /// not reconnect, and its closing tag is answered (RFC 6120, 4.4), so that it does not wait for
    /// one.
    pub(crate) fn stop(mut self, mut stream: &TcpStream) -> Result<(), Fault> {
        stream.set_nonblocking(true)?;
        let mut last_words = vec![0; 1 << 16];
        self.terminate(|| {
            let read = stream.read(&mut last_words).unwrap_or_default();
            let words = last_words.get(..read).unwrap_or_default();
            if memmem::find(words, b"</stream:stream>").is_some() {
                let _gone_already = stream.write_all(b"</stream:stream>");
            }
        })
    }

    /// Asks the child to end and waits for it; for real servers, which answer the closing tag.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        self.terminate(|| {})
    }

    /// Waits for a child that ends by itself; returns the time that it took.
    pub(crate) fn ended(mut self) -> Result<Duration, Fault> {
        let status = self.process.wait()?;
        let took = self.started.elapsed();
        if status.success() {
            return Ok(took);
        }
        self.alive().map(|()| took)
    }

    /// Asks the child to end, as a supervisor does.
    pub(crate) fn ask_to_end(&self) {
        if let Some(id) = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw)
        {
            let _ended_already = kill_process(id, Signal::TERM);
        }
    }

    fn terminate(&mut self, mut meanwhile: impl FnMut()) -> Result<(), Fault> {
        self.ask_to_end();
        let asked = clock::now();
        while asked.elapsed() < FAREWELL {
            if self.process.try_wait()?.is_some() {
                return Ok(());
            }
            meanwhile();
            clock::pause(Duration::from_millis(2));
        }
        Err(Fault::new("the component does not end on SIGTERM"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _no_zombie = self.process.wait();
        let _never_written = fs::remove_file(&self.log);
    }
}

/// Returns the CPU seconds of a process (or "self") in the kernel's ticks, its ended threads
/// included.
pub(crate) fn cpu_ticks(id: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // proc(5): the name in brackets may contain spaces; utime and stime are the fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}
