//! The socket on which a running component accepts messages from its own machine.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use couplet::{Component, Config};
use couplet_test::{Running, TestServer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PATIENCE: Duration = Duration::from_secs(60);

struct Program {
    running: Running,
    socket: PathBuf,
    _folder: TempDir,
}

impl Program {
    async fn start(server: &mut TestServer) -> Program {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("made/send.sock");
        let path = socket.clone();
        let running = server.run(|config| listening(config, &path)).await;
        until_there(&socket).await;
        Program {
            running,
            socket,
            _folder: folder,
        }
    }

    async fn ask(&self, line: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        answer
    }
}

fn listening(mut config: Config, socket: &Path) -> Component {
    config.ops.send_socket = Some(socket.to_owned());
    Component::new(config)
}

async fn until_there(socket: &Path) {
    while !socket.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn sends_a_message_and_reports_a_bounce(mut server: TestServer) {
    let program = Program::start(&mut server).await;
    let mut alice = server.user("alice").await;
    let to = alice.address().to_owned();
    let order = format!(
        "{{\"to\":\"{to}\",\"from\":\"desk@echo.localhost\",\"subject\":\"Rain\",\"body\":\"at <noon>\"}}\n"
    );
    let answer = program.ask(&order).await;
    assert!(
        answer.starts_with("{\"outcome\":\"sent\",\"id\":"),
        "{answer}"
    );
    let message = alice.next().await;
    assert_eq!(message.from(), "desk@echo.localhost");
    assert_eq!((message.type_(), message.text()), ("chat", "at <noon>"));
    assert_eq!(message.text_of("subject"), "Rain");
    assert!(
        answer.contains(&format!("\"id\":\"{}\"", message.id())),
        "{answer}"
    );

    let order = "{\"to\":\"nobody@localhost\",\"body\":\"hi\",\"wait_ms\":30000}\n";
    let answer = program.ask(order).await;
    assert!(answer.contains("\"outcome\":\"bounced\""), "{answer}");
    assert!(
        answer.contains("\"condition\":\"service-unavailable\""),
        "{answer}"
    );
    program.running.stop().await.unwrap();
}

#[tokio::test]
async fn sends_a_message_and_reports_a_bounce_in_memory() {
    sends_a_message_and_reports_a_bounce(TestServer::memory()).await;
}

#[tokio::test]
async fn sends_a_message_and_reports_a_bounce_on_prosody() {
    sends_a_message_and_reports_a_bounce(TestServer::prosody()).await;
}

#[tokio::test]
async fn sends_a_message_and_reports_a_bounce_on_ejabberd() {
    sends_a_message_and_reports_a_bounce(TestServer::ejabberd()).await;
}

#[tokio::test]
async fn rejects_invalid_messages_and_continues() {
    let mut server = TestServer::memory();
    let program = Program::start(&mut server).await;
    let too_long = format!(
        "{{\"to\":\"a@localhost\",\"body\":\"{}\"}}\n",
        "x".repeat(4 << 20)
    );
    for line in [
        "hello\n",
        "{\"to\":\"alice@localhost\",\"body\":\"no end\"}",
        "{\"to\":\"alice@localhost\",\"body\":\"x\",\"unknown\":1}\n",
        "{\"to\":\"@\",\"body\":\"x\"}\n",
        "{\"to\":\"alice@localhost\",\"from\":\"bob@localhost\",\"body\":\"x\"}\n",
        "{\"to\":\"alice@localhost\",\"type\":\"error\",\"body\":\"x\"}\n",
    ] {
        let answer = program.ask(line).await;
        assert!(
            answer.contains("\"outcome\":\"invalid\""),
            "{line}: {answer}"
        );
    }
    // The line is not read to its end, so the sender may not be able to send all of it.
    let mut stream = UnixStream::connect(&program.socket).await.unwrap();
    let _cut_off = stream.write_all(too_long.as_bytes()).await;

    let mut alice = server.user("alice").await;
    let order = format!("{{\"to\":\"{}\",\"body\":\"x\"}}\n", alice.address());
    assert!(program.ask(&order).await.contains("\"outcome\":\"sent\""));
    assert_eq!(alice.next().await.text(), "x");
}

#[tokio::test]
async fn only_its_own_user_may_connect_and_the_file_ends_with_the_component() {
    let mut server = TestServer::memory();
    let program = Program::start(&mut server).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&program.socket), 0o600);
    assert_eq!(mode(program.socket.parent().unwrap()), 0o700);
    program.running.stop().await.unwrap();
    assert!(!program.socket.exists());
}

#[tokio::test]
async fn replaces_what_a_crash_left_and_leaves_what_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("send.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let mut server = TestServer::memory();
    let first = server.run(|config| listening(config, &socket)).await;
    while UnixStream::connect(&socket).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let mut other = TestServer::memory();
    let second = other.run(|config| listening(config, &socket)).await;
    second.stop().await.unwrap();
    assert!(UnixStream::connect(&socket).await.is_ok());
    first.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_component_that_is_not_connected_returns_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("send.sock");
    let mut config = Config::new("echo.test", "x").with_server("127.0.0.1:1".parse().unwrap());
    config.ops.send_socket = Some(socket.clone());
    let component = Component::new(config);
    let asking = async {
        until_there(&socket).await;
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        let order = "{\"to\":\"alice@localhost\",\"body\":\"x\"}\n";
        stream.write_all(order.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::select! {
        ended = component.run(std::future::pending()) => panic!("{ended:?}"),
        answer = asking => answer,
    };
    assert!(answer.contains("\"outcome\":\"unsent\""), "{answer}");
}

#[tokio::test]
async fn there_is_none_where_it_is_switched_off() {
    let mut server = TestServer::memory();
    let running = server
        .run(|config| listening(config, Path::new("off")))
        .await;
    running.stop().await.unwrap();
    assert!(!Path::new("off").exists());
}
