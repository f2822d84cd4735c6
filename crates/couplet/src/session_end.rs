//! [`SessionEnd`]: why a session ended, for a sender who has to decide whether to send again.

/// Why a session ended, for a sender of broadcasts: whether what was sent may be the reason.
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
    /// restarts, it crashed, or the network failed.
    Closed,
    /// Everything else: the component stopped, or nothing was heard from the server for too long.
    #[default]
    Other,
}
