//! Two independent client libraries, slixmpp and aioxmpp, use the pubsub program through each
//! server. They are unmodified, and get every event they support.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use couplet_test::{Ejabberd, Packages, Prosody, Setup};
use couplet_tests::pubsub::SERVICE;
use couplet_tests::pubsub_service::{SECRET, Service};
use tokio::process::Command;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(120);

fn setup() -> Setup {
    Setup::component(SERVICE, SECRET)
}

/// Runs a client against the service; fails with its output.
async fn is_content(script: &str, steps: usize, clients: &str) {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join(".venv/bin/python");
    assert!(python.exists(), "run tests/install.sh");
    let run = Command::new(python)
        .arg(tests.join("foreign").join(script))
        .args(["--server", clients, "--service", SERVICE])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, run).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{script}: {said}");
    assert_eq!(said.matches("ok    ").count(), steps, "{script}: {said}");
}

async fn both_are_content(components: &str, clients: &str) {
    let mut service = Service::beside(components);
    service.start().await;
    is_content("slixmpp_pubsub.py", 14, clients).await;
    is_content("aioxmpp_pubsub.py", 13, clients).await;
    assert!(service.stop().await.success(), "{}", service.log());
    service.logged_no_problem();
}

async fn both_are_content_through_prosody(packages: Packages) {
    let prosody = Prosody::start(setup().packages(packages)).await.unwrap();
    drop((
        prosody.user("alice").await.unwrap(),
        prosody.user("bob").await.unwrap(),
    ));
    both_are_content(&prosody.component_addr(), &prosody.client_addr()).await;
}

async fn both_are_content_through_ejabberd(packages: Packages) {
    let ejabberd = Ejabberd::start(setup().packages(packages)).await.unwrap();
    drop((
        ejabberd.user("alice").await.unwrap(),
        ejabberd.user("bob").await.unwrap(),
    ));
    both_are_content(&ejabberd.component_addr(), &ejabberd.client_addr()).await;
}

#[tokio::test]
async fn slixmpp_and_aioxmpp_use_every_operation_through_prosody() {
    both_are_content_through_prosody(Packages::Installed).await;
}

#[tokio::test]
async fn slixmpp_and_aioxmpp_use_every_operation_through_prosody_13() {
    both_are_content_through_prosody(Packages::Debian13).await;
}

#[tokio::test]
async fn slixmpp_and_aioxmpp_use_every_operation_through_ejabberd() {
    both_are_content_through_ejabberd(Packages::Installed).await;
}

#[tokio::test]
async fn slixmpp_and_aioxmpp_use_every_operation_through_ejabberd_24() {
    both_are_content_through_ejabberd(Packages::Debian13).await;
}
