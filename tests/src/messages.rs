//! Which messages a bot gets as chat messages, and the ids of its own messages.

use couplet::{
    Component, Condition, Config, Incoming, Message, MessageType, Outgoing, Presence, StanzaError,
};
use couplet_test::TestServer;
use tokio::sync::mpsc;

use crate::apps::{BOT, echo};

/// RFC 6120, 8.1.3: receipts, corrections and reactions need an id.
pub async fn every_message_has_an_id_that_send_returns(server: &mut TestServer) {
    let (learned, mut learn) = mpsc::channel(10);
    let answering = move |config| {
        Component::new(config).on_chat(move |chat: Incoming<Message>| {
            let learned = learned.clone();
            async move {
                let reply = chat.reply("a reply").await?;
                let more = Outgoing::chat(chat.from(), "and more");
                let sent = chat.handle().send(more).await?;
                let named = Outgoing::chat(chat.from(), "and the last").id("the-last");
                let given = chat.handle().send(named).await?;
                for id in [reply, sent, given] {
                    learned.send(id.as_str().to_owned()).await?;
                }
                Ok(())
            }
        })
    };
    let component = server.run(answering).await;
    let mut alice = server.user("alice").await;
    alice.chat(BOT, "hello").await;
    for id in [None, None, Some("the-last")] {
        let message = alice.next_chat().await;
        assert_eq!(message.id(), learn.recv().await.unwrap());
        assert_eq!(message.id(), id.unwrap_or(message.id()));
        assert!(message.id().len() == 36 || id.is_some(), "{message}");
    }
    component.stop().await.unwrap();
}

/// Invitations (XEP-0045, XEP-0249), copies (XEP-0280), fallbacks (XEP-0428).
pub async fn a_chat_handler_is_given_nothing_but_text(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    for children in [
        "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='bot@echo.localhost'/></x>",
        "<x xmlns='jabber:x:conference' jid='room@conference.localhost'/>",
        "<received xmlns='urn:xmpp:carbons:2'/>",
        "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>\
         <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>",
        "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>+</reaction></reactions>\
         <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'><body/></fallback>",
    ] {
        let message =
            format!("<message type='chat' to='{BOT}' id='1'>{children}<body>text</body></message>");
        alice.send_raw(message).await;
        alice.hears_only_a_pong_from(BOT).await;
    }
    component.stop().await.unwrap();
}

/// XEP-0045, 7.8; XEP-0249: an invitation is a message, but not a chat message.
pub async fn an_invitation_is_given_to_the_handler_of_messages(server: &mut TestServer) {
    let invited = |config| {
        Component::new(config)
            .on_chat(|chat: Incoming<Message>| async move { chat.reply("a chat").await })
            .on_message(
                |message: Incoming<Message>| async move { message.reply("an invitation").await },
            )
    };
    let component = server.run(invited).await;
    let mut alice = server.user("alice").await;
    for invitation in [
        "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='bot@echo.localhost'/></x>",
        "<x xmlns='jabber:x:conference' jid='room@conference.localhost' reason='join me'/>",
    ] {
        for body in ["", "<body>join me</body>"] {
            let message = format!("<message to='{BOT}'>{invitation}{body}</message>");
            alice.send_raw(message).await;
            assert_eq!(alice.next().await.text(), "an invitation");
        }
    }
    component.stop().await.unwrap();
}

/// XEP-0380: the body beside it is a placeholder.
pub async fn an_encrypted_chat_is_answered_once_that_it_cannot_be_read(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let encrypted = format!(
        "<message type='chat' to='{BOT}' id='1'>\
         <encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>QUJD</payload></encrypted>\
         <encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl' name='OMEMO'/>\
         <body>I sent you an OMEMO encrypted message</body></message>"
    );
    alice.send_raw(&encrypted).await;
    let answer = alice.next_chat().await;
    assert_eq!(
        (answer.from(), answer.text()),
        (
            BOT,
            "I cannot read encrypted messages. Please send it again without encryption."
        )
    );
    alice.send_raw(&encrypted).await;
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// XEP-0308.
pub async fn a_correction_names_the_message_it_replaces(server: &mut TestServer) {
    let correcting = |config| {
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            let corrected = chat.corrects().unwrap_or("nothing".into());
            chat.reply(format!("{} corrects {corrected}", chat.text()))
                .await
        })
    };
    let component = server.run(correcting).await;
    let mut alice = server.user("alice").await;
    alice.chat(BOT, "tae").await;
    assert_eq!(alice.next_chat().await.text(), "tae corrects nothing");
    let correction = format!(
        "<message type='chat' to='{BOT}' id='2'><body>tea</body>\
         <replace xmlns='urn:xmpp:message-correct:0' id='1'/></message>"
    );
    alice.send_raw(correction).await;
    assert_eq!(alice.next_chat().await.text(), "tea corrects 1");
    component.stop().await.unwrap();
}

