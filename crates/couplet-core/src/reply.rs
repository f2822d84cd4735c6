//! Writes the response to a stanza, a result or an error, and decides where the RFCs forbid one.
//!
//! The caller decides which response to send.

use std::borrow::Cow;

use crate::{
    stanza::{Kind, Stanza},
    stanza_error::StanzaError,
    stanza_writer::{Head, InvalidStanza, StanzaWriter},
    xml_writer::XmlWriter,
};

/// The fields of a stanza that a response to it needs.
///
/// # Examples
///
/// ```
/// use couplet_core::{stanza_writer::StanzaWriter, stanza_error::{Condition, StanzaError}, reply::ReplyToRef, stanza::Kind};
///
/// let reply_to = ReplyToRef { kind: Kind::Iq, type_: Some("get"), from: "a@example.org/x", to: "echo.test", id: Some("q1") };
/// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
/// let mut out = Vec::new();
/// reply_to.refuse(&stanza_writer, &mut out, &StanzaError::new(Condition::ServiceUnavailable)).unwrap();
/// assert!(String::from_utf8(out).unwrap().starts_with("<iq from='echo.test' to='a@example.org/x' type='error' id='q1'><error type='cancel'>"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReplyToRef<'a> {
    /// Message, presence or IQ.
    pub kind: Kind,
    /// The attribute `type` as written.
    pub type_: Option<&'a str>,
    /// The sender.
    pub from: &'a str,
    /// The address of the component that it was sent to.
    pub to: &'a str,
    /// The id.
    pub id: Option<&'a str>,
}

impl ReplyToRef<'_> {
    /// Calls `answer` with the fields of `stanza`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq type='get' from='a@b' to='c' id='q1'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::reply::ReplyToRef;
    ///
    /// assert!(ReplyToRef::of(&stanza, |reply_to| reply_to.must_be_answered()));
    /// ```
    pub fn of<R>(stanza: &Stanza, answer: impl FnOnce(&ReplyToRef<'_>) -> R) -> R {
        answer(&ReplyToRef {
            kind: stanza.kind(),
            type_: stanza.type_().as_deref(),
            from: stanza.from_text(),
            to: stanza.to_text(),
            id: stanza.id().as_deref(),
        })
    }

    /// Returns whether an error may be sent in response.
    ///
    /// Never to an `error` or `result` (RFC 6120, 8.3.1 and 8.2.3). Not to `headline`, to which no
    /// reply is expected (RFC 6121, 5.2.2), nor to `groupchat`: a room removes an occupant that
    /// sends an error (XEP-0045, 7.14), also in response to presence. Not to available or
    /// unavailable presence, nor to the end of a subscription, for which a sender needs no
    /// permission (RFC 6121, 3, 4.3 and 4.5).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{reply::ReplyToRef, stanza::Kind};
    ///
    /// let reply_to = ReplyToRef { kind: Kind::Iq, type_: Some("error"), from: "a@example.org", to: "echo.test", id: Some("q1") };
    /// assert!(!reply_to.may_be_refused());
    /// ```
    #[must_use]
    pub fn may_be_refused(&self) -> bool {
        match self.kind {
            Kind::Iq => !matches!(self.type_, Some("result" | "error")),
            Kind::Message => !matches!(self.type_, Some("error" | "headline" | "groupchat")),
            Kind::Presence => !matches!(
                self.type_,
                None | Some("error" | "unavailable" | "unsubscribe" | "unsubscribed")
            ),
        }
    }

    /// Returns whether the RFCs demand a response: to every get and set, and to an IQ of unknown
    /// type.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{reply::ReplyToRef, stanza::Kind};
    ///
    /// let reply_to = ReplyToRef { kind: Kind::Iq, type_: Some("set"), from: "a@example.org", to: "echo.test", id: Some("q1") };
    /// assert!(reply_to.must_be_answered());
    /// ```
    #[must_use]
    pub fn must_be_answered(&self) -> bool {
        self.kind == Kind::Iq && self.may_be_refused()
    }

    /// Writes an error response, unless none may be sent. Returns whether it was written.
    ///
    /// # Errors
    ///
    /// [`InvalidStanza`], for example for a stanza that was not sent to the component's domain.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{stanza_writer::StanzaWriter, stanza_error::Condition, reply::ReplyToRef, stanza::Kind};
    ///
    /// let reply_to = ReplyToRef { kind: Kind::Iq, type_: Some("result"), from: "a@example.org", to: "echo.test", id: Some("q1") };
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
    /// let mut out = Vec::new();
    /// // No response is answered.
    /// assert!(!reply_to.refuse(&stanza_writer, &mut out, &Condition::BadRequest.into())?);
    /// assert!(out.is_empty());
    /// # Ok::<(), couplet_core::stanza_writer::InvalidStanza>(())
    /// ```
    pub fn refuse(
        &self,
        stanza_writer: &StanzaWriter,
        out: &mut Vec<u8>,
        error: &StanzaError,
    ) -> Result<bool, InvalidStanza> {
        if !self.may_be_refused() {
            return Ok(false);
        }
        let head = Head {
            type_: Some("error"),
            id: self.id,
            ..self.head()
        };
        stanza_writer.write(out, &head, |xml| error.write(xml))?;
        Ok(true)
    }

    /// Writes the result of a get or set; `content` writes its payload.
    ///
    /// # Errors
    ///
    /// [`InvalidStanza`]: it is too large, or the request was not sent to an address of the component.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{stanza_writer::StanzaWriter, reply::ReplyToRef, stanza::Kind};
    ///
    /// let reply_to = ReplyToRef { kind: Kind::Iq, type_: Some("get"), from: "a@example.org", to: "echo.test", id: Some("q1") };
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
    /// let mut out = Vec::new();
    /// reply_to.result(&stanza_writer, &mut out, |_nothing_to_tell| Ok(()))?;
    /// assert_eq!(out, b"<iq from='echo.test' to='a@example.org' type='result' id='q1'></iq>");
    /// # Ok::<(), couplet_core::stanza_writer::InvalidStanza>(())
    /// ```
    pub fn result(
        &self,
        stanza_writer: &StanzaWriter,
        out: &mut Vec<u8>,
        content: impl FnOnce(&mut XmlWriter<'_>) -> Result<(), xso::error::Error>,
    ) -> Result<usize, InvalidStanza> {
        if !self.must_be_answered() {
            return Err(InvalidStanza::AnswersAnAnswer);
        }
        stanza_writer.try_write(
            out,
            &Head {
                type_: Some("result"),
                id: self.id,
                ..self.head()
            },
            content,
        )
    }

    fn head(&self) -> Head<'_> {
        Head::new(self.kind, self.to, self.from)
    }
}

