//! Stream errors: those of the server, and those that the component sends. (RFC 6120, 4.9)

use std::fmt;

use crate::element::{Element, NS_STREAM};

/// The namespace of the defined stream error conditions. (RFC 6120, 4.9.2)
///
/// # Examples
///
/// ```
/// assert!(couplet_core::stream_error::NS_STREAMS.ends_with("xmpp-streams"));
/// ```
pub const NS_STREAMS: &str = "urn:ietf:params:xml:ns:xmpp-streams";

/// A stream error as the server sent it.
///
/// # Examples
///
/// ```
/// use couplet_core::{element::{Scope, Tree}, stream_error::StreamError};
///
/// let xml = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
/// let tree = Tree::parse(xml, &Scope::component()).unwrap();
/// let error = StreamError::of(tree.root()).unwrap();
/// assert_eq!(error.condition, "conflict");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamError {
    /// The element name of the condition; `undefined-condition` if there is none.
    pub condition: String,
    /// The text, if there is one.
    pub text: Option<String>,
}

impl StreamError {
    /// Reads a top-level element; returns `None` if it is not a stream error.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{element::{Scope, Tree}, stream_error::StreamError};
    ///
    /// let tree = Tree::parse("<message/>", &Scope::component()).unwrap();
    /// assert_eq!(StreamError::of(tree.root()), None);
    /// ```
    #[must_use]
    pub fn of(element: Element<'_>) -> Option<StreamError> {
        if !element.is("error", NS_STREAM) {
            return None;
        }
        let mut read = StreamError {
            condition: "undefined-condition".to_owned(),
            text: None,
        };
        for child in element.children() {
            if child.is("text", NS_STREAMS) {
                read.text = Some(child.text().into_owned());
            } else if child.ns() == NS_STREAMS {
                child.name().clone_into(&mut read.condition);
            }
        }
        Some(read)
    }

    /// Returns the XML that ends a stream with an error, including its closing tag.
    ///
    /// # Examples
    ///
    /// ```
    /// let xml = couplet_core::stream_error::StreamError::to_xml("not-well-formed");
    /// assert!(xml.ends_with("</stream:error></stream:stream>"));
    /// ```
    #[must_use]
    pub fn to_xml(condition: &str) -> String {
        format!("<stream:error><{condition} xmlns='{NS_STREAMS}'/></stream:error></stream:stream>")
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.condition)?;
        self.text
            .as_ref()
            .map_or(Ok(()), |text| write!(f, " ({text})"))
    }
}

impl std::error::Error for StreamError {}
