//! Step `secrecy`: the secret is valid for this domain only.

use crate::faulty_setup::{FaultySetup, step, text};
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_ejabberd!(a_password_without_hosts_is_reported);

/// With such a password ejabberd accepts a component for any domain.
async fn a_password_without_hosts_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup().password_without_hosts()).await?;
    let report = FaultySetup::new("a password without hosts", server.components())
        .expect("secrecy", "this secret is valid for any domain")
        .verdict("warn")
        .advises("hosts:\n    \"echo.localhost\":\n      password:")
        .exit_code(0)
        .check()
        .await?;
    for name in ["login", "address", "routes", "second", "foreign"] {
        assert_eq!(text(&step(&report, name), "verdict"), "pass", "{report:#}");
    }
    Ok(())
}
