//! [`StanzaWriter`] checks and writes every stanza that is sent, because a server closes the stream
//! for an invalid one. (docs/servers.md, 3; RFC 6120, 8.1.2.2)
//!
//! A pure value: it writes into a buffer and knows no socket.

use std::{error::Error, fmt};

use crate::{
    jid::{Jid, domain_of, hosted_domain},
    octets::find,
    stanza::Kind,
    xml_writer::XmlWriter,
};

/// Checks outgoing stanzas and writes them into a buffer.
///
/// # Examples
///
/// ```
/// use couplet_core::{stanza_writer::{StanzaWriter, Head, InvalidStanza}, stanza::Kind};
///
/// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
/// let head = Head { type_: Some("chat"), ..Head::new(Kind::Message, "bot@echo.test", "a@example.org") };
/// let mut out = Vec::new();
/// stanza_writer.write(&mut out, &head, |xml| xml.raw("<body>hi</body>")).unwrap();
/// assert_eq!(out, b"<message from='bot@echo.test' to='a@example.org' type='chat'><body>hi</body></message>");
///
/// let foreign = Head::new(Kind::Message, "mallory@example.org", "a@example.org");
/// assert_eq!(stanza_writer.write(&mut out, &foreign, |_| ()), Err(InvalidStanza::ForeignFrom));
/// ```
#[derive(Clone, Debug)]
pub struct StanzaWriter {
    domain: Jid,
    stanza_bytes: usize,
}

impl StanzaWriter {
    /// Creates a writer for one domain. `stanza_bytes` is the size of the largest stanza that the
    /// server accepts, 512 KiB for Prosody (servers.md, 3).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_writer::StanzaWriter;
    ///
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
    /// assert_eq!(stanza_writer.domain().as_str(), "echo.test");
    /// ```
    #[must_use]
    pub fn new(domain: Jid, stanza_bytes: usize) -> StanzaWriter {
        StanzaWriter {
            domain,
            stanza_bytes,
        }
    }

    /// Returns the component's own address.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_writer::StanzaWriter;
    ///
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
    /// assert_eq!(stanza_writer.domain().as_str(), "echo.test");
    /// ```
    #[must_use]
    pub fn domain(&self) -> &Jid {
        &self.domain
    }

    /// Returns whether the component may send from this address.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_writer::StanzaWriter;
    ///
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
    /// assert!(stanza_writer.owns("bot@echo.test/x") && stanza_writer.owns("bot@Echo.Test/🐎"));
    /// assert!(!stanza_writer.owns("bot@sub.echo.test"));
    /// ```
    #[must_use]
    pub fn owns(&self, address: &str) -> bool {
        self.is_ours_as_written(address)
            || self.serves(domain_of(address))
            || Jid::new(address).is_ok_and(|address| self.serves(address.prepared_domain()))
    }

    /// Returns whether an address is written as `domain` or `localpart@domain`, as most are.
    fn is_ours_as_written(&self, address: &str) -> bool {
        let before = address.strip_suffix(self.domain.prepared());
        before.is_some_and(|before| match before.as_bytes() {
            [] => true,
            [localpart @ .., b'@'] => find(localpart, [b'@', b'/']).is_none(),
            _ => false,
        })
    }

    /// Returns whether a server treats this domain, in prepared form, as the component's own.
    ///
    /// Servers compare their own domains by nameprep: ejabberd delivers to `strasse.example` what
    /// was sent to `straße.example`. (servers.md, 2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_writer::StanzaWriter;
    ///
    /// let stanza_writer = StanzaWriter::new("strasse.test".parse().unwrap(), 512 * 1024);
    /// assert!(stanza_writer.serves("strasse.test") && stanza_writer.serves("straße.test"));
    /// assert!(!stanza_writer.serves("test"));
    /// ```
    #[must_use]
    pub fn serves(&self, domain: &str) -> bool {
        domain == self.domain.prepared()
            || !domain.is_ascii() && hosted_domain(domain) == self.domain.as_str()
    }

