//! A message or presence to send, built by the application.
//!
//! IQs are not built here: the handle sends requests and waits for the response, and handlers
//! return responses.

use xso::AsXml;

use crate::{
    jid::Jid,
    message::MessageType,
    presence::{PresenceType, Show},
    stanza::Kind,
    stanza_writer::{Head, InvalidStanza, StanzaWriter},
    xml_writer::XmlWriter,
};

mod reply;

/// A message or presence to send.
///
/// Without an explicit `from`, it is sent from the address of the handle.
///
/// # Examples
///
/// ```
/// use couplet_core::{outgoing::Outgoing, presence::PresenceType};
/// use xmpp_parsers::receipts::Request;
///
/// let to = "alice@example.org".parse().unwrap();
/// let news = Outgoing::chat(&to, "It rains").id("n1").payload(&Request);
/// let seen = Outgoing::presence(PresenceType::Subscribed, &to);
/// # let _ = (news, seen);
/// ```
#[derive(Clone)]
pub struct Outgoing {
    kind: Kind,
    type_: Option<&'static str>,
    from: Option<Jid>,
    to: Jid,
    id: Option<String>,
    lang: Option<String>,
    content: Vec<u8>,
    replaced: usize,
    wrong: Option<InvalidStanza>,
}

impl Outgoing {
    /// Creates a message of this type. (RFC 6121, 5)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{message::MessageType, outgoing::Outgoing};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let notice = Outgoing::message(MessageType::Headline, &alice).body("It rains");
    /// ```
    #[must_use]
    pub fn message(type_: MessageType, to: &Jid) -> Outgoing {
        // RFC 6121, 5.2.2: a missing type means `normal`.
        let word = (type_ != MessageType::Normal).then(|| type_.as_str());
        Outgoing::new(Kind::Message, word, to)
    }

    /// Creates a message of type `chat` with a body.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let hello = Outgoing::chat(&alice, "Hello");
    /// ```
    #[must_use]
    pub fn chat(to: &Jid, body: &str) -> Outgoing {
        Outgoing::message(MessageType::Chat, to).body(body)
    }

    /// Creates a presence of this type. (RFC 6121, 3 and 4)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{outgoing::Outgoing, presence::PresenceType};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let seen = Outgoing::presence(PresenceType::Available, &alice);
    /// ```
    #[must_use]
    pub fn presence(type_: PresenceType, to: &Jid) -> Outgoing {
        Outgoing::new(Kind::Presence, type_.as_str(), to)
    }

    fn new(kind: Kind, type_: Option<&'static str>, to: &Jid) -> Outgoing {
        Outgoing {
            kind,
            type_,
            from: None,
            to: to.clone(),
            id: None,
            lang: None,
            content: Vec::new(),
            replaced: 0,
            wrong: None,
        }
    }

    /// Sets the sender, in place of the handle's address. It must be an address of the component's
    /// domain, or sending fails with [`InvalidStanza::ForeignFrom`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let bot = "bot@echo.test".parse().unwrap();
    /// let hello = Outgoing::chat(&alice, "Hello").from(&bot);
    /// ```
    #[must_use]
    pub fn from(mut self, from: &Jid) -> Outgoing {
        self.from = Some(from.clone());
        self
    }

    /// Sets the id, to which errors and receipts refer. (RFC 6120, 8.1.3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let hello = Outgoing::chat(&alice, "Hello").id("h1");
    /// ```
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Outgoing {
        self.id = Some(id.into());
        self
    }

    /// Sets the language of the text. (RFC 6120, 8.1.5)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let hello = Outgoing::chat(&alice, "Hej").lang("nb");
    /// ```
    #[must_use]
    pub fn lang(mut self, lang: impl Into<String>) -> Outgoing {
        self.lang = Some(lang.into());
        self
    }

    /// Adds a `<body/>`. (RFC 6121, 5.2.3)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{message::MessageType, outgoing::Outgoing};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let hello = Outgoing::message(MessageType::Normal, &alice).body("Hello");
    /// ```
    #[must_use]
    pub fn body(self, text: &str) -> Outgoing {
        self.element("body", text)
    }

