//! [`Loss`]: why a session ended, for the log, for what is counted and for who comes back.

use std::{fmt, io, time::Duration};

use couplet_core::{framer::Malformed, stream_error::StreamError};

use crate::session_end::SessionEnd;

/// Why a session ended.
#[derive(Debug)]
pub(crate) enum Loss {
    /// We wanted it to.
    Stopped,
    /// The server closed the connection.
    Closed,
    /// The server said why.
    Stream(StreamError),
    /// What the server sent is not well-formed.
    Malformed(Malformed),
    /// Nothing was heard for this long.
    Silent(Duration),
    /// Nothing was received on this connection: neither stanzas nor our own self-pings.
    SilentSinceLogin(Duration),
    /// Bytes came, but for this long no answer to a self-ping, although there were answers before.
    Unanswered(Duration),
    /// The server keeps the connection and has forgotten the component behind it.
    Forgotten,
    /// The connection failed.
    Io(io::Error),
}

impl Loss {
    /// One word, for what is counted.
    pub(crate) fn word(&self) -> Option<&'static str> {
        Some(match self {
            Loss::Stopped => return None,
            Loss::Closed => "closed",
            Loss::Stream(error) if error.condition == "conflict" => "conflict",
            Loss::Stream(_) => "stream_error",
            Loss::Malformed(_) => "malformed",
            Loss::Silent(_) | Loss::SilentSinceLogin(_) => "silent",
            Loss::Unanswered(_) => "unanswered",
            Loss::Forgotten => "forgotten",
            Loss::Io(_) => "io",
        })
    }

    /// What a sender of broadcasts needs to know.
    pub(crate) fn end(&self) -> SessionEnd {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Loss::Stream(error) => SessionEnd::StreamError(error.condition.clone()),
            Loss::Closed => SessionEnd::Closed,
            // A server that closes a connection with unread data in it resets it, and its error
            // may be lost then.
            Loss::Io(why) => match why.kind() {
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
                    SessionEnd::Closed
                }
                _ => SessionEnd::Other,
            },
            _ => SessionEnd::Other,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Stopped => f.write_str("stopped"),
            Loss::Closed => f.write_str("the server closed the connection"),
            Loss::Stream(error) => write!(f, "the server ended the stream: {error}"),
            Loss::Malformed(why) => write!(f, "the server sent what is not well-formed: {why}"),
            Loss::Silent(time) => write!(f, "nothing was heard from the server for {time:?}"),
            Loss::SilentSinceLogin(time) => write!(
                f,
                "nothing was received for {time:?} since the login; the server's configuration may \
                 let nothing through to this component (ejabberd: `access` of the listener), which \
                 `couplet doctor` examines"
            ),
            Loss::Unanswered(time) => write!(
                f,
                "the server sends data but has answered no self-ping for {time:?}"
            ),
            Loss::Forgotten => f.write_str("the server has forgotten this component"),
            Loss::Io(why) => write!(f, "the connection failed: {why}"),
        }
    }
}
