//! The error response to a peer: condition and text for the peer, and a private cause for the log.
//!
//! [`StanzaError`] must not implement `std::error::Error`: that is what lets `?` convert any error
//! to an `internal-server-error` without details for the peer. (RFC 6120, 8.3)

use std::{error::Error, fmt};

use xso::AsXml;

use crate::xml_writer::XmlWriter;

mod condition;

pub use condition::{Condition, ErrorType};

/// The namespace of the defined stanza error conditions. (RFC 6120, 8.3.2)
///
/// # Examples
///
/// ```
/// assert!(couplet_core::stanza_error::NS_STANZAS.ends_with("xmpp-stanzas"));
/// ```
pub const NS_STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// An error response: condition and text for the peer, and a private cause for the log.
///
/// Handlers return it. `?` converts any error to one: the peer gets `internal-server-error` without
/// details, and the cause is logged.
///
/// # Examples
///
/// ```
/// use couplet_core::stanza_error::{Condition, StanzaError};
///
/// fn seat(row: &str) -> Result<u32, StanzaError> {
///     let row: u32 = row.parse()?; // the peer learns nothing about the parser
///     if row > 40 {
///         return Err(StanzaError::new(Condition::ItemNotFound).text("There are 40 rows"));
///     }
///     Ok(row)
/// }
///
/// assert_eq!(seat("x").unwrap_err().condition(), Condition::InternalServerError);
/// assert_eq!(seat("41").unwrap_err().condition(), Condition::ItemNotFound);
/// ```
pub struct StanzaError {
    condition: Condition,
    kind: ErrorType,
    text: Option<String>,
    address: Option<Box<str>>,
    detail: Option<Vec<u8>>,
    beside: Option<Vec<u8>>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl StanzaError {
    /// Creates an error with this condition, and the type that RFC 6120 associates with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, ErrorType, StanzaError};
    ///
    /// let no = StanzaError::new(Condition::Forbidden);
    /// assert_eq!(no.error_type(), ErrorType::Auth);
    /// ```
    #[must_use]
    pub fn new(condition: Condition) -> StanzaError {
        StanzaError {
            condition,
            kind: condition.default_type(),
            text: None,
            address: None,
            detail: None,
            beside: None,
            cause: None,
        }
    }

    /// Sets the text for the peer. (RFC 6120, 8.3.2: `<text/>`)
    ///
    /// Say what the peer can do; leave out what belongs in the log only.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// let no = StanzaError::new(Condition::ItemNotFound).text("There are 40 rows");
    /// ```
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> StanzaError {
        self.text = Some(text.into());
        self
    }

    /// Sets an error type other than the condition's own, for example `wait` for a temporary
    /// `not-allowed`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, ErrorType, StanzaError};
    ///
    /// let later = StanzaError::new(Condition::NotAllowed).of_type(ErrorType::Wait);
    /// assert_eq!(later.error_type(), ErrorType::Wait);
    /// ```
    #[must_use]
    pub fn of_type(mut self, kind: ErrorType) -> StanzaError {
        self.kind = kind;
        self
    }

    /// Adds an application-specific condition element. (RFC 6120, 8.3.4)
    ///
    /// A payload that cannot be serialised is left out, so that the error can always be sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    /// use xmpp_parsers::ping::Ping;
    ///
    /// // A real one is an element of the app's own namespace.
    /// let no = StanzaError::new(Condition::BadRequest).detail(&Ping);
    /// ```
    #[must_use]
    pub fn detail(mut self, payload: &impl AsXml) -> StanzaError {
        let mut detail = Vec::new();
        if XmlWriter::new(&mut detail).payload(payload).is_ok() {
            self.detail = Some(detail);
        }
        self
    }

    /// Adds an application-specific condition element that `write` writes. (RFC 6120, 8.3.4)
    ///
    /// Use it if there is no type for the payload; otherwise use [`StanzaError::detail`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// let no = StanzaError::new(Condition::BadRequest)
    ///     .detail_by(|xml| xml.raw("<too-late xmlns='urn:example:clock'/>"));
    /// ```
    #[must_use]
    pub fn detail_by(mut self, write: impl FnOnce(&mut XmlWriter<'_>)) -> StanzaError {
        self.detail = Some(written(write));
        self
    }

    /// Sets the URI in `gone` and `redirect`, where the peer can find the entity. (RFC 6120,
    /// 8.3.3.5 and 8.3.3.15)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// let moved = StanzaError::new(Condition::Gone).instead("xmpp:new.example.org");
    /// ```
    #[must_use]
    pub fn instead(mut self, uri: impl Into<Box<str>>) -> StanzaError {
        self.address = Some(uri.into());
        self
    }

    /// Adds a payload to the error stanza, before its `<error/>`. (RFC 6120, 8.3.1)
    ///
    /// Use it if a protocol requires the rejected request, or the current state, in the error
    /// stanza.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// let no = StanzaError::new(Condition::NotAcceptable)
    ///     .beside(|xml| xml.raw("<clock xmlns='urn:example:clock'/>"));
    /// ```
    #[must_use]
    pub fn beside(mut self, write: impl FnOnce(&mut XmlWriter<'_>)) -> StanzaError {
        self.beside = Some(written(write));
        self
    }

    /// Sets the private cause, which is only logged.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// let no = StanzaError::new(Condition::Forbidden).because("not in the list of customers");
    /// assert_eq!(no.cause().unwrap().to_string(), "not in the list of customers");
    /// ```
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> StanzaError {
        self.cause = Some(cause.into());
        self
    }

    /// Returns the condition, which the peer receives.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// assert_eq!(StanzaError::from(Condition::Gone).condition(), Condition::Gone);
    /// ```
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Returns the error type, which the peer receives.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, ErrorType, StanzaError};
    ///
    /// assert_eq!(StanzaError::new(Condition::Gone).error_type(), ErrorType::Cancel);
    /// ```
    #[must_use]
    pub fn error_type(&self) -> ErrorType {
        self.kind
    }

    /// Returns the text that the peer will read, if there is one. (RFC 6120, 8.3.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// let no = StanzaError::new(Condition::Forbidden).text("Members only");
    /// assert_eq!(no.descriptive_text(), Some("Members only"));
    /// ```
    #[must_use]
    pub fn descriptive_text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Returns the private cause.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::stanza_error::{Condition, StanzaError};
    ///
    /// assert!(StanzaError::new(Condition::Gone).cause().is_none());
    /// ```
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// Writes the `<error/>` element and the payloads beside it, without the private cause. (RFC
    /// 6120, 8.3.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{stanza_error::{Condition, StanzaError}, xml_writer::XmlWriter};
    ///
    /// let mut out = Vec::new();
    /// StanzaError::new(Condition::Gone).because("a secret").write(&mut XmlWriter::new(&mut out));
    /// let out = String::from_utf8(out).unwrap();
    /// assert!(out.contains("<gone ") && !out.contains("secret"));
    /// ```
    pub fn write(&self, xml: &mut XmlWriter<'_>) {
        if let Some(beside) = &self.beside {
            xml.written(beside);
        }
        xml.raw("<error type='");
        xml.raw(self.kind.as_str());
        xml.raw("'>");
        self.write_condition(xml);
        if let Some(text) = &self.text {
            xml.raw("<text xmlns='");
            xml.raw(NS_STANZAS);
            xml.raw("'>");
            xml.text(text);
            xml.raw("</text>");
        }
        if let Some(detail) = &self.detail {
            xml.written(detail);
        }
        xml.raw("</error>");
    }

    fn write_condition(&self, xml: &mut XmlWriter<'_>) {
        xml.raw("<");
        xml.raw(self.condition.as_str());
        xml.raw(" xmlns='");
        xml.raw(NS_STANZAS);
        let Some(address) = &self.address else {
            return xml.raw("'/>");
        };
        xml.raw("'>");
        xml.text(address);
        xml.raw("</");
        xml.raw(self.condition.as_str());
        xml.raw(">");
    }
}

fn written(write: impl FnOnce(&mut XmlWriter<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut XmlWriter::new(&mut out));
    out
}

impl fmt::Debug for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StanzaError")
            .field("condition", &self.condition)
            .field("type", &self.kind)
            .field("text", &self.text)
            .field("cause", &self.cause.as_ref().map(ToString::to_string))
            .finish()
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for StanzaError {
    fn from(cause: E) -> StanzaError {
        StanzaError::new(Condition::InternalServerError).because(cause)
    }
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> StanzaError {
        StanzaError::new(condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &StanzaError) -> String {
        String::from_utf8(super::written(|xml| error.write(xml))).unwrap()
    }

    #[test]
    fn any_error_becomes_an_internal_server_error_that_leaks_no_word() {
        let error: StanzaError = "x".parse::<u32>().unwrap_err().into();
        assert_eq!(
            written(&error),
            "<error type='cancel'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        );
        assert!(error.cause().unwrap().to_string().contains("invalid digit"));
    }

    #[test]
    fn gone_may_have_a_new_address() {
        let moved = StanzaError::new(Condition::Gone).instead("xmpp:a?;node=b&c");
        assert_eq!(
            written(&moved),
            "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:a?;node=b&amp;c</gone></error>"
        );
    }

    #[test]
    fn what_is_beside_the_error_stands_before_it_and_a_detail_in_it() {
        let error = StanzaError::new(Condition::Conflict)
            .beside(|xml| xml.raw("<a xmlns='urn:a'/>"))
            .detail_by(|xml| xml.raw("<b xmlns='urn:b'/>"));
        assert_eq!(
            written(&error),
            "<a xmlns='urn:a'/><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><b xmlns='urn:b'/></error>"
        );
    }

    #[test]
    fn words_for_the_peer_are_escaped() {
        let error = StanzaError::new(Condition::BadRequest).text("1 < 2");
        assert!(written(&error).contains(">1 &lt; 2</text>"));
    }

    #[test]
    fn an_unknown_condition_is_read_as_undefined() {
        assert_eq!(
            Condition::from_wire("gone-fishing"),
            Condition::UndefinedCondition
        );
        assert_eq!(Condition::from_wire("gone"), Condition::Gone);
    }
}
