//! Step `routes`: all stanzas to the domain arrive here.

use crate::faulty_setup::FaultySetup;
use crate::instances::left_alone;
use crate::server::Backend;
use crate::{DOMAIN, Outcome, setup};

on_every_ejabberd!(
    an_instance_that_shares_the_stanzas_is_reported,
    a_service_of_ejabberd_with_the_same_domain_is_reported,
);

async fn an_instance_that_shares_the_stanzas_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    let components = server.components();
    let instance = left_alone(&components).await?;
    FaultySetup::new("an instance that shares the stanzas", &components)
        .flag("--takeover")
        .expect("routes", "went to another connection")
        .verdict("warn")
        .advises("type: bare_source")
        .exit_code(0)
        .check()
        .await?;
    assert_eq!(instance.sessions(), 1);
    instance.stop().await?;
    Ok(())
}

async fn a_service_of_ejabberd_with_the_same_domain_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup().own_pubsub(DOMAIN, "romeo")).await?;
    FaultySetup::new(
        "a service of ejabberd with the same domain",
        server.components(),
    )
    .expect("routes", "ejabberd's own mod_pubsub has this domain")
    .advises("mod_pubsub:\n  hosts:")
    .check()
    .await?;
    Ok(())
}
