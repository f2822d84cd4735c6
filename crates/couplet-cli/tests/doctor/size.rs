//! Step `size`: the server accepts the largest stanza that the component may send.

use crate::faulty_setup::{FaultySetup, step, text};
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_server!(a_limit_below_the_configured_size_is_reported);

/// A stanza that is too large ends the stream, so the doctor logs in again with smaller ones.
async fn a_limit_below_the_configured_size_is_reported(backend: Backend) -> Outcome {
    let server = backend.start(setup().stanza_limit(100_000)).await?;
    let report = FaultySetup::new(
        "a server that accepts small stanzas only",
        server.components(),
    )
    .expect(
        "size",
        "(limits.outgoing_stanza_bytes) is too large, one of 65536 is accepted",
    )
    .advises("outgoing_stanza_bytes = 65536")
    .advises("component_stanza_size_limit = 524288")
    .advises("max_stanza_size: 524288")
    .check()
    .await?;
    assert_eq!(
        text(&step(&report, "second"), "verdict"),
        "pass",
        "{report:#}"
    );
    Ok(())
}
