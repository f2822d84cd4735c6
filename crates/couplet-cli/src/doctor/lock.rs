//! TLS as the framework speaks it, and how long the certificate will do.
//!
//! Deliberately absent: a connection that goes on without a certificate that is trusted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use couplet::config::{Config, Server};
use couplet::error::{Trouble, Unreachable};
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

use super::chart::Finding;
use super::reach;

const SOON: Duration = Duration::from_secs(21 * 86_400);
const NEVER: Duration = Duration::from_secs(400 * 365 * 86_400);

/// What is needed to greet a server by TLS.
#[derive(Clone)]
pub(super) struct Lock {
    connector: TlsConnector,
    verifier: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl Lock {
    /// `None` where no TLS is configured.
    pub(super) fn new(config: &Config) -> Result<Option<Lock>, Finding> {
        let Server::Tls { host, .. } = &config.server else {
            return Ok(None);
        };
        let wrong = |what: &str| {
            let what = what.to_owned();
            move |why: &dyn std::fmt::Display| Finding::fail(format!("{what}: {why}"), "")
        };
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(path) = &config.tls.ca_file {
            let wrong = wrong(&format!("tls.ca_file {}", path.display()));
            let mut found = 0;
            for certificate in CertificateDer::pem_file_iter(path).map_err(|why| wrong(&why))? {
                let certificate = certificate.map_err(|why| wrong(&why))?;
                roots.add(certificate).map_err(|why| wrong(&why))?;
                found += 1;
            }
            if found == 0 {
                return Err(wrong(&"there is no certificate in it"));
            }
        }
        let name = config.tls.name.as_deref().unwrap_or(host);
        let name = dns_name(name).into_owned();
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|why| wrong("tls")(&why))?;
        let client = ClientConfig::builder()
            .with_webpki_verifier(Arc::clone(&verifier))
            .with_no_client_auth();
        Ok(Some(Lock {
            connector: TlsConnector::from(Arc::new(client)),
            verifier,
            name: ServerName::try_from(name).map_err(|why| wrong("tls.name")(&why))?,
        }))
    }

    pub(super) async fn open(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = reach::tcp(address).await?;
        self.connector.connect(self.name.clone(), stream).await
    }

    /// Greets the server and looks at its certificate.
    pub(super) async fn examine(&self, config: &Config, address: SocketAddr) -> Finding {
        match self.open(address).await {
            Ok(stream) => {
                let (_, session) = stream.get_ref();
                let chain = session.peer_certificates().unwrap_or_default();
                self.judge_end(chain)
            }
            Err(error) => told(config, &error),
        }
    }

    /// The verifier itself knows when the certificate ends: it is asked about later days.
    fn judge_end(&self, chain: &[CertificateDer<'_>]) -> Finding {
        let Some((leaf, between)) = chain.split_first() else {
            return Finding::fail("the server showed no certificate", "");
        };
        let now = Duration::from_secs(UnixTime::now().as_secs());
        let at = |time: Duration| {
            let time = UnixTime::since_unix_epoch(time);
            self.verifier
                .verify_server_cert(leaf, between, &self.name, &[], time)
        };
        let name = self.name.to_str();
        let Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) =
            at(now.saturating_add(NEVER))
        else {
            return Finding::pass(format!("the certificate is trusted for {name}"));
        };
        let left = Duration::from_secs(not_after.as_secs()).saturating_sub(now);
        let days = left.as_secs() / 86_400;
        let told = format!("the certificate is trusted for {name}, for another {days} days");
        match left < SOON {
            true => Finding::warn(told, "Renew it; after that day no component gets in."),
            false => Finding::pass(told),
        }
    }
}

/// Whether TLS is spoken at an address, whoever's certificate it may be.
pub(super) async fn is_at(address: SocketAddr) -> bool {
    let client = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    let name = ServerName::from(address.ip());
    let Ok(stream) = reach::tcp(address).await else {
        return false;
    };
    match connector.connect(name, stream).await {
        Ok(_) => true,
        // No root is trusted, so this is how a TLS server looks from here.
        Err(error) => matches!(
            rustls_error(&error),
            Some(Error::InvalidCertificate(_) | Error::AlertReceived(_))
        ),
    }
}

fn told(config: &Config, error: &io::Error) -> Finding {
    let unreachable = |trouble| Unreachable::new(&config.domain, config.server.clone(), trouble);
    let name = match (&config.tls.name, &config.server) {
        (Some(name), _) => name.clone(),
        (None, Server::Tls { host, .. }) => host.clone(),
        (None, other) => other.to_string(),
    };
    match rustls_error(error) {
        Some(Error::InvalidMessage(_)) => Finding::of_error(&unreachable(Trouble::NotTls)),
        Some(Error::InvalidCertificate(why)) => {
            let why = match why {
                CertificateError::UnknownIssuer => {
                    "no authority that is trusted here has signed it".to_owned()
                }
                CertificateError::NotValidForNameContext { presented, .. }
                    if presented.is_empty() =>
                {
                    "there is no name in it".to_owned()
                }
                why => why.to_string(),
            };
            Finding::of_error(&unreachable(Trouble::Certificate { name, why }))
        }
        // A server for plain streams may also close or reset what it cannot read.
        _ if is_end(error) => Finding::of_error(&unreachable(Trouble::ClosedAtOnce)),
        _ => Finding::of_error(&Unreachable::from_io(
            &config.domain,
            config.server.clone(),
            error,
        )),
    }
}

pub(super) fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}
