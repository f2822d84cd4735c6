//! The largest stanza that the server takes.

use crate::case::{Broken, step, text};
use crate::server::Backend;
use crate::{Outcome, setup};

on_every_server!(a_limit_below_ours_is_named);

/// A stanza that the server takes no longer ends the stream, so the size is looked for.
async fn a_limit_below_ours_is_named(backend: Backend) -> Outcome {
    let server = backend.start(setup().stanza_limit(100_000)).await?;
    let told = Broken::new(
        "a server that takes small stanzas only",
        server.components(),
    )
    .fails_at(
        "size",
        "(limits.outgoing_stanza_bytes) is too large, one of 65536 is taken",
    )
    .advises("outgoing_stanza_bytes = 65536")
    .advises("component_stanza_size_limit = 524288")
    .advises("max_stanza_size: 524288")
    .understood()
    .await?;
    assert_eq!(text(&step(&told, "second"), "verdict"), "pass", "{told:#}");
    Ok(())
}
