//! `couplet dev` without a terminal, with both real servers.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use couplet_test::Client;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

/// A `couplet dev` with its own directory for temporary files, which also identifies its processes.
struct Run {
    child: Child,
    errors: BufReader<ChildStderr>,
    folder: TempDir,
}

impl Run {
    fn start(arguments: &[&str]) -> Result<Run, Box<dyn Error>> {
        let folder = folder()?;
        let mut child = command(arguments, folder.path()).spawn()?;
        let errors = BufReader::new(child.stderr.take().ok_or("no errors")?);
        Ok(Run {
            child,
            errors,
            folder,
        })
    }

    /// Reads standard error up to the line that contains `text`.
    fn read_until(&mut self, text: &str) -> Result<String, Box<dyn Error>> {
        let mut read = String::new();
        while !read.contains(text) {
            if self.errors.read_line(&mut read)? == 0 {
                return Err(read.into());
            }
        }
        Ok(read)
    }

    /// Waits for the exit code with standard input open, because its end would end the command.
    fn exit_code(&mut self) -> Result<Option<i32>, Box<dyn Error>> {
        let stdin = self.child.stdin.take();
        let status = self.child.wait()?;
        drop(stdin);
        Ok(status.code())
    }

    fn signal(&self, signal: Signal) -> Outcome {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn folder() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("couplet-dev-").tempdir()
}

fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_couplet"));
    command
        .arg("dev")
        .args(arguments)
        .env("TMPDIR", folder)
        .env_remove("RUST_LOG");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the command with this input until it exits.
fn run(arguments: &[&str], input: &str) -> Result<(Output, TempDir), Box<dyn Error>> {
    let folder = folder()?;
    let mut child = command(arguments, folder.path()).spawn()?;
    child
        .stdin
        .take()
        .ok_or("no input")?
        .write_all(input.as_bytes())?;
    Ok((child.wait_with_output()?, folder))
}

/// Returns the arguments of all processes in whose arguments this directory occurs.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok())
        .filter(|arguments| arguments.contains(&*folder))
        .collect()
}

fn is_empty(folder: &Path) -> Result<bool, Box<dyn Error>> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_echoes(server: &str) -> Outcome {
    let lines = "hello\n\n  1 < 2 & \u{1b}\u{e9} \nlast, without an end";
    let (output, folder) = run(&["--server", server], lines)?;
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(
        text(&output.stdout),
        "bot@echo.localhost: hello\n\
         bot@echo.localhost:   1 < 2 & \u{fffd}\u{e9} \n\
         bot@echo.localhost: last, without an end\n"
    );
    assert!(errors.contains("echo.localhost is online"), "{errors}");
    assert!(is_empty(folder.path())?);
    assert_eq!(processes_of(folder.path()), [""; 0]);
    Ok(())
}

#[test]
fn standard_output_gets_the_echoes_of_prosody_and_nothing_else() -> Outcome {
    assert_echoes("prosody")
}

#[test]
fn standard_output_gets_the_echoes_of_ejabberd_and_nothing_else() -> Outcome {
    assert_echoes("ejabberd")
}

#[test]
fn a_signal_leaves_no_process_and_no_directory() -> Outcome {
    for (server, signal) in [
        ("prosody", Signal::INT),
        ("prosody", Signal::HUP),
        ("ejabberd", Signal::TERM),
    ] {
        let mut run = Run::start(&["--server", server])?;
        run.read_until("is online")?;
        assert!(!processes_of(run.folder.path()).is_empty());
        assert!(!is_empty(run.folder.path())?);

        run.signal(signal)?;
        assert_eq!(run.exit_code()?, Some(130));
        assert_eq!(processes_of(run.folder.path()), [""; 0]);
        assert!(is_empty(run.folder.path())?);
    }
    Ok(())
}

#[test]
fn a_component_of_the_user_gets_the_login_and_ends_with_all_its_processes() -> Outcome {
    let script = "echo \"$COUPLET_DOMAIN $COUPLET_SERVER ${#COUPLET_SECRET}\"
        trap '' TERM
        echo ready > \"$TMPDIR/log\"
        tail -f \"$TMPDIR/log\" & wait";
    let arguments = ["--domain", "weather.localhost", "--", "sh", "-c", script];
    let mut run = Run::start(&arguments)?;
    let output = run.read_until("ready")?;
    assert!(
        output.contains("\nweather.localhost 127.0.0.1:"),
        "{output}"
    );
    assert!(output.contains(" 16\n"), "{output}");
    let is_running = |all: &[String]| all.iter().any(|arguments| arguments.starts_with("tail"));
    assert!(is_running(&processes_of(run.folder.path())));

    run.signal(Signal::INT)?;
    // The script ignores SIGTERM: only a second signal, or the grace period, ends it.
    run.signal(Signal::TERM)?;
    assert_eq!(run.exit_code()?, Some(130));
    assert!(!is_running(&processes_of(run.folder.path())));
    let mut out = String::new();
    run.child
        .stdout
        .take()
        .ok_or("no output")?
        .read_to_string(&mut out)?;
    assert_eq!(out, "");
    Ok(())
}

