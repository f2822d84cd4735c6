//! Responses to the component's own requests: their types, and the errors of requests.

use std::fmt;

use couplet_core::{remote_error::RemoteError, stanza::Stanza};
use xso::FromXml;

use crate::send_error::SendErrorKind;

/// A type that an IQ result can be parsed as: a payload, or [`Empty`] for the empty result.
///
/// Every type that implements `xso::FromXml` implements it.
///
/// # Examples
///
/// ```
/// use couplet::{Empty, FromResponse};
/// use xmpp_parsers::version::VersionResult;
///
/// fn can_be_expected<T: FromResponse>() {}
///
/// can_be_expected::<VersionResult>();
/// can_be_expected::<Empty>();
/// ```
pub trait FromResponse: Sized {
    /// Parses the result.
    ///
    /// # Errors
    ///
    /// The payload is missing or has another type.
    fn from_result(result: &Stanza) -> Result<Self, xso::error::Error>;
}

impl<T: FromXml> FromResponse for T {
    fn from_result(result: &Stanza) -> Result<T, xso::error::Error> {
        result
            .payload_as::<T>()
            .unwrap_or(Err(xso::error::Error::Other(
                "the result has no payload of the expected type",
            )))
    }
}

impl FromResponse for Empty {
    fn from_result(_result: &Stanza) -> Result<Empty, xso::error::Error> {
        Ok(Empty)
    }
}

/// The empty IQ result. Handlers return it for a result without payload; requests expect it where the
/// result has none. (RFC 6120, 8.2.3)
///
/// # Examples
///
/// ```
/// use couplet::{Empty, Incoming, StanzaError};
/// use xmpp_parsers::ping::Ping;
///
/// async fn pong(_request: Incoming<Ping>) -> Result<Empty, StanzaError> {
///     Ok(Empty)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty;

/// The reason why a request failed.
///
/// # Examples
///
/// ```
/// use couplet::{Condition, RequestError};
///
/// fn may_try_again(why: &RequestError) -> bool {
///     match why {
///         RequestError::Refused(error) => error.condition == Condition::ResourceConstraint,
///         RequestError::TimedOut | RequestError::Disconnected => true,
///         _ => false,
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer, or a server on the way, returned an error.
    Refused(RemoteError),
    /// The result has another payload than expected.
    Malformed(xso::error::Error),
    /// No response arrived within the timeout.
    TimedOut,
    /// The component was offline, or the connection was lost before the response arrived.
    Disconnected,
    /// The request was not sent.
    Send(SendErrorKind),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Refused(error) => write!(f, "the peer returned an error: {error}"),
            RequestError::Malformed(why) => write!(f, "the response is malformed: {why}"),
            RequestError::TimedOut => f.write_str("no response in time"),
            RequestError::Disconnected => {
                f.write_str("the component is not connected to its server")
            }
            RequestError::Send(why) => write!(f, "the request was not sent: {why}"),
        }
    }
}

impl std::error::Error for RequestError {}
