//! A server that is unreachable or does not answer as an XMPP server: why, and what to change.
//!
//! Whether to retry is not decided here.

use std::fmt;
use std::io;

use super::{printable, snippet};
use crate::config::Server;

const IN_A_CONTAINER: &str = "\n  This program runs in a container, where localhost is the container \
    itself: set `server` (COUPLET_SERVER) to the name\n  of the server's container or service, such as \
    prosody:5347, unless the server runs in here too.";

/// An attempt to reach the server that failed. The component retries.
///
/// # Examples
///
/// ```
/// use couplet::config::Server;
/// use couplet::error::{Trouble, Unreachable};
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let unreachable = Unreachable::from_io("echo.localhost", Server::default(), &refused);
/// assert_eq!(unreachable.trouble(), &Trouble::Refused);
/// assert_eq!(
///     unreachable.to_string().lines().next(),
///     Some("nothing listens at localhost:5347 (connection refused)"),
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    domain: String,
    server: Server,
    trouble: Trouble,
    /// Whether this program runs in a container, where `localhost` is the container itself.
    in_container: bool,
}

/// Why the server cannot be reached.
///
/// # Examples
///
/// ```
/// use couplet::config::Server;
/// use couplet::error::{Trouble, Unreachable};
///
/// let server: Server = "tls://localhost:5347".parse()?;
/// let unreachable = Unreachable::new("echo.localhost", server, Trouble::NotTls);
/// assert!(unreachable.to_string().starts_with("localhost:5347 does not speak TLS"));
/// # Ok::<(), couplet::config::ServerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// No program listens at the address, or a firewall rejects connections.
    Refused,
    /// The server's name has no address.
    NoAddress,
    /// The connection was not established in time.
    Silent,
    /// The connection was established, but the server sent nothing.
    NoGreeting,
    /// The connection was closed before the server sent anything.
    ClosedAtOnce,
    /// The server's first bytes are not XMPP.
    NotXmpp {
        /// Their first line.
        said: String,
    },
    /// The server's first bytes are TLS, but the configuration says plain TCP.
    ExpectsTls,
    /// The server answered the TLS handshake with something else.
    NotTls,
    /// The certificate is not trusted.
    Certificate {
        /// The name that was verified.
        name: String,
        /// What is wrong with the certificate.
        why: String,
    },
    /// There is no unix socket at this path.
    NoSocket,
    /// The user of this process may not open the unix socket.
    Forbidden,
    /// Any other error, as the operating system describes it.
    Other(String),
}

impl Unreachable {
    /// Creates the error for a failed attempt while serving `domain`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    /// use couplet::error::{Trouble, Unreachable};
    ///
    /// let silent = Unreachable::new("echo.localhost", Server::default(), Trouble::Silent);
    /// ```
    pub fn new(domain: &str, server: Server, trouble: Trouble) -> Unreachable {
        Unreachable {
            domain: domain.to_owned(),
            server,
            trouble,
            in_container: is_in_container(),
        }
    }

    /// Returns the trouble for an error of resolving or connecting. TLS errors are distinguished by
    /// the module that uses the TLS library.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    /// use couplet::error::{Trouble, Unreachable};
    ///
    /// let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
    /// let unreachable = Unreachable::from_io("echo.localhost", Server::default(), &late);
    /// assert_eq!(unreachable.trouble(), &Trouble::Silent);
    /// ```
    pub fn from_io(domain: &str, server: Server, error: &io::Error) -> Unreachable {
        let unix = matches!(server, Server::Unix(_));
        let trouble = match error.kind() {
            io::ErrorKind::ConnectionRefused => Trouble::Refused,
            io::ErrorKind::TimedOut => Trouble::Silent,
            io::ErrorKind::NotFound if unix => Trouble::NoSocket,
            io::ErrorKind::PermissionDenied if unix => Trouble::Forbidden,
            // The standard library has no kind for a name that does not resolve.
            _ if error.to_string().contains("lookup address") => Trouble::NoAddress,
            _ => Trouble::Other(printable(&error.to_string())),
        };
        Unreachable::new(domain, server, trouble)
    }

