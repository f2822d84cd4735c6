//! The first words on a connection: header, handshake, and what the server makes of them.
//! (XEP-0114, 3)

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

/// As much of the first bytes is kept.
const FIRST_BYTES: usize = 200;

/// Introduces the component; when it returns, stanzas flow.
///
/// Deliberately without a deadline: the caller has one for connecting and this together.
pub(crate) async fn login(
    transport: &mut Transport,
    domain: &str,
    secret: &Secret,
) -> Result<(), LoginError> {
    transport.write_all(&handshake::opening(domain)).await?;
    // What came before the header, to say who is there if that is not an XMPP server.
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
                // Prosody opens a stream without an id just to say that it knows no such domain
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
                    // Prosody's Nagle holds the first stanza back until this is acknowledged, and
                    // the kernel is in no hurry (40 ms): a space between stanzas takes the
                    // acknowledgement along. (RFC 6120, 4.6.1)
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
/// They cannot begin XML: a `<`, or a byte order mark before it.
fn note(first: &mut Vec<u8>, received: &[u8]) -> Result<(), LoginError> {
    let room = FIRST_BYTES.saturating_sub(first.len());
    first.extend(received.iter().take(room));
    match first.trim_ascii_start().first() {
        None | Some(b'<' | 0xEF) => Ok(()),
        Some(_) => Err(LoginError::NotXmpp(Trouble::of_first_bytes(first))),
    }
}

/// Why the server did not take us.
#[derive(Debug)]
pub(crate) enum LoginError {
    /// It said why; and which software it is, if its header showed that.
    Refused(StreamError, Option<Software>),
    /// What it said first is not XMPP.
    NotXmpp(Trouble),
    /// It closed the connection before it sent a header: often a TLS port spoken to in plain.
    NoHeader,
    /// It closed the stream without a word.
    Closed,
    /// What it sent is no XMPP stream.
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
