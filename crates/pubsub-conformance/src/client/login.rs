//! Logs in a user: TLS, SASL, binding, presence. (RFC 6120, 5 to 7)
//!
//! Channel binding, SASL2 and registration are not supported.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use couplet_core::element::Tree;
use couplet_core::framer::{Frame, Framer};
use sasl::client::Mechanism;
use sasl::client::mechanisms::{Plain, Scram};
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tls::{Security, Server, unreachable};
use super::{LIMITS, Session, broken};
use crate::account::Account;
use crate::error::{CaseError, CaseResult};
use crate::request::escaped;

const NS_BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const NS_SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
const NS_TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// Logs in, binds this resource and becomes available.
pub(crate) async fn login(
    server: &Server,
    account: &Account,
    resource: &str,
    patience: Duration,
) -> CaseResult<Session> {
    let all = async {
        let mut session = open(server, account, patience).await?;
        let features = header(&mut session, account).await?;
        authenticate(&mut session, &features, account, server.security).await?;
        let features = header(&mut session, account).await?;
        bind(&mut session, resource).await?;
        if asks_for_session(&features) {
            let payload = format!("<session xmlns='{NS_SESSION}'/>");
            session.request("set", None, &payload).await?;
        }
        session.send("<presence/>").await?;
        Ok(session)
    };
    match timeout(patience, all).await {
        Ok(session) => session,
        Err(_) => Err(unreachable(account.jid(), "the login took too long")),
    }
}

async fn open(server: &Server, account: &Account, patience: Duration) -> CaseResult<Session> {
    let domain = account.domain();
    let stream = server.connect(domain).await?;
    let stream = match server.security {
        Security::None => Box::new(stream),
        Security::Direct => server.protect(stream, domain).await?,
        Security::StartTls => {
            let stream = start_tls(stream, domain).await?;
            server.protect(stream, domain).await?
        }
    };
    Ok(Session::over(stream, patience))
}

/// Negotiates STARTTLS; nothing is read beyond the response of the server.
async fn start_tls(mut stream: TcpStream, domain: &str) -> CaseResult<TcpStream> {
    let mut framer = Framer::new(LIMITS);
    let mut said = opening(domain);
    loop {
        stream
            .write_all(said.as_bytes())
            .await
            .map_err(|error| broken(&error.to_string()))?;
        let word = loop {
            match framer.next().map_err(|error| broken(&error.to_string()))? {
                Some(Frame::Stanza(bytes)) => {
                    let tree = Tree::parse(bytes, framer.scope());
                    break tree.map_err(|error| broken(&error.to_string()))?;
                }
                Some(_) => continue,
                None => {}
            }
            let read = stream.read_buf(framer.space()).await;
            if read.map_err(|error| broken(&error.to_string()))? == 0 {
                return Err(broken("it closed the connection"));
            }
        };
        if word.root().is("proceed", NS_TLS) {
            return Ok(stream);
        }
        if word.root().child("starttls", NS_TLS).is_none() {
            let expected = "an offer of STARTTLS (else: --direct-tls, or --insecure-plain here)";
            return Err(CaseError::unmet(expected, word.as_str()));
        }
        said = format!("<starttls xmlns='{NS_TLS}'/>");
    }
}

fn opening(domain: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>",
        escaped(domain)
    )
}

/// Opens a stream, again after authentication, and returns its features.
async fn header(session: &mut Session, account: &Account) -> CaseResult<Tree> {
    session.framer = Framer::new(LIMITS);
    session.send(&opening(account.domain())).await?;
    session.read().await
}

async fn authenticate(
    session: &mut Session,
    features: &Tree,
    account: &Account,
    security: Security,
) -> CaseResult {
    let offered: Vec<String> = features
        .root()
        .child("mechanisms", NS_SASL)
        .map(|list| list.children().map(|one| one.text().into_owned()).collect())
        .unwrap_or_default();
    let mut mechanism = mechanism(&offered, account, security).ok_or_else(|| {
        CaseError::unmet(
            "SCRAM-SHA-256, SCRAM-SHA-1 or PLAIN",
            features.as_str().to_owned(),
        )
    })?;
    let initial = STANDARD.encode(mechanism.initial());
    let name = mechanism.name().to_owned();
    session
        .send(&format!(
            "<auth xmlns='{NS_SASL}' mechanism='{name}'>{initial}</auth>"
        ))
        .await?;
    loop {
        let word = session.read().await?;
        let root = word.root();
        let data = STANDARD
            .decode(root.text().as_bytes())
            .map_err(|error| broken(&error.to_string()))?;
        let impostor = |error: sasl::client::MechanismError| broken(&error.to_string());
        match root.name() {
            "challenge" => {
                let response = STANDARD.encode(mechanism.response(&data).map_err(impostor)?);
                session
                    .send(&format!(
                        "<response xmlns='{NS_SASL}'>{response}</response>"
                    ))
                    .await?;
            }
            "success" => return mechanism.success(&data).map_err(impostor),
            _ => {
                let expected = format!("a login of {}", account.jid());
                return Err(CaseError::unmet(expected, word.as_str()));
            }
        }
    }
}

