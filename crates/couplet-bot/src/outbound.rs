//! Sends messages: from the address of the bot, each with an id that is also its origin id.

use couplet::{Jid, Message, MessageType, Outgoing, SendError, SentId};
use xmpp_parsers::{
    chatstates::ChatState, message_correct::Replace, minidom::Element, receipts,
    stanza_id::OriginId,
};
use xso::AsXml;

use crate::{conversation::Conversation, ids::Ids, shared::Shared, split::split, text::Text};

const NS_MARKERS: &str = "urn:xmpp:chat-markers:0";
const NS_HINTS: &str = "urn:xmpp:hints";

/// A text that a client may send by a button. (XEP-0439, 3)
#[derive(AsXml)]
#[xml(namespace = "urn:xmpp:tmp:quick-response", name = "response")]
struct QuickResponse {
    #[xml(attribute)]
    value: String,
    #[xml(attribute)]
    label: String,
}

/// Where the messages of a turn go, and what they keep of the message that began it.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub(crate) to: Jid,
    pub(crate) type_: MessageType,
    pub(crate) thread: Option<String>,
    pub(crate) lang: Option<String>,
}

impl Recipient {
    /// Returns the sender of a message.
    pub(crate) fn of(message: &Message) -> Recipient {
        let stanza = message.stanza();
        Recipient {
            to: stanza.from().clone(),
            type_: message.type_(),
            thread: message.thread().map(|thread| thread.into_owned()),
            lang: stanza.lang().map(|lang| lang.into_owned()),
        }
    }

    /// Returns all devices of a person.
    pub(crate) fn of_conversation(conversation: &Conversation) -> Recipient {
        Recipient {
            to: conversation.address().clone().into(),
            type_: MessageType::Chat,
            thread: None,
            lang: None,
        }
    }
}

/// What is said of a message beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks<'a> {
    /// The id of the message that it corrects.
    pub(crate) replaces: Option<&'a str>,
    /// Another correction follows: archives need not store it.
    pub(crate) is_passing: bool,
    /// Values and labels that clients may show as buttons. (XEP-0439)
    pub(crate) responses: &'a [(String, String)],
}

/// Sends a text in as many messages as it needs, and returns the id of the first.
pub(crate) async fn send(
    shared: &Shared,
    recipient: &Recipient,
    ids: &Ids,
    text: &Text,
    marks: Marks<'_>,
) -> Result<SentId, SendError> {
    let mut first = None;
    let mut parts = split(text.text()).into_iter().peekable();
    while let Some(part) = parts.next() {
        let id = ids.next();
        let mut message = Outgoing::message(recipient.type_, &recipient.to)
            .id(&id)
            .body(&part)
            .payload(&OriginId { id });
        if let Some(thread) = &recipient.thread {
            message = message.thread(thread);
        }
        if let Some(lang) = &recipient.lang {
            message = message.lang(lang);
        }
        if shared.chat_states.wants(&recipient.to.to_bare()) {
            message = message.payload(&ChatState::Active);
        }
        if text.is_important() {
            message = message
                .payload(&receipts::Request)
                .payload(&Element::bare("markable", NS_MARKERS));
        }
        // Only the first part takes the place of the earlier message.
        if let Some(replaced) = marks.replaces.filter(|_| first.is_none()) {
            let id = xmpp_parsers::message::Id(replaced.to_owned());
            message = message.payload(&Replace { id });
        }
        // The last part is the one that is answered.
        if parts.peek().is_none() {
            for (value, label) in marks.responses {
                let (value, label) = (value.clone(), label.clone());
                message = message.payload(&QuickResponse { value, label });
            }
        }
        if marks.is_passing {
            message = message.payload(&Element::bare("no-store", NS_HINTS));
        }
        let sent = shared.handle.send(message).await?;
        // A correction is known by the first id.
        let known = marks.replaces.filter(|_| first.is_none());
        let person = recipient.to.to_bare();
        shared
            .last_sent
            .set(person.prepared(), known.unwrap_or(sent.as_str()));
        first = first.or(Some(sent));
    }
    // A text has at least one part.
    match first {
        Some(id) => Ok(id),
        None => {
            let nothing = Outgoing::message(recipient.type_, &recipient.to);
            shared.handle.send(nothing).await
        }
    }
}

/// Sends a chat state alone. (XEP-0085, 5.3)
pub(crate) async fn send_state(shared: &Shared, recipient: &Recipient, state: &ChatState) {
    let message = Outgoing::message(MessageType::Chat, &recipient.to)
        .payload(state)
        .payload(&Element::bare("no-store", NS_HINTS));
    if let Err(error) = shared.handle.send(message).await {
        tracing::debug!(%error, "chat state not sent");
    }
}
