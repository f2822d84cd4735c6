//! [`Endpoint`]: an address at which the server may accept connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use couplet::error::{Trouble, Unreachable};
use couplet::{Config, Stream};
use tokio::net::{TcpStream, UnixStream};

use super::report::Finding;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Endpoint {
    pub(super) fn is_loopback(&self) -> bool {
        matches!(self, Endpoint::Tcp(address) if address.ip().is_loopback())
    }

    pub(super) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Endpoint::Tcp(address) => Box::new(connect_tcp(*address).await?),
            Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => write!(f, "{address}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

pub(super) async fn connect_tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Returns whether the peer has closed the connection.
pub(super) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// Returns the framework's text and advice for a failure to reach the server.
pub(super) fn unreachable(config: &Config, error: &io::Error) -> Finding {
    let server = config.server.clone();
    Finding::from_error(&Unreachable::from_io(&config.domain, server, error))
}

/// Returns the framework's text and advice for a known trouble.
pub(super) fn unreachable_by(config: &Config, trouble: Trouble) -> Finding {
    let server = config.server.clone();
    Finding::from_error(&Unreachable::new(&config.domain, server, trouble))
}