    /// Appends one stanza to `out`; `content` writes its children. Returns the number of characters
    /// that XML forbids and that were replaced.
    ///
    /// # Errors
    ///
    /// [`InvalidStanza`]; `out` is then unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{stanza_writer::{StanzaWriter, Head, InvalidStanza}, stanza::Kind};
    ///
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 100);
    /// let head = Head::new(Kind::Message, stanza_writer.domain().as_str(), "a@example.org");
    /// let mut out = Vec::new();
    /// let refused = stanza_writer.write(&mut out, &head, |xml| xml.text(&"x".repeat(100)));
    /// assert!(matches!(refused, Err(InvalidStanza::TooLarge { limit: 100, .. })));
    /// assert!(out.is_empty());
    /// ```
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        head: &Head<'_>,
        content: impl FnOnce(&mut XmlWriter<'_>),
    ) -> Result<usize, InvalidStanza> {
        self.try_write(out, head, |xml| {
            content(xml);
            Ok(())
        })
    }

    /// Writes a stanza like [`StanzaWriter::write`], with children that may fail to serialise.
    ///
    /// # Errors
    ///
    /// [`InvalidStanza`], including [`InvalidStanza::Payload`]; `out` is then unchanged.
    pub fn try_write(
        &self,
        out: &mut Vec<u8>,
        head: &Head<'_>,
        content: impl FnOnce(&mut XmlWriter<'_>) -> Result<(), xso::error::Error>,
    ) -> Result<usize, InvalidStanza> {
        if !self.owns(head.from) {
            return Err(InvalidStanza::ForeignFrom);
        }
        if head.to.is_empty() {
            return Err(InvalidStanza::NoTo);
        }
        let start = out.len();
        let written = head.write(out, content);
        let bytes = out.len() - start;
        let unsendable = match written {
            Ok(replaced) if bytes <= self.stanza_bytes => return Ok(replaced),
            Ok(_) => InvalidStanza::TooLarge {
                bytes,
                limit: self.stanza_bytes,
            },
            Err(why) => InvalidStanza::Payload(why.to_string()),
        };
        out.truncate(start);
        Err(unsendable)
    }
}

/// The start tag of a stanza to send.
///
/// # Examples
///
/// ```
/// use couplet_core::{stanza_writer::Head, stanza::Kind};
///
/// let head = Head { id: Some("p1"), ..Head::new(Kind::Presence, "bot@echo.test", "a@example.org") };
/// assert_eq!(head.type_, None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Message, presence or IQ.
    pub kind: Kind,
    /// The attribute `type`, a value of RFC 6120 or 6121 that needs no escaping.
    pub type_: Option<&'static str>,
    /// The sender: an address of the component's domain.
    pub from: &'a str,
    /// The recipient.
    pub to: &'a str,
    /// The attribute `id`.
    pub id: Option<&'a str>,
    /// The attribute `xml:lang`.
    pub lang: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// Creates a start tag with only addresses.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{stanza_writer::Head, stanza::Kind};
    ///
    /// let head = Head::new(Kind::Message, "bot@echo.test", "a@example.org");
    /// assert_eq!((head.type_, head.id, head.lang), (None, None, None));
    /// ```
    #[must_use]
    pub fn new(kind: Kind, from: &'a str, to: &'a str) -> Head<'a> {
        Head {
            kind,
            type_: None,
            from,
            to,
            id: None,
            lang: None,
        }
    }

    /// Writes the start tag, never with `xmlns`: Prosody bounces a stanza that declares `jabber:client` (servers.md,
    /// 3).
    fn write(
        &self,
        out: &mut Vec<u8>,
        content: impl FnOnce(&mut XmlWriter<'_>) -> Result<(), xso::error::Error>,
    ) -> Result<usize, xso::error::Error> {
        let mut xml = XmlWriter::new(out);
        xml.raw("<");
        xml.raw(self.kind.as_str());
        xml.known_attribute(" from='", self.from);
        xml.known_attribute(" to='", self.to);
        if let Some(word) = self.type_ {
            xml.raw(" type='");
            xml.raw(word);
            xml.raw("'");
        }
        if let Some(id) = self.id {
            xml.known_attribute(" id='", id);
        }
        if let Some(lang) = self.lang {
            xml.known_attribute(" xml:lang='", lang);
        }
        xml.raw(">");
        content(&mut xml)?;
        xml.raw("</");
        xml.raw(self.kind.as_str());
        xml.raw(">");
        Ok(xml.replaced())
    }
}