    /// Returns the trouble.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    /// use couplet::error::{Trouble, Unreachable};
    ///
    /// let silent = Unreachable::new("echo.localhost", Server::default(), Trouble::Silent);
    /// assert_eq!(silent.trouble(), &Trouble::Silent);
    /// ```
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    fn advice(&self) -> String {
        let place = self.place();
        let tls = matches!(self.server, Server::Tls { .. });
        match &self.trouble {
            Trouble::Refused => format!(
                "{}\n  Is the server running? Prosody opens the port once it has a Component, and \
                 on loopback only\n  unless told otherwise; ejabberd needs a listener.{}{}",
                match self.in_container && self.server.is_local() {
                    true => IN_A_CONTAINER,
                    false => "",
                },
                match self.server.is_local() {
                    true => "",
                    false => " A firewall that rejects connections looks the same.",
                },
                snippet::of(None, &self.domain, &self.server),
            ),
            Trouble::NoAddress => {
                "\n  Look for a slip in `server` (COUPLET_SERVER), or write an address".to_owned()
            }
            Trouble::Silent => {
                "\n  A firewall may drop the connection, or `server` names a machine that is off"
                    .to_owned()
            }
            Trouble::NoGreeting => {
                "\n  It may be the port of another service, or a proxy whose server is down; \
                 components usually connect to 5347.\n  A server that is overloaded may need longer: \
                 timing.connect (COUPLET_TIMING_CONNECT)."
                    .to_owned()
            }
            Trouble::NotXmpp { .. } => {
                "\n  Set `server` (COUPLET_SERVER) to the port for components, usually 5347."
                    .to_owned()
            }
            Trouble::ExpectsTls => format!("\n  Set server = \"tls://{place}\""),
            // servers.md, 10: a client without TLS on the TLS port sees a close without a header.
            Trouble::ClosedAtOnce if !tls => format!(
                "\n  If the listener in ejabberd.yml says `tls: true`, set server = \"tls://{place}\""
            ),
            Trouble::ClosedAtOnce | Trouble::NotTls => format!(
                "\n  Without `tls: true` in ejabberd.yml, and always with Prosody, set server = \"{place}\""
            ),
            Trouble::Certificate { name, why } if needs_another(why) => another_certificate(name),
            Trouble::Certificate { .. } => {
                "\n  Set tls.name (COUPLET_TLS_NAME) to a name in the certificate, or \
                 tls.ca_file (COUPLET_TLS_CA_FILE)\n  to the PEM file of the authority that signed it"
                    .to_owned()
            }
            Trouble::NoSocket => format!(
                "\n  Is ejabberd running, with this listener?{}",
                snippet::ejabberd(&self.domain, &self.server),
            ),
            Trouble::Forbidden => {
                "\n  Let the user of this process write to the socket and enter its folder"
                    .to_owned()
            }
            Trouble::Other(_) => String::new(),
        }
    }

    /// Returns the server without its scheme.
    fn place(&self) -> String {
        let text = self.server.to_string();
        let place = text.strip_prefix("tls://").or(text.strip_prefix("unix:"));
        place.unwrap_or(&text).to_owned()
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        match &self.trouble {
            Trouble::Refused => write!(f, "nothing listens at {place} (connection refused)"),
            Trouble::NoAddress => write!(f, "no address is known for {place}"),
            Trouble::Silent => write!(f, "{place} does not answer"),
            Trouble::NoGreeting => {
                write!(f, "{place} accepts the connection but sends nothing")
            }
            Trouble::NotXmpp { said } => {
                write!(
                    f,
                    "{place} is not an XMPP server: it sent {:?}",
                    printable(said)
                )
            }
            Trouble::ExpectsTls => write!(f, "{place} expects TLS from the first byte"),
            Trouble::ClosedAtOnce => {
                let expected = match self.server {
                    Server::Tls { .. } => "may not expect",
                    _ => "may expect",
                };
                write!(
                    f,
                    "{place} closed the connection without an answer: it {expected} TLS"
                )
            }
            Trouble::NotTls => write!(f, "{place} does not speak TLS"),
            Trouble::Certificate { name, why } => {
                let why = printable(why);
                write!(
                    f,
                    "the certificate of {place} is not trusted for {name}: {why}"
                )
            }
            Trouble::NoSocket => write!(f, "there is no socket at {place}"),
            Trouble::Forbidden => write!(f, "the socket {place} may not be opened"),
            Trouble::Other(why) => write!(f, "{place} cannot be reached: {why}"),
        }?;
        f.write_str(&self.advice())
    }
}

