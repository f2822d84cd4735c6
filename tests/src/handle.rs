//! Requests and their responses, several addresses, presence.

use couplet::{
    Component, Condition, Empty, ErrorType, Incoming, InvalidStanza, Jid, Message, Outgoing,
    Presence, PresenceType, RequestError, SendErrorKind,
};
use couplet_test::{Backend, TestServer, TestUser};
use xmpp_parsers::ping::Ping;
use xmpp_parsers::version::{VersionQuery, VersionResult};

use crate::apps::{BOT, DOMAIN, Slow, echo};

/// RFC 6120, 8.2.3: a result, an error, or an unexpected payload.
pub async fn a_request_gets_the_response_of_the_peer(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let peer: Jid = alice.address().parse().unwrap();
    let handle = component.handle();

    let version = "<query xmlns='jabber:iq:version'><name>n</name><version>v</version></query>";
    let (good, asked) = tokio::join!(
        handle.get::<VersionResult>(&peer, VersionQuery),
        answer(&mut alice, "result", version),
    );
    assert_eq!(good.unwrap().name, "n");
    assert_eq!(asked, ("get".to_owned(), DOMAIN.to_owned()));

    let (malformed, _) = tokio::join!(
        handle.get::<VersionResult>(&peer, VersionQuery),
        answer(&mut alice, "result", "<query xmlns='jabber:iq:version'/>"),
    );
    assert!(
        matches!(malformed, Err(RequestError::Malformed(_))),
        "{malformed:?}"
    );

    let (missing, _) = tokio::join!(
        handle.get::<VersionResult>(&peer, VersionQuery),
        answer(&mut alice, "result", ""),
    );
    assert!(
        matches!(missing, Err(RequestError::Malformed(_))),
        "{missing:?}"
    );

    let (done, asked) = tokio::join!(
        handle.set::<Empty>(&peer, Slow),
        answer(&mut alice, "result", "")
    );
    assert_eq!((done.unwrap(), &*asked.0), (Empty, "set"));

    let no = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error>";
    let (refused, _) = tokio::join!(
        handle.set::<Empty>(&peer, Slow),
        answer(&mut alice, "error", no)
    );
    let Err(RequestError::Refused(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (error.condition, error.error_type),
        (Condition::Forbidden, ErrorType::Auth)
    );
    assert_eq!(error.text.as_deref(), Some("no"));

    let nobody = handle
        .get::<Empty>(&"nobody@localhost/x".parse().unwrap(), Ping)
        .await;
    let Err(RequestError::Refused(error)) = nobody else {
        panic!("{nobody:?}")
    };
    assert_eq!(error.condition, Condition::ServiceUnavailable);
    component.stop().await.unwrap();
}

/// A handler that waits for a response blocks no other conversation.
pub async fn a_handler_may_send_a_request_to_its_own_sender(server: &mut TestServer) {
    let curious = |config| {
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            let version: VersionResult = chat.handle().get(chat.from(), VersionQuery).await?;
            chat.reply(format!("you use {}", version.name)).await?;
            Ok(())
        })
    };
    let component = server.run(curious).await;
    let mut alice = server.user("alice").await;
    alice.chat(BOT, "guess").await;
    let version =
        "<query xmlns='jabber:iq:version'><name>telnet</name><version>v</version></query>";
    let asked = answer(&mut alice, "result", version).await;
    assert_eq!(asked.1, BOT);
    assert_eq!(alice.next_chat().await.text(), "you use telnet");
    component.stop().await.unwrap();
}

