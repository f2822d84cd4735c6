//! Creates a certificate authority and one certificate for a server in a test.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::error::TestServerError;
use crate::process;

/// The name in the certificate.
pub(crate) const NAME: &str = "localhost";

/// Writes `ca.pem` and `server.pem` (chain and key, as ejabberd needs them) into a folder.
///
/// The two certificates are separate because rustls rejects an authority that is used as a server
/// certificate.
pub(crate) fn issue(folder: &Path) -> Result<(PathBuf, PathBuf), TestServerError> {
    let (authority, server) = (folder.join("ca.pem"), folder.join("server.pem"));
    let (ca, chain) = pems().map_err(|error| TestServerError::Io {
        doing: "creating a certificate".to_owned(),
        source: std::io::Error::other(error),
    })?;
    process::write(&authority, &ca)?;
    process::write(&server, &chain)?;
    Ok((authority, server))
}

fn pems() -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "couplet-test authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    // ejabberd sets a timer for the end of a certificate, and Erlang's timers cannot run for 300
    // years: with rcgen's default, the year 4096, the port has no certificate.
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    let leaf = params.signed_by(&key, &authority)?;
    Ok((
        authority.pem(),
        format!("{}{}", leaf.pem(), key.serialize_pem()),
    ))
}
