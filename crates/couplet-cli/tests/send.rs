//! `couplet send` as a script runs it, with both real servers.

use std::error::Error;
use std::process::{Output, Stdio};
use std::time::Duration;

use couplet::{Component, Config};
use couplet_test::{Client, Ejabberd, Prosody, Running, Setup};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::oneshot;

type Outcome = Result<(), Box<dyn Error>>;

const DOMAIN: &str = "news.localhost";
const SECRET: &str = "s3cret";
const FROM: [&str; 2] = ["--from", "desk@news.localhost"];

fn setup() -> Setup {
    Setup::component(DOMAIN, SECRET)
}

async fn send(
    server: &str,
    secret: &str,
    arguments: &[&str],
    input: &str,
) -> Result<Output, Box<dyn Error>> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_couplet"))
        .arg("send")
        .args(arguments)
        .env_remove("RUST_LOG")
        .env_remove("COUPLET_DOMAIN")
        .env("COUPLET_SERVER", server)
        .env("COUPLET_SECRET", secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    // With the text as an argument, standard input is not read.
    let _unread = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    Ok(child.wait_with_output().await?)
}

fn errors(output: &Output) -> String {
    assert_eq!(output.stdout, b"");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn present(mut user: Client) -> Result<Client, Box<dyn Error>> {
    user.send_raw("<presence/>").await?;
    // The server returns alice's own presence once it has processed it.
    while user
        .next(Duration::from_secs(30))
        .await?
        .ok_or("no presence")?
        .root()
        .name()
        != "presence"
    {}
    Ok(user)
}

async fn a_message_arrives(server: &str, mut alice: Client) -> Outcome {
    let message = ["alice@localhost", "1 < 2 & \u{e9}"];
    let output = send(server, SECRET, &[&FROM[..], &message].concat(), "").await?;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(errors(&output), "");
    let message = alice.next_from("message", "desk@news.localhost").await?;
    assert_eq!(message.root().attr("type").as_deref(), Some("chat"));
    let body = message
        .root()
        .child("body", "jabber:client")
        .ok_or("no body")?;
    assert_eq!(body.text(), "1 < 2 & \u{e9}");

    let flags = [
        "--type",
        "headline",
        "--subject",
        "Rain",
        "alice@localhost",
        "-",
    ];
    let output = send(
        server,
        SECRET,
        &[&FROM[..], &flags].concat(),
        "two\nlines\n",
    )
    .await?;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let message = alice.next_from("message", "desk@news.localhost").await?;
    assert_eq!(message.root().attr("type").as_deref(), Some("headline"));
    assert!(
        message.as_str().contains("<subject>Rain</subject>"),
        "{}",
        message.as_str()
    );
    assert!(
        message.as_str().contains("<body>two\nlines</body>"),
        "{}",
        message.as_str()
    );
    Ok(())
}

async fn a_message_to_an_unknown_user_comes_back(server: &str) -> Outcome {
    let output = send(
        server,
        SECRET,
        &[&FROM[..], &["nobody@localhost", "hi"]].concat(),
        "",
    )
    .await?;
    assert_eq!(output.status.code(), Some(1));
    let errors = errors(&output);
    let words = "couplet: the message to nobody@localhost came back: there is no such user";
    assert!(
        errors.starts_with(words) && errors.contains("(service-unavailable"),
        "{errors}"
    );
    Ok(())
}

/// RFC 7622 allows such addresses, and occupants of rooms use them.
async fn an_address_with_an_emoji_is_valid(server: &str) -> Outcome {
    for to in ["nobody@localhost/🐎", "nobody@localhost/Anna's iPhone 😀"] {
        let output = send(server, SECRET, &[&FROM[..], &[to, "hi"]].concat(), "").await?;
        let errors = errors(&output);
        let words = format!("couplet: the message to {to} came back: ");
        assert!(errors.starts_with(&words), "{errors}");
        assert_eq!(output.status.code(), Some(1));
    }
    Ok(())
}

async fn a_wrong_secret_is_reported(server: &str) -> Outcome {
    let output = send(
        server,
        "wrong",
        &[&FROM[..], &["alice@localhost", "hi"]].concat(),
        "",
    )
    .await?;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("the secret does not match"),
        "{}",
        errors(&output)
    );
    Ok(())
}

#[tokio::test]
async fn a_message_is_delivered_or_an_error_reported_with_prosody() -> Outcome {
    let prosody = Prosody::start(setup()).await?;
    let server = prosody.component_addr();
    a_message_arrives(&server, present(prosody.user("alice").await?).await?).await?;
    a_message_to_an_unknown_user_comes_back(&server).await?;
    an_address_with_an_emoji_is_valid(&server).await?;
    a_wrong_secret_is_reported(&server).await
}

