//! Classifies messages by their content for the recipient: text, something encrypted, or neither.

use super::{Message, fallback};
use crate::{element::Element, xml_writer::NS_CLIENT};

/// The kind of content that a message has for its recipient.
///
/// # Examples
///
/// ```
/// # use couplet_core::{element::{Scope, Tree}, message::Message, stanza::Stanza};
/// use couplet_core::message::Content;
///
/// # fn message(children: &str) -> Message {
/// #     let xml = format!("<message from='a@b/c' to='d' type='chat'>{children}</message>");
/// #     Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap().into()
/// # }
/// assert_eq!(message("<body>hi</body>").content(), Content::Text);
/// let typing = message("<composing xmlns='http://jabber.org/protocol/chatstates'/>");
/// assert_eq!(typing.content(), Content::Other);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Readable text.
    Text,
    /// Text that only the recipient's keys can decrypt; a body beside it is a placeholder.
    /// (XEP-0380, XEP-0384, XEP-0373, XEP-0027)
    Encrypted,
    /// No text for the recipient: no body, an invitation to a room (XEP-0045, 7.8; XEP-0249), a
    /// notification of a room, a copy of another message (XEP-0280, XEP-0313), or a body that is a
    /// fallback as a whole (XEP-0428).
    Other,
}

/// What one pass over the children of a message finds: its content and the acknowledgements that its
/// sender asks for.
///
/// # Examples
///
/// ```
/// # use couplet_core::{element::{Scope, Tree}, message::Message, stanza::Stanza};
/// use couplet_core::message::{Content, Scan};
///
/// # let xml = "<message from='a@b/c' to='d' type='chat'><body>hi</body><request xmlns='urn:xmpp:receipts'/></message>";
/// # let message = Message::from(Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap());
/// let Scan { content, receipt, displayed } = message.scan();
/// assert_eq!((content, receipt, displayed), (Content::Text, true, false));
/// ```
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What it carries for its recipient.
    pub content: Content,
    /// Whether its sender asks for a receipt. (XEP-0184, 5.2)
    pub receipt: bool,
    /// Whether its sender asks to learn that it was displayed. (XEP-0333, 4)
    pub displayed: bool,
}

impl Message {
    /// Classifies a message by its child elements; ignores the type.
    ///
    /// # Examples
    ///
    /// ```
    /// # use couplet_core::{element::{Scope, Tree}, message::{Content, Message}, stanza::Stanza};
    /// # let xml = "<message from='room@muc' to='bot@c'><x xmlns='http://jabber.org/protocol/muc#user'>\
    /// #     <invite from='a@b'/></x><body>a@b invites you</body></message>";
    /// # let message = Message::from(Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap());
    /// // An invitation to a room, with a body for clients that do not know it.
    /// assert_eq!(message.content(), Content::Other);
    /// ```
    #[must_use]
    pub fn content(&self) -> Content {
        self.scan().content
    }

    /// Returns its content and the acknowledgements that its sender asks for; the type is not looked at.
    #[doc(hidden)]
    #[must_use]
    pub fn scan(&self) -> Scan {
        let (mut receipt, mut displayed) = (false, false);
        let content = self.content_noting(&mut receipt, &mut displayed);
        Scan {
            content,
            receipt,
            displayed,
        }
    }

    fn content_noting(&self, receipt: &mut bool, displayed: &mut bool) -> Content {
        let (mut has_text, mut has_fallback) = (false, false);
        let (mut mark, mut sealed) = (false, false);
        for child in self.stanza().payloads() {
            match child.ns() {
                NS_CLIENT => has_text |= child.name() == "body" && child.has_text(),
                "http://jabber.org/protocol/muc#user" if self.is_of_the_room_itself(child) => {
                    return Content::Other;
                }
                "jabber:x:conference" => return Content::Other,
                "urn:xmpp:receipts" => *receipt |= child.name() == "request",
                "urn:xmpp:chat-markers:0" => *displayed |= child.name() == "markable",
                "urn:xmpp:carbons:2" if matches!(child.name(), "sent" | "received") => {
                    return Content::Other;
                }
                "urn:xmpp:mam:1" | "urn:xmpp:mam:2" if child.name() == "result" => {
                    return Content::Other;
                }
                "urn:xmpp:eme:0" => mark = true,
                "eu.siacs.conversations.axolotl" | "urn:xmpp:omemo:1" | "urn:xmpp:omemo:2" => {
                    mark = true;
                    // Without a payload the element only transports keys. (XEP-0384, 5.5.3)
                    sealed |= child.children().any(|part| part.name() == "payload");
                }
                "jabber:x:encrypted" | "urn:xmpp:openpgp:0" => sealed = true,
                _ => has_fallback |= fallback::is_fallback(child),
            }
        }
        if sealed || (mark && has_text) {
            return Content::Encrypted;
        }
        if has_fallback {
            has_text = !self.text().trim().is_empty();
        }
        if has_text {
            Content::Text
        } else {
            Content::Other
        }
    }