impl std::error::Error for Unreachable {}

impl Trouble {
    /// Returns what the first bytes of a server show that do not begin a stream: another protocol,
    /// or TLS.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::error::Trouble;
    ///
    /// let trouble = Trouble::of_first_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    /// assert_eq!(trouble, Trouble::NotXmpp { said: "HTTP/1.1 400 Bad Request".into() });
    /// ```
    pub fn of_first_bytes(bytes: &[u8]) -> Trouble {
        // RFC 8446, 5.1: an alert record.
        if matches!(bytes, [0x15, 0x03, ..]) {
            return Trouble::ExpectsTls;
        }
        let text = String::from_utf8_lossy(bytes.trim_ascii_start());
        let line = text.lines().next().unwrap_or_default();
        let said = line.chars().filter(|c| !c.is_control()).take(60).collect();
        Trouble::NotXmpp { said }
    }
}

/// Returns whether the certificate must be replaced because no setting can make it match.
fn needs_another(why: &str) -> bool {
    // A certificate of an authority, or one without a name to verify.
    why.contains("CaUsedAsEndEntity") || why.contains("contains no name")
}

fn another_certificate(name: &str) -> String {
    let kind = match name.parse::<std::net::IpAddr>() {
        Ok(_) => "IP",
        Err(_) => "DNS",
    };
    format!(
        "\n  No setting here helps: the server needs another certificate, one of a server (CA:FALSE) \
         and with this name in it:\n\n    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj \
         /CN={name} \\\n      -addext subjectAltName={kind}:{name} -addext \
         basicConstraints=critical,CA:FALSE \\\n      -keyout key.pem -out certificate.pem\n    cat \
         certificate.pem key.pem > component.pem\n\n  Name component.pem in ejabberd's listener \
         (`certfile:`), and certificate.pem here as tls.ca_file (COUPLET_TLS_CA_FILE)."
    )
}

