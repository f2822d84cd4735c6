//! Instances that are running, which a login would disturb.

use std::error::Error;
use std::process::Stdio;
use std::time::Duration;

use couplet_test::Running;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::case::{Broken, step, text};
use crate::server::Backend;
use crate::{DOMAIN, Outcome, SECRET, setup};

on_every_prosody!(
    an_instance_that_runs_is_left_alone,
    an_instance_that_a_login_would_end_is_left_alone,
    a_component_of_another_domain_is_no_reason_to_stop,
);
on_every_ejabberd!(an_instance_that_runs_is_left_alone);

async fn an_instance_that_runs_is_left_alone(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let instance = left_alone(&server.components()).await?;
    instance.stop().await?;
    Ok(())
}

/// With `kick_old`.
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
    let mut said = BufReader::new(other.stdout.take().ok_or("no output")?).lines();
    assert_eq!(said.next_line().await?.as_deref(), Some("connected"));
    let told = Broken::new("a component of another domain", &components)
        .fails_at("instances", "for news.localhost; other domains than ours")
        .with_a("pass")
        .ends_with(0)
        .understood()
        .await?;
    assert_eq!(text(&step(&told, "login"), "verdict"), "pass", "{told:#}");
    Ok(())
}

/// Without consent the doctor stops before it could do harm. Returns the instance, still online.
pub(crate) async fn left_alone(components: &str) -> Result<Running, Box<dyn Error>> {
    let config = couplet::Config::new(DOMAIN, SECRET).with_server(components.parse()?);
    let mut instance = Running::start(couplet::Component::new(config));
    instance.online().await;
    let told = Broken::new("an instance that is running", components)
        .fails_at("instances", "connected to this port")
        .with_a("not_tried")
        .advises("--takeover")
        .ends_with(3)
        .understood()
        .await?;
    assert_eq!(
        text(&step(&told, "login"), "verdict"),
        "not_reached",
        "{told:#}"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(instance.sessions(), 1);
    Ok(instance)
}

/// A program with the settings of a component of another domain, connected to the port.
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
