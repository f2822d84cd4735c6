//! The servers provide what the scenarios rely on.

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use couplet_test::{Client, ClientError, Ejabberd, Packages, Prosody, Setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

type Outcome = Result<(), Box<dyn Error>>;

const DOMAIN: &str = "echo.localhost";

/// The packages of the tested servers: those of this machine and those of Debian 13.
const ALL: [Packages; 2] = [Packages::Installed, Packages::Debian13];

fn setup() -> Setup {
    // A secret that would break a careless configuration file.
    Setup::component(DOMAIN, "s3\"cr\\et").and_component("news.localhost", "other")
}

/// Returns the server's answer to a component's stream header for `domain`.
async fn greeting<S>(mut stream: S, domain: &str) -> Result<String, Box<dyn Error>>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let header = format!(
        "<stream:stream xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{domain}'>"
    );
    stream.write_all(header.as_bytes()).await?;
    let mut said = String::new();
    while !said.contains("id=") {
        let mut bytes = Vec::with_capacity(1024);
        let read =
            tokio::time::timeout(Duration::from_secs(20), stream.read_buf(&mut bytes)).await??;
        assert_ne!(read, 0, "closed after {said:?}");
        said.push_str(&String::from_utf8_lossy(&bytes));
    }
    Ok(said)
}

async fn exchange(alice: &mut Client, bob: &mut Client) -> Outcome {
    bob.send_raw("<presence/>").await?;
    let message = format!(
        "<message type='chat' id='m1' to='{}'><body>one &lt; two</body></message>",
        bob.jid()
    );
    alice.send_raw(message).await?;
    let got = bob.next_from("message", alice.jid()).await?;
    let body = got.root().child("body", "jabber:client").ok_or("no body")?;
    assert_eq!(body.text(), "one < two");
    assert_eq!(got.root().attr("id").as_deref(), Some("m1"));
    Ok(())
}

#[tokio::test]
async fn prosody_routes_between_two_users_and_again_after_a_crash() -> Outcome {
    for packages in ALL {
        let mut prosody = Prosody::start(setup().packages(packages)).await?;
        let (mut alice, mut bob) = (
            prosody.user("alice").await?,
            prosody.user("bob/desk").await?,
        );
        assert_eq!(bob.jid(), "bob@localhost/desk");
        exchange(&mut alice, &mut bob).await?;
        let addresses = (prosody.client_addr(), prosody.component_addr());

        prosody.kill();
        let end = alice.next(Duration::from_secs(20)).await;
        assert!(
            matches!(end, Err(ClientError::Ended { .. } | ClientError::Io(_))),
            "{end:?}"
        );
        assert!(prosody.user("alice").await.is_err());

        prosody.restart().await?;
        assert_eq!((prosody.client_addr(), prosody.component_addr()), addresses);
        let (mut alice, mut bob) = (prosody.user("alice").await?, prosody.user("bob").await?);
        exchange(&mut alice, &mut bob).await?;
    }
    Ok(())
}

