//! The first words on a connection: header, handshake, and what the server makes of them.
//! (XEP-0114, 3)

use std::io;

use couplet_core::{
    element::Tree,
    framer::{Frame, Malformed},
    handshake,
    stream_error::StreamError,
};

use crate::{pipe::Pipe, secret::Secret};

/// Introduces the component; when it returns, stanzas flow.
///
/// Deliberately without a deadline: the caller has one for connecting and this together.
pub(crate) async fn login(
    pipe: &mut Pipe,
    domain: &str,
    secret: &Secret,
) -> Result<(), LoginError> {
    pipe.say(&handshake::opening(domain)).await?;
    let mut opened = false;
    loop {
        match pipe.framer.next()? {
            None => {
                if !pipe.hear().await? {
                    return Err(if opened {
                        LoginError::Closed
                    } else {
                        LoginError::NoHeader
                    });
                }
            }
            Some(Frame::Opened(header)) => {
                opened = true;
                // Prosody opens a stream without an id just to say that it knows no such domain
                // (servers.md, 2); the error follows.
                if let Some(id) = header.id().filter(|id| !id.is_empty()) {
                    pipe.say(&handshake::handshake(id, secret.expose())).await?;
                }
            }
            Some(Frame::Stanza(bytes)) => {
                let tree = Tree::parse(bytes, pipe.framer.scope())?;
                if let Some(error) = StreamError::of(tree.root()) {
                    return Err(LoginError::Refused(error));
                }
                if tree.root().name() == "handshake" {
                    // Prosody's Nagle holds the first stanza back until this is acknowledged, and
                    // the kernel is in no hurry (40 ms): a space between stanzas takes the
                    // acknowledgement along. (RFC 6120, 4.6.1)
                    pipe.say(" ").await?;
                    return Ok(());
                }
            }
            Some(Frame::Closed) => return Err(LoginError::Closed),
            Some(_) => {}
        }
    }
}

/// Why the server did not take us.
#[derive(Debug)]
pub(crate) enum LoginError {
    /// It said why.
    Refused(StreamError),
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
