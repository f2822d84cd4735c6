//! Connects to the server: TCP, TLS from the first byte, or a unix socket.
//!
//! No other file opens connections to a server. The name is resolved at each attempt.

use std::{io, path::Path};

use async_trait::async_trait;
use couplet_core::jid::dns_name;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream, lookup_host},
};

use crate::config::{Config, Server};

/// A connection to a server, over any transport.
///
/// It is implemented for every type that implements tokio's `AsyncRead` and `AsyncWrite`.
///
/// # Examples
///
/// ```
/// fn is_a_stream(_: impl couplet::Stream) {}
///
/// is_a_stream(tokio::io::duplex(1024).0);
/// ```
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to a server: the configured one, or one in memory in a test.
///
/// Use it with [`Component::connect_through`](crate::Component::connect_through), which calls it
/// for each attempt.
///
/// # Examples
///
/// ```
/// use couplet::{Connect, Stream, async_trait};
///
/// /// Reaches the server through whatever listens on another port.
/// struct Tunnel(u16);
///
/// #[async_trait]
/// impl Connect for Tunnel {
///     async fn connect(&mut self) -> std::io::Result<Box<dyn Stream>> {
///         Ok(Box::new(tokio::net::TcpStream::connect(("127.0.0.1", self.0)).await?))
///     }
/// }
/// ```
#[async_trait]
pub trait Connect: Send {
    /// Opens one connection.
    ///
    /// # Errors
    ///
    /// The server cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened.
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>>;
}

/// Connects to the server of the configuration.
pub(crate) struct Configured {
    server: Server,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Connector>,
}

impl Configured {
    /// # Errors
    ///
    /// The certificates cannot be read, or the program was built without TLS support and the
    /// configuration requires it.
    pub(crate) fn new(config: &Config) -> io::Result<Configured> {
        Ok(Configured {
            server: config.server.clone(),
            #[cfg(feature = "tls")]
            tls: match &config.server {
                Server::Tls { host, .. } => Some(crate::tls::Connector::new(host, &config.tls)?),
                Server::Tcp { .. } | Server::Unix(_) => None,
            },
        })
    }
}

#[async_trait]
impl Connect for Configured {
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        match &self.server {
            Server::Tcp { host, port } => Ok(Box::new(tcp(host, *port).await?)),
            Server::Unix(path) => Ok(Box::new(unix(path).await?)),
            #[cfg(feature = "tls")]
            Server::Tls { host, port } => {
                let connector = self.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                Ok(Box::new(
                    connector.handshake(tcp(host, *port).await?).await?,
                ))
            }
            #[cfg(not(feature = "tls"))]
            Server::Tls { .. } => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this program was built without the cargo feature `tls`",
            )),
        }
    }
}

/// Disables Nagle's algorithm: stanzas are already written in batches, and it would add 40 ms.
/// (Manual, "what costs what")
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let host = &*dns_name(host);
    let mut reported: Option<io::Error> = None;
    for address in lookup_host((host, port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(why) => {
                reported = Some(match reported {
                    Some(before) => more_telling(before, why),
                    None => why,
                });
            }
        }
    }
    Err(reported.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

/// Chooses the more informative of the errors of two addresses of a name. `localhost` is also
/// `::1`, even on machines without IPv6; that an address has no route says nothing about the
/// server.
fn more_telling(one: io::Error, other: io::Error) -> io::Error {
    use io::ErrorKind::{AddrNotAvailable, NetworkUnreachable};

    match (one.kind(), other.kind()) {
        (_, AddrNotAvailable | NetworkUnreachable) => one,
        _ => other,
    }
}

async fn unix(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::more_telling;

    #[test]
    fn an_address_without_a_way_to_it_hides_no_refusal() {
        let kind = |one: ErrorKind, other: ErrorKind| {
            more_telling(Error::from(one), Error::from(other)).kind()
        };
        let refused = ErrorKind::ConnectionRefused;
        for no_way in [ErrorKind::AddrNotAvailable, ErrorKind::NetworkUnreachable] {
            assert_eq!(kind(refused, no_way), refused);
            assert_eq!(kind(no_way, refused), refused);
            assert_eq!(kind(no_way, no_way), no_way);
        }
    }
}
