//! The frames that the framer returns, and the limits it applies.
//!
//! A header can only be created by reading a stream.

use std::fmt;

use super::Skipped;

/// Limits for one stanza. A stanza that exceeds one of them is skipped.
///
/// # Examples
///
/// ```
/// use couplet_core::framer::Limits;
///
/// let limits = Limits { depth: 16, ..Limits::default() };
/// assert_eq!(limits.stanza_bytes, 512 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a stanza in bytes. 512 KiB by default, Prosody's limit for component
    /// stanzas.
    pub stanza_bytes: usize,
    /// Maximum number of elements in a stanza, itself included. 20,000 by default: one for every 26
    /// bytes of the largest stanza. A tree of very small elements takes several times the memory of
    /// its bytes.
    pub elements: usize,
    /// Maximum depth of nested elements, the stanza itself included. 128 by default.
    pub depth: usize,
    /// Maximum number of attributes and namespace declarations of one element. 512 by default.
    pub attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stanza_bytes: 512 * 1024,
            elements: 20_000,
            depth: 128,
            attributes: 512,
        }
    }
}

/// The limit that a stanza exceeded.
///
/// # Examples
///
/// ```
/// use couplet_core::framer::{Frame, Framer, LimitKind, Limits};
///
/// let mut framer = Framer::new(Limits { depth: 2, ..Limits::default() });
/// framer.push(b"<stream:stream xmlns='jabber:component:accept' \
///     xmlns:stream='http://etherx.jabber.org/streams'><iq><a><b/></a></iq>");
/// framer.next()?;
/// let Some(Frame::Skipped(skipped)) = framer.next()? else { panic!("it is three deep") };
/// assert_eq!(skipped.limit, LimitKind::Depth);
/// # Ok::<(), couplet_core::framer::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::stanza_bytes`].
    StanzaBytes,
    /// [`Limits::elements`].
    Elements,
    /// [`Limits::depth`].
    Depth,
    /// [`Limits::attributes`].
    Attributes,
}

/// An event on a stream. `Debug` does not show the content of stanzas.
///
/// # Examples
///
/// See [`Framer`](super::Framer).
#[non_exhaustive]
pub enum Frame {
    /// The stream's header; always the first frame.
    Opened(Opened),
    /// The bytes of one top-level element, not validated yet. The buffer has no other owner.
    Stanza(Vec<u8>),
    /// A top-level element that exceeded a limit and was skipped.
    Skipped(Skipped),
    /// The closing tag of the stream; always the last frame.
    Closed,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(opened) => f.debug_tuple("Opened").field(opened).finish(),
            Self::Stanza(bytes) => write!(f, "Stanza({} bytes)", bytes.len()),
            Self::Skipped(skipped) => f.debug_tuple("Skipped").field(skipped).finish(),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

/// The header of a stream, as the peer sent it (RFC 6120, 4.7; XEP-0114, 3).
///
/// # Examples
///
/// See [`Framer`](super::Framer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub(super) attrs: Vec<(String, String)>,
    pub(super) xmlns: String,
}

impl Opened {
    /// Returns the unescaped value of an attribute; `xml:lang` is found by that name.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Frame, Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<stream:stream xmlns='jabber:client' from='a' to='b' id='7' version='1.0' \
    ///     xmlns:stream='http://etherx.jabber.org/streams'>");
    /// let Some(Frame::Opened(opened)) = framer.next()? else { panic!("the header is whole") };
    /// assert_eq!(opened.attr("from"), Some("a"));
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the stream id, an input of the handshake.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Frame, Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<stream:stream xmlns='jabber:client' from='a' to='b' id='7' version='1.0' \
    ///     xmlns:stream='http://etherx.jabber.org/streams'>");
    /// let Some(Frame::Opened(opened)) = framer.next()? else { panic!("the header is whole") };
    /// assert_eq!(opened.id(), Some("7"));
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.attr("id")
    }

    /// Returns the `from` of the header, the server's domain.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Frame, Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<stream:stream xmlns='jabber:client' from='a' to='b' id='7' version='1.0' \
    ///     xmlns:stream='http://etherx.jabber.org/streams'>");
    /// let Some(Frame::Opened(opened)) = framer.next()? else { panic!("the header is whole") };
    /// assert_eq!(opened.from(), Some("a"));
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        self.attr("from")
    }

    /// Returns the `to` of the header, the domain it is addressed to.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Frame, Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<stream:stream xmlns='jabber:client' from='a' to='b' id='7' version='1.0' \
    ///     xmlns:stream='http://etherx.jabber.org/streams'>");
    /// let Some(Frame::Opened(opened)) = framer.next()? else { panic!("the header is whole") };
    /// assert_eq!(opened.to(), Some("b"));
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn to(&self) -> Option<&str> {
        self.attr("to")
    }

    /// Returns the version of XMPP. Prosody sends it only when it rejects the stream (servers.md,
    /// 2).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Frame, Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<stream:stream xmlns='jabber:client' from='a' to='b' id='7' version='1.0' \
    ///     xmlns:stream='http://etherx.jabber.org/streams'>");
    /// let Some(Frame::Opened(opened)) = framer.next()? else { panic!("the header is whole") };
    /// assert_eq!(opened.version(), Some("1.0"));
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.attr("version")
    }

    /// Returns the default namespace of the stream; empty if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::framer::{Frame, Framer, Limits};
    ///
    /// let mut framer = Framer::new(Limits::default());
    /// framer.push(b"<stream:stream xmlns='jabber:client' from='a' to='b' id='7' version='1.0' \
    ///     xmlns:stream='http://etherx.jabber.org/streams'>");
    /// let Some(Frame::Opened(opened)) = framer.next()? else { panic!("the header is whole") };
    /// assert_eq!(opened.xmlns(), "jabber:client");
    /// # Ok::<(), couplet_core::framer::Malformed>(())
    /// ```
    #[must_use]
    pub fn xmlns(&self) -> &str {
        &self.xmlns
    }
}
