//! Why a stream cannot be read any further, by the terms of RFC 6120.
//!
//! It does not contain the offending bytes, because it is logged and a peer chose them.

use std::error::Error;
use std::fmt;

/// The bytes of a stream violate a rule of XML or of XMPP's subset of it.
///
/// [`Malformed::condition`] returns the stream error to answer with. The session is over then,
/// because the start of the next stanza is unknown.
///
/// # Examples
///
/// ```
/// use couplet_core::element::{Scope, Tree};
///
/// let refused = Tree::parse(b"<a>&nbsp;</a>", &Scope::client());
/// assert_eq!(refused.unwrap_err().condition(), "not-well-formed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes are not namespace-well-formed XML (RFC 6120, 4.9.3.13).
    NotWellFormed(&'static str),
    /// XML that XMPP forbids: comments, processing instructions, document types (RFC 6120, 4.9.3.18
    /// and 11.1).
    RestrictedXml(&'static str),
    /// The XML declaration names an encoding other than UTF-8 (RFC 6120, 4.9.3.22).
    UnsupportedEncoding,
    /// The stream element is not in the namespace of streams (RFC 6120, 4.9.3.10).
    InvalidNamespace,
    /// The document element is not `<stream/>` (RFC 6120, 4.9.3.1).
    BadFormat,
    /// Content other than a stanza exceeds a limit (RFC 6120, 4.9.3.14).
    PolicyViolation(&'static str),
}

/// Reported by the framer for an incomplete stanza and by the tree for a complete one.
pub(crate) const MISMATCHED_END_TAG: Malformed =
    Malformed::NotWellFormed("an end tag that closes nothing");

impl Malformed {
    /// Returns the stream error condition to send to the server (RFC 6120, 4.9.3).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::element::Malformed;
    ///
    /// assert_eq!(Malformed::RestrictedXml("a comment").condition(), "restricted-xml");
    /// ```
    #[must_use]
    pub fn condition(&self) -> &'static str {
        match self {
            Self::NotWellFormed(_) => "not-well-formed",
            Self::RestrictedXml(_) => "restricted-xml",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::InvalidNamespace => "invalid-namespace",
            Self::BadFormat => "bad-format",
            Self::PolicyViolation(_) => "policy-violation",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWellFormed(what) => write!(f, "not well-formed: {what}"),
            Self::RestrictedXml(what) => write!(f, "forbidden in XMPP: {what}"),
            Self::UnsupportedEncoding => f.write_str("an encoding other than UTF-8"),
            Self::InvalidNamespace => f.write_str("the stream is in a foreign namespace"),
            Self::BadFormat => f.write_str("the document is not a stream"),
            Self::PolicyViolation(what) => write!(f, "over a limit: {what}"),
        }
    }
}

impl Error for Malformed {}
