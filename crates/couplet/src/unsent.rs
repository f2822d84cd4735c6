//! Why a stanza of ours did not go.

use std::fmt;

use couplet_core::{gate::Unsendable, outgoing::Outgoing};

/// A stanza that did not go; it is given back.
///
/// # Examples
///
/// ```
/// use couplet::{Link, Outgoing, SentId, Unsent};
///
/// async fn try_twice(link: &Link, stanza: Outgoing) -> Result<SentId, Unsent> {
///     match link.send(stanza).await {
///         Ok(id) => Ok(id),
///         Err(unsent) => link.send(unsent.into_stanza()).await,
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Unsent(Box<(Outgoing, NotSent)>);

impl Unsent {
    pub(crate) fn new(stanza: Outgoing, why: NotSent) -> Unsent {
        Unsent(Box::new((stanza, why)))
    }

    /// Why it did not go.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{NotSent, Unsent};
    ///
    /// fn may_try_again(unsent: &Unsent) -> bool {
    ///     *unsent.why() == NotSent::Full
    /// }
    /// ```
    #[must_use]
    pub fn why(&self) -> &NotSent {
        &self.0.1
    }

    /// The stanza, to send it again or keep it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{Outgoing, Unsent};
    ///
    /// fn keep(unsent: Unsent, for_later: &mut Vec<Outgoing>) {
    ///     for_later.push(unsent.into_stanza());
    /// }
    /// ```
    #[must_use]
    pub fn into_stanza(self) -> Outgoing {
        self.0.0
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not sent: {}", self.why())
    }
}

impl std::error::Error for Unsent {}

/// Why something was not sent.
///
/// # Examples
///
/// ```
/// use couplet::{NotSent, Unsendable};
///
/// let foreign = NotSent::Refused(Unsendable::ForeignFrom);
/// assert_eq!(foreign.to_string(), "its `from` is not an address of this component");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSent {
    /// The gate refused it.
    Refused(Unsendable),
    /// The outbox (`limits.outgoing_bytes`) or the ledger (`limits.questions`) has no room.
    Full,
    /// The component has closed its stream: nothing goes out any more.
    Stopped,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotSent::Refused(why) => why.fmt(f),
            NotSent::Stopped => f.write_str("the component has stopped"),
            NotSent::Full => f.write_str("there is no room, the server takes nothing or is away"),
        }
    }
}

impl std::error::Error for NotSent {}
