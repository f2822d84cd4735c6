//! The echo as in tokio-xmpp's own example: one `send_stanza` per response.

use futures::StreamExt;
use peer_tokio_xmpp::{answer, online};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tokio_xmpp::Error> {
    let mut component = online().await?;
    while let Some(stanza) = component.next().await {
        if let Some(reply) = answer(stanza) {
            component.send_stanza(reply).await?;
        }
    }
    Ok(())
}
