//! [`FakeService`]: a program that is not an XMPP server and listens at a port.

use std::error::Error;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A listener that sends one fixed text.
pub(crate) struct FakeService {
    pub(crate) server: String,
    _listening: JoinSet<()>,
}

impl FakeService {
    /// Sends `text` once it has read `after`, and then nothing.
    pub(crate) async fn sends(
        text: &'static str,
        after: &'static str,
    ) -> Result<FakeService, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?.to_string();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = Vec::new();
                while !String::from_utf8_lossy(&read).contains(after) {
                    if !matches!(stream.read_buf(&mut read).await, Ok(1..)) {
                        break;
                    }
                }
                let _gone_already = stream.write_all(text.as_bytes()).await;
                open.push(stream);
            }
        });
        Ok(FakeService {
            server,
            _listening: listening,
        })
    }
}
