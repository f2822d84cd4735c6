//! Why a stream cannot be read on, in the words of RFC 6120.
//!
//! Deliberately without the offending bytes: they are a stranger's, and this ends up in logs.

use std::error::Error;
use std::fmt;

/// The bytes of a stream break a rule of XML or of XMPP's subset of it.
///
/// Use [`Malformed::condition`] for the stream error to answer with; the session is over then,
/// because nobody knows where the next stanza would begin.
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
    /// A feature of XML that XMPP forbids: comments, processing instructions, document types
    /// (RFC 6120, 4.9.3.18 and 11.1).
    RestrictedXml(&'static str),
    /// The XML declaration names another encoding than UTF-8 (RFC 6120, 4.9.3.22).
    UnsupportedEncoding,
    /// The stream's element is not in the namespace of streams (RFC 6120, 4.9.3.10).
    InvalidNamespace,
    /// XML, but not a stream: its element has another name (RFC 6120, 4.9.3.1).
    BadFormat,
    /// Something that is not a stanza is longer than our limits allow (RFC 6120, 4.9.3.14).
    PolicyViolation(&'static str),
}

/// Found by the framer in a stanza whose end never comes, by the tree in a whole one.
pub(crate) const MISMATCHED_END_TAG: Malformed =
    Malformed::NotWellFormed("an end tag that closes nothing");

impl Malformed {
    /// The name of the stream error that tells the server about it (RFC 6120, 4.9.3).
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
