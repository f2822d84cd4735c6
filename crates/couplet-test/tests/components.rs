//! How servers treat a component that logs in, tested over a bare socket.

use std::error::Error;
use std::time::Duration;

use couplet_test::{Ejabberd, Packages, Prosody, Setup};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

type Outcome = Result<(), Box<dyn Error>>;

const DOMAIN: &str = "echo.localhost";

/// The packages of the tested servers: those of this machine and those of Debian 13.
const ALL: [Packages; 2] = [Packages::Installed, Packages::Debian13];

/// A secret that would break a careless configuration file.
const SECRET: &str = "s3\"cr\\et 'é";

struct Component {
    stream: TcpStream,
    said: String,
}

impl Component {
    async fn login(addr: &str, secret: &str) -> Result<Component, Box<dyn Error>> {
        let stream = TcpStream::connect(addr).await?;
        let mut component = Component {
            stream,
            said: String::new(),
        };
        let header = format!(
            "<stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{DOMAIN}'>"
        );
        component.send(&header).await?;
        let said = component.until("id=").await?;
        let after = said.split_once("id=").ok_or("no id")?.1;
        let id = after
            .split(['\'', '"'])
            .nth(1)
            .ok_or("no quotes")?
            .to_owned();
        let digest = Sha1::digest(format!("{id}{secret}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        component
            .send(&format!("<handshake>{hex}</handshake>"))
            .await?;
        Ok(component)
    }

    async fn send(&mut self, text: &str) -> Outcome {
        Ok(self.stream.write_all(text.as_bytes()).await?)
    }

    /// Reads until the server has sent this, and returns everything it sent since the last call.
    async fn until(&mut self, wanted: &str) -> Result<String, Box<dyn Error>> {
        while !self.said.contains(wanted) || !self.said.ends_with('>') {
            let mut bytes = Vec::with_capacity(4096);
            let reading = self.stream.read_buf(&mut bytes);
            let read = timeout(Duration::from_secs(20), reading).await??;
            assert_ne!(read, 0, "closed after {:?}", self.said);
            self.said.push_str(&String::from_utf8(bytes)?);
        }
        Ok(std::mem::take(&mut self.said))
    }
}

fn setup() -> Setup {
    Setup::component(DOMAIN, SECRET)
}

fn to_bot(id: &str) -> String {
    format!("<message type='chat' id='{id}' to='bot@{DOMAIN}'><body>hello</body></message>")
}

#[tokio::test]
async fn a_component_with_an_awkward_secret_can_log_in() -> Outcome {
    for packages in ALL {
        let prosody = Prosody::start(setup().packages(packages)).await?;
        let ejabberd = Ejabberd::start(setup().packages(packages)).await?;
        for addr in [prosody.component_addr(), ejabberd.component_addr()] {
            Component::login(&addr, SECRET)
                .await?
                .until("<handshake")
                .await?;
            Component::login(&addr, "wrong")
                .await?
                .until("not-authorized")
                .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_reloaded_component_is_a_zombie() -> Outcome {
    for packages in ALL {
        let prosody = Prosody::start(setup().packages(packages)).await?;
        let mut component = Component::login(&prosody.component_addr(), SECRET).await?;
        component.until("<handshake").await?;
        let mut alice = prosody.user("alice").await?;
        alice.send_raw(to_bot("before")).await?;
        component.until("hello").await?;

        prosody.reload_component(DOMAIN).await?;
        alice.send_raw(to_bot("after")).await?;
        let bounce = alice.next_from("message", "bot@echo.localhost").await?;
        assert_eq!(
            bounce.root().attr("type").as_deref(),
            Some("error"),
            "{}",
            bounce.as_str()
        );
        // The connection itself still works.
        let ping = format!(
            "<iq type='get' id='p' from='{DOMAIN}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
        );
        component.send(&ping).await?;
        let said = component.until("<iq").await?;
        assert!(said.contains("result") && !said.contains("hello"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn kick_old_ends_the_older_login_with_conflict() -> Outcome {
    for packages in ALL {
        let prosody = Prosody::start(setup().packages(packages).kick_old()).await?;
        let mut older = Component::login(&prosody.component_addr(), SECRET).await?;
        older.until("<handshake").await?;
        let mut newer = Component::login(&prosody.component_addr(), SECRET).await?;
        newer.until("<handshake").await?;
        older.until("<conflict").await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_kick_old_the_newer_login_is_refused() -> Outcome {
    for packages in ALL {
        let prosody = Prosody::start(setup().packages(packages)).await?;
        let mut older = Component::login(&prosody.component_addr(), SECRET).await?;
        older.until("<handshake").await?;
        let mut newer = Component::login(&prosody.component_addr(), SECRET).await?;
        newer.until("<conflict").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stanza_over_the_limit_ends_the_stream() -> Outcome {
    for packages in ALL {
        let setup = setup().packages(packages).stanza_limit(20_000);
        let prosody = Prosody::start(setup.clone()).await?;
        let ejabberd = Ejabberd::start(setup).await?;
        for addr in [prosody.component_addr(), ejabberd.component_addr()] {
            let mut component = Component::login(&addr, SECRET).await?;
            component.until("<handshake").await?;
            for (size, outcome) in [(10_000, "hello"), (30_000, "</stream:stream>")] {
                let text = "x".repeat(size);
                let stanza = format!(
                    "<message from='{DOMAIN}' to='bot@{DOMAIN}'><body>hello{text}</body></message>"
                );
                component.send(&stanza).await?;
                component.until(outcome).await?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_user_may_send_as_much_as_the_setup_allows() -> Outcome {
    for packages in ALL {
        let setup = setup()
            .packages(packages)
            .client_stanza_limit(2_000_000)
            .stanza_limit(2_000_000);
        let prosody = Prosody::start(setup.clone()).await?;
        let ejabberd = Ejabberd::start(setup).await?;
        let servers = [
            (prosody.component_addr(), prosody.user("alice").await?),
            (ejabberd.component_addr(), ejabberd.user("alice").await?),
        ];
        for (addr, mut alice) in servers {
            let mut component = Component::login(&addr, SECRET).await?;
            component.until("<handshake").await?;
            let text = "x".repeat(1_000_000);
            let message = format!("<message to='bot@{DOMAIN}'><body>{text}end</body></message>");
            alice.send_raw(message).await?;
            let arrived = component.until("end</body>").await?;
            assert!(arrived.contains(&text));
        }
    }
    Ok(())
}

/// docs/servers.md, 5: why Couplet's own pings go to an address with a resource.
#[tokio::test]
async fn mod_privilege_of_ejabberd_24_drops_iqs_to_addresses_without_a_resource() -> Outcome {
    for packages in ALL {
        let ejabberd = Ejabberd::start(setup().packages(packages).mod_privilege()).await?;
        let mut component = Component::login(&ejabberd.component_addr(), SECRET).await?;
        component.until("<handshake").await?;
        for (id, to) in [("bare", DOMAIN), ("full", "echo.localhost/keepalive")] {
            let ping = format!(
                "<iq type='get' id='{id}' from='{to}' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>"
            );
            component.send(&ping).await?;
        }
        // The server routes in order.
        let said = component.until("full").await?;
        assert_eq!(
            said.contains("bare"),
            packages == Packages::Installed,
            "{said}"
        );
    }
    Ok(())
}
