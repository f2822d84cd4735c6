//! Step `instances`: no running instance is disturbed.

use std::error::Error;
use std::process::Stdio;
use std::time::Duration;

use couplet_test::Running;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::faulty_setup::{FaultySetup, step, text};
use crate::server::Backend;
use crate::{DOMAIN, Outcome, SECRET, setup};

on_every_prosody!(
    a_running_instance_is_left_alone,
    an_instance_that_a_login_would_end_is_left_alone,
    a_component_of_another_domain_is_no_reason_to_stop,
);
on_every_ejabberd!(a_running_instance_is_left_alone);

async fn a_running_instance_is_left_alone(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let instance = left_alone(&server.components()).await?;
    instance.stop().await?;
    Ok(())
}

/// With `kick_old`, a login ends the running instance.
async fn an_instance_that_a_login_would_end_is_left_alone(backend: Backend) -> Outcome {
    let server = backend.start(setup().kick_old()).await?;
    let instance = left_alone(&server.components()).await?;
    instance.stop().await?;
    Ok(())
}

async fn a_component_of_another_domain_is_no_reason_to_stop(backend: Backend) -> Outcome {
    let both = setup().and_component("news.localhost", "another secret");
    let server = backend.start(both).await?;
    let components = server.components();
    let mut other = another_component(&components)?;
    let mut lines = BufReader::new(other.stdout.take().ok_or("no output")?).lines();
    assert_eq!(lines.next_line().await?.as_deref(), Some("connected"));
    let report = FaultySetup::new("a component of another domain", &components)
        .expect(
            "instances",
            "for news.localhost; other domains than echo.localhost",
        )
        .verdict("pass")
        .exit_code(0)
        .check()
        .await?;
    assert_eq!(
        text(&step(&report, "login"), "verdict"),
        "pass",
        "{report:#}"
    );
    Ok(())
}

/// Asserts that the doctor stops before the login if an instance is running, and returns the instance.
pub(crate) async fn left_alone(components: &str) -> Result<Running, Box<dyn Error>> {
    let config = couplet::Config::new(DOMAIN, SECRET).with_server(components.parse()?);
    let mut instance = Running::start(couplet::Component::new(config));
    instance.online().await;
    let report = FaultySetup::new("an instance that is running", components)
        .expect("instances", "connected to this port")
        .verdict("not_tried")
        .advises("--takeover")
        .exit_code(3)
        .check()
        .await?;
    assert_eq!(
        text(&step(&report, "login"), "verdict"),
        "not_reached",
        "{report:#}"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(instance.sessions(), 1);
    Ok(instance)
}

/// Starts a program with the settings of a component of another domain, connected to the port.
fn another_component(components: &str) -> Result<Child, Box<dyn Error>> {
    let (host, port) = components.rsplit_once(':').ok_or("no port")?;
    let child = Command::new("bash")
        .args(["-c", "exec 3<>/dev/tcp/$0/$1; echo connected; read -r"])
        .args([host, port])
        .env("COUPLET_DOMAIN", "news.localhost")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}
