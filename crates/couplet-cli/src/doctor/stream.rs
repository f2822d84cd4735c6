//! Step `stream`: a server that accepts components answers.
//!
//! docs/servers.md, 2 lists what each server sends in which case.

use std::time::Duration;

use couplet::config::Server;
use couplet::error::{Software, Trouble};
use tokio::time::timeout;

use super::dialer::Dialer;
use super::doctor_stream::{DoctorStream, StreamEnd};
use super::endpoint::{Endpoint, unreachable, unreachable_by};
use super::report::{Checked, Finding};
use super::tls;

/// Time after which a line end is sent: a web server waits for one, and a stream header has none.
const END_LINE_AFTER: Duration = Duration::from_secs(2);
/// Time within which a port for clients rejects the stream that it has opened.
const REJECTED_WITHIN: Duration = Duration::from_millis(300);

const SILENT: &str = "The connection was accepted, then nothing was received: it may be the port of \
                      another service, or of a proxy\nwhose server is down. Components usually connect \
                      to port 5347.";

/// Opens a stream and closes it before the login. The value is the server's software, if the stream
/// header shows it.
pub(super) async fn check(dialer: &Dialer<'_>, limit: Duration) -> Checked<Option<Software>> {
    let silent = |_elapsed| Err(Finding::timed_out(limit).with_advice(SILENT));
    timeout(limit, Box::pin(open_and_close(dialer)))
        .await
        .unwrap_or_else(silent)
}

async fn open_and_close(dialer: &Dialer<'_>) -> Checked<Option<Software>> {
    let (mut stream, id) = open(dialer).await?;
    let software = Software::by_stream_id(&id);
    if let Ok(Err(end)) = timeout(REJECTED_WITHIN, stream.next_stanza(&[])).await {
        return Err(not_opened(dialer, &stream, &end, software).await);
    }
    stream.close().await;
    let message = match software {
        Some(Software::Ejabberd) => "a server that accepts components answers, probably ejabberd",
        Some(Software::Prosody) => "a server that accepts components answers, probably Prosody",
        _ => "a server that accepts components answers",
    };
    Ok((Finding::pass(message), software))
}

/// Connects and opens a stream; returns it with the id in the server's header.
pub(super) async fn open(dialer: &Dialer<'_>) -> Result<(DoctorStream, String), Finding> {
    let connection = dialer.connect().await;
    let connection = connection.map_err(|error| unreachable(dialer.config, &error))?;
    let mut stream = DoctorStream::new(connection, &dialer.domain);
    let opened = match timeout(END_LINE_AFTER, stream.open(&dialer.config.domain)).await {
        Ok(opened) => opened,
        Err(_) => {
            // An XMPP server ignores white space; to a web server the request is complete now.
            let _read_below = stream.write(b"\r\n\r\n").await;
            stream.read_header().await
        }
    };
    match opened {
        Ok(id) => Ok((stream, id)),
        Err(end) => Err(not_opened(dialer, &stream, &end, None).await),
    }
}

/// Returns the finding for a stream that the server ended, with the framework's text and advice.
pub(super) fn ended(dialer: &Dialer<'_>, end: &StreamEnd, software: Option<Software>) -> Finding {
    match end {
        StreamEnd::Rejected(error) => Finding::from_error(&dialer.rejected(error, software)),
        end => Finding::fail(
            end.to_string(),
            "The log of the server may show the reason.",
        ),
    }
}

async fn not_opened(
    dialer: &Dialer<'_>,
    stream: &DoctorStream,
    end: &StreamEnd,
    software: Option<Software>,
) -> Finding {
    let finding = match end {
        StreamEnd::Closed if stream.first_bytes().is_empty() => closed_at_once(dialer).await,
        StreamEnd::NotXml | StreamEnd::Malformed(_) | StreamEnd::Closed if !stream.has_header() => {
            unreachable_by(dialer.config, Trouble::of_first_bytes(stream.first_bytes()))
        }
        end => ended(dialer, end, software),
    };
    finding.with_advice(usual_service(dialer.config.server.port()))
}

/// Tries a TLS handshake, because a server that closes the connection may expect TLS.
async fn closed_at_once(dialer: &Dialer<'_>) -> Finding {
    let server = &dialer.config.server;
    match (server, &dialer.endpoint) {
        (Server::Tcp { .. }, Endpoint::Tcp(address)) if tls::is_spoken_at(*address).await => {
            unreachable_by(dialer.config, Trouble::ExpectsTls)
                .with_advice("The server answers a TLS handshake.")
        }
        (Server::Tcp { .. }, Endpoint::Tcp(_)) => Finding::fail(
            format!("{server} closed the connection at once, and does not answer TLS either"),
            "It may be the port of another service, or the server may be shutting down.",
        ),
        _ => unreachable_by(dialer.config, Trouble::ClosedAtOnce),
    }
}

/// Returns advice if the port usually belongs to another service.
fn usual_service(port: Option<u16>) -> &'static str {
    match port {
        Some(5222 | 5223) => "This port is usually for clients; components connect to 5347.",
        Some(5269 | 5270) => "This port is usually for other servers; components connect to 5347.",
        Some(80 | 443 | 5280 | 5281 | 5443 | 8080) => {
            "This port is usually for HTTP; components connect to 5347."
        }
        Some(5582) => "This port is usually Prosody's console; components connect to 5347.",
        _ => "",
    }
}
