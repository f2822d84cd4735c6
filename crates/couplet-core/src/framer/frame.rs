//! What the framer gives, and what it is told to allow.
//!
//! Plain values; deliberately without a way to make a header of one's own.

use std::fmt;

use super::Skipped;

/// What a stanza may be at most; one that is more is skipped.
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
    /// Bytes of one stanza. 512 KiB, as Prosody's limit for a component's stanzas.
    pub stanza_bytes: usize,
    /// Elements of one stanza, itself included. 20,000: one for every 26 bytes of the largest
    /// stanza. A tree of very small elements takes many times its bytes.
    pub elements: usize,
    /// Elements within each other, the stanza itself included. 128.
    pub depth: usize,
    /// Attributes and namespace declarations of one element. 512.
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

/// Which of the [`Limits`] a stanza exceeded.
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

/// One thing that happened on a stream. `Debug` does not show a stanza's content.
///
/// # Examples
///
/// See [`Framer`](super::Framer).
#[non_exhaustive]
pub enum Frame {
    /// The stream's header; always the first frame.
    Opened(Opened),
    /// The bytes of one top-level element, not checked yet, and not shared with anybody.
    Stanza(Vec<u8>),
    /// A top-level element that was over a limit has streamed by.
    Skipped(Skipped),
    /// The stream was closed politely; always the last frame.
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

/// The header of a stream, as the other side sent it (RFC 6120, 4.7; XEP-0114, 3).
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
    /// The value of this attribute, unescaped; `xml:lang` goes by this name.
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

    /// The stream's id, which the handshake is made with.
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

    /// The domain that answers.
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

    /// The domain that is spoken to.
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

    /// The version of XMPP. Prosody tells it only in a refusal (servers.md, 2).
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

    /// The default namespace of the stream; empty if there is none.
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
