//! What the server lets through between the component and its own addresses.

use crate::case::{Broken, healthy, step, text};
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_ejabberd!(a_listener_that_lets_nothing_through_is_named);

/// The login works, and the server refuses everything that others send, silently.
async fn a_listener_that_lets_nothing_through_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup().access_none()).await?;
    let told = Broken::new("access: none", server.components())
        .fails_at("address", "nothing came within 10s")
        .advises("module: ejabberd_service\n      access: all")
        .understood()
        .await?;
    assert_eq!(text(&step(&told, "login"), "verdict"), "pass", "{told:#}");
    Ok(())
}

/// ejabberd since 24.10 drops IQs to addresses without a resource then.
#[tokio::test]
async fn mod_privilege_of_ejabberd_24_is_named() -> Outcome {
    let server = Backend::Ejabberd24.start(setup().mod_privilege()).await?;
    let told = Broken::new("mod_privilege of ejabberd 24.12", server.components())
        .fails_at("address", "drops IQs to addresses without a resource")
        .with_a("warn")
        .advises("modules:\n    mod_privilege: {}")
        .ends_with(0)
        .understood()
        .await?;
    for (name, verdict) in [("routes", "pass"), ("host", "skipped"), ("foreign", "pass")] {
        assert_eq!(text(&step(&told, name), "verdict"), verdict, "{told:#}");
    }
    Ok(())
}

#[tokio::test]
async fn mod_privilege_of_ejabberd_23_is_healthy() -> Outcome {
    let server = Backend::Ejabberd.start(setup().mod_privilege()).await?;
    healthy(&server.components(), "", "dealt out").await?;
    Ok(())
}
