//! Errors that peers send. (RFC 6120, 8.3.2)
//!
//! Reading is lenient: an error without a known condition is `undefined-condition`.

use std::fmt;

use crate::{
    stanza::Stanza,
    stanza_error::{Condition, ErrorType, NS_STANZAS},
    xml_writer::NS_CLIENT,
};

/// The error in a stanza of type `error`.
///
/// A peer wrote its text: you may show it to a person, but do not act on it.
///
/// # Examples
///
/// ```
/// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
/// use couplet_core::{remote_error::RemoteError, stanza_error::Condition};
///
/// # let bytes = "<iq type='error' from='a@b' to='c' id='1'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
/// # let tree = Tree::parse(bytes, &Scope::component()).unwrap();
/// # let stanza = Stanza::read(tree).unwrap();
/// let error = RemoteError::of(&stanza).unwrap();
/// assert_eq!(error.condition, Condition::Gone);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteError {
    /// The defined condition.
    pub condition: Condition,
    /// The type, which suggests what to do.
    pub error_type: ErrorType,
    /// The text, if there is one.
    pub text: Option<String>,
    /// The name and namespace of an application-specific condition. (RFC 6120, 8.3.4)
    pub detail: Option<(String, String)>,
}

impl RemoteError {
    /// Reads the `<error/>` of a stanza of type `error`; returns `None` for any other type.
    ///
    /// Use it on responses and bounces.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq type='result' from='a@b' to='c' id='1'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::remote_error::RemoteError;
    ///
    /// assert_eq!(RemoteError::of(&stanza), None);
    /// ```
    #[must_use]
    pub fn of(stanza: &Stanza) -> Option<RemoteError> {
        if stanza.type_().as_deref() != Some("error") {
            return None;
        }
        let mut read = RemoteError {
            condition: Condition::UndefinedCondition,
            error_type: ErrorType::Cancel,
            text: None,
            detail: None,
        };
        let Some(error) = stanza.payload("error", NS_CLIENT) else {
            return Some(read);
        };
        read.error_type = ErrorType::from_wire(&error.attr("type").unwrap_or_default());
        for child in error.children() {
            if child.is("text", NS_STANZAS) {
                read.text = Some(child.text().into_owned());
            } else if child.ns() == NS_STANZAS {
                read.condition = Condition::from_wire(child.name());
            } else {
                read.detail = Some((child.name().to_owned(), child.ns().to_owned()));
            }
        }
        Some(read)
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.as_str())?;
        self.text
            .as_ref()
            .map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl std::error::Error for RemoteError {}
