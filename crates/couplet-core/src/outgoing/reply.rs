//! Replies to messages, as a value or written directly.

use std::borrow::Cow;

use super::Outgoing;
use crate::{
    jid::Jid,
    stanza::{Kind, Stanza},
    stanza_writer::{Head, InvalidStanza, StanzaWriter},
    xml_writer::NS_CLIENT,
};

impl Outgoing {
    /// Creates the reply to a message: to its sender, from the address it was sent to, with the
    /// same type, thread and language. A reply to a `groupchat` message goes to the room.
    ///
    /// Use it to add something to a reply; otherwise call `reply` on the incoming message.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b/c' to='bot@echo.test' type='chat'><body>x</body></message>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::outgoing::Outgoing;
    ///
    /// let reply = Outgoing::reply(&stanza, "y");
    /// assert_eq!(reply.to().as_str(), "a@b/c");
    /// ```
    #[must_use]
    pub fn reply(message: &Stanza, body: &str) -> Outgoing {
        let (type_, room) = reply_to(message);
        let to = room.as_ref().unwrap_or(message.from());
        let mut reply = Outgoing::new(Kind::Message, type_, to)
            .from(message.to())
            .body(body);
        if let Some(thread) = message.payload("thread", NS_CLIENT) {
            reply = reply.thread(&thread.text());
        }
        reply.lang = message.lang().map(Cow::into_owned);
        if message.is_answer() {
            reply.wrong = Some(InvalidStanza::AnswersAnAnswer);
        }
        reply
    }

    /// Writes the reply to a message with this body and id, without building an [`Outgoing`].
    ///
    /// # Errors
    ///
    /// [`InvalidStanza`]; `out` is then unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, stanza::Stanza};
    /// # let tree = Tree::parse("<message from='a@b/c' to='bot@echo.test' type='chat'><body>x</body></message>", &Scope::component()).unwrap();
    /// # let stanza = Stanza::read(tree).unwrap();
    /// use couplet_core::{stanza_writer::StanzaWriter, outgoing::Outgoing};
    ///
    /// let stanza_writer = StanzaWriter::new("echo.test".parse().unwrap(), 512 * 1024);
    /// let mut out = Vec::new();
    /// Outgoing::write_reply(&stanza, "r1", "y", &stanza_writer, &mut out)?;
    /// assert_eq!(out, b"<message from='bot@echo.test' to='a@b/c' type='chat' id='r1'><body>y</body></message>");
    /// # Ok::<(), couplet_core::stanza_writer::InvalidStanza>(())
    /// ```
    pub fn write_reply(
        message: &Stanza,
        id: &str,
        body: &str,
        stanza_writer: &StanzaWriter,
        out: &mut Vec<u8>,
    ) -> Result<usize, InvalidStanza> {
        if message.is_answer() {
            return Err(InvalidStanza::AnswersAnAnswer);
        }
        let (type_, room) = reply_to(message);
        let lang = message.lang();
        let head = Head {
            type_,
            id: Some(id),
            lang: lang.as_deref(),
            ..Head::new(
                Kind::Message,
                message.to_text(),
                room.as_ref().map_or(message.from_text(), Jid::as_str),
            )
        };
        stanza_writer.write(out, &head, |xml| {
            xml.element("body", body);
            if let Some(thread) = message.payload("thread", NS_CLIENT) {
                xml.element("thread", &thread.text());
            }
        })
    }
}

/// Returns the type of a reply, and the room if the reply goes there.
fn reply_to(message: &Stanza) -> (Option<&'static str>, Option<Jid>) {
    let word = message.type_();
    let type_ = ["chat", "groupchat", "headline", "normal"]
        .into_iter()
        .find(|known| Some(*known) == word.as_deref());
    let room = (type_ == Some("groupchat")).then(|| message.from().to_bare().into());
    (type_, room)
}
