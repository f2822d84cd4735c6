//! The address and TLS mode of the server.
//!
//! There is no look-up of SRV records. Untrusted certificates are rejected; `--ca-file` adds trust.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Stream;
use crate::error::{CaseError, CaseResult};

/// The address of the accounts' server for clients, and its TLS mode.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::{Security, Server};
///
/// let local = Server {
///     address: Some("127.0.0.1:5222".to_owned()),
///     security: Security::None,
///     authorities: None,
/// };
/// assert_eq!(local.security, Security::None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Host and port; by default the domain of the account and port 5222.
    pub address: Option<String>,
    /// The TLS mode of the stream.
    pub security: Security,
    /// A PEM file with additional CA certificates to trust.
    pub authorities: Option<PathBuf>,
}

/// The TLS mode of a stream to the server.
///
/// # Examples
///
/// ```
/// assert_eq!(
///     pubsub_conformance::Security::default(),
///     pubsub_conformance::Security::StartTls
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS (RFC 6120, 5); required before login.
    #[default]
    StartTls,
    /// TLS from the first byte (XEP-0368).
    Direct,
    /// No TLS: passwords are readable on the network. For a server on the same machine.
    None,
}

impl Server {
    pub(super) async fn connect(&self, domain: &str) -> CaseResult<TcpStream> {
        let port = if self.security == Security::Direct {
            5223
        } else {
            5222
        };
        let address = match &self.address {
            Some(address) => address.clone(),
            None => format!("{domain}:{port}"),
        };
        let stream = TcpStream::connect(&address)
            .await
            .map_err(|error| unreachable(&address, &error.to_string()))?;
        stream
            .set_nodelay(true)
            .map_err(|error| unreachable(&address, &error.to_string()))?;
        Ok(stream)
    }

    pub(super) async fn protect(
        &self,
        stream: TcpStream,
        domain: &str,
    ) -> CaseResult<Box<dyn Stream>> {
        let failed = |why: String| unreachable(domain, &why);
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(path) = &self.authorities {
            let authorities = CertificateDer::pem_file_iter(path)
                .map_err(|error| failed(format!("{}: {error}", path.display())))?;
            for authority in authorities {
                let authority = authority.map_err(|error| failed(error.to_string()))?;
                roots
                    .add(authority)
                    .map_err(|error| failed(error.to_string()))?;
            }
        }
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name =
            ServerName::try_from(domain.to_owned()).map_err(|error| failed(error.to_string()))?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| failed(error.to_string()))?;
        Ok(Box::new(stream))
    }
}

pub(super) fn unreachable(peer: &str, why: &str) -> CaseError {
    CaseError::unmet(format!("a connection to {peer}"), why)
}
