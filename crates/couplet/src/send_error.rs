//! Why a stanza of ours did not go.

use std::fmt;

use couplet_core::{outgoing::Outgoing, stanza_writer::InvalidStanza};

/// A stanza that did not go; it is given back.
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

    /// Why it did not go.
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

    /// The stanza, to send it again or keep it.
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

/// Why something was not sent.
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
    /// The stanza writer refused it.
    Refused(InvalidStanza),
    /// The outbox (`limits.outgoing_bytes`) or the pending IQs (`limits.questions`) has no room.
    Full,
    /// The component has closed its stream: nothing goes out any more.
    Stopped,
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendErrorKind::Refused(why) => why.fmt(f),
            SendErrorKind::Stopped => f.write_str("the component has stopped"),
            SendErrorKind::Full => {
                f.write_str("there is no room, the server takes nothing or is away")
            }
        }
    }
}

impl std::error::Error for SendErrorKind {}
