//! Step `tls`: the certificate is trusted, for this name, and does not expire soon.
//!
//! A connection never continues with a certificate that is not trusted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use couplet::config::{Config, Server};
use couplet::error::Trouble;
use couplet_core::jid::dns_name;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use super::endpoint::{Endpoint, connect_tcp, is_closed, unreachable, unreachable_by};
use super::report::{Checked, Finding};

/// A certificate that expires within this time gets a warning.
const SOON: Duration = Duration::from_secs(21 * 86_400);
/// Later than any certificate expires.
const FAR_FUTURE: Duration = Duration::from_secs(400 * 365 * 86_400);

/// Makes the TLS handshake and examines the certificate; the value is `None` without TLS in the
/// configuration.
pub(super) async fn check(config: &Config, endpoint: &Endpoint) -> Checked<Option<TlsClient>> {
    let client = TlsClient::new(config)?;
    let (Some(client), Endpoint::Tcp(address)) = (client, endpoint) else {
        let finding = Finding::skipped("`server` does not begin with tls://");
        return Ok((finding, None));
    };
    let stream = client.connect(*address).await;
    let stream = stream.map_err(|error| handshake_failed(config, &error))?;
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let finding = client.examine_expiry(chain)?;
    Ok((finding, Some(client)))
}

/// Returns whether the server at an address answers a TLS handshake, with any certificate.
pub(super) async fn is_spoken_at(address: SocketAddr) -> bool {
    let client = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    let name = ServerName::from(address.ip());
    let Ok(stream) = connect_tcp(address).await else {
        return false;
    };
    match connector.connect(name, stream).await {
        Ok(_) => true,
        // No certificate is trusted here, so a TLS server causes one of these errors.
        Err(error) => matches!(
            rustls_error(&error),
            Some(Error::InvalidCertificate(_) | Error::AlertReceived(_))
        ),
    }
}

/// Connects with TLS as configured.
#[derive(Clone)]
pub(super) struct TlsClient {
    connector: TlsConnector,
    verifier: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl TlsClient {
    /// Returns `None` without TLS in the configuration.
    fn new(config: &Config) -> Result<Option<TlsClient>, Finding> {
        let Server::Tls { host, .. } = &config.server else {
            return Ok(None);
        };
        let name = config.tls.name.as_deref().unwrap_or(host);
        let name = dns_name(name).into_owned();
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(trusted_roots(config)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|why| Finding::fail(format!("tls: {why}"), ""))?;
        let client = ClientConfig::builder()
            .with_webpki_verifier(Arc::clone(&verifier))
            .with_no_client_auth();
        Ok(Some(TlsClient {
            connector: TlsConnector::from(Arc::new(client)),
            verifier,
            name: ServerName::try_from(name)
                .map_err(|why| Finding::fail(format!("tls.name: {why}"), ""))?,
        }))
    }

    pub(super) async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = connect_tcp(address).await?;
        self.connector.connect(self.name.clone(), stream).await
    }

    /// Finds the day on which the certificate expires by verifying it for later days.
    fn examine_expiry(&self, chain: &[CertificateDer<'_>]) -> Result<Finding, Finding> {
        let Some((leaf, intermediates)) = chain.split_first() else {
            return Err(Finding::fail("the server sent no certificate", ""));
        };
        let now = Duration::from_secs(UnixTime::now().as_secs());
        let later = UnixTime::since_unix_epoch(now.saturating_add(FAR_FUTURE));
        let name = self.name.to_str();
        let Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) =
            self.verifier
                .verify_server_cert(leaf, intermediates, &self.name, &[], later)
        else {
            return Ok(Finding::pass(format!(
                "the certificate is trusted for {name}"
            )));
        };
        let left = Duration::from_secs(not_after.as_secs()).saturating_sub(now);
        let days = left.as_secs() / 86_400;
        let message = format!("the certificate is trusted for {name}, for another {days} days");
        Ok(match left < SOON {
            true => Finding::warn(
                message,
                "Renew it: once it has expired no component can log in.",
            ),
            false => Finding::pass(message),
        })
    }
}

/// Returns the public authorities, and those of `tls.ca_file`.
fn trusted_roots(config: &Config) -> Result<RootCertStore, Finding> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let Some(path) = &config.tls.ca_file else {
        return Ok(roots);
    };
    let unusable = |why: &dyn std::fmt::Display| {
        Finding::fail(format!("tls.ca_file {}: {why}", path.display()), "")
    };
    let public = roots.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|why| unusable(&why))? {
        let certificate = certificate.map_err(|why| unusable(&why))?;
        roots.add(certificate).map_err(|why| unusable(&why))?;
    }
    match roots.len() > public {
        true => Ok(roots),
        false => Err(unusable(&"the file contains no certificate")),
    }
}

fn handshake_failed(config: &Config, error: &io::Error) -> Finding {
    let name = match (&config.tls.name, &config.server) {
        (Some(name), _) => name.clone(),
        (None, Server::Tls { host, .. }) => host.clone(),
        (None, other) => other.to_string(),
    };
    match rustls_error(error) {
        Some(Error::InvalidMessage(_)) => unreachable_by(config, Trouble::NotTls),
        Some(Error::InvalidCertificate(why)) => {
            let why = match why {
                CertificateError::UnknownIssuer => {
                    "no authority that is trusted here has signed it".to_owned()
                }
                // The framework's advice depends on this text.
                CertificateError::NotValidForNameContext { presented, .. }
                    if presented.is_empty() =>
                {
                    "it contains no name".to_owned()
                }
                why => why.to_string(),
            };
            unreachable_by(config, Trouble::Certificate { name, why })
        }
        // A server without TLS may also close or reset the connection.
        _ if is_closed(error) => unreachable_by(config, Trouble::ClosedAtOnce),
        _ => unreachable(config, error),
    }
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}
