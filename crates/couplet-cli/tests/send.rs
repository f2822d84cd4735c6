//! `couplet send` as a script runs it, on both real servers.

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
const BY: [&str; 2] = ["--from", "desk@news.localhost"];

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
    // Whoever was given the text as an argument does not read it.
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
    // Her own presence comes back when the server has it.
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
    let told = ["alice@localhost", "1 < 2 & \u{e9}"];
    let output = send(server, SECRET, &[&BY[..], &told].concat(), "").await?;
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
    let output = send(server, SECRET, &[&BY[..], &flags].concat(), "two\nlines\n").await?;
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

async fn a_message_to_nobody_comes_back(server: &str) -> Outcome {
    let output = send(
        server,
        SECRET,
        &[&BY[..], &["nobody@localhost", "hi"]].concat(),
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

/// Rooms have occupants with such names, which RFC 7622 allows. (Whether the server knows the user is
/// another matter.)
async fn an_address_with_an_emoji_is_one(server: &str) -> Outcome {
    for to in ["nobody@localhost/🐎", "nobody@localhost/Anna's iPhone 😀"] {
        let output = send(server, SECRET, &[&BY[..], &[to, "hi"]].concat(), "").await?;
        let told = errors(&output);
        let words = format!("couplet: the message to {to} came back: ");
        assert!(told.starts_with(&words), "{told}");
        assert_eq!(output.status.code(), Some(1));
    }
    Ok(())
}

async fn a_wrong_secret_ends_it(server: &str) -> Outcome {
    let output = send(
        server,
        "wrong",
        &[&BY[..], &["alice@localhost", "hi"]].concat(),
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
async fn prosody_takes_a_message_or_tells_why_not() -> Outcome {
    let prosody = Prosody::start(setup()).await?;
    let server = prosody.component_addr();
    a_message_arrives(&server, present(prosody.user("alice").await?).await?).await?;
    a_message_to_nobody_comes_back(&server).await?;
    an_address_with_an_emoji_is_one(&server).await?;
    a_wrong_secret_ends_it(&server).await
}

#[tokio::test]
async fn ejabberd_takes_a_message_or_tells_why_not() -> Outcome {
    let ejabberd = Ejabberd::start(setup()).await?;
    let server = ejabberd.component_addr();
    a_message_arrives(&server, present(ejabberd.user("alice").await?).await?).await?;
    a_message_to_nobody_comes_back(&server).await?;
    an_address_with_an_emoji_is_one(&server).await?;
    a_wrong_secret_ends_it(&server).await
}

#[tokio::test]
async fn a_component_that_is_running_keeps_its_place() -> Outcome {
    let prosody = Prosody::start(setup()).await?;
    let server = prosody.component_addr();
    let config = Config::new(DOMAIN, SECRET).with_server(server.parse()?);
    let (online, is_online) = oneshot::channel();
    let online = std::sync::Mutex::new(Some(online));
    let component = Component::new(config).on_online(move |_link| {
        let online = online.lock().ok().and_then(|mut online| online.take());
        let _told = online.map(|online| online.send(()));
        async {}
    });
    let sending = async {
        is_online.await?;
        send(
            &server,
            SECRET,
            &[&BY[..], &["alice@localhost", "hi"]].concat(),
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
    // That setting would end the component for the sake of one message.
    assert!(!errors.contains("kick_old"), "{errors}");
    Ok(())
}

/// The message of `couplet send` goes through the component that is running, which stays online.
async fn a_running_component_sends_it(server: &str, mut alice: Client) -> Outcome {
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
    // The secret is of no use here, and the socket is looked for where a user's programs have it.
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
    let output = send(&[&BY[..], &["alice@localhost", "1 < 2 & \u{e9}\n\"x\""]].concat()).await?;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let message = alice.next_from("message", "desk@news.localhost").await?;
    let body = message.root().child("body", "jabber:client");
    assert_eq!(body.ok_or("no body")?.text(), "1 < 2 & \u{e9}\n\"x\"");

    let output = send(&[&BY[..], &["nobody@localhost", "hi"]].concat()).await?;
    assert_eq!(output.status.code(), Some(1));
    let words = "couplet: the message to nobody@localhost came back: there is no such user";
    let told = errors(&output);
    assert!(told.starts_with(words), "{told}");

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
async fn a_component_that_is_running_beside_prosody_sends_it() -> Outcome {
    let prosody = Prosody::start(setup()).await?;
    let alice = present(prosody.user("alice").await?).await?;
    a_running_component_sends_it(&prosody.component_addr(), alice).await
}

#[tokio::test]
async fn a_component_that_is_running_beside_ejabberd_sends_it() -> Outcome {
    let ejabberd = Ejabberd::start(setup()).await?;
    let alice = present(ejabberd.user("alice").await?).await?;
    a_running_component_sends_it(&ejabberd.component_addr(), alice).await
}

#[tokio::test]
async fn it_speaks_only_for_its_own_domain_and_says_something() -> Outcome {
    let domain = ["--domain", "other.localhost"];
    let foreign = [&domain[..], &BY, &["alice@localhost", "hi"]].concat();
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
        &[&BY[..], &["alice@localhost"]].concat(),
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
