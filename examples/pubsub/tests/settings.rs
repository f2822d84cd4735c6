//! The settings of the program, set as containers set them.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

/// Runs `pubsub --check-config` with the required settings and these variables.
fn checked(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pubsub"));
    command
        .arg("--check-config")
        .current_dir(folder.path())
        .env_clear()
        .env("COUPLET_DOMAIN", "pubsub.localhost")
        .env("COUPLET_SECRET", "longsecret1")
        .envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn its_own_table_is_printed_with_where_each_value_is_from() {
    let (code, shown) = checked(&[
        ("COUPLET_PUBSUB_STORE", "sqlite:/data/items.db"),
        ("COUPLET_PUBSUB_ADMINS", "admin@example.org"),
        ("COUPLET_PUBSUB_AUTO_CREATE", "1"),
    ]);
    assert_eq!(code, Some(0), "{shown}");
    for line in [
        "domain = \"pubsub.localhost\"  # COUPLET_DOMAIN\n",
        "\n[pubsub]\n",
        "store = \"sqlite:/data/items.db\"  # COUPLET_PUBSUB_STORE\n",
        "admins = [\"admin@example.org\"]  # COUPLET_PUBSUB_ADMINS\n",
        "auto_create = true  # COUPLET_PUBSUB_AUTO_CREATE\n",
        "creators = \"anyone\"  # default\n",
    ] {
        assert!(shown.contains(line), "no {line:?} in {shown}");
    }
    assert!(!shown.contains("longsecret1"), "{shown}");
}

/// Kubernetes sets them in every pod of a namespace with a Service `couplet-pubsub` or
/// `couplet-echo`.
#[test]
fn service_variables_of_kubernetes_are_ignored() {
    let (code, shown) = checked(&[
        ("COUPLET_PUBSUB_SERVICE_HOST", "10.0.0.1"),
        ("COUPLET_PUBSUB_SERVICE_PORT", "9100"),
        ("COUPLET_PUBSUB_SERVICE_PORT_OPERATE", "9100"),
        ("COUPLET_PUBSUB_PORT", "tcp://10.0.0.1:9100"),
        ("COUPLET_PUBSUB_PORT_9100_TCP", "tcp://10.0.0.1:9100"),
        ("COUPLET_PUBSUB_PORT_9100_TCP_PROTO", "tcp"),
        ("COUPLET_ECHO_PORT", "tcp://10.0.0.1:9100"),
        ("COUPLET_ECHO_PORT_9100_TCP_ADDR", "10.0.0.1"),
        ("COUPLET_ECHO_SERVICE_HOST", "10.0.0.1"),
    ]);
    assert_eq!(code, Some(0), "{shown}");
}

/// `docker run --env-file` keeps the quotation marks of a line.
#[test]
fn a_domain_in_quotation_marks_is_refused() {
    let (code, said) = checked(&[("COUPLET_DOMAIN", "\"echo.example.org\"")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("begins or ends with a quotation mark"),
        "{said}"
    );
}