#[tokio::test]
async fn a_message_is_delivered_or_an_error_reported_with_ejabberd() -> Outcome {
    let ejabberd = Ejabberd::start(setup()).await?;
    let server = ejabberd.component_addr();
    a_message_arrives(&server, present(ejabberd.user("alice").await?).await?).await?;
    a_message_to_an_unknown_user_comes_back(&server).await?;
    an_address_with_an_emoji_is_valid(&server).await?;
    a_wrong_secret_is_reported(&server).await
}

#[tokio::test]
async fn a_running_component_keeps_its_connection() -> Outcome {
    let prosody = Prosody::start(setup()).await?;
    let server = prosody.component_addr();
    let config = Config::new(DOMAIN, SECRET).with_server(server.parse()?);
    let (online, is_online) = oneshot::channel();
    let online = std::sync::Mutex::new(Some(online));
    let component = Component::new(config).on_online(move |_handle| {
        let online = online.lock().ok().and_then(|mut online| online.take());
        let _sent = online.map(|online| online.send(()));
        async {}
    });
    let sending = async {
        is_online.await?;
        send(
            &server,
            SECRET,
            &[&FROM[..], &["alice@localhost", "hi"]].concat(),
            "",
        )
        .await
    };
    let output = tokio::select! {
        ended = component.run(std::future::pending()) => return Err(format!("{ended:?}").into()),
        output = sending => output?,
    };
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output);
    assert!(
        errors.contains("another connection already serves the domain")
            && errors.contains("--socket FILE"),
        "{errors}"
    );
    // That setting would end the connection of the component.
    assert!(!errors.contains("kick_old"), "{errors}");
    Ok(())
}

/// The running component sends the message, and stays online.
async fn a_running_component_sends_the_message(server: &str, mut alice: Client) -> Outcome {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("couplet").join(format!("{DOMAIN}.sock"));
    let mut config = Config::new(DOMAIN, SECRET).with_server(server.parse()?);
    config.ops.send_socket = Some(socket.clone());
    let component = Component::new(config);
    let handle = component.handle();
    let mut running = Running::start(component);
    running.online().await;
    while !socket.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Without a secret; the command searches the socket in the runtime directory of the user.
    let send = async |arguments: &[&str]| -> Result<Output, Box<dyn Error>> {
        let child = Command::new(env!("CARGO_BIN_EXE_couplet"))
            .arg("send")
            .args(arguments)
            .env_clear()
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::null())
            .output();
        Ok(child.await?)
    };
    let output = send(&[&FROM[..], &["alice@localhost", "1 < 2 & \u{e9}\n\"x\""]].concat()).await?;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let message = alice.next_from("message", "desk@news.localhost").await?;
    let body = message.root().child("body", "jabber:client");
    assert_eq!(body.ok_or("no body")?.text(), "1 < 2 & \u{e9}\n\"x\"");

    let output = send(&[&FROM[..], &["nobody@localhost", "hi"]].concat()).await?;
    assert_eq!(output.status.code(), Some(1));
    let words = "couplet: the message to nobody@localhost came back: there is no such user";
    let errors_of_unknown = errors(&output);
    assert!(errors_of_unknown.starts_with(words), "{errors_of_unknown}");

    let foreign = ["--domain", DOMAIN, "--from", "desk@other.localhost"];
    let output = send(&[&foreign[..], &["alice@localhost", "hi"]].concat()).await?;
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("not an address of this component"));

    assert!(handle.is_online());
    assert_eq!(running.sessions(), 1);
    running.stop().await?;
    assert!(!socket.exists());
    Ok(())
}

#[tokio::test]
async fn a_running_component_sends_the_message_with_prosody() -> Outcome {
    let prosody = Prosody::start(setup()).await?;
    let alice = present(prosody.user("alice").await?).await?;
    a_running_component_sends_the_message(&prosody.component_addr(), alice).await
}

#[tokio::test]
async fn a_running_component_sends_the_message_with_ejabberd() -> Outcome {
    let ejabberd = Ejabberd::start(setup()).await?;
    let alice = present(ejabberd.user("alice").await?).await?;
    a_running_component_sends_the_message(&ejabberd.component_addr(), alice).await
}

#[tokio::test]
async fn a_foreign_sender_and_an_empty_text_are_rejected() -> Outcome {
    let domain = ["--domain", "other.localhost"];
    let foreign = [&domain[..], &FROM, &["alice@localhost", "hi"]].concat();
    let output = send("127.0.0.1:1", SECRET, &foreign, "").await?;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("--from desk@news.localhost"),
        "{}",
        errors(&output)
    );

    let output = send(
        "127.0.0.1:1",
        SECRET,
        &[&FROM[..], &["alice@localhost"]].concat(),
        "\n",
    )
    .await?;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("the text is empty"),
        "{}",
        errors(&output)
    );
    Ok(())
}
