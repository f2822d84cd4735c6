//! Step `secrecy`: the secret is valid for this domain only.
//!
//! ejabberd's `password` without `hosts` is valid for any.

use couplet::error::Software;

use super::dialer::Dialer;
use super::login::DoctorSession;
use super::report::{Checked, Finding};

/// A domain that no configuration contains.
const UNKNOWN: &str = "couplet-doctor.invalid";

pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    let finding = match session.software {
        Some(Software::Prosody) => Finding::skipped("Prosody has a secret for each domain"),
        _ if accepts_any_domain(session.dialer).await => Finding::warn(
            "this secret is valid for any domain, also for domains of others and of the internet",
            "In ejabberd.yml put the password below the domain in `hosts`, and then `ejabberdctl \
             reload_config`:\n\n  hosts:\n    \"DOMAIN\":\n      password: \"…the same secret…\""
                .replace("DOMAIN", session.domain()),
        ),
        _ => Finding::pass("this secret is valid for no other domain"),
    };
    Ok((finding, ()))
}

async fn accepts_any_domain(dialer: &Dialer<'_>) -> bool {
    match dialer.login_as(UNKNOWN).await {
        Ok(stream) => {
            stream.close().await;
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use couplet::{Config, Jid};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::doctor::endpoint::Endpoint;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='4711'>";

    /// Returns whether the step finds that a server with this response to the handshake accepts any
    /// domain.
    async fn is_accepted_with(response: &'static str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (until, bytes) in [("stream:stream", HEADER), ("</handshake>", response)] {
                let mut read = Vec::new();
                while !String::from_utf8_lossy(&read).contains(until) {
                    stream.read_buf(&mut read).await.unwrap();
                }
                stream.write_all(bytes.as_bytes()).await.unwrap();
            }
            stream
        };
        let config = Config::new("echo.test", "secret");
        let dialer = Dialer {
            config: &config,
            domain: Jid::new("echo.test").unwrap(),
            endpoint: Endpoint::Tcp(address),
            tls: None,
        };
        let (accepted, _still_open) = tokio::join!(accepts_any_domain(&dialer), serving);
        accepted
    }

    #[tokio::test]
    async fn a_secret_that_is_valid_for_any_domain_is_found() {
        assert!(is_accepted_with("<handshake/>").await);
        let rejection = "<stream:error><not-authorized \
                         xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
        assert!(!is_accepted_with(rejection).await);
    }
}
