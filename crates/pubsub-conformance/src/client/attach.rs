//! A session of a component, for the many subscribers of case 100. (XEP-0114)
//!
//! There is no TLS, which servers seldom offer to components.

use std::time::Duration;

use couplet_core::framer::Frame;
use couplet_core::handshake::{handshake, opening};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tls::unreachable;
use super::{Session, broken};
use crate::crash_test::Sink;
use crate::error::{CaseError, CaseResult};

/// Connects and performs the handshake.
pub(crate) async fn attach(sink: &Sink, patience: Duration) -> CaseResult<Session> {
    let all = async {
        let stream = TcpStream::connect(&sink.address)
            .await
            .map_err(|error| unreachable(&sink.address, &error.to_string()))?;
        let mut session = Session::over(Box::new(stream), patience);
        session.jid.clone_from(&sink.domain);
        session.send(&opening(&sink.domain)).await?;
        let id = stream_id(&mut session).await?;
        session.send(&handshake(&id, &sink.secret)).await?;
        let word = session.read().await?;
        if word.root().name() == "handshake" {
            return Ok(session);
        }
        let expected = format!("a login of the component {}", sink.domain);
        Err(CaseError::unmet(expected, word.as_str()))
    };
    match timeout(patience, all).await {
        Ok(session) => session,
        Err(_) => Err(unreachable(&sink.domain, "the login took too long")),
    }
}

async fn stream_id(session: &mut Session) -> CaseResult<String> {
    loop {
        match session.frame().await? {
            Frame::Opened(opened) => return Ok(opened.id().unwrap_or_default().to_owned()),
            Frame::Stanza(stanza) => return Err(broken(&String::from_utf8_lossy(&stanza))),
            _ => {}
        }
    }
}