/// Returns whether a container engine or Kubernetes started this program.
fn is_in_container() -> bool {
    let marks = ["/.dockerenv", "/run/.containerenv"];
    marks.iter().any(|mark| std::path::Path::new(mark).exists())
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::{Trouble, Unreachable};

    #[test]
    fn every_trouble_has_its_own_words() {
        let certificate = Trouble::Certificate {
            name: "xmpp.example".to_owned(),
            why: "it expired".to_owned(),
        };
        for (server, trouble, line) in [
            (
                "h",
                Trouble::Refused,
                "nothing listens at h:5347 (connection refused)",
            ),
            (
                "h",
                Trouble::NoGreeting,
                "h:5347 accepts the connection but sends nothing",
            ),
            (
                "h",
                Trouble::of_first_bytes(b"SSH-2.0-OpenSSH_9.2\r\n"),
                "h:5347 is not an XMPP server: it sent \"SSH-2.0-OpenSSH_9.2\"",
            ),
            (
                "h",
                Trouble::of_first_bytes(b"\x1b[2Jhello\nworld"),
                "h:5347 is not an XMPP server: it sent \"[2Jhello\"",
            ),
            (
                "h",
                Trouble::of_first_bytes(&[0x15, 3, 3, 0, 2]),
                "h:5347 expects TLS from the first byte",
            ),
            ("h", Trouble::NoAddress, "no address is known for h:5347"),
            ("h", Trouble::Silent, "h:5347 does not answer"),
            (
                "h",
                Trouble::ClosedAtOnce,
                "h:5347 closed the connection without an answer: it may expect TLS",
            ),
            (
                "tls://h",
                Trouble::ClosedAtOnce,
                "h:5347 closed the connection without an answer: it may not expect TLS",
            ),
            ("tls://h", Trouble::NotTls, "h:5347 does not speak TLS"),
            (
                "tls://h",
                certificate,
                "the certificate of h:5347 is not trusted for xmpp.example: it expired",
            ),
            ("unix:/s", Trouble::NoSocket, "there is no socket at /s"),
            (
                "unix:/s",
                Trouble::Forbidden,
                "the socket /s may not be opened",
            ),
            (
                "h",
                Trouble::Other("no route".to_owned()),
                "h:5347 cannot be reached: no route",
            ),
        ] {
            let server = server.parse().unwrap();
            let text = Unreachable::new("echo.localhost", server, trouble).to_string();
            assert_eq!(text.lines().next(), Some(line));
        }
    }

    #[test]
    fn a_mistake_about_tls_is_answered_with_the_other_way_to_write_the_server() {
        let text_of = |server: &str, trouble| {
            let server = server.parse().unwrap();
            Unreachable::new("echo.localhost", server, trouble).to_string()
        };
        assert!(text_of("h:99", Trouble::ClosedAtOnce).contains("server = \"tls://h:99\""));
        assert!(text_of("tls://h:99", Trouble::NotTls).contains("server = \"h:99\""));
    }

    #[test]
    fn localhost_in_a_container_is_answered_with_the_name_of_a_service() {
        let text_of = |server: &str, in_container| {
            let server = server.parse().unwrap();
            let unreachable = Unreachable::new("echo.localhost", server, Trouble::Refused);
            let unreachable = Unreachable {
                in_container,
                ..unreachable
            };
            unreachable.to_string()
        };
        let inside = text_of("localhost", true);
        assert!(
            inside.contains("localhost is the container itself"),
            "{inside}"
        );
        for (server, in_container) in [("localhost", false), ("prosody", true)] {
            let text = text_of(server, in_container);
            assert!(text.contains("component_secret"), "{text}");
            assert!(!text.contains("container itself"), "{text}");
        }
    }

    #[test]
    fn a_refusal_by_another_machine_may_be_a_firewalls() {
        let text_of = |server: &str| {
            let server = server.parse().unwrap();
            Unreachable::new("echo.localhost", server, Trouble::Refused).to_string()
        };
        assert!(text_of("xmpp.example").contains("A firewall that rejects"));
        assert!(!text_of("127.0.0.1").contains("firewall"));
    }

    #[test]
    fn a_certificate_that_no_setting_can_save_is_answered_with_another_one() {
        let text_of = |why: &str| {
            let (name, why) = ("xmpp.example".to_owned(), why.to_owned());
            let server = "tls://xmpp.example".parse().unwrap();
            let trouble = Trouble::Certificate { name, why };
            Unreachable::new("echo.localhost", server, trouble).to_string()
        };
        for why in [
            "Other(OtherError(CaUsedAsEndEntity))",
            "it contains no name",
        ] {
            let text = text_of(why);
            assert!(text.contains("subjectAltName=DNS:xmpp.example"), "{text}");
            assert!(
                text.contains("CA:FALSE") && !text.contains("tls.name"),
                "{text}"
            );
        }
        assert!(text_of("it expired").contains("tls.name"));
    }

    #[test]
    fn an_error_of_the_system_is_recognised_by_its_kind() {
        let lookup = "failed to lookup address information: Name or service not known";
        for (server, error, trouble) in [
            (
                "h",
                Error::from(ErrorKind::ConnectionRefused),
                Trouble::Refused,
            ),
            ("h", Error::from(ErrorKind::TimedOut), Trouble::Silent),
            ("h", Error::other(lookup), Trouble::NoAddress),
            ("h", Error::other("odd"), Trouble::Other("odd".to_owned())),
            (
                "unix:/s",
                Error::from(ErrorKind::NotFound),
                Trouble::NoSocket,
            ),
            (
                "unix:/s",
                Error::from(ErrorKind::PermissionDenied),
                Trouble::Forbidden,
            ),
        ] {
            let server = server.parse().unwrap();
            let unreachable = Unreachable::from_io("echo.localhost", server, &error);
            assert_eq!(unreachable.trouble(), &trouble);
        }
    }

    #[test]
    fn a_name_without_an_address_is_recognised() {
        use std::net::ToSocketAddrs;

        let error = ("x..y", 5347).to_socket_addrs().unwrap_err();
        let server = "x..y".parse().unwrap();
        let unreachable = Unreachable::from_io("echo.localhost", server, &error);
        assert_eq!(unreachable.trouble(), &Trouble::NoAddress);
    }
}
