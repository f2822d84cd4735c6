//! TLS from the first byte, as with ejabberd's `tls: true` listener (servers.md, 10).
//!
//! There is no STARTTLS, which neither server offers to components.

use std::{io, sync::Arc};

use couplet_core::jid::dns_name;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, CertificateError, ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::{
    config::{Server, Tls},
    error::Trouble,
};

/// Verifies the server's certificate against one name.
pub(crate) struct Connector {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Connector {
    /// Creates a connector. `host` is the name to verify, unless the settings have another. The
    /// public authorities are trusted, and those of `tls.ca_file`.
    pub(crate) fn new(host: &str, settings: &Tls) -> io::Result<Connector> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(path) = &settings.ca_file {
            let unreadable = |why: &dyn std::fmt::Display| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("tls.ca_file {}: {why}", path.display()),
                )
            };
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|why| unreadable(&why))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|why| unreadable(&why))?;
                roots.add(certificate).map_err(|why| unreadable(&why))?;
            }
        }
        let name = dns_name(settings.name.as_deref().unwrap_or(host)).into_owned();
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Connector {
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(name).map_err(|why| {
                io::Error::new(io::ErrorKind::InvalidInput, format!("tls.name: {why}"))
            })?,
        })
    }

    pub(crate) async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

/// Returns the trouble if TLS caused the error.
pub(crate) fn trouble(error: &io::Error, server: &Server, settings: &Tls) -> Option<Trouble> {
    let Server::Tls { host, .. } = server else {
        return None;
    };
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidMessage(_) => Some(Trouble::NotTls),
        rustls::Error::InvalidCertificate(why) => Some(Trouble::Certificate {
            name: settings.name.as_ref().unwrap_or(host).clone(),
            why: match why {
                CertificateError::NotValidForNameContext { presented, .. }
                    if presented.is_empty() =>
                {
                    "it contains no name".to_owned()
                }
                why => why.to_string(),
            },
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Connector, ServerName, Tls};

    #[test]
    fn the_name_of_an_internationalized_server_is_checked_by_its_a_labels() {
        let name = |host: &str, name: Option<&str>| {
            let settings = Tls {
                name: name.map(str::to_owned),
                ..Tls::default()
            };
            Connector::new(host, &settings).unwrap().name
        };
        let expected = ServerName::try_from("xn--bdk.example").unwrap();
        assert_eq!(name("ツ.example", None), expected);
        assert_eq!(name("xn--bdk.example", None), expected);
        assert_eq!(name("localhost", Some("ツ.example")), expected);
    }
}