    /// Adds a `<subject/>`. (RFC 6121, 5.2.4)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{message::MessageType, outgoing::Outgoing};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let letter = Outgoing::message(MessageType::Normal, &alice).subject("Rain").body("...");
    /// ```
    #[must_use]
    pub fn subject(self, text: &str) -> Outgoing {
        self.element("subject", text)
    }

    /// Adds a `<thread/>`. (RFC 6121, 5.2.5)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let more = Outgoing::chat(&alice, "And more").thread("t1");
    /// ```
    #[must_use]
    pub fn thread(self, thread: &str) -> Outgoing {
        self.element("thread", thread)
    }

    /// Adds a `<show/>` to a presence. (RFC 6121, 4.7.2.1)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{outgoing::Outgoing, presence::{PresenceType, Show}};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let away = Outgoing::presence(PresenceType::Available, &alice).show(Show::Away);
    /// ```
    #[must_use]
    pub fn show(self, show: Show) -> Outgoing {
        self.element("show", show.as_str())
    }

    /// Adds a `<status/>` to a presence. (RFC 6121, 4.7.2.2)
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{outgoing::Outgoing, presence::PresenceType};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let busy = Outgoing::presence(PresenceType::Available, &alice).status("Building");
    /// ```
    #[must_use]
    pub fn status(self, text: &str) -> Outgoing {
        self.element("status", text)
    }

    /// Adds a typed payload, or a raw `minidom::Element`.
    ///
    /// If the payload cannot be serialised, sending fails with [`InvalidStanza::Payload`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    /// use xmpp_parsers::receipts::Request;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let asks_for_a_receipt = Outgoing::chat(&alice, "Hello").id("h1").payload(&Request);
    /// ```
    #[must_use]
    pub fn payload(mut self, payload: &impl AsXml) -> Outgoing {
        let mut xml = XmlWriter::new(&mut self.content);
        if let Err(why) = xml.payload(payload) {
            self.wrong = Some(InvalidStanza::Payload(why.to_string()));
        } else {
            self.replaced += xml.replaced();
        }
        self
    }

    /// Adds what `write` writes. For Couplet's own payloads; programs use [`Outgoing::payload`].
    #[doc(hidden)]
    #[must_use]
    pub fn written(mut self, write: impl FnOnce(&mut XmlWriter<'_>)) -> Outgoing {
        let mut xml = XmlWriter::new(&mut self.content);
        write(&mut xml);
        self.replaced += xml.replaced();
        self
    }

    /// Returns the recipient.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// assert_eq!(Outgoing::chat(&alice, "Hello").to(), &alice);
    /// ```
    #[must_use]
    pub fn to(&self) -> &Jid {
        &self.to
    }

    /// Returns the type, if it is a message.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{message::MessageType, outgoing::Outgoing};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// assert_eq!(Outgoing::chat(&alice, "Hello").message_type(), Some(MessageType::Chat));
    /// ```
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        (self.kind == Kind::Message).then(|| MessageType::of(self.type_))
    }

    /// Returns the id; sets it first if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let mut hello = Outgoing::chat(&alice, "Hello");
    /// assert_eq!(hello.ensure_id(|| "h1".to_owned()), "h1");
    /// assert_eq!(hello.ensure_id(|| "h2".to_owned()), "h1");
    /// ```
    pub fn ensure_id(&mut self, fresh: impl FnOnce() -> String) -> &str {
        self.id.get_or_insert_with(fresh)
    }

