//! The tables of the configuration, with the default of every setting.
//!
//! Ranges and descriptions are in the table of settings.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the server's certificate is verified; only used with a `tls://` server.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Tls::default().name, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// The name to verify in the certificate; `None` for the server's host.
    pub name: Option<String>,
    /// A PEM file with a certificate authority to trust in addition to the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Limits of sizes and numbers. Sizes are in bytes.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Limits::default().stanza_bytes, 512 * 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum size of a received stanza.
    pub stanza_bytes: usize,
    /// Maximum number of elements in a stanza.
    pub elements: usize,
    /// Maximum depth of nested elements in a stanza.
    pub depth: usize,
    /// Maximum number of attributes of one element.
    pub attributes: usize,
    /// Maximum number of handlers that run at once.
    pub handlers: usize,
    /// Maximum memory of the stanzas of running handlers.
    pub handler_bytes: usize,
    /// Maximum number of stanzas of one conversation that wait for a handler.
    pub waiting_per_conversation: usize,
    /// Maximum memory of all stanzas that wait for handlers.
    pub waiting_bytes: usize,
    /// Maximum number of bytes that wait for the socket.
    pub outgoing_bytes: usize,
    /// Maximum size of a sent stanza. Prosody closes the stream above 512 KiB (servers.md, 3).
    pub outgoing_stanza_bytes: usize,
    /// Maximum number of pending requests.
    pub pending_iqs: usize,
}

/// Timeouts and intervals.
///
/// # Examples
///
/// ```
/// let timing = couplet::config::Timing::default();
/// assert!(timing.keepalive < timing.dead_after);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Deadline of a handler, after which the peer gets an error.
    pub handler: Duration,
    /// Response timeout of a request.
    pub request: Duration,
    /// How long sending waits while the outgoing queue is full.
    pub send: Duration,
    /// Timeout for connecting and logging in together.
    pub connect: Duration,
    /// Idle time after which a keepalive is sent.
    pub keepalive: Duration,
    /// How long a connection may be silent before it counts as dead.
    pub dead_after: Duration,
    /// How long handlers may run on after a shutdown request.
    pub grace: Duration,
    /// Maximum delay before the first attempt to reconnect.
    pub reconnect_first: Duration,
    /// Maximum delay between two attempts to reconnect.
    pub reconnect_longest: Duration,
    /// How long a session must last to reset the delays.
    pub steady: Duration,
}

/// The filter and format of the log.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Log::default().filter, "info");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// A filter of `tracing` directives, such as `info,couplet=debug`.
    pub filter: String,
}

/// The format of the log.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::LogFormat::Json.to_string(), "json");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Human-readable lines.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Settings of the tokio runtime.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Runtime::default().threads, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Runtime {
    /// Number of threads that run handlers; 1 runs everything on the calling thread.
    pub threads: usize,
}

/// Settings for operators: metrics, health, the send socket.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Ops::default().listen, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ops {
    /// The address that serves `/healthz`, `/readyz` and `/metrics`; `None` to serve none.
    ///
    /// `couplet::main` serves it in a build with the cargo feature `ops`; other builds reject it.
    /// See [the metrics](crate::manual::metrics).
    pub listen: Option<SocketAddr>,
    /// The unix socket on which the program accepts messages from `couplet send`, only from its own
    /// user; `off` for none.
    ///
    /// By default the socket is the domain with `.sock` in `$RUNTIME_DIRECTORY` (set by systemd) or
    /// in `$XDG_RUNTIME_DIR/couplet`, if [`couplet::main`](crate::main) or [`App`](crate::app::App)
    /// runs the component. Otherwise, and if neither variable is set, there is none. See [its
    /// protocol](crate::manual::send_socket).
    pub send_socket: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            stanza_bytes: 512 << 10,
            elements: 20_000,
            depth: 128,
            attributes: 512,
            handlers: 1024,
            handler_bytes: 32 << 20,
            waiting_per_conversation: 64,
            waiting_bytes: 16 << 20,
            outgoing_bytes: 16 << 20,
            outgoing_stanza_bytes: 512 << 10,
            pending_iqs: 65_536,
        }
    }
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            handler: Duration::from_secs(30),
            request: Duration::from_secs(30),
            send: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            keepalive: Duration::from_secs(15),
            dead_after: Duration::from_secs(45),
            grace: Duration::from_secs(8),
            reconnect_first: Duration::from_millis(100),
            reconnect_longest: Duration::from_secs(30),
            steady: Duration::from_secs(60),
        }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}

impl Default for Runtime {
    fn default() -> Runtime {
        Runtime { threads: 1 }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    }
}
