//! [`Stranger`]: what listens at a port and is no XMPP server.

use std::error::Error;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A program at a port that is no XMPP server.
pub(crate) struct Stranger {
    pub(crate) server: String,
    _listening: JoinSet<()>,
}

impl Stranger {
    /// Says `words` as soon as it has read `until`, and then nothing.
    pub(crate) async fn says(
        words: &'static str,
        until: &'static str,
    ) -> Result<Stranger, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?.to_string();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut heard = Vec::new();
                while !String::from_utf8_lossy(&heard).contains(until) {
                    if !matches!(stream.read_buf(&mut heard).await, Ok(1..)) {
                        break;
                    }
                }
                let _gone_already = stream.write_all(words.as_bytes()).await;
                open.push(stream);
            }
        });
        Ok(Stranger {
            server,
            _listening: listening,
        })
    }
}
