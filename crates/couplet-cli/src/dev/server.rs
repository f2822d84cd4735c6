//! The private server, whichever it is.
//!
//! Deliberately absent: servers that somebody else runs. `couplet send` speaks to those.

use std::fmt;

use clap::ValueEnum;
use couplet::Config;
use couplet::config;
use couplet_test::{Ejabberd, Prosody, Setup};

use crate::failure::Failure;

/// Which server to start.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Kind {
    /// https://prosody.im
    Prosody,
    /// https://www.ejabberd.im
    Ejabberd,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Prosody => "Prosody",
            Kind::Ejabberd => "ejabberd",
        })
    }
}

/// The address of a listener, as a setting.
pub(super) fn address(addr: &str) -> Result<config::Server, Failure> {
    addr.parse()
        .map_err(|why| Failure::new(format!("{addr}: {why}")))
}

/// A server that ends with this value, and its directory with it.
#[derive(Debug)]
pub(super) enum Server {
    Prosody(Box<Prosody>),
    Ejabberd(Box<Ejabberd>),
}

impl Server {
    pub(super) async fn start(kind: Kind, config: &Config) -> Result<Server, Failure> {
        let setup = Setup::component(&config.domain, config.secret.expose());
        Ok(match kind {
            Kind::Prosody => Server::Prosody(Box::new(Box::pin(Prosody::start(setup)).await?)),
            Kind::Ejabberd => Server::Ejabberd(Box::new(Box::pin(Ejabberd::start(setup)).await?)),
        })
    }

    /// Where users connect.
    pub(super) fn for_users(&self) -> String {
        match self {
            Server::Prosody(prosody) => prosody.client_addr(),
            Server::Ejabberd(ejabberd) => ejabberd.client_addr(),
        }
    }

    /// Where components connect.
    pub(super) fn for_components(&self) -> Result<config::Server, Failure> {
        let addr = match self {
            Server::Prosody(prosody) => prosody.component_addr(),
            Server::Ejabberd(ejabberd) => ejabberd.component_addr(),
        };
        address(&addr)
    }

    /// What another client or component has to be told.
    pub(super) fn how_to_log_in(&self, config: &Config) -> String {
        let users = self.for_users();
        let (host, port) = users.rsplit_once(':').unwrap_or((&users, ""));
        format!(
            "a client logs in without encryption (PLAIN or SCRAM):\n  \
             address   alice@localhost     bob@localhost\n  \
             password  alice               bob\n  \
             server    {host}, port {port}\n\
             the component logged in with:\n  \
             COUPLET_SERVER={}\n  COUPLET_DOMAIN={}\n  COUPLET_SECRET={}",
            config.server,
            config.domain,
            config.secret.expose(),
        )
    }
}
