//! [`Service`]: the pubsub program as a child process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// The secret shared with its server.
pub const SECRET: &str = "s3cret";

const DOMAIN: &str = crate::pubsub::SERVICE;
const NOBODY: u32 = 65_534;
const PATIENCE: Duration = Duration::from_secs(60);
const ONLINE: &str = "online domain=";

/// A pubsub program with its own file.
pub struct Service {
    child: Option<Child>,
    place: Place,
    sessions: usize,
    server: String,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

impl Service {
    /// Prepares a service for the component port of a server.
    pub fn beside(server: &str) -> Service {
        let folder = tempfile::tempdir().expect("a folder");
        let mut service = Service {
            child: None,
            place: Place::Plenty,
            sessions: 0,
            server: server.to_owned(),
            settings: Vec::new(),
            folder,
        };
        let store = format!("sqlite:{}", service.file().display());
        service.set("COUPLET_PUBSUB_STORE", &store);
        // A killed server is restarted soon in a test.
        service.set("COUPLET_TIMING_RECONNECT_LONGEST", "200ms");
        service
    }

    /// Sets a variable for the next start.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.settings.retain(|(known, _)| known != variable);
        self.settings.push((variable.to_owned(), value.to_owned()));
    }

    /// Sets the kind of disk for the next start.
    pub fn on(&mut self, place: Place) {
        self.place = place;
        // A disk of its own is visible only to the program.
        fs::create_dir_all(self.disk()).expect("a folder");
        let file = match self.place {
            Place::SmallDisk | Place::ReadOnly => self.disk().join("pubsub.db"),
            _ => self.file(),
        };
        self.set(
            "COUPLET_PUBSUB_STORE",
            &format!("sqlite:{}", file.display()),
        );
    }

    /// Frees disk space.
    pub fn make_room(&self) {
        let pid = self.pid().expect("it runs");
        match self.place {
            Place::SmallDisk => {
                let filler = self.disk().join("filler");
                let seen = format!("/proc/{}/root{}", pid.as_raw_nonzero(), filler.display());
                fs::remove_file(seen).expect("a file that fills the disk");
            }
            _ => {
                let none = Rlimit {
                    current: None,
                    maximum: None,
                };
                prlimit(Some(pid), Resource::Fsize, none).expect("a limit that can be lifted");
            }
        }
    }

    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Returns the file of the store.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("pubsub.db")
    }

    /// Returns a folder that is removed with the service.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it and waits until it is online.
    pub async fn start(&mut self) {
        self.launch();
        self.is_back().await;
    }

    /// Waits until it is online once more.
    pub async fn is_back(&mut self) {
        self.sessions += 1;
        let sessions = self.sessions;
        self.says(|log| log.matches(ONLINE).count() >= sessions)
            .await;
    }

    /// Starts it.
    pub fn launch(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("a log");
        let mut command = self.place.command(&program(), &self.disk());
        // The program rejects unknown variables.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUPLET_")) {
            command.env_remove(name);
        }
        command
            .env("COUPLET_DOMAIN", DOMAIN)
            .env("COUPLET_SECRET", SECRET)
            .env("COUPLET_SERVER", &self.server)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        self.child = Some(command.spawn().expect("the program starts"));
    }

    /// Kills it as a power failure would.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("it can be killed");
    }

    /// Stops it as an operator does.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid().expect("it runs"), signal).expect("a signal");
    }

    fn pid(&self) -> Option<Pid> {
        let pid = self.child.as_ref().and_then(Child::id);
        pid.and_then(|pid| Pid::from_raw(pid.cast_signed()))
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let ended = timeout(PATIENCE, child.wait()).await;
        ended.expect("it ends in time").expect("a status")
    }

    /// Returns whether it runs.
    pub fn runs(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// Returns its log since the first start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Checks that no warning or error was logged. On a busy machine any handler may take long, so
    /// that warning does not count.
    pub fn logged_no_problem(&self) {
        let log = self.log();
        let problem = log.lines().find(|line| {
            let is_problem = line.contains("WARN") || line.contains("ERROR");
            is_problem && !line.contains("a handler blocked the reader")
        });
        assert_eq!(problem, None, "{log}");
    }

    /// Waits until the log matches.
    pub async fn says(&mut self, like: impl Fn(&str) -> bool) {
        let wanted = async {
            while !like(&self.log()) {
                assert!(self.runs(), "it has ended:\n{}", self.log());
                sleep(Duration::from_millis(10)).await;
            }
        };
        let said = timeout(PATIENCE, wanted).await;
        assert!(said.is_ok(), "it says something else:\n{}", self.log());
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// The disk of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No restriction.
    Plenty,
    /// A disk of 4 MiB that is half full. It exists as long as the program runs.
    SmallDisk,
    /// A read-only disk.
    ReadOnly,
    /// A limit of 2 MiB for each file.
    Quota,
    /// No permission to write files of other users.
    Powerless,
}

impl Place {
    fn command(self, program: &Path, disk: &Path) -> Command {
        let mut command;
        match self {
            Place::Plenty => return Command::new(program),
            Place::SmallDisk => {
                command = Command::new("unshare");
                let script = "mount -t tmpfs -o size=4m tmpfs \"$1\" \
                    && head -c 2m /dev/zero >\"$1/filler\" && exec \"$0\"";
                command.args(["-rm", "sh", "-c", script]);
            }
            Place::ReadOnly => {
                command = Command::new("unshare");
                let script = "mount -t tmpfs -o ro tmpfs \"$1\" && exec \"$0\"";
                command.args(["-rm", "sh", "-c", script]);
            }
            Place::Quota => {
                command = Command::new("sh");
                let script = "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\"";
                command.args(["-c", script]);
            }
            Place::Powerless => {
                let root = rustix::process::geteuid().is_root();
                // Other users may not reach the program in root's folder.
                let copy = disk.join("pubsub");
                fs::copy(program, &copy).expect("a copy of the program");
                command = Command::new(copy);
                if root {
                    command.uid(NOBODY).gid(NOBODY);
                }
                return command;
            }
        }
        command.arg(program).arg(disk);
        command
    }
}

/// Returns the path of the program, built with the tests.
fn program() -> PathBuf {
    // target/debug/deps/test-… → target/debug/pubsub
    let tests = std::env::current_exe().expect("a test");
    let built = tests.ancestors().nth(2).expect("a target folder");
    let program = built.join("pubsub");
    assert!(
        program.exists(),
        "{} is missing: cargo build -p pubsub",
        program.display()
    );
    program
}
