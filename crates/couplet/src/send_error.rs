//! Errors of sending.

use std::fmt;

use couplet_core::{outgoing::Outgoing, stanza_writer::InvalidStanza};

/// A stanza that was not sent, and why.
///
/// # Examples
///
/// ```
/// use couplet::{Handle, Outgoing, SentId, SendError};
///
/// async fn try_twice(handle: &Handle, stanza: Outgoing) -> Result<SentId, SendError> {
///     match handle.send(stanza).await {
///         Ok(id) => Ok(id),
///         Err(unsent) => handle.send(unsent.into_stanza()).await,
///     }
/// }
/// ```
#[derive(Debug)]
pub struct SendError(Box<(Outgoing, SendErrorKind)>);

impl SendError {
    pub(crate) fn new(stanza: Outgoing, why: SendErrorKind) -> SendError {
        SendError(Box::new((stanza, why)))
    }

    /// Returns why it was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{SendErrorKind, SendError};
    ///
    /// fn may_try_again(unsent: &SendError) -> bool {
    ///     *unsent.why() == SendErrorKind::Full
    /// }
    /// ```
    #[must_use]
    pub fn why(&self) -> &SendErrorKind {
        &self.0.1
    }

    /// Returns the stanza, to send it again or to keep it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Outgoing, SendError};
    ///
    /// fn keep(unsent: SendError, for_later: &mut Vec<Outgoing>) {
    ///     for_later.push(unsent.into_stanza());
    /// }
    /// ```
    #[must_use]
    pub fn into_stanza(self) -> Outgoing {
        self.0.0
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not sent: {}", self.why())
    }
}

impl std::error::Error for SendError {}

/// Why a stanza was not sent.
///
/// # Examples
///
/// ```
/// use couplet::{SendErrorKind, InvalidStanza};
///
/// let foreign = SendErrorKind::Refused(InvalidStanza::ForeignFrom);
/// assert_eq!(foreign.to_string(), "its `from` is not an address of this component");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The stanza is invalid.
    Refused(InvalidStanza),
    /// The outbox (`limits.outgoing_bytes`) or the table of pending IQs (`limits.pending_iqs`) is
    /// full.
    Full,
    /// The component has closed its stream.
    Stopped,
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendErrorKind::Refused(why) => why.fmt(f),
            SendErrorKind::Stopped => f.write_str("the component has stopped"),
            SendErrorKind::Full => {
                f.write_str("the queue is full: the server reads nothing or is unreachable")
            }
        }
    }
}

impl std::error::Error for SendErrorKind {}
