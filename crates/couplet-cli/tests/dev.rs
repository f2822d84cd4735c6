//! `couplet dev` as a person or a script runs it, on both real servers.

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

/// A `couplet dev` whose temporary files are in a directory of its own, by which its processes
/// are found too.
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

    /// Reads standard error up to the line in which this stands.
    fn told_until(&mut self, words: &str) -> Result<String, Box<dyn Error>> {
        let mut told = String::new();
        while !told.contains(words) {
            if self.errors.read_line(&mut told)? == 0 {
                return Err(told.into());
            }
        }
        Ok(told)
    }

    /// Waits with standard input still open: the end of that would be an end too.
    fn ended(&mut self) -> Result<Option<i32>, Box<dyn Error>> {
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

/// Runs to the end on this input.
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

/// The processes whose arguments name this directory.
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

fn echoes_what_it_is_piped(server: &str) -> Outcome {
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
    echoes_what_it_is_piped("prosody")
}

#[test]
fn standard_output_gets_the_echoes_of_ejabberd_and_nothing_else() -> Outcome {
    echoes_what_it_is_piped("ejabberd")
}

#[test]
fn a_signal_leaves_no_process_and_no_directory() -> Outcome {
    for (server, signal) in [
        ("prosody", Signal::INT),
        ("prosody", Signal::HUP),
        ("ejabberd", Signal::TERM),
    ] {
        let mut run = Run::start(&["--server", server])?;
        run.told_until("is online")?;
        assert!(!processes_of(run.folder.path()).is_empty());
        assert!(!is_empty(run.folder.path())?);

        run.signal(signal)?;
        assert_eq!(run.ended()?, Some(130));
        assert_eq!(processes_of(run.folder.path()), [""; 0]);
        assert!(is_empty(run.folder.path())?);
    }
    Ok(())
}

#[test]
fn ones_own_component_is_told_where_to_log_in_and_ends_with_all_it_has_started() -> Outcome {
    let script = "echo \"$COUPLET_DOMAIN $COUPLET_SERVER ${#COUPLET_SECRET}\"
        trap '' TERM
        echo ready > \"$TMPDIR/log\"
        tail -f \"$TMPDIR/log\" & wait";
    let arguments = ["--domain", "weather.localhost", "--", "sh", "-c", script];
    let mut run = Run::start(&arguments)?;
    let told = run.told_until("ready")?;
    assert!(told.contains("\nweather.localhost 127.0.0.1:"), "{told}");
    assert!(told.contains(" 16\n"), "{told}");
    let own = |all: &[String]| all.iter().any(|arguments| arguments.starts_with("tail"));
    assert!(own(&processes_of(run.folder.path())));

    run.signal(Signal::INT)?;
    // The script will not go by itself, so the second signal is needed, or the grace period.
    run.signal(Signal::TERM)?;
    assert_eq!(run.ended()?, Some(130));
    assert!(!own(&processes_of(run.folder.path())));
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
fn a_component_that_ends_is_told_of() -> Outcome {
    let (output, _folder) = run(&["--", "sh", "-c", "exit 7"], "hello\n")?;
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("couplet: sh ended by itself (exit status: 7)"),
        "{errors}"
    );
    Ok(())
}

#[test]
fn a_component_that_ends_is_started_again_as_long_as_the_server_is_kept() -> Outcome {
    let mut run = Run::start(&["--keep", "--", "sh", "-c", "echo started; exit 7"])?;
    run.told_until("started")?;
    run.told_until("sh ended by itself (exit status: 7); it is started again in ")?;
    run.told_until("started")?;
    run.signal(Signal::INT)?;
    assert_eq!(run.ended()?, Some(0));
    Ok(())
}

#[test]
fn the_xml_of_the_components_connection_is_shown_on_standard_error() -> Outcome {
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
fn a_line_that_is_refused_makes_it_fail_after_the_others() -> Outcome {
    let lines = "/to nobody@localhost\nanybody?\n/to x@echo.localhost\nhello\n";
    let (output, _folder) = run(&[], lines)?;
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(text(&output.stdout), "x@echo.localhost: hello\n");
    assert!(
        errors.contains("nobody@localhost refused \"anybody?\": service-unavailable"),
        "{errors}"
    );
    Ok(())
}

#[tokio::test]
async fn another_client_can_log_in_and_a_line_it_does_not_answer_makes_it_fail() -> Outcome {
    let mut run = Run::start(&["--keep", "--to", "bob@localhost", "--timeout", "1s"])?;
    let told = run.told_until("COUPLET_SECRET=")?;
    let port = told
        .split("server    127.0.0.1, port ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .ok_or("no port")?;
    let mut bob = Client::login(&format!("127.0.0.1:{port}"), "bob@localhost", "bob").await?;
    bob.send_raw("<presence/>").await?;
    // His own presence comes back when the server has it.
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
    let heard = bob
        .next(Duration::from_secs(30))
        .await?
        .ok_or("no message")?;
    assert!(
        heard.as_str().contains("<body>hello bob</body>"),
        "{}",
        heard.as_str()
    );
    let told = run.told_until("within 1s")?;
    assert!(
        told.contains("couplet: bob@localhost did not answer \"hello bob\" within 1s"),
        "{told}"
    );
    assert_eq!(run.ended()?, Some(1));
    Ok(())
}

#[test]
fn a_server_that_is_not_installed_is_told_of_with_the_package() -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .args(["dev"])
        .env("PATH", "/nowhere")
        .stdin(Stdio::null())
        .output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("apt-get install prosody"));
    Ok(())
}
