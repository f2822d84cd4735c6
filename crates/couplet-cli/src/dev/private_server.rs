//! [`PrivateServer`]: a Prosody or ejabberd that this command starts and ends.

use std::fmt;

use clap::ValueEnum;
use couplet::Config;
use couplet::config;
use couplet_test::{Ejabberd, Prosody, Setup};

use crate::failure::Failure;

/// The server software to start.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ServerKind {
    /// https://prosody.im
    Prosody,
    /// https://www.ejabberd.im
    Ejabberd,
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServerKind::Prosody => "Prosody",
            ServerKind::Ejabberd => "ejabberd",
        })
    }
}

/// Returns the address of a listener as the setting `server`.
pub(super) fn setting(addr: &str) -> Result<config::Server, Failure> {
    addr.parse()
        .map_err(|why| Failure::new(format!("{addr}: {why}")))
}

/// A running server; it is killed, and its directory removed, when this value is dropped.
#[derive(Debug)]
pub(super) enum PrivateServer {
    Prosody(Box<Prosody>),
    Ejabberd(Box<Ejabberd>),
}

impl PrivateServer {
    pub(super) async fn start(kind: ServerKind, config: &Config) -> Result<PrivateServer, Failure> {
        let setup = Setup::component(&config.domain, config.secret.expose());
        Ok(match kind {
            ServerKind::Prosody => {
                PrivateServer::Prosody(Box::new(Box::pin(Prosody::start(setup)).await?))
            }
            ServerKind::Ejabberd => {
                PrivateServer::Ejabberd(Box::new(Box::pin(Ejabberd::start(setup)).await?))
            }
        })
    }

    /// Returns the address for clients.
    pub(super) fn client_addr(&self) -> String {
        match self {
            PrivateServer::Prosody(prosody) => prosody.client_addr(),
            PrivateServer::Ejabberd(ejabberd) => ejabberd.client_addr(),
        }
    }

    /// Returns the address for components.
    pub(super) fn component_addr(&self) -> Result<config::Server, Failure> {
        let addr = match self {
            PrivateServer::Prosody(prosody) => prosody.component_addr(),
            PrivateServer::Ejabberd(ejabberd) => ejabberd.component_addr(),
        };
        setting(&addr)
    }

    /// Describes how another client or component logs in.
    pub(super) fn login_instructions(&self, config: &Config) -> String {
        let users = self.client_addr();
        let (host, port) = users.rsplit_once(':').unwrap_or((&users, ""));
        format!(
            "clients log in without encryption (PLAIN or SCRAM):\n  \
             address   alice@localhost     bob@localhost\n  \
             password  alice               bob\n  \
             server    {host}, port {port}\n\
             the component has logged in with:\n  \
             COUPLET_SERVER={}\n  COUPLET_DOMAIN={}\n  COUPLET_SECRET={}",
            config.server,
            config.domain,
            config.secret.expose(),
        )
    }
}
