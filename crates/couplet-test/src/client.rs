//! [`Client`]: a user of a real server that can send arbitrary bytes.
//!
//! It has no TLS, stream management, roster or presence, so that it sends nothing on its own.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use couplet_core::element::Tree;
use couplet_core::framer::{Frame, Framer, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{ANSWER_WITHIN, ClientError};

const LIMITS: Limits = Limits {
    stanza_bytes: 1 << 26,
    elements: 1 << 24,
    depth: 256,
    attributes: 20_000,
};

const NS_BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const NS_REGISTER: &str = "jabber:iq:register";
const NS_SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";

/// A user logged in over plain TCP that sends exactly the bytes that it is given.
///
/// Use it for input that a client library would not produce, and to read a stanza as the server
/// wrote it.
///
/// # Examples
///
/// ```
/// # async fn example(prosody: &couplet_test::Prosody) -> Result<(), Box<dyn std::error::Error>> {
/// let mut alice = prosody.user("alice").await?;
/// alice.send_raw("<presence to='bot@echo.localhost'><priority>999</priority></presence>").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    framer: Framer,
    jid: String,
}

impl Client {
    /// Connects, registers the account if it does not exist (XEP-0077), logs in with SASL PLAIN and
    /// binds a resource.
    ///
    /// `jid` is bare or full; for a bare one the server chooses the resource.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(addr: &str) -> Result<(), couplet_test::ClientError> {
    /// let bob = couplet_test::Client::login(addr, "bob@localhost/desk", "secret").await?;
    /// assert_eq!(bob.jid(), "bob@localhost/desk");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The server is unreachable, or rejects the login; see [`ClientError`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the account behind.
    pub async fn login(addr: &str, jid: &str, password: &str) -> Result<Client, ClientError> {
        match Client::register(addr, jid, password).await {
            // `conflict` is the usual error from the second login on; after any other error, the
            // login fails.
            Ok(()) | Err(ClientError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        let (mut client, _features) = Client::open(addr, jid).await?;
        client.authenticate(jid, password).await?;
        let features = client.reopen(jid).await?;
        client.bind(jid).await?;
        if asks_for_session(&features) {
            let session = format!("<session xmlns='{NS_SESSION}'/>");
            client.ask("a session", "set", &session).await?;
        }
        Ok(client)
    }

    /// Registers an account (XEP-0077) without logging in.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(addr: &str) -> Result<(), couplet_test::ClientError> {
    /// couplet_test::Client::register(addr, "alice@localhost", "secret").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the account exists already, or the server does not allow
    /// registration.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not leave the account behind.
    pub async fn register(addr: &str, jid: &str, password: &str) -> Result<(), ClientError> {
        let (mut client, _features) = Client::open(addr, jid).await?;
        let query = format!(
            "<query xmlns='{NS_REGISTER}'><username>{}</username><password>{}</password></query>",
            escaped(local(jid)),
            escaped(password)
        );
        client.ask("an account", "set", &query).await?;
        Ok(())
    }

    pub(crate) async fn of_localhost(addr: &str, name: &str) -> Result<Client, ClientError> {
        let (user, resource) = name.split_once('/').unwrap_or((name, ""));
        let jid = match resource {
            "" => format!("{user}@localhost"),
            resource => format!("{user}@localhost/{resource}"),
        };
        Client::login(addr, &jid, user).await
    }

    /// Returns the full address that the server bound.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(alice: &couplet_test::Client) {
    /// assert!(alice.jid().starts_with("alice@localhost/"));
    /// # }
    /// ```
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// Sends these bytes without changes.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(alice: &mut couplet_test::Client) -> Result<(), couplet_test::ClientError> {
    /// alice.send_raw("<message to='bob@localhost'>").await?;
    /// alice.send_raw(b"<body>h\xc3\xa9</body></message>").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The connection failed, or the server read nothing for 30 s.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of the bytes may have been sent.
    pub async fn send_raw(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), ClientError> {
        let written = timeout(ANSWER_WITHIN, self.stream.write_all(bytes.as_ref())).await;
        match written {
            Ok(result) => result.map_err(ClientError::Io),
            Err(_) => Err(ClientError::Silent {
                awaiting: "the server to read what was sent",
            }),
        }
    }

    /// Returns the next stanza from the server; `None` if none arrives within `patience`.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(bob: &mut couplet_test::Client) -> Result<(), couplet_test::ClientError> {
    /// use std::time::Duration;
    /// if let Some(stanza) = bob.next(Duration::from_secs(5)).await? {
    ///     println!("{} from {:?}", stanza.root().name(), stanza.root().attr("from"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The stream has ended; the error contains the server's stream error.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: bytes that were read are kept for the next call.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Tree>, ClientError> {
        match timeout(patience, self.stanza()).await {
            Ok(stanza) => stanza.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Returns the next stanza with this name (`message`, `presence`, `iq`) from this address.
    /// Drops the others.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(alice: &mut couplet_test::Client) -> Result<(), couplet_test::ClientError> {
    /// let echo = alice.next_from("message", "bot@echo.localhost").await?;
    /// assert_eq!(echo.root().attr("type").as_deref(), Some("chat"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The stream has ended, or no such stanza arrived within 30 s.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: bytes that were read are kept for the next call.
    pub async fn next_from(&mut self, name: &str, from: &str) -> Result<Tree, ClientError> {
        let wanted = async {
            loop {
                let stanza = self.stanza().await?;
                let root = stanza.root();
                if root.name() == name && root.attr("from").as_deref() == Some(from) {
                    return Ok(stanza);
                }
            }
        };
        timeout(ANSWER_WITHIN, wanted)
            .await
            .unwrap_or(Err(ClientError::Silent {
                awaiting: "a stanza from that address",
            }))
    }

    async fn open(addr: &str, jid: &str) -> Result<(Client, Tree), ClientError> {
        let stream = match timeout(ANSWER_WITHIN, TcpStream::connect(addr)).await {
            Ok(stream) => stream.map_err(ClientError::Io)?,
            Err(_) => {
                return Err(ClientError::Silent {
                    awaiting: "a connection",
                });
            }
        };
        stream.set_nodelay(true).map_err(ClientError::Io)?;
        let mut client = Client {
            stream,
            framer: Framer::new(LIMITS),
            jid: jid.to_owned(),
        };
        let features = client.reopen(jid).await?;
        Ok((client, features))
    }

    /// Opens the stream, again after a login, and returns its features.
    async fn reopen(&mut self, jid: &str) -> Result<Tree, ClientError> {
        self.framer = Framer::new(LIMITS);
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            escaped(domain(jid))
        );
        self.send_raw(header).await?;
        self.soon("the stream features").await
    }

    async fn authenticate(&mut self, jid: &str, password: &str) -> Result<(), ClientError> {
        let plain = STANDARD.encode(format!("\0{}\0{password}", local(jid)));
        self.send_raw(format!(
            "<auth xmlns='{NS_SASL}' mechanism='PLAIN'>{plain}</auth>"
        ))
        .await?;
        let answer = self.soon("the outcome of the login").await?;
        if answer.root().is("success", NS_SASL) {
            return Ok(());
        }
        Err(refused("a login", &answer))
    }

    async fn bind(&mut self, jid: &str) -> Result<(), ClientError> {
        let resource = jid
            .split_once('/')
            .map(|(_, resource)| format!("<resource>{}</resource>", escaped(resource)))
            .unwrap_or_default();
        let bind = format!("<bind xmlns='{NS_BIND}'>{resource}</bind>");
        let answer = self.ask("a resource", "set", &bind).await?;
        let bound = answer
            .root()
            .child("bind", NS_BIND)
            .and_then(|bind| bind.child("jid", NS_BIND));
        let Some(bound) = bound else {
            return Err(refused("a resource", &answer));
        };
        self.jid = bound.text().into_owned();
        Ok(())
    }

    /// Sends one request of the login to the server.
    async fn ask(
        &mut self,
        asked: &'static str,
        kind: &str,
        payload: &str,
    ) -> Result<Tree, ClientError> {
        self.send_raw(format!("<iq type='{kind}' id='login'>{payload}</iq>"))
            .await?;
        let answer = self.soon(asked).await?;
        match answer.root().attr("type").as_deref() {
            Some("result") => Ok(answer),
            _ => Err(refused(asked, &answer)),
        }
    }

    async fn soon(&mut self, awaiting: &'static str) -> Result<Tree, ClientError> {
        self.next(ANSWER_WITHIN)
            .await?
            .ok_or(ClientError::Silent { awaiting })
    }

    async fn stanza(&mut self) -> Result<Tree, ClientError> {
        loop {
            match self.framer.next().map_err(malformed)? {
                Some(Frame::Stanza(bytes)) => {
                    let stanza = Tree::parse(bytes, self.framer.scope()).map_err(malformed)?;
                    if stanza
                        .root()
                        .is("error", "http://etherx.jabber.org/streams")
                    {
                        return Err(ClientError::Ended {
                            last_words: stanza.as_str().to_owned(),
                        });
                    }
                    return Ok(stanza);
                }
                Some(Frame::Closed) => {
                    return Err(ClientError::Ended {
                        last_words: String::new(),
                    });
                }
                Some(_) => continue,
                None => {}
            }
            let read = self
                .stream
                .read_buf(self.framer.space())
                .await
                .map_err(ClientError::Io)?;
            if read == 0 {
                return Err(ClientError::Ended {
                    last_words: String::new(),
                });
            }
        }
    }
}

/// Returns whether the server requires RFC 3921's session. RFC 6121 made it `optional`.
fn asks_for_session(features: &Tree) -> bool {
    let session = features.root().child("session", NS_SESSION);
    session.is_some_and(|session| session.child("optional", NS_SESSION).is_none())
}

/// Escapes text for content or a value in apostrophes.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('\'', "&apos;")
}

fn refused(asked: &'static str, answer: &Tree) -> ClientError {
    ClientError::Refused {
        asked,
        answer: answer.as_str().to_owned(),
    }
}

fn malformed(error: impl fmt::Display) -> ClientError {
    ClientError::Malformed(error.to_string())
}

fn local(jid: &str) -> &str {
    jid.split_once('@').map_or("", |(local, _)| local)
}

fn domain(jid: &str) -> &str {
    let bare = jid.split_once('/').map_or(jid, |(bare, _)| bare);
    bare.rsplit_once('@').map_or(bare, |(_, domain)| domain)
}
