//! Logs in to the server: stream header, handshake, and the server's answer. (XEP-0114, 3)

use std::io;

use couplet_core::{
    element::Tree,
    framer::{Frame, Malformed},
    handshake,
    stream_error::StreamError,
};

use crate::{
    error::{Software, Trouble},
    secret::Secret,
    transport::Transport,
};

/// Number of first bytes that are kept for error messages.
const FIRST_BYTES: usize = 200;

/// Logs in. When it returns, stanzas can be sent and received.
///
/// It has no deadline, because the caller has one for connecting and logging in together.
pub(crate) async fn login(
    transport: &mut Transport,
    domain: &str,
    secret: &Secret,
) -> Result<(), LoginError> {
    transport.write_all(&handshake::opening(domain)).await?;
    // The bytes before the header, to recognise a server that is not XMPP.
    let mut first = Vec::new();
    let mut opened = false;
    let mut software = None;
    loop {
        let frame = match transport.framer.next() {
            Err(_) if !opened => return Err(LoginError::NotXmpp(Trouble::of_first_bytes(&first))),
            frame => frame?,
        };
        match frame {
            None => {
                if !transport.read().await? {
                    return Err(if opened {
                        LoginError::Closed
                    } else {
                        LoginError::NoHeader
                    });
                }
                if !opened {
                    note(&mut first, transport.framer.space())?;
                }
            }
            Some(Frame::Opened(header)) => {
                opened = true;
                software = header.id().and_then(Software::by_stream_id);
                // Prosody opens a stream without an id to report that it does not know the domain
                // (servers.md, 2); the error follows.
                if let Some(id) = header.id().filter(|id| !id.is_empty()) {
                    transport
                        .write_all(&handshake::handshake(id, secret.expose()))
                        .await?;
                }
            }
            Some(Frame::Stanza(bytes)) => {
                let tree = Tree::parse(bytes, transport.framer.scope())?;
                if let Some(error) = StreamError::of(tree.root()) {
                    return Err(LoginError::Refused(error, software));
                }
                if tree.root().name() == "handshake" {
                    // Prosody's Nagle algorithm delays the first stanza until this is acknowledged,
                    // which the kernel does after up to 40 ms. A space between stanzas carries the
                    // acknowledgement. (RFC 6120, 4.6.1)
                    transport.write_all(" ").await?;
                    return Ok(());
                }
            }
            Some(Frame::Closed) => return Err(LoginError::Closed),
            Some(_) => {}
        }
    }
}

/// Keeps the first bytes of a server.
///
/// # Errors
///
/// The bytes cannot begin XML: neither a `<`, nor a byte order mark before it.
fn note(first: &mut Vec<u8>, received: &[u8]) -> Result<(), LoginError> {
    let room = FIRST_BYTES.saturating_sub(first.len());
    first.extend(received.iter().take(room));
    match first.trim_ascii_start().first() {
        None | Some(b'<' | 0xEF) => Ok(()),
        Some(_) => Err(LoginError::NotXmpp(Trouble::of_first_bytes(first))),
    }
}

/// Why the login failed.
#[derive(Debug)]
pub(crate) enum LoginError {
    /// The server sent an error. With its software, if its header showed it.
    Refused(StreamError, Option<Software>),
    /// The server's first bytes are not XMPP.
    NotXmpp(Trouble),
    /// The server closed the connection before its header; often a TLS port without TLS.
    NoHeader,
    /// The server closed the stream without an error.
    Closed,
    /// The server sent malformed XMPP.
    Malformed(Malformed),
    /// The connection failed.
    Io(io::Error),
}

impl From<io::Error> for LoginError {
    fn from(why: io::Error) -> LoginError {
        LoginError::Io(why)
    }
}

impl From<Malformed> for LoginError {
    fn from(why: Malformed) -> LoginError {
        LoginError::Malformed(why)
    }
}
