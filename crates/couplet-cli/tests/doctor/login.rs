//! Step `login`: the server knows the domain, and the secret is the same.

use crate::faulty_setup::FaultySetup;
use crate::instances::left_alone;
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_prosody!(
    a_wrong_secret_is_reported,
    an_unknown_domain_is_reported,
    an_instance_that_stays_connected_is_reported,
);
on_every_ejabberd!(a_wrong_secret_is_reported, an_unknown_domain_is_reported,);

async fn a_wrong_secret_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (ours, others) = backend.snippet_and_other_server();
    FaultySetup::new("another secret", server.components())
        .secret("another one")
        .expect("login", "the secret does not match")
        .advises(match backend.is_prosody() {
            true => "Prosody knows the domain",
            false => "ejabberd answers an unknown domain exactly like a wrong secret",
        })
        .advises(ours)
        .does_not_advise(others)
        .check()
        .await?;
    Ok(())
}

/// Prosody rejects an unknown domain before the handshake, ejabberd after it.
async fn an_unknown_domain_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let (_, others) = backend.snippet_and_other_server();
    let (step, lines) = match backend.is_prosody() {
        true => ("stream", "Component \"nosuch.localhost\""),
        false => ("login", "\"nosuch.localhost\":\n        password:"),
    };
    FaultySetup::new("an unknown domain", server.components())
        .domain("nosuch.localhost")
        .expect(step, "the server knows no component of this name")
        .advises(lines)
        .does_not_advise(others)
        .check()
        .await?;
    Ok(())
}

async fn an_instance_that_stays_connected_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = server.components();
    let instance = left_alone(&components).await?;
    FaultySetup::new("an instance that stays connected", &components)
        .flag("--takeover")
        .expect("login", "another connection already serves the domain")
        .advises("component_conflict_resolve = \"kick_old\"")
        .check()
        .await?;
    assert_eq!(instance.sessions(), 1);
    instance.stop().await?;
    Ok(())
}
