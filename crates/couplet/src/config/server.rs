//! The address of the server's component listener, written as one string.
//!
//! Nothing is resolved or connected here.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

/// The default port of component listeners.
///
/// It is not registered: Prosody and ejabberd use 5347 in their documentation.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::DEFAULT_PORT, 5347);
/// ```
pub const DEFAULT_PORT: u16 = 5347;

/// The accepted forms of a server, for error messages.
pub(crate) const FORMS: &str =
    "host:port, [IPv6]:port (default port 5347), tls://host:port or unix:/path";

/// The server that a component connects to.
///
/// Written as `host:port`, `[::1]:5347`, `tls://host:port` or `unix:/path`; the default port is
/// [`DEFAULT_PORT`]. Prosody supports plain TCP only; ejabberd also supports TLS from the first
/// byte (`tls: true`) and unix sockets (servers.md, 10).
///
/// # Examples
///
/// ```
/// use couplet::config::Server;
///
/// let server: Server = "xmpp.example.org".parse()?;
/// assert_eq!(server, Server::Tcp { host: "xmpp.example.org".into(), port: 5347 });
/// assert_eq!("tls://[::1]:5348".parse::<Server>()?.to_string(), "tls://[::1]:5348");
/// # Ok::<(), couplet::config::ServerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Server {
    /// Plain TCP, for loopback or a private network.
    Tcp {
        /// The host name or IP address; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// TLS from the first byte, without STARTTLS.
    Tls {
        /// The host name or IP address; an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket, by its path.
    Unix(PathBuf),
}

impl Server {
    /// Returns whether the server is on this machine: a unix socket, `localhost` or a loopback
    /// address.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    ///
    /// assert!("127.0.0.1:5347".parse::<Server>()?.is_local());
    /// assert!(!"xmpp.example.org".parse::<Server>()?.is_local());
    /// # Ok::<(), couplet::config::ServerError>(())
    /// ```
    pub fn is_local(&self) -> bool {
        match self {
            Server::Unix(_) => true,
            Server::Tcp { host, .. } | Server::Tls { host, .. } => {
                host == "localhost"
                    || host
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// Returns the port, unless the server is a unix socket.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    ///
    /// assert_eq!(Server::default().port(), Some(5347));
    /// assert_eq!("unix:/run/c".parse::<Server>()?.port(), None);
    /// # Ok::<(), couplet::config::ServerError>(())
    /// ```
    pub fn port(&self) -> Option<u16> {
        match self {
            Server::Tcp { port, .. } | Server::Tls { port, .. } => Some(*port),
            Server::Unix(_) => None,
        }
    }
}

impl Default for Server {
    fn default() -> Server {
        Server::Tcp {
            host: "localhost".to_owned(),
            port: DEFAULT_PORT,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Server::Tcp { host, port } => ("", host, port),
            Server::Tls { host, port } => ("tls://", host, port),
            Server::Unix(path) => return write!(f, "unix:{}", path.display()),
        };
        if host.contains(':') {
            write!(f, "{scheme}[{host}]:{port}")
        } else {
            write!(f, "{scheme}{host}:{port}")
        }
    }
}

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Server, ServerError> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(ServerError("there is no path after unix:"));
            }
            return Ok(Server::Unix(PathBuf::from(path)));
        }
        if let Some(rest) = text.strip_prefix("tls://") {
            let (host, port) = host_and_port(rest)?;
            return Ok(Server::Tls { host, port });
        }
        if text.contains("://") {
            return Err(ServerError("only tls:// may stand before the host"));
        }
        let (host, port) = host_and_port(text)?;
        Ok(Server::Tcp { host, port })
    }
}

/// Why a text is not a valid [`Server`].
///
/// # Examples
///
/// ```
/// let error = "::1:5347".parse::<couplet::config::Server>().unwrap_err();
/// assert_eq!(error.to_string(), "an IPv6 address needs brackets: [::1]:5347");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError(&'static str);

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ServerError {}

fn host_and_port(text: &str) -> Result<(String, u16), ServerError> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err(ServerError("the bracket before the host is not closed"));
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(ServerError("between the brackets is no IPv6 address"));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host.to_owned(), port_number(port)?)),
            None if after.is_empty() => Ok((host.to_owned(), DEFAULT_PORT)),
            None => Err(ServerError(
                "after the bracket stands something other than :port",
            )),
        };
    }
    let (host, port) = match text.split_once(':') {
        None => (text, DEFAULT_PORT),
        Some((_, port)) if port.contains(':') => {
            return Err(ServerError("an IPv6 address needs brackets: [::1]:5347"));
        }
        Some((host, port)) => (host, port_number(port)?),
    };
    if host.is_empty() {
        return Err(ServerError("there is no host"));
    }
    if host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@' | ',')) {
        return Err(ServerError(
            "a host has no spaces, slashes, commas and no @ in it",
        ));
    }
    Ok((host.to_owned(), port))
}

fn port_number(text: &str) -> Result<u16, ServerError> {
    match text.parse() {
        Ok(0) | Err(_) => Err(ServerError("the port is no number from 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_PORT, Server};

    fn tcp(host: &str, port: u16) -> Server {
        Server::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn every_documented_form_is_read_and_printed_back() {
        for (text, server, shown) in [
            (
                "localhost",
                tcp("localhost", DEFAULT_PORT),
                "localhost:5347",
            ),
            ("10.0.0.7:99", tcp("10.0.0.7", 99), "10.0.0.7:99"),
            ("[::1]", tcp("::1", DEFAULT_PORT), "[::1]:5347"),
            ("[fe80::1]:7", tcp("fe80::1", 7), "[fe80::1]:7"),
            (
                "tls://xmpp.example:5348",
                Server::Tls {
                    host: "xmpp.example".to_owned(),
                    port: 5348,
                },
                "tls://xmpp.example:5348",
            ),
            (
                "unix:/run/ejabberd/c.sock",
                Server::Unix("/run/ejabberd/c.sock".into()),
                "unix:/run/ejabberd/c.sock",
            ),
        ] {
            assert_eq!(text.parse::<Server>().unwrap(), server);
            assert_eq!(server.to_string(), shown);
            assert_eq!(shown.parse::<Server>().unwrap(), server);
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "there is no host"),
            (":5347", "there is no host"),
            ("host:", "the port is no number from 1 to 65535"),
            ("host:0", "the port is no number from 1 to 65535"),
            ("host:65536", "the port is no number from 1 to 65535"),
            ("::1", "an IPv6 address needs brackets: [::1]:5347"),
            ("[::1", "the bracket before the host is not closed"),
            ("[one]:5", "between the brackets is no IPv6 address"),
            (
                "[::1]5347",
                "after the bracket stands something other than :port",
            ),
            ("unix:", "there is no path after unix:"),
            ("tls://", "there is no host"),
            ("xmpp://host", "only tls:// may stand before the host"),
            (
                "me@host",
                "a host has no spaces, slashes, commas and no @ in it",
            ),
        ] {
            assert_eq!(
                text.parse::<Server>().unwrap_err().to_string(),
                why,
                "{text}"
            );
        }
    }
}
