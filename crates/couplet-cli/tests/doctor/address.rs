//! Step `address`: the server lets the component send from its addresses.

use crate::faulty_setup::{FaultySetup, healthy, step, text};
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_ejabberd!(a_listener_that_lets_no_stanza_through_is_reported);

/// The login succeeds, and the server drops every stanza to the component.
async fn a_listener_that_lets_no_stanza_through_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup().access_none()).await?;
    let report = FaultySetup::new("access: none", server.components())
        .expect("address", "no response within 10s")
        .advises("module: ejabberd_service\n      access: all")
        .check()
        .await?;
    assert_eq!(
        text(&step(&report, "login"), "verdict"),
        "pass",
        "{report:#}"
    );
    Ok(())
}

/// ejabberd since 24.10 then drops IQs to addresses without a resource.
#[tokio::test]
async fn mod_privilege_of_ejabberd_24_is_reported() -> Outcome {
    let server = Backend::Ejabberd24.start(setup().mod_privilege()).await?;
    let report = FaultySetup::new("mod_privilege of ejabberd 24.12", server.components())
        .expect("address", "drops IQs to addresses without a resource")
        .verdict("warn")
        .advises("modules:\n    mod_privilege: {}")
        .exit_code(0)
        .check()
        .await?;
    for (name, verdict) in [("routes", "pass"), ("host", "skipped"), ("foreign", "pass")] {
        assert_eq!(text(&step(&report, name), "verdict"), verdict, "{report:#}");
    }
    Ok(())
}

#[tokio::test]
async fn mod_privilege_of_ejabberd_23_is_healthy() -> Outcome {
    let server = Backend::Ejabberd.start(setup().mod_privilege()).await?;
    healthy(&server.components(), "", "share the stanzas").await?;
    Ok(())
}
