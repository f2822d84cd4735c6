//! The tables of the configuration and the default of every setting.
//!
//! Deliberately absent: ranges and meanings, which stand in the table of settings.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the server's certificate is checked; of use only with a `tls://` server.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Tls::default().name, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// The name to look for in the certificate; the server's host when `None`.
    pub name: Option<String>,
    /// A PEM file with a certificate authority to trust beside the public ones.
    pub ca_file: Option<PathBuf>,
}

/// How much of everything there may be; sizes in bytes.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Limits::default().stanza_bytes, 512 * 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest stanza taken in.
    pub stanza_bytes: usize,
    /// How many elements a stanza may have.
    pub elements: usize,
    /// How deep elements may be nested in a stanza.
    pub depth: usize,
    /// How many attributes one element may have.
    pub attributes: usize,
    /// How many handlers run at once.
    pub handlers: usize,
    /// How many bytes of memory the stanzas of running handlers may take.
    pub handler_bytes: usize,
    /// How many stanzas of one conversation may wait for a handler.
    pub waiting_per_conversation: usize,
    /// How many bytes of stanzas may wait for handlers in all.
    pub waiting_bytes: usize,
    /// How many bytes may wait for the socket.
    pub outgoing_bytes: usize,
    /// The largest stanza sent. Prosody closes the stream above 512 KiB (servers.md, 3).
    pub outgoing_stanza_bytes: usize,
    /// How many questions may be open at once.
    pub questions: usize,
}

/// How long everything may take.
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
    /// How long a handler may take before the peer is answered for it.
    pub handler: Duration,
    /// How long a question waits for its answer.
    pub request: Duration,
    /// How long sending waits for room in the outgoing queue.
    pub send: Duration,
    /// How long connecting and logging in may take together.
    pub connect: Duration,
    /// How often a quiet connection is asked for a sign of life.
    pub keepalive: Duration,
    /// How long a connection may be silent before it counts as dead.
    pub dead_after: Duration,
    /// How long handlers may finish when the component stops.
    pub grace: Duration,
    /// The longest wait before the first attempt to reconnect.
    pub reconnect_first: Duration,
    /// The longest wait between two attempts to reconnect.
    pub reconnect_longest: Duration,
    /// How long a connection must hold before the waits start over.
    pub steady: Duration,
}

/// What is logged, and how.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Log::default().filter, "info");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// Lines for people or JSON for machines.
    pub format: LogFormat,
    /// Directives of `tracing`, such as `info,couplet=debug`.
    pub filter: String,
}

/// The two ways to write a log.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::LogFormat::Json.to_string(), "json");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object in a line.
    Json,
}

/// What the program runs on.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Runtime::default().threads, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Runtime {
    /// How many threads run handlers; 1 keeps everything on one.
    pub threads: usize,
}

/// How the program is looked after while it runs.
///
/// # Examples
///
/// ```
/// assert_eq!(couplet::config::Ops::default().listen, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ops {
    /// Where `/healthz`, `/readyz` and `/metrics` are served; nowhere when `None`.
    ///
    /// `couplet::main` serves it in a build with the cargo feature `ops`; other builds refuse
    /// it. See [the metrics](crate::manual::metrics).
    pub listen: Option<SocketAddr>,
    /// The unix socket at which the running program takes messages from `couplet send`, for its own
    /// user alone; `off` for none.
    ///
    /// When `None` it is the domain with `.sock` in `$RUNTIME_DIRECTORY` (which systemd sets) or
    /// in `$XDG_RUNTIME_DIR/couplet` if [`couplet::main`](crate::main) or
    /// [`App`](crate::app::App) runs the component, and none otherwise or where neither
    /// variable is set. See [its protocol](crate::manual::send_socket).
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
            questions: 65_536,
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
