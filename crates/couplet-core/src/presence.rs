//! A presence as it came in: type, show, status, priority, and any typed payload. (RFC 6121, 4)
//!
//! Deliberately strict where [`Presence::check`] is asked: a value RFC 6121 does not know is told
//! to its sender instead of being guessed.

use std::borrow::Cow;

use xso::FromXml;

use crate::{remote_error::RemoteError, stanza::Stanza};

/// An incoming presence.
///
/// # Examples
///
/// ```
/// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
/// use couplet_core::presence::{Presence, PresenceType, Show};
///
/// # let bytes = "<presence from='a@b/c' to='c'><show>away</show><priority>5</priority></presence>";
/// # let tree = Tree::parse(bytes, &Scope::component()).unwrap();
/// # let stanza = Stanza::read(tree).unwrap();
/// let presence = Presence::from(stanza);
/// assert_eq!(presence.type_(), Some(PresenceType::Available));
/// assert_eq!((presence.show(), presence.priority()), (Some(Show::Away), Some(5)));
/// assert!(presence.check().is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct Presence(Stanza);

impl Presence {
    /// The type; `None` where the attribute has a value RFC 6121, 4.7.1 does not know.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b' to='c' type='probe'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::{Presence, PresenceType};
    ///
    /// let presence = Presence::from(stanza);
    /// assert_eq!(presence.type_(), Some(PresenceType::Probe));
    /// ```
    #[must_use]
    pub fn type_(&self) -> Option<PresenceType> {
        match self.0.type_() {
            None => Some(PresenceType::Available),
            Some(word) => PresenceType::from_wire(&word),
        }
    }

    /// How available; `None` where it is simply online, or the value is unknown.
    /// (RFC 6121, 4.7.2.1)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b' to='c'><show>dnd</show></presence>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::{Presence, Show};
    ///
    /// let presence = Presence::from(stanza);
    /// assert_eq!(presence.show(), Some(Show::Dnd));
    /// ```
    #[must_use]
    pub fn show(&self) -> Option<Show> {
        Show::from_wire(self.0.text_of("show")?.trim())
    }

    /// Words about it, the first in any language. (RFC 6121, 4.7.2.2)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b' to='c'><status>Lunch</status></presence>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::Presence;
    ///
    /// let presence = Presence::from(stanza);
    /// assert_eq!(presence.status().as_deref(), Some("Lunch"));
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<Cow<'_, str>> {
        self.0.text_of("status")
    }

    /// The priority; 0 where there is none, `None` where it is no integer from -128 to 127.
    /// (RFC 6121, 4.7.2.3)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b' to='c'><priority>999</priority></presence>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::Presence;
    ///
    /// let presence = Presence::from(stanza);
    /// assert_eq!(presence.priority(), None);
    /// ```
    #[must_use]
    pub fn priority(&self) -> Option<i8> {
        self.0
            .text_of("priority")
            .map_or(Some(0), |text| text.trim().parse().ok())
    }

    /// Whether type, show and priority are what RFC 6121, 4.7 allows.
    ///
    /// Use it before acting on one; handlers are given only presence that passes.
    ///
    /// # Errors
    ///
    /// Words for the sender about the first that is not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b' to='c'><show>bogus</show></presence>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::Presence;
    ///
    /// let presence = Presence::from(stanza);
    /// assert_eq!(presence.check(), Err("<show/> is one of away, chat, dnd, xa"));
    /// ```
    pub fn check(&self) -> Result<(), &'static str> {
        if self.type_().is_none() {
            return Err("There is no such presence type");
        }
        if self.0.text_of("show").is_some() && self.show().is_none() {
            return Err("<show/> is one of away, chat, dnd, xa");
        }
        if self.priority().is_none() {
            return Err("<priority/> is an integer from -128 to 127");
        }
        Ok(())
    }

    /// The first payload of this type, parsed; `None` where there is no such element.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b' to='c'><idle xmlns='urn:xmpp:idle:1' since='2026-01-01T10:00:00Z'/></presence>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::Presence;
    /// use xmpp_parsers::idle::Idle;
    ///
    /// let presence = Presence::from(stanza);
    /// assert!(matches!(presence.payload::<Idle>(), Some(Ok(_))));
    /// ```
    #[must_use]
    pub fn payload<T: FromXml>(&self) -> Option<Result<T, xso::error::Error>> {
        self.0.payload_as::<T>()
    }

    /// The error in a presence of type `error`. (RFC 6120, 8.3)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b' to='c' type='error'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::Presence;
    ///
    /// let presence = Presence::from(stanza);
    /// assert!(presence.error().is_some());
    /// ```
    #[must_use]
    pub fn error(&self) -> Option<RemoteError> {
        RemoteError::of(&self.0)
    }

    /// The whole stanza.
    ///
    /// Use it for addresses, id, language and raw XML.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<presence from='a@b/c' to='d'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::presence::Presence;
    ///
    /// let presence = Presence::from(stanza);
    /// assert_eq!(presence.stanza().from().as_str(), "a@b/c");
    /// ```
    #[must_use]
    pub fn stanza(&self) -> &Stanza {
        &self.0
    }
}

