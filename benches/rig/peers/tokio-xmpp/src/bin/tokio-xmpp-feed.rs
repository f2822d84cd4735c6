//! The echo with the `Sink` trait: `feed` while stanzas are available, `flush` when idle.

use futures::{FutureExt, SinkExt, StreamExt};
use peer_tokio_xmpp::{answer, online};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tokio_xmpp::Error> {
    let mut component = online().await?;
    loop {
        let next = match component.next().now_or_never() {
            Some(next) => next,
            None => {
                component.flush().await?;
                component.next().await
            }
        };
        let Some(stanza) = next else { return Ok(()) };
        if let Some(reply) = answer(stanza) {
            component.feed(reply).await?;
        }
    }
}
