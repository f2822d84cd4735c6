//! What a stanza is: its kind, and the type of an IQ.

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
    /// "Push": fire and forget.
    Message,
    /// "Broadcast": who is there.
    Presence,
    /// "Request and response".
    Iq,
}

impl Kind {
    /// The element name on the wire.
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

    /// The kind with this element name.
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

    /// The kind of this element; `None` where it is no stanza.
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
    /// Asks for information.
    Get,
    /// Provides data, or asks for a change.
    Set,
    /// Answers.
    Result,
    /// Refuses.
    Error,
}

impl IqType {
    /// The word on the wire.
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

    /// The type of this IQ; `None` where the attribute is missing or unknown.
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