/// Each address sends and receives its own requests.
pub async fn many_addresses_act_on_behalf_of_their_owners(server: &mut TestServer) {
    let introducing = |config| {
        Component::new(config).on_chat(|chat: Incoming<Message>| async move {
            chat.reply(format!("{} to you", chat.to())).await
        })
    };
    let component = server.run(introducing).await;
    let mut alice = server.user("alice").await;
    let peer: Jid = alice.address().parse().unwrap();
    for name in ["one@echo.localhost", "two@echo.localhost/r"] {
        let handle = component
            .handle()
            .with_from(&name.parse().unwrap())
            .unwrap();
        assert_eq!(handle.address().as_str(), name);
        handle
            .send(Outgoing::presence(PresenceType::Available, &peer).status(name))
            .await
            .unwrap();
        let presence = alice.next().await;
        assert_eq!((presence.name(), presence.from()), ("presence", name));
        assert_eq!(presence.text_of("status"), name);
        let (pong, asked) = tokio::join!(
            handle.get::<Empty>(&peer, Ping),
            answer(&mut alice, "result", "")
        );
        assert_eq!((pong.unwrap(), &*asked.1), (Empty, name));
        alice.chat(name, "who?").await;
        let reply = alice.next_chat().await;
        assert_eq!(
            (reply.from(), reply.text()),
            (name, &*format!("{name} to you"))
        );
    }
    component.stop().await.unwrap();
}

/// Servers do not announce a component that is back; the hook does (servers.md, 8).
pub async fn presence_is_announced_at_each_login(server: &mut TestServer) {
    let friend: Jid = "friend@news.localhost".parse().unwrap();
    let (heard, mut hear) = tokio::sync::mpsc::channel(10);
    let listening = move |config| {
        Component::new(config).on_presence(move |presence: Incoming<Presence>| {
            let heard = heard.clone();
            async move { Ok(heard.send(presence.from().to_string()).await?) }
        })
    };
    let mut other = server.launch(TestServer::OTHER, listening).await;
    other.online().await;
    let announcing = move |config| {
        Component::new(config).on_online(move |handle| {
            let friend = friend.clone();
            async move {
                let hello = Outgoing::presence(PresenceType::Available, &friend);
                handle.send(hello).await.unwrap();
            }
        })
    };
    let first = server.run(announcing.clone()).await;
    assert_eq!(hear.recv().await.unwrap(), DOMAIN);
    first.stop().await.unwrap();
    let second = server.run(announcing).await;
    assert_eq!(hear.recv().await.unwrap(), DOMAIN);
    second.stop().await.unwrap();
    other.stop().await.unwrap();
}

/// RFC 6121, 3.1: the request and its approval.
pub async fn a_subscription_is_answered_by_its_handler(server: &mut TestServer) {
    let open = |config| {
        Component::new(config).on_presence_type(
            PresenceType::Subscribe,
            |presence: Incoming<Presence>| async move {
                let yes = Outgoing::presence(PresenceType::Subscribed, presence.from());
                presence.handle().send(yes).await
            },
        )
    };
    let component = server.run(open).await;
    let mut alice = server.user("alice").await;
    // A server forwards the approval only to clients that have requested their roster.
    alice
        .send_raw("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        .await;
    alice
        .send_raw(format!("<presence type='subscribe' to='{BOT}'/>"))
        .await;
    loop {
        let heard = alice.next().await;
        let told = heard.name() == "presence" && heard.type_() == "subscribed";
        let pushed = heard.to_string().contains("subscription='to'");
        if told && heard.from() == BOT || pushed && server.backend() != Backend::Memory {
            break;
        }
    }
    component.stop().await.unwrap();
}

/// The caller gets an error, and nothing is written: the server would close the stream.
pub async fn what_is_too_large_does_not_leave(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let peer: Jid = alice.address().parse().unwrap();
    let large = Outgoing::chat(&peer, &"x".repeat(600 << 10));
    let refused = component.handle().send(large).await.unwrap_err();
    assert!(
        matches!(
            refused.why(),
            SendErrorKind::Refused(InvalidStanza::TooLarge { .. })
        ),
        "{refused}"
    );
    component
        .handle()
        .send(Outgoing::chat(&peer, "small"))
        .await
        .unwrap();
    assert_eq!(alice.next_chat().await.text(), "small");
    assert_eq!(component.sessions(), 1);
    component.stop().await.unwrap();
}

/// Answers the next request; returns its type, and the address that sent it.
async fn answer(user: &mut TestUser, type_: &str, child: &str) -> (String, String) {
    let asked = user.next().await;
    let (id, to) = (asked.id(), asked.from());
    user.send_raw(format!(
        "<iq type='{type_}' id='{id}' to='{to}'>{child}</iq>"
    ))
    .await;
    (asked.type_().to_owned(), to.to_owned())
}
