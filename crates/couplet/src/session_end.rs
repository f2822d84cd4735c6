//! [`SessionEnd`]: why a session ended, for senders of broadcasts that decide whether to resend.

/// Why a session ended. Senders of broadcasts use it to find out whether a copy was the cause.
///
/// [`BroadcastSender::ended`](crate::BroadcastSender::ended) returns it.
///
/// # Examples
///
/// ```
/// use couplet::{BroadcastSender, SessionEnd};
///
/// async fn is_blamed(sender: &BroadcastSender) -> bool {
///     match sender.ended().await {
///         SessionEnd::StreamError(condition) => condition == "not-well-formed",
///         _ => false,
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The server ended the stream with this condition, such as `invalid-xml`. (RFC 6120, 4.9.3)
    StreamError(String),
    /// The server closed the connection without an error, or the connection was reset: the server
    /// restarted, crashed, or the network failed.
    Closed,
    /// Any other reason: the component stopped, or the server sent nothing for too long.
    #[default]
    Other,
}
