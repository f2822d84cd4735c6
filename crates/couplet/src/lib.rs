//! Couplet: server-side XMPP components in Rust. Powerful XMPP, simple to use.
//!
//! A component is a program beside an XMPP server that owns a whole subdomain: it receives all
//! stanzas sent to addresses of that domain and sends stanzas from these addresses. (XEP-0114)
//!
//! ```no_run
//! use couplet::{Component, Config, Incoming, Message};
//!
//! fn echo(config: Config) -> Component {
//!     Component::new(config)
//!         .named("Echo")
//!         .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
//! }
//!
//! # #[cfg(feature = "app")]
//! fn main() -> std::process::ExitCode {
//!     couplet::main(echo)
//! }
//! # #[cfg(not(feature = "app"))]
//! # fn main() {}
//! ```
//!
//! Start with [`Component`], then read the [`manual`].
//!
//! # Cargo features
//!
//! - `app` (on): [`main`] for a component that is a program: flags, log, signals, the
//!   [socket](manual::send_socket) for `couplet send`.
//! - `ops`: health, readiness and Prometheus [`metrics`](manual::metrics) over HTTP; readiness and
//!   watchdog for systemd. It needs `app`.
//! - `tls` (on): direct TLS to the server (`tls://host:port`).

pub mod manual;
#[cfg(feature = "app")]
pub mod app;
#[cfg(feature = "ops")]
mod ops;
#[cfg(feature = "app")]
pub mod logging;
mod component;
mod supervisor;
mod login;
mod session;
mod keepalive;
mod transport;
mod connect;
#[cfg(feature = "tls")]
mod tls;
mod hooks;
#[cfg(all(unix, feature = "app"))]
mod send_socket;
mod background_tasks;
mod dispatch;
mod invocation;
mod features;
mod contact;
pub mod middleware;
mod router;
mod route;
mod handler;
mod incoming;
mod handle;
mod broadcast;
mod shared;
mod reflections;
mod corrections;
mod sent_id;
#[cfg(all(unix, feature = "app"))]
mod bounces;
mod response;
mod send_error;
mod outbox;
mod session_end;
mod self_ping;
mod log_limits;
mod metrics;
pub mod error;
pub mod config;
mod health;
mod shutdown;
pub mod secret;
mod text_checks;

pub use async_trait::async_trait;
pub use couplet_core::{
    framer::{LimitKind, Skipped},
    jid::{BareJid, InvalidJid, Jid},
    message::{Content, Message, MessageType},
    outgoing::Outgoing,
    presence::{Presence, PresenceType, Show},
    remote_error::RemoteError,
    stanza::{IqType, Kind, Stanza},
    stanza_error::{Condition, ErrorType, StanzaError},
    stanza_writer::InvalidStanza,
};

pub use crate::{
    broadcast::{Ack, Broadcast, BroadcastSender, CopyWriter},
    component::{Component, Extension},
    config::Config,
    connect::{Connect, Stream},
    contact::{Contact, Subscribers},
    error::Error,
    features::{About, DiscoItem, DiscoItems, Discovery, Feature},
    handle::Handle,
    handler::{
        IntoIqHandler, IntoOutcome, IntoReply, IntoResponse, IqHandler, MessageHandler,
        PresenceHandler, with,
    },
    incoming::{Incoming, Iq},
    response::{Empty, FromResponse, RequestError},
    send_error::{SendError, SendErrorKind},
    sent_id::SentId,
    session_end::SessionEnd,
    shutdown::Shutdown,
};

/// Runs a component as a program; call it as the whole body of `main`.
///
/// It reads the flags, the configuration and the environment, sets up the log and runs the
/// component that `build` returns. The first SIGTERM or SIGINT shuts it down gracefully, a second
/// one ends the process at once. Errors are printed with advice. See [`app::App`] for flags and
/// exit codes.
///
/// # Examples
///
/// ```no_run
/// use couplet::Component;
///
/// fn main() -> std::process::ExitCode {
///     couplet::main(|config| Component::new(config).named("Idle"))
/// }
/// ```
#[cfg(feature = "app")]
pub fn main(build: impl FnOnce(Config) -> Component) -> std::process::ExitCode {
    // The sections of extensions, which the configuration is loaded before: each reads its own.
    let sources = config::Sources::process().section("bot");
    app::App::new()
        .sources(sources)
        .run(async move |config, shutdown| build(config).run(shutdown.requested()).await)
}
