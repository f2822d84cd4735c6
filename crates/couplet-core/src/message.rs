//! A received message: body, subject, thread, and typed payloads. (RFC 6121, 5)
//!
//! Reading is lenient: of two bodies or threads the first counts, an unknown type is `normal`.

mod content;
mod fallback;

use std::borrow::Cow;

use xso::FromXml;

use crate::{remote_error::RemoteError, stanza::Stanza};

pub use content::{Content, Scan};

/// A received message.
///
/// # Examples
///
/// ```
/// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
/// use couplet_core::message::{Message, MessageType};
///
/// # let bytes = "<message from='a@b' to='c' type='chat'><body>hi</body><thread>t1</thread></message>";
/// # let tree = Tree::parse(bytes, &Scope::component()).unwrap();
/// # let stanza = Stanza::read(tree).unwrap();
/// let message = Message::from(stanza);
/// assert_eq!(message.type_(), MessageType::Chat);
/// assert_eq!(message.body().as_deref(), Some("hi"));
/// assert_eq!(message.thread().as_deref(), Some("t1"));
/// ```
#[derive(Clone, Debug)]
pub struct Message(Stanza);

impl Message {
    /// Returns the type. (RFC 6121, 5.2.2: an unknown one MUST be treated as `normal`)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b' to='c' type='bogus'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::{Message, MessageType};
    ///
    /// let message = Message::from(stanza);
    /// assert_eq!(message.type_(), MessageType::Normal);
    /// ```
    #[must_use]
    pub fn type_(&self) -> MessageType {
        MessageType::of(self.0.type_().as_deref())
    }

    /// Returns the unescaped text of the first `<body/>`. (RFC 6121, 5.2.3)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b' to='c'><body>1 &lt; 2</body></message>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::Message;
    ///
    /// let message = Message::from(stanza);
    /// assert_eq!(message.body().as_deref(), Some("1 < 2"));
    /// ```
    #[must_use]
    pub fn body(&self) -> Option<Cow<'_, str>> {
        self.0.text_of("body")
    }

    /// Returns the body without fallback parts that stand for another element, such as the quote in
    /// a reply. Empty if nothing else is left. (XEP-0428, XEP-0461)
    ///
    /// [`Message::body`] returns the whole body.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let xml = "<message from='a@b' to='c'><body>&gt; Tea?\nYes</body>\
    /// #     <reply xmlns='urn:xmpp:reply:0' to='c' id='1'/>\
    /// #     <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='7'/></fallback></message>";
    /// # let tree = Tree::parse(xml, &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::Message;
    ///
    /// let message = Message::from(stanza);
    /// assert_eq!(message.body().as_deref(), Some("> Tea?\nYes"));
    /// assert_eq!(message.text(), "Yes");
    /// ```
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        let body = self.body().unwrap_or_default();
        fallback::without_fallback(&self.0, body)
    }

    /// Returns the id of the earlier message that this one replaces, if it is a correction.
    /// (XEP-0308)
    ///
    /// Accept it only from the address the earlier message came from. (XEP-0308, 4)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let xml = "<message from='a@b' to='c' id='2'><body>Tea</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/></message>";
    /// # let tree = Tree::parse(xml, &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::Message;
    ///
    /// let message = Message::from(stanza);
    /// assert_eq!(message.corrects().as_deref(), Some("1"));
    /// ```
    #[must_use]
    pub fn corrects(&self) -> Option<Cow<'_, str>> {
        self.0
            .payload("replace", "urn:xmpp:message-correct:0")?
            .attr("id")
    }

    /// Returns the text of the first `<subject/>`. (RFC 6121, 5.2.4)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b' to='c'><subject>hi</subject></message>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::Message;
    ///
    /// let message = Message::from(stanza);
    /// assert_eq!(message.subject().as_deref(), Some("hi"));
    /// ```
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        self.0.text_of("subject")
    }

    /// Returns the identifier of the conversation thread. (RFC 6121, 5.2.5)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b' to='c'><thread>t1</thread></message>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::Message;
    ///
    /// let message = Message::from(stanza);
    /// assert_eq!(message.thread().as_deref(), Some("t1"));
    /// ```
    #[must_use]
    pub fn thread(&self) -> Option<Cow<'_, str>> {
        self.0.text_of("thread")
    }

    /// Returns the first payload of this type, parsed; `None` if there is no such element.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, message::Message, stanza::Stanza};
    /// use xmpp_parsers::receipts::Request;
    ///
    /// # let bytes = "<message from='a@b' to='c'><request xmlns='urn:xmpp:receipts'/></message>";
    /// # let tree = Tree::parse(bytes, &Scope::component()).unwrap();
    /// # let message = Message::from(Stanza::read(tree).unwrap());
    /// assert!(matches!(message.payload::<Request>(), Some(Ok(_))));
    /// ```
    #[must_use]
    pub fn payload<T: FromXml>(&self) -> Option<Result<T, xso::error::Error>> {
        self.0.payload_as::<T>()
    }

    /// Returns the error in a message of type `error`.
    ///
    /// Use it to find out why an earlier message bounced. (RFC 6120, 8.3)
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b' to='c' type='error'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::Message;
    ///
    /// let message = Message::from(stanza);
    /// assert!(message.error().is_some());
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
    /// # let tree = Tree::parse("<message from='a@b' to='c' id='m1'/>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::message::Message;
    ///
    /// let message = Message::from(stanza);
    /// assert_eq!(message.stanza().id().as_deref(), Some("m1"));
    /// ```
    #[must_use]
    pub fn stanza(&self) -> &Stanza {
        &self.0
    }
}

impl From<Stanza> for Message {
    fn from(stanza: Stanza) -> Message {
        Message(stanza)
    }
}

/// The type of a message. (RFC 6121, 5.2.2)
///
/// # Examples
///
/// ```
/// use couplet_core::message::MessageType;
///
/// assert_eq!(MessageType::Groupchat.as_str(), "groupchat");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// A one-to-one conversation.
    Chat,
    /// An error about an earlier message: a bounce.
    Error,
    /// A message from or to a room.
    Groupchat,
    /// A notice to which no reply is expected.
    Headline,
    /// A message outside of any conversation. The default for a missing or unknown type.
    Normal,
}

impl MessageType {
    /// Parses the attribute; an unknown value is `normal`.
    pub(crate) fn of(word: Option<&str>) -> MessageType {
        match word {
            Some("chat") => MessageType::Chat,
            Some("error") => MessageType::Error,
            Some("groupchat") => MessageType::Groupchat,
            Some("headline") => MessageType::Headline,
            _ => MessageType::Normal,
        }
    }

    /// Returns the value of the attribute `type`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet_core::message::MessageType::Chat.as_str(), "chat");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            MessageType::Chat => "chat",
            MessageType::Error => "error",
            MessageType::Groupchat => "groupchat",
            MessageType::Headline => "headline",
            MessageType::Normal => "normal",
        }
    }
}