impl From<Stanza> for Presence {
    fn from(stanza: Stanza) -> Presence {
        Presence(stanza)
    }
}

/// The types of a presence. (RFC 6121, 4.7.1)
///
/// # Examples
///
/// ```
/// use couplet_core::presence::PresenceType;
///
/// assert_eq!(PresenceType::Subscribe.as_str(), Some("subscribe"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PresenceType {
    /// No attribute: the sender is there.
    Available,
    /// An earlier presence could not be delivered.
    Error,
    /// Asks for the current presence.
    Probe,
    /// Asks to see the recipient's presence.
    Subscribe,
    /// Allows it.
    Subscribed,
    /// The sender is gone.
    Unavailable,
    /// No longer wants to see it.
    Unsubscribe,
    /// No longer allows it.
    Unsubscribed,
}

impl PresenceType {
    /// The word on the wire, none for [`PresenceType::Available`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::presence::PresenceType;
    ///
    /// assert_eq!(PresenceType::Available.as_str(), None);
    /// ```
    #[must_use]
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            PresenceType::Available => None,
            PresenceType::Error => Some("error"),
            PresenceType::Probe => Some("probe"),
            PresenceType::Subscribe => Some("subscribe"),
            PresenceType::Subscribed => Some("subscribed"),
            PresenceType::Unavailable => Some("unavailable"),
            PresenceType::Unsubscribe => Some("unsubscribe"),
            PresenceType::Unsubscribed => Some("unsubscribed"),
        }
    }

    fn from_wire(word: &str) -> Option<PresenceType> {
        match word {
            "error" => Some(PresenceType::Error),
            "probe" => Some(PresenceType::Probe),
            "subscribe" => Some(PresenceType::Subscribe),
            "subscribed" => Some(PresenceType::Subscribed),
            "unavailable" => Some(PresenceType::Unavailable),
            "unsubscribe" => Some(PresenceType::Unsubscribe),
            "unsubscribed" => Some(PresenceType::Unsubscribed),
            _ => None,
        }
    }
}

/// How available somebody is. (RFC 6121, 4.7.2.1)
///
/// # Examples
///
/// ```
/// use couplet_core::presence::Show;
///
/// assert_eq!(Show::Xa.as_str(), "xa");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Show {
    /// Away for a while.
    Away,
    /// Wants to talk.
    Chat,
    /// Do not disturb.
    Dnd,
    /// Away for long.
    Xa,
}

impl Show {
    /// The word on the wire.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::presence::Show::Away.as_str(), "away");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Show::Away => "away",
            Show::Chat => "chat",
            Show::Dnd => "dnd",
            Show::Xa => "xa",
        }
    }

    fn from_wire(word: &str) -> Option<Show> {
        match word {
            "away" => Some(Show::Away),
            "chat" => Some(Show::Chat),
            "dnd" => Some(Show::Dnd),
            "xa" => Some(Show::Xa),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::{Scope, Tree};

    fn presence(attributes: &str, children: &str) -> Presence {
        let xml = format!("<presence from='a@b/c' to='d' {attributes}>{children}</presence>");
        let tree = Tree::parse(xml, &Scope::component()).unwrap();
        Stanza::read(tree).unwrap().into()
    }

    #[test]
    fn values_rfc_6121_does_not_know_are_told_not_guessed() {
        assert!(presence("", "<show>bogus</show>").check().is_err());
        assert!(presence("", "<priority>999</priority>").check().is_err());
        assert!(presence("type='bogus'", "").check().is_err());
        assert!(presence("type='probe'", "<show>dnd</show>").check().is_ok());
    }

    #[test]
    fn a_priority_is_zero_unless_said() {
        assert_eq!(presence("", "").priority(), Some(0));
        assert_eq!(
            presence("", "<priority> -3\n</priority>").priority(),
            Some(-3)
        );
    }
}
