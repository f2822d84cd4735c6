//! [`Dialer`]: opens connections to the server for the steps.

use std::io;

use couplet::error::{Rejected, Software};
use couplet::{Config, Jid, Stream};
use couplet_core::stream_error::StreamError;

use super::doctor_stream::{DoctorStream, StreamEnd};
use super::endpoint::Endpoint;
use super::tls::TlsClient;

pub(super) struct Dialer<'a> {
    pub(super) config: &'a Config,
    pub(super) domain: Jid,
    pub(super) endpoint: Endpoint,
    pub(super) tls: Option<TlsClient>,
}

impl Dialer<'_> {
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match (&self.tls, &self.endpoint) {
            (Some(tls), Endpoint::Tcp(address)) => Ok(Box::new(tls.connect(*address).await?)),
            (_, endpoint) => endpoint.connect().await,
        }
    }

    /// Logs in as a domain, its own or another one, with the secret of the configuration.
    pub(super) async fn login_as(&self, domain: &str) -> Result<DoctorStream, StreamEnd> {
        let jid = Jid::new(domain).unwrap_or_else(|_| self.domain.clone());
        let connection = self.connect().await.map_err(StreamEnd::Io)?;
        let mut stream = DoctorStream::new(connection, &jid);
        let id = stream.open(domain).await?;
        stream.login(&id, self.config.secret.expose()).await?;
        Ok(stream)
    }

    /// Returns the framework's error for a stream error.
    pub(super) fn rejected(&self, error: &StreamError, software: Option<Software>) -> Rejected {
        let server = self.config.server.clone();
        let text = error.text.as_deref();
        Rejected::new(&self.config.domain, server, &error.condition, text).by(software)
    }
}