#[tokio::test]
async fn ejabberd_routes_between_two_users_and_again_after_a_crash() -> Outcome {
    for packages in ALL {
        let mut ejabberd = Ejabberd::start(setup().packages(packages)).await?;
        let (mut alice, mut bob) = (
            ejabberd.user("alice").await?,
            ejabberd.user("bob/desk").await?,
        );
        assert_eq!(bob.jid(), "bob@localhost/desk");
        exchange(&mut alice, &mut bob).await?;
        let addresses = (ejabberd.client_addr(), ejabberd.component_addr());

        ejabberd.kill();
        let end = alice.next(Duration::from_secs(20)).await;
        assert!(
            matches!(end, Err(ClientError::Ended { .. } | ClientError::Io(_))),
            "{end:?}"
        );
        assert!(ejabberd.user("alice").await.is_err());

        ejabberd.restart().await?;
        assert_eq!(
            (ejabberd.client_addr(), ejabberd.component_addr()),
            addresses
        );
        let (mut alice, mut bob) = (ejabberd.user("alice").await?, ejabberd.user("bob").await?);
        exchange(&mut alice, &mut bob).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_graceful_stop_ends_the_streams_and_keeps_the_accounts() -> Outcome {
    for packages in ALL {
        let mut prosody = Prosody::start(setup().packages(packages)).await?;
        let mut ejabberd = Ejabberd::start(setup().packages(packages)).await?;
        let (mut alice, mut bob) = (prosody.user("alice").await?, ejabberd.user("bob").await?);
        prosody.stop().await?;
        ejabberd.stop().await?;
        let end = alice.next(Duration::from_secs(20)).await;
        let Err(ClientError::Ended { last_words }) = end else {
            return Err(format!("{end:?}").into());
        };
        assert!(last_words.contains("system-shutdown"), "{last_words}");
        // Most users of ejabberd get the same error, but occasionally one only sees the connection
        // close.
        let end = bob.next(Duration::from_secs(20)).await;
        assert!(
            matches!(end, Err(ClientError::Ended { .. } | ClientError::Io(_))),
            "{end:?}"
        );
        prosody.restart().await?;
        ejabberd.restart().await?;
        for addr in [
            (prosody.client_addr(), "alice@localhost"),
            (ejabberd.client_addr(), "bob@localhost"),
        ] {
            let again = Client::register(&addr.0, addr.1, "x").await;
            assert!(
                matches!(again, Err(ClientError::Refused { .. })),
                "{again:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn both_servers_expect_every_component_of_the_setup() -> Outcome {
    for packages in ALL {
        let prosody = Prosody::start(setup().packages(packages)).await?;
        let ejabberd = Ejabberd::start(setup().packages(packages).tls().unix_socket()).await?;
        for domain in setup().packages(packages).domains() {
            for addr in [prosody.component_addr(), ejabberd.component_addr()] {
                let said = greeting(TcpStream::connect(addr).await?, domain).await?;
                assert!(!said.contains("host-unknown"), "{said}");
            }
            let socket = ejabberd.unix_path().ok_or("no socket")?;
            greeting_at(&socket, domain).await?;
        }
    }
    Ok(())
}

/// Reads the greeting at a unix socket, whose listener ejabberd 24.12 restarts after each
/// connection.
async fn greeting_at(socket: &std::path::Path, domain: &str) -> Outcome {
    let mut attempts = 0;
    loop {
        let greeted = match UnixStream::connect(socket).await {
            Ok(stream) => greeting(stream, domain).await.map(|_said| ()),
            Err(why) => Err(why.into()),
        };
        match greeted {
            Err(_) if attempts < 300 => attempts += 1,
            greeted => return greeted,
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn ejabberd_offers_tls_with_a_certificate_of_its_own_authority() -> Outcome {
    for packages in ALL {
        let ejabberd = Ejabberd::start(setup().packages(packages).tls()).await?;
        let addr = ejabberd.tls_addr().ok_or("no TLS port")?;
        let tcp = || TcpStream::connect(&addr);
        let connector = |authorities| {
            let config = ClientConfig::builder();
            let config = config
                .with_root_certificates(authorities)
                .with_no_client_auth();
            TlsConnector::from(std::sync::Arc::new(config))
        };
        let mut authorities = RootCertStore::empty();
        authorities.add(CertificateDer::from_pem_file(ejabberd.authority())?)?;

        let connector_that_knows = connector(authorities);
        let localhost = ServerName::try_from("localhost")?;
        let stream = connector_that_knows
            .connect(localhost.clone(), tcp().await?)
            .await?;
        greeting(stream, DOMAIN).await?;

        let other = ServerName::try_from("other.example")?;
        assert!(
            connector_that_knows
                .connect(other, tcp().await?)
                .await
                .is_err()
        );
        let stranger = connector(RootCertStore::empty());
        assert!(stranger.connect(localhost, tcp().await?).await.is_err());
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_ejabberd_opens_its_unix_socket_again() -> Outcome {
    for packages in ALL {
        let mut ejabberd = Ejabberd::start(setup().packages(packages).unix_socket()).await?;
        ejabberd.kill();
        ejabberd.restart().await?;
        let socket = ejabberd.unix_path().ok_or("no socket")?;
        greeting(UnixStream::connect(socket).await?, DOMAIN).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_component_can_be_reloaded_any_number_of_times() -> Outcome {
    for packages in ALL {
        let prosody = Prosody::start(setup().packages(packages)).await?;
        for _ in 0..3 {
            prosody.reload_component(DOMAIN).await?;
        }
        let error = prosody
            .reload_component("nobody.localhost")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("nobody.localhost"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn servers_run_side_by_side() -> Outcome {
    let (one, two) = tokio::join!(Prosody::start(setup()), Prosody::start(setup()));
    let (three, four) = tokio::join!(Ejabberd::start(setup()), Ejabberd::start(setup()));
    let addresses = [
        one?.client_addr(),
        two?.client_addr(),
        three?.client_addr(),
        four?.client_addr(),
    ];
    for (at, address) in addresses.iter().enumerate() {
        assert!(!addresses[..at].contains(address), "{addresses:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_leaves_no_process_behind() -> Outcome {
    for packages in ALL {
        let prosody = Prosody::start(setup().packages(packages)).await?;
        let addr = prosody.client_addr();
        drop(prosody);
        assert!(TcpStream::connect(addr).await.is_err());
    }
    Ok(())
}

/// The test runs itself a second time, as the owner process that is killed without cleaning up.
#[tokio::test]
async fn servers_die_with_a_holder_that_is_killed() -> Outcome {
    const HOLDER: &str = "COUPLET_TEST_HOLDER";
    if std::env::var_os(HOLDER).is_some() {
        let mut held = Vec::new();
        for packages in ALL {
            let setup = setup().packages(packages);
            let prosody = Prosody::start(setup.clone()).await?;
            let ejabberd = Ejabberd::start(setup).await?;
            println!("held {} {}", prosody.client_addr(), ejabberd.client_addr());
            held.push((prosody, ejabberd));
        }
        std::process::abort();
    }
    let name = "servers_die_with_a_holder_that_is_killed";
    let holder = Command::new(std::env::current_exe()?)
        .args(["--exact", name, "--nocapture"])
        .env(HOLDER, "1")
        .output()?;
    let said = String::from_utf8(holder.stdout)?;
    let lines = said.lines().filter_map(|line| line.split_once("held "));
    let held: Vec<&str> = lines
        .flat_map(|(_, held)| held.split_whitespace())
        .collect();
    assert_eq!(held.len(), 4, "{said}");
    for addr in held {
        let mut tries = 0;
        while TcpStream::connect(addr).await.is_ok() {
            tries += 1;
            assert!(tries < 1_000, "{addr} is still open");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}