/// XEP-0461, XEP-0428: ranges count code points.
pub async fn the_text_of_a_reply_is_without_its_quote(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let reply = format!(
        "<message type='chat' to='{BOT}' id='2'><body>&gt; 🐎 or tea?\nTea &amp; é</body>\
         <reply xmlns='urn:xmpp:reply:0' to='{BOT}' id='1'/>\
         <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='12'/></fallback></message>"
    );
    alice.send_raw(reply).await;
    assert_eq!(alice.next_chat().await.text(), "Tea & é");
    component.stop().await.unwrap();
}

/// XEP-0045, 7.4: a room sends each message to all occupants, including its sender.
pub async fn a_room_gets_no_reply_to_the_bots_own_message(server: &mut TestServer) {
    const ROOM: &str = "room@news.localhost";
    let (heard, mut hear) = mpsc::channel(10);
    let room = move |config| {
        Component::new(config).on_message(move |message: Incoming<Message>| {
            let heard = heard.clone();
            async move {
                let id = message.id().unwrap_or_default().into_owned();
                let reflected = reflection(&message, &id);
                message.handle().send(reflected).await?;
                heard.send(message.text().into_owned()).await?;
                Ok(())
            }
        })
    };
    let talkative = |config: Config| {
        Component::new(config)
            .on_message(|message: Incoming<Message>| async move { message.reply("a reply").await })
    };
    let component = server.run(talkative).await;
    let mut other = server.launch(TestServer::OTHER, room).await;
    other.online().await;
    let bot = BOT.parse().unwrap();
    let nick = format!("{ROOM}/alice").parse().unwrap();
    let said = Outgoing::message(MessageType::Groupchat, &bot).body("hello all");
    other.handle().send(said.from(&nick)).await.unwrap();
    assert_eq!(hear.recv().await.unwrap(), "a reply");
    let said = Outgoing::message(MessageType::Groupchat, &bot).body("hello again");
    other.handle().send(said.from(&nick)).await.unwrap();
    // The reply to the second message, not one to the reflection of the first.
    assert_eq!(hear.recv().await.unwrap(), "a reply");
    let mut alice = server.user("alice").await;
    alice.ping(BOT).await;
    alice.ping(TestServer::OTHER).await;
    alice.ping(BOT).await;
    assert!(hear.try_recv().is_err(), "it answered its own reply");
    component.stop().await.unwrap();
    other.stop().await.unwrap();
}

/// XEP-0045, 7.14: a room removes an occupant whose client answers with errors.
pub async fn available_presence_is_never_answered_with_an_error(server: &mut TestServer) {
    let refusing = |config| {
        Component::new(config).on_presence(|_: Incoming<Presence>| async move {
            Err::<(), _>(StanzaError::new(Condition::NotAllowed))
        })
    };
    let component = server.run(refusing).await;
    let mut alice = server.user("alice").await;
    alice.send_raw(format!("<presence to='{BOT}'/>")).await;
    alice.hears_only_a_pong_from(BOT).await;
    alice
        .send_raw(format!("<presence type='probe' to='{BOT}'/>"))
        .await;
    assert_eq!(alice.next().await.condition(), "not-allowed");
    component.stop().await.unwrap();
}

/// Returns a message of an occupant as the room reflects it.
fn reflection(message: &Incoming<Message>, id: &str) -> Outgoing {
    let nick = format!("{}/bot", message.to()).parse().unwrap();
    Outgoing::message(MessageType::Groupchat, message.from())
        .from(&nick)
        .body(&message.text())
        .id(id)
}
