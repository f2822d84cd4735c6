//! The kind of a stanza, and the type of an IQ.

use super::Stanza;
use crate::{element::Element, xml_writer::NS_CLIENT};

/// The three kinds of stanza. (RFC 6120, 8.2)
///
/// # Examples
///
/// ```
/// use couplet_core::stanza::Kind;
///
/// assert_eq!(Kind::from_name("presence"), Some(Kind::Presence));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message: pushed to the recipient, without a response.
    Message,
    /// A presence: broadcast to subscribers.
    Presence,
    /// An IQ: a request or its response.
    Iq,
}

impl Kind {
    /// Returns the name of the element.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::stanza::Kind::Iq.as_str(), "iq");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::Presence => "presence",
            Kind::Iq => "iq",
        }
    }

    /// Returns the kind with this element name.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::stanza::Kind::from_name("handshake"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        match name {
            "message" => Some(Kind::Message),
            "presence" => Some(Kind::Presence),
            "iq" => Some(Kind::Iq),
            _ => None,
        }
    }

    /// Returns the kind of this element; `None` if it is not a stanza.
    pub(super) fn of(element: Element<'_>) -> Option<Kind> {
        if element.ns() == NS_CLIENT {
            Kind::from_name(element.name())
        } else {
            None
        }
    }
}

/// The four types of an IQ. (RFC 6120, 8.2.3)
///
/// # Examples
///
/// ```
/// use couplet_core::stanza::IqType;
///
/// assert_eq!(IqType::Set.as_str(), "set");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IqType {
    /// A request for information.
    Get,
    /// A request that provides data or asks for a change.
    Set,
    /// A successful response.
    Result,
    /// An error response.
    Error,
}

impl IqType {
    /// Returns the value of the attribute `type`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::stanza::IqType::Get.as_str(), "get");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            IqType::Get => "get",
            IqType::Set => "set",
            IqType::Result => "result",
            IqType::Error => "error",
        }
    }

    /// Returns the type of this IQ; `None` if the attribute is missing or unknown.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<iq type='bogus' from='a@b' to='c'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::stanza::IqType;
    ///
    /// assert_eq!(IqType::of(&stanza), None);
    /// ```
    #[must_use]
    pub fn of(iq: &Stanza) -> Option<IqType> {
        match iq.type_()?.as_ref() {
            "get" => Some(IqType::Get),
            "set" => Some(IqType::Set),
            "result" => Some(IqType::Result),
            "error" => Some(IqType::Error),
            _ => None,
        }
    }
}