/// Why a stanza cannot be sent. Nothing of it was written.
///
/// # Examples
///
/// ```
/// use couplet_core::stanza_writer::InvalidStanza;
///
/// assert_eq!(InvalidStanza::NoTo.to_string(), "it has no `to`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidStanza {
    /// `from` is not in the component's domain; servers close the stream for it.
    ForeignFrom,
    /// There is no `to`; ejabberd closes the stream for it.
    NoTo,
    /// The stanza is larger than the server accepts.
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It responds to an error or a result. (RFC 6120, 8.3.1)
    AnswersAnAnswer,
    /// It replies to a message that the component itself sent to the room. (XEP-0045, 7.4)
    OwnReflection,
    /// A payload cannot be serialised.
    Payload(String),
}

impl fmt::Display for InvalidStanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidStanza::ForeignFrom => {
                f.write_str("its `from` is not an address of this component")
            }
            InvalidStanza::NoTo => f.write_str("it has no `to`"),
            InvalidStanza::TooLarge { bytes, limit } => write!(
                f,
                "it has {bytes} bytes and the server takes {limit} (limits.outgoing_stanza_bytes)"
            ),
            InvalidStanza::AnswersAnAnswer => f.write_str("it would answer an error or a result"),
            InvalidStanza::OwnReflection => {
                f.write_str("it would answer the component's own message in a room")
            }
            InvalidStanza::Payload(why) => write!(f, "a payload cannot be written as XML: {why}"),
        }
    }
}

impl Error for InvalidStanza {}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(address: &str) -> Jid {
        address.parse().unwrap()
    }

    #[test]
    fn nothing_leaves_with_a_foreign_from() {
        let stanza_writer = StanzaWriter::new(jid("echo.test"), 1000);
        for foreign in [
            "a@example.org",
            "sub.echo.test",
            "test",
            "echo.test.example.org",
            "a/b@echo.test",
            "a@b@echo.test",
        ] {
            let mut out = b"before".to_vec();
            let refused =
                stanza_writer.write(&mut out, &Head::new(Kind::Message, foreign, "a@b"), |_| ());
            assert_eq!(refused, Err(InvalidStanza::ForeignFrom), "{foreign}");
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn a_stanza_over_the_servers_limit_is_taken_back() {
        let stanza_writer = StanzaWriter::new(jid("echo.test"), 100);
        let mut out = b"before".to_vec();
        let refused = stanza_writer.write(
            &mut out,
            &Head::new(Kind::Message, "echo.test", "a@b"),
            |xml| xml.text(&"x".repeat(99)),
        );
        assert!(
            matches!(refused, Err(InvalidStanza::TooLarge { limit: 100, .. })),
            "{refused:?}"
        );
        assert_eq!(out, b"before");
    }

    #[test]
    fn nothing_leaves_without_a_to() {
        let stanza_writer = StanzaWriter::new(jid("echo.test"), 100);
        let refused = stanza_writer.write(
            &mut Vec::new(),
            &Head::new(Kind::Iq, "echo.test", ""),
            |_| (),
        );
        assert_eq!(refused, Err(InvalidStanza::NoTo));
    }

    #[test]
    fn replaced_characters_are_counted() {
        let stanza_writer = StanzaWriter::new(jid("echo.test"), 1000);
        let mut out = Vec::new();
        let head = Head::new(Kind::Message, "echo.test", "a@b");
        assert_eq!(
            stanza_writer.write(&mut out, &head, |xml| xml.text("\u{0}\u{FFFE}")),
            Ok(2)
        );
    }
}
