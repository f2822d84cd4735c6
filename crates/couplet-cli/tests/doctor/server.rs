//! [`TestServer`]: a real server that was started for the test.

use std::error::Error;
use std::path::PathBuf;

use couplet_test::{Ejabberd, Packages, Prosody, Setup};

/// Lines of the snippet that the doctor prints for each server.
const FOR_PROSODY: &str = "Component \"echo.localhost\"\n    component_secret =";
const FOR_EJABBERD: &str = "module: ejabberd_service\n    access: all\n    global_routes: false";

/// The servers of Debian 12 and of Debian 13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Prosody,
    Prosody13,
    Ejabberd,
    Ejabberd24,
}

impl Backend {
    pub(crate) async fn start(self, setup: Setup) -> Result<TestServer, Box<dyn Error>> {
        let packages = match self {
            Backend::Prosody | Backend::Ejabberd => Packages::Installed,
            Backend::Prosody13 | Backend::Ejabberd24 => Packages::Debian13,
        };
        let setup = setup.packages(packages);
        Ok(match self.is_prosody() {
            true => TestServer::Prosody(Prosody::start(setup).await?),
            false => TestServer::Ejabberd(Ejabberd::start(setup).await?),
        })
    }

    pub(crate) fn is_prosody(self) -> bool {
        matches!(self, Backend::Prosody | Backend::Prosody13)
    }

    /// Returns lines of the snippet for this server, and a word that only the other snippet
    /// contains.
    pub(crate) fn snippet_and_other_server(self) -> (&'static str, &'static str) {
        match self.is_prosody() {
            true => (FOR_PROSODY, "ejabberd"),
            false => (FOR_EJABBERD, "Prosody"),
        }
    }
}

pub(crate) enum TestServer {
    Prosody(Prosody),
    Ejabberd(Ejabberd),
}

impl TestServer {
    /// Returns the address for components.
    pub(crate) fn components(&self) -> String {
        match self {
            TestServer::Prosody(prosody) => prosody.component_addr(),
            TestServer::Ejabberd(ejabberd) => ejabberd.component_addr(),
        }
    }

    /// Returns the address for clients.
    pub(crate) fn clients(&self) -> String {
        match self {
            TestServer::Prosody(prosody) => prosody.client_addr(),
            TestServer::Ejabberd(ejabberd) => ejabberd.client_addr(),
        }
    }

    /// Returns the TLS address for components, and the CA file of the certificate.
    pub(crate) fn encrypted(&self) -> Result<(String, String), Box<dyn Error>> {
        let TestServer::Ejabberd(ejabberd) = self else {
            return Err("Prosody's component port has no TLS".into());
        };
        let authority = ejabberd.authority().to_string_lossy().into_owned();
        Ok((ejabberd.tls_addr().ok_or("no TLS")?, authority))
    }

    /// Returns the unix socket for components.
    pub(crate) fn socket(&self) -> Result<PathBuf, Box<dyn Error>> {
        let TestServer::Ejabberd(ejabberd) = self else {
            return Err("Prosody has no socket for components".into());
        };
        Ok(ejabberd.unix_path().ok_or("no socket")?)
    }
}