    /// Writes the stanza with the stanza writer, from `speaker` unless it has a `from`. Returns the
    /// number of characters that XML forbids and that were replaced.
    ///
    /// # Errors
    ///
    /// [`InvalidStanza`]; `out` is then unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::{stanza_writer::StanzaWriter, outgoing::Outgoing};
    ///
    /// let alice = "alice@example.org".parse().unwrap();
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
    /// let mut out = Vec::new();
    /// let replaced = Outgoing::chat(&alice, "a\u{0}").write(&stanza_writer, stanza_writer.domain(), &mut out)?;
    /// assert_eq!(replaced, 1);
    /// # Ok::<(), couplet_core::stanza_writer::InvalidStanza>(())
    /// ```
    pub fn write(
        &self,
        stanza_writer: &StanzaWriter,
        from: &Jid,
        out: &mut Vec<u8>,
    ) -> Result<usize, InvalidStanza> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        let head = Head {
            type_: self.type_,
            id: self.id.as_deref(),
            lang: self.lang.as_deref(),
            ..Head::new(
                self.kind,
                self.from.as_ref().unwrap_or(from).as_str(),
                self.to.as_str(),
            )
        };
        let replaced = stanza_writer.write(out, &head, |xml| xml.written(&self.content))?;
        Ok(replaced + self.replaced)
    }

    fn element(self, name: &str, text: &str) -> Outgoing {
        self.written(|xml| xml.element(name, text))
    }
}

/// Shows the recipient, never the content.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("kind", &self.kind)
            .field("type", &self.type_)
            .field("to", &self.to.as_str())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        element::{Scope, Tree},
        stanza::Stanza,
    };

    fn stanza_writer() -> StanzaWriter {
        StanzaWriter::new("echo.test".parse().unwrap(), 1000)
    }

    fn passed(outgoing: &Outgoing) -> Result<String, InvalidStanza> {
        let mut out = Vec::new();
        let from = "echo.test".parse().unwrap();
        outgoing.write(&stanza_writer(), &from, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn stanza(xml: &str) -> Stanza {
        Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap()
    }

    #[test]
    fn from_is_stamped() {
        let to = "a@b".parse().unwrap();
        assert_eq!(
            passed(&Outgoing::chat(&to, "1<2")).unwrap(),
            "<message from='echo.test' to='a@b' type='chat'><body>1&lt;2</body></message>"
        );
    }

    #[test]
    fn a_reply_keeps_type_thread_and_language_and_is_sent_from_the_address_written_to() {
        let message = stanza(
            "<message from='a@b/c' to='bot@echo.test' type='chat' xml:lang='de'><thread>t</thread><body>x</body></message>",
        );
        assert_eq!(
            passed(&Outgoing::reply(&message, "y")).unwrap(),
            "<message from='bot@echo.test' to='a@b/c' type='chat' xml:lang='de'><body>y</body><thread>t</thread></message>"
        );
    }

    #[test]
    fn a_reply_is_written_the_same_way_without_being_built() {
        for attributes in [
            "type='chat' xml:lang='de'",
            "",
            "type='groupchat'",
            "type='bogus'",
            "type='error'",
        ] {
            let message = stanza(&format!(
                "<message from='a@b/c' to='bot@echo.test' {attributes}><thread>t</thread></message>"
            ));
            let mut out = Vec::new();
            let written = Outgoing::write_reply(&message, "r1", "1<2", &stanza_writer(), &mut out)
                .map(|_| String::from_utf8(out).unwrap());
            assert_eq!(written, passed(&Outgoing::reply(&message, "1<2").id("r1")));
        }
    }

    #[test]
    fn a_reply_in_a_room_goes_to_the_room() {
        let message = stanza(
            "<message from='room@muc/nick' to='bot@echo.test' type='groupchat'><body>x</body></message>",
        );
        assert!(
            passed(&Outgoing::reply(&message, "y"))
                .unwrap()
                .contains("to='room@muc' type='groupchat'")
        );
    }

    #[test]
    fn an_error_is_never_replied_to() {
        let message = stanza(
            "<message from='a@b/c' to='bot@echo.test' type='error'><body>x</body></message>",
        );
        assert_eq!(
            passed(&Outgoing::reply(&message, "y")),
            Err(InvalidStanza::AnswersAnAnswer)
        );
    }
}
