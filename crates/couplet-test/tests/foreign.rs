//! The slixmpp client of `tests/foreign` is worth believing: it passes a good component and fails a
//! careless one, through both servers.

use std::error::Error;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use couplet_test::{Ejabberd, Prosody, Setup};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

type Outcome = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(120);

fn python(script: &str) -> Result<Command, Box<dyn Error>> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests");
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

async fn echo(server: &str, manners: &[&str]) -> Result<Child, Box<dyn Error>> {
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

/// The client's verdict: whether it was content, and what it printed.
async fn examine(server: &str) -> Result<(bool, String), Box<dyn Error>> {
    let run = python("slixmpp_client.py")?
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

#[tokio::test]
async fn the_foreign_client_is_content_with_a_good_component() -> Outcome {
    let setup = Setup::component("echo.localhost", "s3cret");
    let prosody = Prosody::start(setup.clone()).await?;
    let ejabberd = Ejabberd::start(setup).await?;
    drop((prosody.user("alice").await?, ejabberd.user("alice").await?));
    for (component, client) in [
        (prosody.component_addr(), prosody.client_addr()),
        (ejabberd.component_addr(), ejabberd.client_addr()),
    ] {
        let _echo = echo(&component, &[]).await?;
        let (content, said) = examine(&client).await?;
        assert!(content, "{said}");
        assert_eq!(said.matches("ok ").count(), 6, "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_foreign_client_complains_of_a_careless_component() -> Outcome {
    let prosody = Prosody::start(Setup::component("echo.localhost", "s3cret")).await?;
    drop(prosody.user("alice").await?);
    let _echo = echo(&prosody.component_addr(), &["--wrong"]).await?;
    let (content, said) = examine(&prosody.client_addr()).await?;
    assert!(!content, "{said}");
    for complaint in ["FAIL  echo", "FAIL  unknown question", "ok    ping"] {
        assert!(said.contains(complaint), "{said}");
    }
    Ok(())
}
