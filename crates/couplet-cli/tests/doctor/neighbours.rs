//! Stanzas for other components.

use crate::case::Broken;
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_ejabberd!(a_listener_that_gives_each_component_the_stanzas_of_all_is_named);

async fn a_listener_that_gives_each_component_the_stanzas_of_all_is_named(
    backend: Backend,
) -> Outcome {
    let shared = setup()
        .and_component("news.localhost", "other")
        .global_routes();
    let server = backend.start(shared).await?;
    Broken::new(
        "a listener that gives each component the stanzas of all",
        server.components(),
    )
    .fails_at(
        "neighbours",
        "what is sent to news.localhost comes here too",
    )
    .advises("global_routes: false")
    .understood()
    .await?;
    Ok(())
}