    /// Returns whether a `muc#user` extension marks a message of the room, not of an occupant. A
    /// private message may have an empty extension (XEP-0045, 7.5).
    fn is_of_the_room_itself(&self, extension: Element<'_>) -> bool {
        !self.stanza().from_text().contains('/') || extension.children().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        element::{Scope, Tree},
        stanza::Stanza,
    };

    fn content(from: &str, children: &str) -> Content {
        let xml = format!("<message from='{from}' to='bot@c'>{children}</message>");
        let tree = Tree::parse(xml, &Scope::component()).unwrap();
        Message::from(Stanza::read(tree).unwrap()).content()
    }

    const BODY: &str = "<body>some text</body>";

    #[test]
    fn what_a_sender_asks_for_is_found_wherever_it_stands() {
        let asks = |children: &str| {
            let xml = format!("<message from='a@b/c' to='bot@c'>{children}</message>");
            let tree = Tree::parse(xml, &Scope::component()).unwrap();
            let scan = Message::from(Stanza::read(tree).unwrap()).scan();
            (scan.receipt, scan.displayed)
        };
        let receipt = "<request xmlns='urn:xmpp:receipts'/>";
        let marker = "<markable xmlns='urn:xmpp:chat-markers:0'/>";
        assert_eq!(asks(BODY), (false, false));
        assert_eq!(asks(&format!("{receipt}{BODY}")), (true, false));
        assert_eq!(asks(&format!("{BODY}{marker}")), (false, true));
        assert_eq!(asks(&format!("{BODY}{marker}{receipt}")), (true, true));
        let answers = "<received xmlns='urn:xmpp:receipts' id='1'/>\
                       <displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>";
        assert_eq!(asks(&format!("{BODY}{answers}")), (false, false));
    }

    #[test]
    fn an_invitation_is_no_text() {
        for invitation in [
            "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x>",
            "<x xmlns='http://jabber.org/protocol/muc#user'><decline from='a@b'/></x>",
            "<x xmlns='jabber:x:conference' jid='room@muc'/>",
        ] {
            for from in ["room@muc", "a@b/c"] {
                assert_eq!(
                    content(from, &format!("{invitation}{BODY}")),
                    Content::Other
                );
            }
        }
    }

    #[test]
    fn a_notice_of_a_room_is_no_text_and_a_private_message_of_an_occupant_is() {
        let empty = format!("{BODY}<x xmlns='http://jabber.org/protocol/muc#user'/>");
        assert_eq!(content("room@muc", &empty), Content::Other);
        assert_eq!(content("room@muc/alice", &empty), Content::Text);
        let status = "<x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x>";
        assert_eq!(
            content("room@muc/alice", &format!("{BODY}{status}")),
            Content::Other
        );
    }

    #[test]
    fn a_copy_of_another_message_is_no_text() {
        for copy in [
            "<sent xmlns='urn:xmpp:carbons:2'/>",
            "<received xmlns='urn:xmpp:carbons:2'/>",
            "<result xmlns='urn:xmpp:mam:2'/>",
        ] {
            assert_eq!(content("a@b/c", &format!("{copy}{BODY}")), Content::Other);
        }
        let private = "<private xmlns='urn:xmpp:carbons:2'/>";
        assert_eq!(content("a@b/c", &format!("{private}{BODY}")), Content::Text);
    }

    #[test]
    fn a_placeholder_for_something_encrypted_is_no_text() {
        let omemo = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/>";
        for sealed in [
            format!("{omemo}<payload>QUJD</payload></encrypted>"),
            format!("{omemo}<payload>QUJD</payload></encrypted>{BODY}"),
            format!("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:x'/>{BODY}"),
            format!("<x xmlns='jabber:x:encrypted'>QUJD</x>{BODY}"),
            format!("<openpgp xmlns='urn:xmpp:openpgp:0'>QUJD</openpgp>{BODY}"),
        ] {
            assert_eq!(content("a@b/c", &sealed), Content::Encrypted, "{sealed}");
        }
        let keys_alone = format!("{omemo}</encrypted>");
        assert_eq!(content("a@b/c", &keys_alone), Content::Other);
    }

    #[test]
    fn a_body_that_is_a_fallback_as_a_whole_is_no_text() {
        for fallback in [
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>",
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'><body/></fallback>",
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'><body start='0' end='9'/></fallback>",
            "<fallback xmlns='urn:xmpp:feature-fallback:0'/>",
        ] {
            assert_eq!(
                content("a@b/c", &format!("{fallback}{BODY}")),
                Content::Other
            );
        }
        let subject = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'><subject/></fallback>";
        assert_eq!(content("a@b/c", &format!("{subject}{BODY}")), Content::Text);
        let quote = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='5'/></fallback>";
        assert_eq!(content("a@b/c", &format!("{quote}{BODY}")), Content::Text);
    }
}
