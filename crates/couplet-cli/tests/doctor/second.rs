//! Step `second`: what a healthy server does with a second instance.

use crate::faulty_setup::healthy;
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_prosody!(
    a_healthy_server_rejects_a_second_instance,
    a_healthy_server_lets_a_second_instance_replace_the_first,
);
on_every_ejabberd!(a_healthy_server_shares_the_stanzas_among_both);

async fn a_healthy_server_rejects_a_second_instance(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    healthy(&server.components(), "", "kick_new").await?;
    Ok(())
}

async fn a_healthy_server_lets_a_second_instance_replace_the_first(backend: Backend) -> Outcome {
    let server = backend.start(setup().kick_old()).await?;
    healthy(&server.components(), "", "kick_old").await?;
    Ok(())
}

async fn a_healthy_server_shares_the_stanzas_among_both(backend: Backend) -> Outcome {
    let server = backend.start(setup()).await?;
    healthy(&server.components(), "", "share the stanzas").await?;
    Ok(())
}
