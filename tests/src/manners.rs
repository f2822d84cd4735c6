//! The replies of an echo: what they keep, where they come from, and which messages get none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use couplet::{Component, Config, Incoming, Jid, Message, MessageType, Outgoing};
use couplet_test::{Backend, TestServer};
use tokio::sync::mpsc;

use crate::apps::{BOT, DOMAIN, echo};

/// RFC 6121, 5.2: a reply continues the conversation.
pub async fn a_reply_keeps_type_thread_and_language(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    for (type_, lang) in [("chat", "de"), ("normal", "en"), ("chat", "")] {
        let lang_attribute = if lang.is_empty() {
            String::new()
        } else {
            format!("xml:lang='{lang}'")
        };
        let message = format!(
            "<message type='{type_}' {lang_attribute} to='{BOT}' id='m1'>\
             <thread>t-1</thread><body>1 &lt; 2</body></message>"
        );
        alice.send_raw(message).await;
        let reply = alice.next().await;
        assert_eq!(reply.text(), "1 < 2");
        assert_eq!(reply.text_of("thread"), "t-1");
        // servers.md, 3: a server may leave `normal` out, or add a language of its own.
        assert!(
            [type_, ""].contains(&reply.type_()) || type_ != "normal",
            "{reply}"
        );
        assert!(type_ == "normal" || reply.type_() == type_, "{reply}");
        assert!(lang.is_empty() || reply.lang() == lang, "{reply}");
    }
    component.stop().await.unwrap();
}

/// RFC 6121, 5.2.2: a message without a type is a normal one.
pub async fn a_message_without_type_is_replied_to(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    alice
        .send_raw(format!("<message to='{BOT}'><body>plain</body></message>"))
        .await;
    let reply = alice.next().await;
    assert_eq!((reply.text(), reply.type_()), ("plain", ""));
    component.stop().await.unwrap();
}

/// RFC 6121, 8.5.1: the client then shows that the message was not delivered.
pub async fn a_text_without_a_handler_is_rejected_with_refuse_texts(server: &mut TestServer) {
    let service = |config| Component::new(config).refuse_texts();
    let component = server.run(service).await;
    let mut alice = server.user("alice").await;
    for type_ in ["chat", "normal"] {
        let text =
            format!("<message type='{type_}' to='{DOMAIN}' id='t1'><body>hi</body></message>");
        alice.send_raw(text).await;
        let refused = alice.next().await;
        assert_eq!(refused.type_(), "error", "{refused}");
        assert_eq!(refused.condition(), "service-unavailable");
        assert_eq!(refused.from(), DOMAIN);
    }
    let headline = format!("<message type='headline' to='{DOMAIN}'><body>hi</body></message>");
    alice.send_raw(headline).await;
    alice.hears_only_a_pong_from(DOMAIN).await;
    component.stop().await.unwrap();
}

/// Also from a resource, and from the domain itself.
pub async fn a_reply_comes_from_the_address_that_was_written_to(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    for address in [
        DOMAIN,
        BOT,
        "bot@echo.localhost/a/b@c",
        "echo.localhost/x",
        "b\\40x@echo.localhost",
    ] {
        alice.chat(address, address).await;
        let reply = alice.next().await;
        assert_eq!((reply.from(), reply.text()), (address, address));
        assert_eq!(reply.to(), alice.address());
    }
    component.stop().await.unwrap();
}

/// Other components often send from an address without a resource.
pub async fn a_bare_sender_is_replied_to(server: &mut TestServer) {
    let (heard, mut hear) = mpsc::channel(10);
    let listening = move |config| {
        Component::new(config).on_message(move |message: Incoming<Message>| {
            let heard = heard.clone();
            async move {
                let (from, text) = (message.from().to_string(), message.text().into_owned());
                heard.send((from, message.to().to_string(), text)).await?;
                Ok(())
            }
        })
    };
    let component = server.run(echo).await;
    let mut other = server.launch(TestServer::OTHER, listening).await;
    other.online().await;
    let bare: Jid = "carol@news.localhost".parse().unwrap();
    let carol = other.handle().with_from(&bare).unwrap();
    carol
        .send(Outgoing::chat(&BOT.parse().unwrap(), "from a bare address"))
        .await
        .unwrap();
    let reply = hear.recv().await.unwrap();
    assert_eq!(
        reply,
        (
            BOT.to_owned(),
            bare.to_string(),
            "from a bare address".to_owned()
        )
    );
    component.stop().await.unwrap();
    other.stop().await.unwrap();
}

