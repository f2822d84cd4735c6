//! [`Loss`]: why a session ended, for the log, the metrics and the supervisor.

use std::{fmt, io, time::Duration};

use couplet_core::{framer::Malformed, stream_error::StreamError};

use crate::session_end::SessionEnd;

/// Why a session ended.
#[derive(Debug)]
pub(crate) enum Loss {
    /// The component stopped.
    Stopped,
    /// The server closed the connection.
    Closed,
    /// The server sent a stream error.
    Stream(StreamError),
    /// The server sent XML that is not well-formed.
    Malformed(Malformed),
    /// Nothing was received for this long.
    Silent(Duration),
    /// Nothing was ever received on this connection: neither stanzas nor our self-pings.
    SilentSinceLogin(Duration),
    /// Bytes were received, but no response to a self-ping for this long, although there were
    /// responses before.
    Unanswered(Duration),
    /// The server keeps the connection open but has forgotten the component.
    Forgotten,
    /// The connection failed.
    Io(io::Error),
}

impl Loss {
    /// Returns the label value for the metrics.
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

    /// Returns the reason as senders of broadcasts see it.
    pub(crate) fn end(&self) -> SessionEnd {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Loss::Stream(error) => SessionEnd::StreamError(error.condition.clone()),
            Loss::Closed => SessionEnd::Closed,
            // A server that closes a connection with unread data resets it, and its stream error
            // may be lost.
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
            Loss::Malformed(why) => write!(f, "the server sent malformed XML: {why}"),
            Loss::Silent(time) => write!(f, "the server has sent nothing for {time:?}"),
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
