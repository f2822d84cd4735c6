//! `couplet dev` at a terminal: the tests write to a pseudo-terminal and read from it.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use couplet_test::Client;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

/// A test that waits longer fails.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A `couplet dev` whose three streams are one terminal.
struct Run {
    child: Child,
    keyboard: File,
    terminal: File,
    shown: Receiver<Vec<u8>>,
    /// All output so far.
    text: String,
    /// The end of what the test has examined.
    at: usize,
    _folder: TempDir,
}

impl Run {
    fn start(arguments: &[&str]) -> Result<Run, Box<dyn Error>> {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&controller)?;
        unlockpt(&controller)?;
        let path = ptsname(&controller, Vec::new())?;
        let path = OsStr::from_bytes(path.to_bytes());
        let terminal = OpenOptions::new().read(true).write(true).open(path)?;
        tcsetwinsize(
            &terminal,
            Winsize {
                ws_row: 24,
                ws_col: 80,
                ws_xpixel: 0,
                ws_ypixel: 0,
            },
        )?;
        let folder = tempfile::Builder::new().prefix("couplet-tty-").tempdir()?;
        let stream = || terminal.try_clone().map(Stdio::from);
        let child = Command::new(env!("CARGO_BIN_EXE_couplet"))
            .arg("dev")
            .args(arguments)
            .env("TMPDIR", folder.path())
            .env("TERM", "xterm")
            .env_remove("RUST_LOG")
            .env_remove("NO_COLOR")
            .stdin(stream()?)
            .stdout(stream()?)
            .stderr(stream()?)
            .spawn()?;

        let keyboard = File::from(controller);
        let mut screen = keyboard.try_clone()?;
        let (show, shown) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                if show
                    .send(bytes.get(..read).unwrap_or_default().to_vec())
                    .is_err()
                {
                    return;
                }
            }
        });
        Ok(Run {
            child,
            keyboard,
            terminal,
            shown,
            text: String::new(),
            at: 0,
            _folder: folder,
        })
    }

    fn type_in(&mut self, keys: &str) -> Outcome {
        Ok(self.keyboard.write_all(keys.as_bytes())?)
    }

    /// Waits for `words` in the output that is not examined yet, and returns that output up to them.
    fn shows(&mut self, words: &str) -> Result<String, Box<dyn Error>> {
        loop {
            let unseen = self.text.get(self.at..).unwrap_or_default();
            if let Some(found) = unseen.find(words) {
                let end = found + words.len();
                let seen = unseen.get(..end).unwrap_or_default().to_owned();
                self.at += end;
                return Ok(seen);
            }
            let bytes = self.shown.recv_timeout(TIMEOUT);
            let bytes = bytes.map_err(|_| format!("no {words:?} in {:?}", self.text))?;
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn exit_code(&mut self) -> Result<Option<i32>, Box<dyn Error>> {
        Ok(self.child.wait()?.code())
    }

    fn modes(&self) -> Result<Termios, Box<dyn Error>> {
        Ok(tcgetattr(&self.terminal)?)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test]
async fn a_message_does_not_disturb_the_line_being_typed() -> Outcome {
    let mut run = Run::start(&["--keep"])?;
    let output = run.shows("COUPLET_SECRET=")?;
    let port = output
        .split("server    127.0.0.1, port ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .ok_or("no port")?;
    let addr = format!("127.0.0.1:{}", port.trim());
    let mut bob = Client::login(&addr, "bob@localhost", "bob").await?;
    run.shows("alice> ")?;

    run.type_in("half a ")?;
    run.shows("half a ")?;
    bob.send_raw("<message to='alice@localhost' type='chat'><body>meanwhile</body></message>")
        .await?;
    run.shows("bob@localhost: meanwhile")?;
    run.shows("alice> half a ")?;
    run.type_in("line\r")?;
    run.shows("bot@echo.localhost: half a line")?;
    Ok(())
}

#[test]
fn an_arrow_key_recalls_the_previous_line() -> Outcome {
    let mut run = Run::start(&[])?;
    run.shows("alice> ")?;
    run.type_in("first\r")?;
    run.shows("bot@echo.localhost: first")?;
    run.type_in("\x1b[A")?;
    run.shows("first")?;
    // The cursor moves left past "t", where "s" is inserted.
    run.type_in("\x1b[Ds\r")?;
    run.shows("bot@echo.localhost: firsst")?;
    assert!(!run.text.contains("^["), "{:?}", run.text);
    Ok(())
}

#[test]
fn the_modes_of_the_terminal_are_restored() -> Outcome {
    for (keys, code) in [("\x03", 0), ("\x04", 0), ("/quit\r", 0)] {
        let mut run = Run::start(&[])?;
        let before = run.modes()?;
        run.shows("alice> ")?;
        run.type_in(keys)?;
        assert_eq!(run.exit_code()?, Some(code), "{keys:?}: {:?}", run.text);
        let after = run.modes()?;
        assert_eq!(after.local_modes, before.local_modes, "{keys:?}");
        assert_eq!(after.input_modes, before.input_modes, "{keys:?}");
    }
    Ok(())
}

#[test]
fn a_component_is_restarted_on_request() -> Outcome {
    let mut run = Run::start(&["--xml"])?;
    run.shows("alice> ")?;
    run.type_in("/restart\r")?;
    run.shows("restarting the echo echo.localhost ...")?;
    // The response of the server to the handshake.
    run.shows("server -> component\x1b[0m\r\n\x1b[36m<handshake/>")?;
    run.type_in("still there\r")?;
    run.shows("bot@echo.localhost: still there")?;
    Ok(())
}

#[test]
fn a_component_of_the_user_is_restarted_when_it_exits() -> Outcome {
    // It counts its starts in a file, exits after the first one and then stays.
    let count = "echo x >> \"$TMPDIR/starts\"; n=$(wc -l < \"$TMPDIR/starts\"); echo start no. $n";
    let script = format!("{count}; [ $n -gt 1 ] || exit 7; exec sleep 1000");
    let mut run = Run::start(&["--domain", "own.localhost", "--", "sh", "-c", &script])?;
    run.shows("start no. 1")?;
    run.shows("sh exited (exit status: 7); restarting in ")?;
    run.shows("restarting sh ...")?;
    run.shows("start no. 2")?;
    Ok(())
}

#[test]
fn the_xml_is_printed_in_colors() -> Outcome {
    let mut run = Run::start(&["--xml"])?;
    run.shows("alice> ")?;
    run.type_in("hello\r")?;
    run.shows("\x1b[2mserver -> component\x1b[0m\r\n\x1b[36m<message")?;
    run.shows("hello\x1b[36m</body>")?;
    run.shows("\x1b[2mcomponent -> server\x1b[0m\r\n\x1b[36m<message")?;
    run.shows("bot@echo.localhost: hello")?;
    Ok(())
}
