//! The domain and the secret, as the server knows them.

use crate::case::Broken;
use crate::instances::left_alone;
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_prosody!(
    another_secret_is_named,
    a_domain_that_the_server_does_not_know_is_named,
    an_instance_that_keeps_its_place_is_named,
);
on_every_ejabberd!(
    another_secret_is_named,
    a_domain_that_the_server_does_not_know_is_named,
);

async fn another_secret_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (ours, others) = backend.lines_and_other();
    Broken::new("another secret", server.components())
        .secret("another one")
        .fails_at("login", "the secret does not match")
        .advises(match backend.is_prosody() {
            true => "Prosody knows the domain",
            false => "ejabberd answers an unknown domain exactly like a wrong secret",
        })
        .advises(ours)
        .without(others)
        .understood()
        .await?;
    Ok(())
}

/// Prosody says so at once, ejabberd only at the login.
async fn a_domain_that_the_server_does_not_know_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (_, others) = backend.lines_and_other();
    let (step, lines) = match backend.is_prosody() {
        true => ("stream", "Component \"nosuch.localhost\""),
        false => ("login", "\"nosuch.localhost\":\n        password:"),
    };
    Broken::new(
        "a domain that the server does not know",
        server.components(),
    )
    .domain("nosuch.localhost")
    .fails_at(step, "it knows no component of this name")
    .advises(lines)
    .without(others)
    .understood()
    .await?;
    Ok(())
}

async fn an_instance_that_keeps_its_place_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = server.components();
    let instance = left_alone(&components).await?;
    Broken::new("an instance that keeps its place", &components)
        .flag("--takeover")
        .fails_at("login", "another connection already serves the domain")
        .advises("component_conflict_resolve = \"kick_old\"")
        .understood()
        .await?;
    assert_eq!(instance.sessions(), 1);
    instance.stop().await?;
    Ok(())
}