fn mechanism(
    offered: &[String],
    account: &Account,
    security: Security,
) -> Option<Box<dyn Mechanism + Send>> {
    let credentials = Credentials::default()
        .with_username(account.local())
        .with_password(account.password())
        // RFC 5802, 6: `n`, because channel binding is not supported. `y` would claim that the
        // server does not offer it, which both servers of Debian 13 do.
        .with_channel_binding(ChannelBinding::None);
    let offers = |name: &str| offered.iter().any(|offer| offer == name);
    // With `Security::None` the password is readable, as documented. A run logs in five hundred
    // times, and ten thousand rounds of SCRAM for each login would take most of the time.
    if offers("PLAIN") && security == Security::None {
        return Some(Box::new(Plain::from_credentials(credentials).ok()?));
    }
    if offers("SCRAM-SHA-256") {
        return Some(Box::new(
            Scram::<Sha256>::from_credentials(credentials).ok()?,
        ));
    }
    if offers("SCRAM-SHA-1") {
        return Some(Box::new(Scram::<Sha1>::from_credentials(credentials).ok()?));
    }
    if offers("PLAIN") {
        return Some(Box::new(Plain::from_credentials(credentials).ok()?));
    }
    None
}

async fn bind(session: &mut Session, resource: &str) -> CaseResult {
    let resource = escaped(resource);
    let payload = format!("<bind xmlns='{NS_BIND}'><resource>{resource}</resource></bind>");
    let answer = session.request("set", None, &payload).await?;
    let bound = answer.root().child("bind", NS_BIND);
    let bound = bound.and_then(|bind| bind.child("jid", NS_BIND));
    let bound = bound.ok_or_else(|| CaseError::unmet("a resource", answer.as_str()))?;
    session.jid = bound.text().into_owned();
    Ok(())
}

/// Returns whether a session (RFC 3921) is required; RFC 6121 made it `optional`.
fn asks_for_session(features: &Tree) -> bool {
    let session = features.root().child("session", NS_SESSION);
    session.is_some_and(|session| session.child("optional", NS_SESSION).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(offered: &[&str], security: Security) -> Option<String> {
        let offered: Vec<String> = offered.iter().map(|&one| one.to_owned()).collect();
        let account = Account::new("alice@localhost", "secret");
        let mechanism = mechanism(&offered, &account, security);
        mechanism.map(|mechanism| mechanism.name().to_owned())
    }

    #[test]
    fn a_login_over_tls_does_not_claim_that_the_server_cannot_bind() {
        let account = Account::new("alice@localhost", "secret");
        for security in [Security::StartTls, Security::Direct] {
            let offered = ["SCRAM-SHA-256".to_owned(), "SCRAM-SHA-256-PLUS".to_owned()];
            let mut scram = mechanism(&offered, &account, security).unwrap();
            let initial = String::from_utf8(scram.initial()).unwrap();
            assert!(initial.starts_with("n,,n=alice,r="), "{initial}");
        }
    }

    #[test]
    fn a_password_is_not_sent_where_a_proof_will_do() {
        let all = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "X-OAUTH2"];
        let by = |security| chosen(&all, security);
        assert_eq!(by(Security::StartTls).as_deref(), Some("SCRAM-SHA-256"));
        assert_eq!(by(Security::None).as_deref(), Some("PLAIN"));
        let old = chosen(&["SCRAM-SHA-1"], Security::None);
        assert_eq!(old.as_deref(), Some("SCRAM-SHA-1"));
        assert_eq!(chosen(&["X-OAUTH2"], Security::Direct), None);
    }
}