/// Errors, rooms, headlines, empty bodies, no bodies, and its own messages.
pub async fn an_echo_does_not_answer_everything(server: &mut TestServer) {
    let called = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&called);
    let counting = move |config| {
        Component::new(config).on_chat(move |chat: Incoming<Message>| {
            calls.fetch_add(1, Ordering::Relaxed);
            async move { chat.reply(chat.text()).await }
        })
    };
    let component = server.run(counting).await;
    let mut alice = server.user("alice").await;
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (type_, children) in [
        ("error", format!("<body>x</body>{error}")),
        ("groupchat", "<body>x</body>".to_owned()),
        ("headline", "<body>x</body>".to_owned()),
        ("chat", "<body/>".to_owned()),
        ("chat", "<body></body>".to_owned()),
        (
            "chat",
            "<active xmlns='http://jabber.org/protocol/chatstates'/>".to_owned(),
        ),
        ("chat", String::new()),
    ] {
        alice
            .send_raw(format!(
                "<message type='{type_}' to='{BOT}'>{children}</message>"
            ))
            .await;
        // In a room only the response to the ping arrives; nothing comes before it.
        alice.hears_only_a_pong_from(BOT).await;
    }
    let (ours, bot) = (
        "other@echo.localhost".parse().unwrap(),
        BOT.parse().unwrap(),
    );
    component
        .handle()
        .send(Outgoing::chat(&bot, "x").from(&ours))
        .await
        .unwrap();
    component
        .handle()
        .send(Outgoing::message(MessageType::Normal, &bot).body("x"))
        .await
        .unwrap();
    // servers.md, 5: a stanza to our own domain comes back before the server's response.
    let host = "localhost".parse().unwrap();
    let _whatever_it_says = component
        .handle()
        .get::<couplet::Empty>(&host, xmpp_parsers::ping::Ping)
        .await;
    assert_eq!(called.load(Ordering::Relaxed), 0);
    alice.chat(BOT, "once").await;
    assert_eq!(alice.next().await.text(), "once");
    assert_eq!(called.load(Ordering::Relaxed), 1);
    component.stop().await.unwrap();
}

/// Characters that XML forbids are replaced, because the server would close the stream.
pub async fn characters_that_xml_forbids_do_not_end_the_stream(server: &mut TestServer) {
    let nasty = |config: Config| {
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            let raw = xmpp_parsers::minidom::Element::builder("note", "urn:example:note")
                .attr(
                    xmpp_parsers::minidom::rxml::xml_ncname!("a").to_owned(),
                    "b\u{1}\u{FFFF}",
                )
                .append("c\u{0}d")
                .build();
            let reply = Outgoing::chat(chat.from(), "a\u{0}b\u{FFFE}c\u{1F600}\n]]>&amp;")
                .id("i\u{8}")
                .payload(&raw);
            chat.handle().send(reply).await
        })
    };
    let component = server.run(nasty).await;
    let mut alice = server.user("alice").await;
    alice.chat(BOT, "say it").await;
    let reply = alice.next().await;
    assert_eq!(reply.text(), "a\u{FFFD}b\u{FFFD}c\u{1F600}\n]]>&amp;");
    assert_eq!(reply.id(), "i\u{FFFD}");
    let note = reply.root().child("note", "urn:example:note").unwrap();
    assert_eq!(
        (&*note.text(), &*note.attr("a").unwrap()),
        ("c\u{FFFD}d", "b\u{FFFD}\u{FFFD}")
    );
    alice.ping(BOT).await;
    assert_eq!(component.sessions(), 1);
    if server.backend() == Backend::Memory {
        assert!(server.in_memory().await.journal().contains("no faults"));
    }
    component.stop().await.unwrap();
}
