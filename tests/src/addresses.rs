//! Addresses: a response goes to exactly the characters of `from`, from exactly the characters of
//! `to`. (RFC 7622)

use couplet::{Component, Config, Empty, Handle, Jid, Outgoing};
use couplet_test::{Running, TestServer, TestUser};
use tokio::sync::mpsc;
use xmpp_parsers::ping::Ping;

use crate::apps::{BOT, echo, payload};

/// Emoji, and letters newer than the tables of stringprep.
const NEWER: [&str; 7] = [
    "room@{}/🐎",
    "ⵉⵎⴰⵣ@{}/r",
    "ߒߞߏ@{}",
    "ൻ@{}/ൻ",
    "😀@{}",
    "u@{}/Anna's iPhone 😀",
    "u@{}/🥹",
];

/// Characters that stringprep maps to others.
const REWRITTEN: [&str; 5] = [
    "room@{}/പ്രവീണ്\u{200d}",
    "room@{}/x² ﬁ",
    "straße@{}/r",
    "u@{}/e\u{301}",
    "U@{}/r",
];

/// Checked by a user's client, which accepts no response from or to another address.
pub async fn a_response_goes_to_exactly_the_address_that_came(server: &mut TestServer) {
    let component = server.run(echo).await;
    let memory = server.in_memory().await;
    let all = NEWER.into_iter().chain(REWRITTEN);
    let domains = [
        "localhost",
        "straße.example",
        "my--app.example",
        "xn--bdk.example",
    ];
    for (user, domain) in all.flat_map(|user| domains.map(|domain| (user, domain))) {
        let mut user = memory.user(&user.replace("{}", domain));
        for ours in [BOT, "bot@echo.localhost/🐎", "😀@echo.localhost/x²"] {
            is_answered_exactly(&mut user, ours).await;
        }
    }
    component.stop().await.unwrap();
}

async fn is_answered_exactly(user: &mut TestUser, ours: &str) {
    let address = user.address().to_owned();
    let pong = user.ask("get", ours, "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(
        (pong.type_(), pong.from(), pong.to()),
        ("result", ours, &*address)
    );
    let refused = user.ask("set", ours, &payload("absent")).await;
    assert_eq!(refused.condition(), "service-unavailable");
    assert_eq!((refused.from(), refused.to()), (ours, &*address));
    user.chat(ours, "hello").await;
    let echoed = user.next_chat().await;
    assert_eq!(
        (echoed.text(), echoed.from(), echoed.to()),
        ("hello", ours, &*address)
    );
}

/// Another component of the same server sends requests and messages from such an address.
pub async fn letters_newer_than_unicode_3_2_are_answered(server: &mut TestServer) {
    are_answered(server, &NEWER).await;
}

/// The same with addresses that stringprep changes.
pub async fn letters_that_stringprep_maps_are_answered(server: &mut TestServer) {
    are_answered(server, &REWRITTEN).await;
}

async fn are_answered(server: &mut TestServer, peers: &[&str]) {
    let component = server.run(echo).await;
    let (heard, mut hear) = mpsc::channel(16);
    let mut other = listening(server, heard).await;
    for peer in peers {
        let peer: Jid = peer.replace("{}", TestServer::OTHER).parse().unwrap();
        let handle = other.handle().with_from(&peer).unwrap();
        let bot: Jid = BOT.parse().unwrap();
        assert_eq!(
            handle.get::<Empty>(&bot, Ping).await.unwrap(),
            Empty,
            "{peer}"
        );
        handle.send(Outgoing::chat(&bot, "hello")).await.unwrap();
        let (from, to) = hear.recv().await.unwrap();
        assert_eq!((&*from, &*to), (BOT, peer.as_str()));
    }
    other.begin_to_stop();
    component.stop().await.unwrap();
}

/// Runs a component of the other domain that reports the sender and recipient of each message.
async fn listening(server: &mut TestServer, heard: mpsc::Sender<(String, String)>) -> Running {
    let listen = move |config: Config| {
        Component::new(config).on_chat(move |chat: couplet::Incoming<couplet::Message>| {
            let addresses = (chat.from().to_string(), chat.to().to_string());
            let heard = heard.clone();
            async move {
                heard.send(addresses).await.unwrap();
                Ok::<(), couplet::StanzaError>(())
            }
        })
    };
    let mut other = server.launch(TestServer::OTHER, listen).await;
    other.online().await;
    other
}

/// ejabberd delivers the `to` of a stanza as its sender typed it.
pub async fn an_own_address_is_known_however_it_is_typed(server: &mut TestServer) {
    let component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    for typed in [
        "BOT@Echo.LocalHost/ﬁ",
        "bot@ECHO.localhost",
        "Bot@echo.localhost/x²",
    ] {
        is_answered_exactly(&mut alice, typed).await;
    }
    component.stop().await.unwrap();
}

/// Prosody compares the domain of a login letter by letter with its own prepared one.
pub async fn a_domain_may_be_configured_in_capital_letters(server: &mut TestServer) {
    let component = server
        .run(|mut config| {
            config.domain = "Echo.LocalHost".to_owned();
            echo(config)
        })
        .await;
    let mut alice = server.user("alice").await;
    alice.chat(BOT, "hello").await;
    assert_eq!(alice.next_chat().await.text(), "hello");
    component.stop().await.unwrap();
}

/// Hyphens at the third and fourth place, other scripts, A-labels, and ß, which servers map.
pub async fn what_servers_take_as_a_domain_is_one(server: &mut TestServer) {
    let domains = [
        ("my--bot.localhost", "my--bot.localhost"),
        ("ツ.localhost", "ツ.localhost"),
        ("xn--bcher-kva.localhost", "xn--bcher-kva.localhost"),
        ("straße.localhost", "strasse.localhost"),
    ];
    server.set_up(|setup| {
        domains
            .into_iter()
            .fold(setup, |setup, (domain, _)| setup.and_component(domain, "s"))
    });
    let mut alice = server.user("alice").await;
    for (domain, hosted) in domains {
        let mut component = server.launch(domain, echo).await;
        component.online().await;
        is_answered_exactly(&mut alice, &format!("bot@{hosted}")).await;
        is_online_as(component.handle(), hosted).await;
        component.stop().await.unwrap();
    }
}

/// Asserts that requests to its own address come back.
async fn is_online_as(handle: &Handle, hosted: &str) {
    assert_eq!(handle.address().as_str(), hosted);
    let own = handle.address().to_bare().with_resource("self").unwrap();
    assert_eq!(handle.get::<Empty>(&own, Ping).await.unwrap(), Empty);
}