#[test]
fn a_component_that_exits_is_reported() -> Outcome {
    let (output, _folder) = run(&["--", "sh", "-c", "exit 7"], "hello\n")?;
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("couplet: sh exited (exit status: 7)"),
        "{errors}"
    );
    Ok(())
}

#[test]
fn a_component_that_exits_is_restarted_with_keep() -> Outcome {
    let mut run = Run::start(&["--keep", "--", "sh", "-c", "echo started; exit 7"])?;
    run.read_until("started")?;
    run.read_until("sh exited (exit status: 7); restarting in ")?;
    run.read_until("started")?;
    run.signal(Signal::INT)?;
    assert_eq!(run.exit_code()?, Some(0));
    Ok(())
}

#[test]
fn the_xml_of_the_connection_is_printed_to_standard_error() -> Outcome {
    let (output, _folder) = run(&["--xml"], "1 < 2\n")?;
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(text(&output.stdout), "bot@echo.localhost: 1 < 2\n");
    let (into, out) = errors
        .split_once("server -> component\n<message ")
        .and_then(|(_, rest)| rest.split_once("component -> server\n<message "))
        .ok_or(errors.clone())?;
    for stanza in [into, out] {
        assert!(stanza.contains("\n  <body>1 &lt; 2</body>\n"), "{errors}");
    }
    assert!(!errors.contains('\x1b'), "{errors}");
    assert!(errors.contains("<handshake>...</handshake>"), "{errors}");
    Ok(())
}

#[test]
fn the_log_has_each_stanza_as_the_manual_says() -> Outcome {
    let folder = folder()?;
    let mut child = command(&[], folder.path())
        .env("RUST_LOG", "info,couplet=debug")
        .spawn()?;
    let stdin = child.stdin.take();
    stdin.ok_or("no input")?.write_all(b"a secret plan\n")?;
    let output = child.wait_with_output()?;
    let errors = text(&output.stderr);
    let handled = errors
        .lines()
        .find(|line| line.contains("kind=\"message\""));
    let handled = handled.ok_or(errors.clone())?;
    for field in [
        "stanza handled",
        "from=\"alice@localhost/couplet\"",
        "to=\"bot@echo.localhost\"",
        "id=",
        "handler=",
        "outcome=\"done\"",
        "took=",
    ] {
        assert!(handled.contains(field), "{field}: {handled}");
    }
    assert!(!errors.contains("a secret plan"), "{errors}");
    Ok(())
}

#[test]
fn a_line_that_is_answered_with_an_error_makes_it_fail_after_the_others() -> Outcome {
    let lines = "/to nobody@localhost\nanybody?\n/to x@echo.localhost\nhello\n";
    let (output, _folder) = run(&[], lines)?;
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(text(&output.stdout), "x@echo.localhost: hello\n");
    assert!(
        errors
            .contains("nobody@localhost answered \"anybody?\" with an error: service-unavailable"),
        "{errors}"
    );
    Ok(())
}

#[tokio::test]
async fn another_client_can_log_in_and_a_line_without_an_answer_makes_it_fail() -> Outcome {
    let mut run = Run::start(&["--keep", "--to", "bob@localhost", "--timeout", "1s"])?;
    let output = run.read_until("COUPLET_SECRET=")?;
    let port = output
        .split("server    127.0.0.1, port ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .ok_or("no port")?;
    let mut bob = Client::login(&format!("127.0.0.1:{port}"), "bob@localhost", "bob").await?;
    bob.send_raw("<presence/>").await?;
    // The server returns bob's own presence once it has processed it.
    while bob
        .next(Duration::from_secs(30))
        .await?
        .ok_or("no presence")?
        .root()
        .name()
        != "presence"
    {}

    run.child
        .stdin
        .as_mut()
        .ok_or("no input")?
        .write_all(b"hello bob\n")?;
    let message = bob
        .next(Duration::from_secs(30))
        .await?
        .ok_or("no message")?;
    assert!(
        message.as_str().contains("<body>hello bob</body>"),
        "{}",
        message.as_str()
    );
    let output = run.read_until("within 1s")?;
    assert!(
        output.contains("couplet: bob@localhost did not answer \"hello bob\" within 1s"),
        "{output}"
    );
    assert_eq!(run.exit_code()?, Some(1));
    Ok(())
}

#[test]
fn a_server_that_is_not_installed_is_reported_with_its_package() -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .args(["dev"])
        .env("PATH", "/nowhere")
        .stdin(Stdio::null())
        .output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("apt-get install prosody"));
    Ok(())
}
