//! Receipts and displayed markers for chats that ask for them. (XEP-0184, XEP-0333)
//!
//! They are sent when the handler begins, so that what its middleware rejects gets none.

use couplet_core::{
    message::{Message, MessageType},
    stanza::{Kind, Stanza},
    stanza_writer::Head,
    xml_writer::NS_CLIENT,
};

use crate::{outbox::Fate, shared::Shared};

/// Sends the acknowledgements that a chat asks for.
pub(super) fn acknowledge(chat: &Stanza, shared: &Shared) {
    // XEP-0184, 5.2: without an id there is nothing to refer to.
    let Some(id) = chat.id() else { return };
    let message = Message::from(chat.clone());
    let asked = message.scan();
    if asked.receipt {
        send(&message, "<received xmlns='urn:xmpp:receipts'", &id, shared);
    }
    if asked.displayed {
        send(
            &message,
            "<displayed xmlns='urn:xmpp:chat-markers:0'",
            &id,
            shared,
        );
    }
}

fn send(message: &Message, element: &str, id: &str, shared: &Shared) {
    let chat = message.stanza();
    let own_id = shared.sent_ids.next();
    let type_ = message.type_();
    let head = Head {
        type_: (type_ != MessageType::Normal).then(|| type_.as_str()),
        id: Some(own_id.as_str()),
        ..Head::new(Kind::Message, chat.to_text(), chat.from_text())
    };
    let added = shared.outbox.add(Fate::Kept, |stanza_writer, out| {
        stanza_writer.write(out, &head, |xml| {
            xml.raw(element);
            xml.attribute("id", id);
            xml.raw("/><store xmlns='urn:xmpp:hints'/>");
            if let Some(thread) = chat.payload("thread", NS_CLIENT) {
                xml.element("thread", &thread.text());
            }
        })
    });
    if let Err(error) = added {
        tracing::debug!(
            ?error,
            to = chat.from_text(),
            id,
            "an acknowledgement was not sent"
        );
    }
}
