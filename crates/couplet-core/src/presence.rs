//! A received presence: type, show, status, priority, and typed payloads. (RFC 6121, 4)
//!
//! [`Presence::check`] is strict: a value that RFC 6121 does not define is reported to the sender.

use std::borrow::Cow;

use xso::FromXml;

use crate::{remote_error::RemoteError, stanza::Stanza};

/// A received presence.
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
    /// Returns the type; `None` if RFC 6121, 4.7.1 does not define the value of the attribute.
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

    /// Returns the availability; `None` if there is no `<show/>`, which means online, or its value
    /// is unknown. (RFC 6121, 4.7.2.1)
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

    /// Returns the first `<status/>` text, in any language. (RFC 6121, 4.7.2.2)
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

    /// Returns the priority: 0 if there is none, `None` if it is not an integer from -128 to 127.
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

    /// Checks that type, show and priority are as RFC 6121, 4.7 allows.
    ///
    /// Handlers only get presence that passes this check.
    ///
    /// # Errors
    ///
    /// A text for the sender about the first invalid value.
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

    /// Returns the first payload of this type, parsed; `None` if there is no such element.
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

    /// Returns the error in a presence of type `error`. (RFC 6120, 8.3)
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

    /// Returns the whole stanza.
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

/// The type of a presence. (RFC 6121, 4.7.1)
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
    /// The sender is available. There is no attribute `type`.
    Available,
    /// An earlier presence could not be delivered.
    Error,
    /// A request for the current presence.
    Probe,
    /// A request to receive the recipient's presence.
    Subscribe,
    /// Approval of such a request.
    Subscribed,
    /// The sender is not available.
    Unavailable,
    /// The end of the sender's subscription to the recipient.
    Unsubscribe,
    /// The end of the recipient's subscription to the sender, or the rejection of a request.
    Unsubscribed,
}

impl PresenceType {
    /// Returns the value of the attribute `type`; `None` for [`PresenceType::Available`].
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

/// The availability in a `<show/>`. (RFC 6121, 4.7.2.1)
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
    /// Interested in chatting.
    Chat,
    /// Do not disturb.
    Dnd,
    /// Away for an extended period.
    Xa,
}

impl Show {
    /// Returns the text of the `<show/>`.
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
    fn values_rfc_6121_does_not_know_are_reported_not_guessed() {
        assert!(presence("", "<show>bogus</show>").check().is_err());
        assert!(presence("", "<priority>999</priority>").check().is_err());
        assert!(presence("type='bogus'", "").check().is_err());
        assert!(presence("type='probe'", "<show>dnd</show>").check().is_ok());
    }

    #[test]
    fn a_missing_priority_is_zero() {
        assert_eq!(presence("", "").priority(), Some(0));
        assert_eq!(
            presence("", "<priority> -3\n</priority>").priority(),
            Some(-3)
        );
    }
}
