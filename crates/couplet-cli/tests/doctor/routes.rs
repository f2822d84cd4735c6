//! Where stanzas for the domain go.

use crate::case::Broken;
use crate::instances::left_alone;
use crate::server::Backend;
use crate::{DOMAIN, Outcome, setup};

on_every_ejabberd!(
    an_instance_with_which_the_stanzas_are_shared_is_named,
    a_service_of_ejabberd_with_the_same_domain_is_named,
);

async fn an_instance_with_which_the_stanzas_are_shared_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = server.components();
    let instance = left_alone(&components).await?;
    Broken::new("an instance with which the stanzas are shared", &components)
        .flag("--takeover")
        .fails_at("routes", "went to another connection")
        .with_a("warn")
        .advises("type: bare_source")
        .ends_with(0)
        .understood()
        .await?;
    assert_eq!(instance.sessions(), 1);
    instance.stop().await?;
    Ok(())
}

async fn a_service_of_ejabberd_with_the_same_domain_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup().own_pubsub(DOMAIN, "romeo")).await?;
    Broken::new(
        "a service of ejabberd with the same domain",
        server.components(),
    )
    .fails_at("routes", "ejabberd's own mod_pubsub has this domain")
    .advises("mod_pubsub:\n  hosts:")
    .understood()
    .await?;
    Ok(())
}