/// The fields of a stanza that are kept to answer it later, without its tree.
///
/// # Examples
///
/// ```
/// use couplet_core::{element::{Scope, Tree}, reply::ReplyTo, stanza::Stanza};
///
/// let tree = Tree::parse("<iq type='get' id='1' from='a@b' to='c'/>", &Scope::component());
/// let reply_to = ReplyTo::of(&Stanza::read(tree.unwrap()).unwrap());
/// assert_eq!(reply_to.borrowed().id, Some("1"));
/// ```
#[derive(Clone, Debug)]
pub struct ReplyTo {
    kind: Kind,
    type_: Option<String>,
    from: String,
    to: String,
    id: Option<String>,
}

impl ReplyTo {
    /// Copies the fields from a stanza.
    #[must_use]
    pub fn of(stanza: &Stanza) -> ReplyTo {
        ReplyTo {
            kind: stanza.kind(),
            type_: stanza.type_().map(Cow::into_owned),
            from: stanza.from_text().to_owned(),
            to: stanza.to_text().to_owned(),
            id: stanza.id().map(Cow::into_owned),
        }
    }

    /// Returns the fields as references.
    #[must_use]
    pub fn borrowed(&self) -> ReplyToRef<'_> {
        ReplyToRef {
            kind: self.kind,
            type_: self.type_.as_deref(),
            from: &self.from,
            to: &self.to,
            id: self.id.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza_error::Condition;

    fn refused(kind: Kind, type_: Option<&str>) -> bool {
        let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 1000);
        let reply_to = ReplyToRef {
            kind,
            type_,
            from: "a@b",
            to: "echo.test",
            id: None,
        };
        let mut out = Vec::new();
        let sent = reply_to
            .refuse(
                &stanza_writer,
                &mut out,
                &StanzaError::new(Condition::BadRequest),
            )
            .unwrap();
        assert_eq!(sent, !out.is_empty());
        sent
    }

    #[test]
    fn no_response_is_answered() {
        for kind in [Kind::Message, Kind::Presence, Kind::Iq] {
            assert!(!refused(kind, Some("error")));
        }
        assert!(!refused(Kind::Iq, Some("result")));
    }

    #[test]
    fn an_iq_of_unknown_type_is_answered() {
        assert!(refused(Kind::Iq, Some("bogus")));
        assert!(refused(Kind::Iq, None));
    }

    #[test]
    fn rooms_and_headlines_get_no_errors() {
        assert!(!refused(Kind::Message, Some("groupchat")));
        assert!(!refused(Kind::Message, Some("headline")));
        assert!(refused(Kind::Message, Some("chat")));
    }

    #[test]
    fn available_presence_is_never_answered() {
        assert!(!refused(Kind::Presence, None));
        assert!(refused(Kind::Presence, Some("probe")));
    }

    #[test]
    fn unavailable_presence_is_never_answered() {
        assert!(!refused(Kind::Presence, Some("unavailable")));
        assert!(refused(Kind::Presence, Some("subscribe")));
    }
}
