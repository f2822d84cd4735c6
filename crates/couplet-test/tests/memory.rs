//! The server in memory rejects what real servers reject.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use couplet::{Component, Connect};
use couplet_core::handshake;
use couplet_test::{Running, Server, Setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HEADER: &str = "<stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' to='echo.test'>";

fn server() -> Server {
    Server::empty(Setup::component("echo.test", "secret"))
}

/// Sends the next text after each of the server's answers, and returns everything the server sent.
async fn talk(server: &Server, words: &[String]) -> String {
    let mut stream = server.connector().connect().await.unwrap();
    let mut said = String::new();
    for word in words {
        stream.write_all(word.as_bytes()).await.unwrap();
        let mut bytes = Vec::with_capacity(4096);
        stream.read_buf(&mut bytes).await.unwrap();
        said.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    let mut rest = String::new();
    let until_closed = stream.read_to_string(&mut rest);
    let _open = tokio::time::timeout(std::time::Duration::from_secs(1), until_closed).await;
    said + &rest
}

/// Returns the login with this secret; the first stream of a server has this id.
fn login(secret: &str) -> [String; 2] {
    [HEADER.to_owned(), handshake::handshake("stream-1", secret)]
}

async fn after_login(stanza: &str) -> (String, usize) {
    let server = server();
    let [header, proof] = login("secret");
    let said = talk(&server, &[header, proof, stanza.to_owned()]).await;
    (said, server.faults())
}

#[tokio::test(start_paused = true)]
async fn a_login_needs_the_domain_and_its_secret() {
    let accepted = talk(&server(), &login("secret")).await;
    assert!(accepted.ends_with("<handshake/>"), "{accepted}");
    for (words, condition) in [
        (login("wrong").to_vec(), "not-authorized"),
        (
            vec![login("secret")[1].replace("handshake", "iq"), String::new()],
            "invalid-namespace",
        ),
        (
            vec![HEADER.to_owned(), "<iq/>".to_owned()],
            "not-authorized",
        ),
        (vec![HEADER.replace("echo", "ECHO")], "host-unknown"),
        (
            vec![HEADER.replace("component:accept", "client")],
            "invalid-namespace",
        ),
        (
            vec![HEADER.replace(" to='echo.test'", "")],
            "improper-addressing",
        ),
    ] {
        let said = talk(&server(), &words).await;
        assert!(said.contains(condition), "{condition}: {said}");
        assert!(said.ends_with("</stream:stream>"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_closes_the_stream_for_closes_it() {
    for (stanza, condition) in [
        ("<message from='bob@localhost' to='a@b'/>", "invalid-from"),
        ("<message from='x@sub.echo.test' to='a@b'/>", "invalid-from"),
        ("<message from='x@ECHO.test' to='a@b'/>", "invalid-from"),
        ("<message to='a@b'/>", "invalid-from"),
        ("<message from='echo.test'/>", "improper-addressing"),
        ("<a from='echo.test' to='a@b'/>", "unsupported-stanza-type"),
        (
            "<iq xmlns='urn:x' from='echo.test' to='a@b'/>",
            "unsupported-stanza-type",
        ),
        (
            "<message from='echo.test' to='a@b'><!-- x --></message>",
            "restricted-xml",
        ),
        (
            "<message from='echo.test' to='a@b'>&nbsp;</message>",
            "not-well-formed",
        ),
    ] {
        let (said, faults) = after_login(stanza).await;
        assert!(said.contains(condition), "{stanza}: {said}");
        assert!(said.ends_with("</stream:stream>"), "{said}");
        assert_eq!(faults, 1, "{stanza}");
    }
    let large = format!(
        "<message from='echo.test' to='a@b'>{}</message>",
        "x".repeat(600_000)
    );
    let server = server();
    let mut stream = server.connector().connect().await.unwrap();
    stream
        .write_all((login("secret").concat() + &large).as_bytes())
        .await
        .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(
        said.contains("not-well-formed") && server.faults() == 1,
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_server_bounces_is_bounced() {
    for (stanza, condition, faults) in [
        (
            "<message xmlns='jabber:client' from='echo.test' to='echo.test'/>",
            "service-unavailable",
            1,
        ),
        ("<message from='echo.test' to='@@'/>", "jid-malformed", 1),
        (
            "<iq from='echo.test' to='localhost' type='get' id='1'/>",
            "bad-request",
            1,
        ),
        (
            "<iq from='echo.test' to='localhost' type='get'><a/></iq>",
            "bad-request",
            1,
        ),
        (
            "<iq from='echo.test' to='localhost' type='x' id='1'><a/></iq>",
            "bad-request",
            1,
        ),
        (
            "<message from='echo.test' to='nobody@localhost'/>",
            "service-unavailable",
            0,
        ),
        (
            "<iq from='echo.test' to='localhost' type='set' id='1'><a/></iq>",
            "service-unavailable",
            0,
        ),
        (
            "<message from='echo.test' to='a@other.example'/>",
            "remote-server-not-found",
            0,
        ),
    ] {
        let (said, counted) = after_login(stanza).await;
        assert!(
            said.contains(condition) && said.contains("type='error'"),
            "{stanza}: {said}"
        );
        assert!(!said.ends_with("</stream:stream>"), "{said}");
        assert_eq!(counted, faults, "{stanza}");
    }
    for silent in [
        "<message type='error' from='echo.test' to='nobody@localhost'/>",
        "<presence from='echo.test' to='nobody@localhost'/>",
        "<iq type='result' id='1' from='echo.test' to='nobody@localhost'/>",
    ] {
        let server = server();
        let [header, proof] = login("secret");
        let said = talk(&server, &[header, proof + silent]).await;
        assert!(said.ends_with("<handshake/>"), "{silent}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_own_domain_and_the_server_answer_pings() {
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let (looped, _) = after_login(&format!(
        "<iq type='get' id='p1' from='echo.test' to='echo.test'>{ping}</iq>"
    ))
    .await;
    assert!(looped.contains("type='get' id='p1'"), "{looped}");
    let (pong, _) = after_login(&format!(
        "<iq type='get' id='p2' from='echo.test' to='localhost'>{ping}</iq>"
    ))
    .await;
    assert!(
        pong.contains("from='localhost'") && pong.contains("type='result'"),
        "{pong}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_ends_in_the_middle_of_a_stanza() {
    let server = server();
    let mut stream = server.connector().connect().await.unwrap();
    stream
        .write_all(login("secret").concat().as_bytes())
        .await
        .unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"<handshake/>") {
        assert_ne!(stream.read_buf(&mut said).await.unwrap(), 0);
    }
    server.kill();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.starts_with(b"<message") && !rest.ends_with(b">"));
    assert!(server.connector().connect().await.is_err());
    server.restart();
    assert!(server.connector().connect().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn users_write_to_each_other_from_their_own_address() {
    let server = server();
    let mut alice = server.user("alice@localhost/desk");
    let mut bob = server.user("bob@example.org/phone");
    alice
        .send_raw(
            "<message from='bob@example.org' to='bob@example.org' id='1'><body>x</body></message>",
        )
        .await;
    let heard = bob.next_chat().await;
    assert_eq!((heard.from(), heard.text()), ("alice@localhost/desk", "x"));
    alice.ping("example.org").await;
    let gone = alice
        .ask("get", "bob@example.org/gone", "<a xmlns='urn:x'/>")
        .await;
    assert_eq!(gone.condition(), "service-unavailable");
    let away = alice
        .ask("get", "bot@echo.test", "<a xmlns='urn:x'/>")
        .await;
    assert_eq!(
        (away.condition(), &*away.error_type()),
        ("remote-server-timeout", "wait")
    );
    bob.hears_nothing().await;
    assert!(
        !alice.try_send_raw("<message></iq>").await,
        "she is cut off"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_component_that_has_ended_fails() {
    let server = server();
    let component = Component::new(server.config("echo.test"));
    let mut running = Running::start(component.connect_through(server.connector()));
    running.online().await;
    assert_eq!(server.connections("echo.test"), 1);
    running.stop().await.unwrap();
    assert_eq!((server.connections("echo.test"), server.faults()), (0, 0));
}
