//! An independent client, slixmpp, tests the echo binary through both servers, over every kind of
//! connection. It also rejects a faulty component.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use couplet_test::{Ejabberd, Prosody, Setup};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

type Outcome = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(120);

fn python(script: &str) -> Result<Command, Box<dyn Error>> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join(".venv/bin/python");
    if !python.exists() {
        return Err("tests/.venv is missing: run tests/install.sh".into());
    }
    let mut command = Command::new(python);
    command
        .arg(tests.join("foreign").join(script))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

async fn slixmpp_echo(server: &str, manners: &[&str]) -> Result<Child, Box<dyn Error>> {
    let mut echo = python("slixmpp_echo.py")?
        .args([
            "--server",
            server,
            "--component",
            "echo.localhost",
            "--secret",
            "s3cret",
        ])
        .args(manners)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(echo.stdout.take().ok_or("no output")?).lines();
    let line = timeout(PATIENCE, lines.next_line()).await??;
    assert_eq!(line.as_deref(), Some("online"));
    Ok(echo)
}

/// Returns whether the client's checks passed, and its output.
async fn examine(server: &str) -> Result<(bool, String), Box<dyn Error>> {
    examine_with("slixmpp_client.py", server).await
}

/// The verdict of one of the clients.
async fn examine_with(script: &str, server: &str) -> Result<(bool, String), Box<dyn Error>> {
    let run = python(script)?
        .args([
            "--server",
            server,
            "--jid",
            "alice@localhost",
            "--password",
            "alice",
        ])
        .args(["--component", "echo.localhost"])
        .output();
    let output = timeout(PATIENCE, run).await??;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8(said)?))
}

/// Starts the binary as users build it, with its settings in the environment.
fn our(program: &str, server: &str, authority: Option<&Path>) -> Result<Child, Box<dyn Error>> {
    // target/debug/deps/foreign-… → target/debug/echo
    let tests = std::env::current_exe()?;
    let built = tests.ancestors().nth(2).ok_or("no target folder")?;
    let path = built.join(program);
    if !path.exists() {
        return Err(format!("{} is missing: cargo build -p {program}", path.display()).into());
    }
    let mut command = Command::new(path);
    command
        .env("COUPLET_DOMAIN", "echo.localhost")
        .env("COUPLET_SECRET", "s3cret")
        .env("COUPLET_SERVER", server)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(authority) = authority {
        command.env("COUPLET_TLS_CA_FILE", authority);
    }
    Ok(command.spawn()?)
}

/// Runs the client's checks on our echo, then stops the echo with SIGTERM.
async fn our_echo_passes(
    server: &str,
    authority: Option<&Path>,
    client: &str,
) -> Result<(), Box<dyn Error>> {
    let mut echo = our("echo", server, authority)?;
    let (content, said) = examine(client).await?;
    assert!(content, "{server}: {said}");
    assert_eq!(said.matches("ok ").count(), 6, "{server}: {said}");
    let pid = echo.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    kill_process(pid.ok_or("it has ended")?, Signal::TERM)?;
    let ended = timeout(PATIENCE, echo.wait()).await??;
    assert!(ended.success(), "{server}: {ended}");
    Ok(())
}

#[tokio::test]
async fn the_echo_passes_on_prosody() -> Outcome {
    let prosody = Prosody::start(Setup::component("echo.localhost", "s3cret")).await?;
    drop(prosody.user("alice").await?);
    our_echo_passes(&prosody.component_addr(), None, &prosody.client_addr()).await
}

#[tokio::test]
async fn the_same_echo_passes_on_ejabberd_over_tcp_tls_and_a_unix_socket() -> Outcome {
    let setup = Setup::component("echo.localhost", "s3cret")
        .tls()
        .unix_socket();
    let ejabberd = Ejabberd::start(setup).await?;
    drop(ejabberd.user("alice").await?);
    let client = ejabberd.client_addr();
    our_echo_passes(&ejabberd.component_addr(), None, &client).await?;
    let tls = format!("tls://{}", ejabberd.tls_addr().ok_or("no TLS")?);
    our_echo_passes(&tls, Some(ejabberd.authority()), &client).await?;
    let unix = ejabberd.unix_path().ok_or("no unix socket")?;
    our_echo_passes(&format!("unix:{}", unix.display()), None, &client).await
}

#[tokio::test]
async fn the_echo_is_a_contact_on_prosody_and_ejabberd() -> Outcome {
    let setup = Setup::component("echo.localhost", "s3cret");
    let prosody = Prosody::start(setup.clone()).await?;
    let ejabberd = Ejabberd::start(setup).await?;
    drop((prosody.user("alice").await?, ejabberd.user("alice").await?));
    for (component, client) in [
        (prosody.component_addr(), prosody.client_addr()),
        (ejabberd.component_addr(), ejabberd.client_addr()),
    ] {
        let _echo = our("echo", &component, None)?;
        let (content, said) = examine_with("slixmpp_contact.py", &client).await?;
        assert!(content, "{client}: {said}");
        assert_eq!(said.matches("ok ").count(), 6, "{client}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_foreign_client_accepts_a_correct_component() -> Outcome {
    let setup = Setup::component("echo.localhost", "s3cret");
    let prosody = Prosody::start(setup.clone()).await?;
    let ejabberd = Ejabberd::start(setup).await?;
    drop((prosody.user("alice").await?, ejabberd.user("alice").await?));
    for (component, client) in [
        (prosody.component_addr(), prosody.client_addr()),
        (ejabberd.component_addr(), ejabberd.client_addr()),
    ] {
        let _echo = slixmpp_echo(&component, &[]).await?;
        let (content, said) = examine(&client).await?;
        assert!(content, "{said}");
        assert_eq!(said.matches("ok ").count(), 6, "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_foreign_client_rejects_a_faulty_component() -> Outcome {
    let prosody = Prosody::start(Setup::component("echo.localhost", "s3cret")).await?;
    drop(prosody.user("alice").await?);
    let _echo = slixmpp_echo(&prosody.component_addr(), &["--wrong"]).await?;
    let (content, said) = examine(&prosody.client_addr()).await?;
    assert!(!content, "{said}");
    for complaint in ["FAIL  echo", "FAIL  unknown question", "ok    ping"] {
        assert!(said.contains(complaint), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_plugin_for_commands_of_the_foreign_client_runs_those_of_the_reminder() -> Outcome {
    let setup = Setup::component("echo.localhost", "s3cret");
    let prosody = Prosody::start(setup.clone()).await?;
    let ejabberd = Ejabberd::start(setup).await?;
    drop((prosody.user("alice").await?, ejabberd.user("alice").await?));
    for (component, client) in [
        (prosody.component_addr(), prosody.client_addr()),
        (ejabberd.component_addr(), ejabberd.client_addr()),
    ] {
        let _reminder = our("reminder", &component, None)?;
        let (content, said) = examine_with("slixmpp_commands.py", &client).await?;
        assert!(content, "{component}: {said}");
        assert_eq!(said.matches("ok ").count(), 8, "{component}: {said}");
    }
    Ok(())
}
