//! Step `neighbours`: stanzas to other components do not arrive here.

use crate::faulty_setup::FaultySetup;
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_ejabberd!(a_listener_that_routes_all_stanzas_to_each_component_is_reported);

async fn a_listener_that_routes_all_stanzas_to_each_component_is_reported(
    backend: Backend,
) -> Outcome {
    let shared = setup()
        .and_component("news.localhost", "other")
        .global_routes();
    let server = backend.start(shared).await?;
    FaultySetup::new(
        "a listener that routes all stanzas to each component",
        server.components(),
    )
    .expect("neighbours", "stanzas to news.localhost arrive here too")
    .advises("global_routes: false")
    .check()
    .await?;
    Ok(())
}
