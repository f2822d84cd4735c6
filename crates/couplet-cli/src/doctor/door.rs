//! Getting in: a connection, the server's greeting, the login.
//!
//! What the servers say in which case was observed (servers.md, 2).

use std::io;
use std::time::Duration;

use couplet::config::{Config, Server};
use couplet::error::{Rejected, Software, Trouble, Unreachable};
use couplet::{Jid, Stream};
use tokio::time::timeout;

use super::chart::Finding;
use super::line::{Line, Lost};
use super::lock::{self, Lock};
use super::reach::Place;
use super::stranger;

/// A web server waits for the end of a line that no stream has.
const IMPATIENT: Duration = Duration::from_secs(2);
/// A port for clients opens the stream before it says no.
const SECOND_THOUGHT: Duration = Duration::from_millis(300);

/// Everything that is needed to get in, as often as it takes.
pub(super) struct Door<'a> {
    pub(super) config: &'a Config,
    pub(super) domain: Jid,
    pub(super) place: Place,
    pub(super) lock: Option<Lock>,
}

impl Door<'_> {
    /// Opens a stream and closes it again before the login; the value is the server's software, if
    /// its first words show it.
    pub(super) async fn knock(&self) -> (Finding, Option<Option<Software>>) {
        match self.greeted().await {
            Ok((mut line, id)) => {
                let software = Software::by_stream_id(&id);
                if let Ok(Err(lost)) = timeout(SECOND_THOUGHT, line.heard(&[])).await {
                    return (self.no_greeting(&line, &lost, software).await, None);
                }
                line.leave().await;
                let who = match software {
                    Some(Software::Ejabberd) => {
                        "a server for components answers, by its words ejabberd"
                    }
                    Some(Software::Prosody) => {
                        "a server for components answers, by its words Prosody"
                    }
                    _ => "a server for components answers",
                };
                (Finding::pass(who), Some(software))
            }
            Err(finding) => (finding, None),
        }
    }

    /// Logs in.
    pub(super) async fn enter(&self) -> Result<Line, Finding> {
        let (mut line, id) = self.greeted().await?;
        match line.login(&id, self.config.secret.expose()).await {
            Ok(()) => Ok(line),
            Err(lost) => Err(self.refused(&lost, Software::by_stream_id(&id))),
        }
    }

    /// Whether the secret is good for a domain that is not configured anywhere.
    pub(super) async fn takes_any_domain(&self) -> bool {
        const UNKNOWN: &str = "couplet-doctor.invalid";
        let Ok(domain) = Jid::new(UNKNOWN) else {
            return false;
        };
        let entered = async {
            let mut line = Line::new(self.open().await.map_err(Lost::Io)?, &domain);
            let id = line.greet(UNKNOWN).await?;
            line.login(&id, self.config.secret.expose()).await?;
            line.leave().await;
            Ok::<(), Lost>(())
        };
        entered.await.is_ok()
    }

    /// A second login beside another one, and what the server says to it.
    pub(super) async fn enter_again(&self) -> Result<Line, Lost> {
        let mut line = Line::new(self.open().await.map_err(Lost::Io)?, &self.domain);
        let id = line.greet(&self.config.domain).await?;
        line.login(&id, self.config.secret.expose()).await?;
        Ok(line)
    }

    async fn greeted(&self) -> Result<(Line, String), Finding> {
        let stream = self
            .open()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let mut line = Line::new(stream, &self.domain);
        let greeting = match timeout(IMPATIENT, line.greet(&self.config.domain)).await {
            Ok(greeting) => greeting,
            Err(_) => {
                // White space harms no stream, and for a web server the request is complete.
                let _heard_below = line.say(b"\r\n\r\n").await;
                line.greet_on().await
            }
        };
        match greeting {
            Ok(id) => Ok((line, id)),
            Err(lost) => Err(self.no_greeting(&line, &lost, None).await),
        }
    }

    async fn no_greeting(&self, line: &Line, lost: &Lost, software: Option<Software>) -> Finding {
        let port = stranger::by_port(self.config.server.port());
        match lost {
            Lost::Closed if line.first_words().is_empty() => self.closed_at_once().await.and(port),
            Lost::Strange | Lost::Malformed(_) | Lost::Closed if !line.has_header() => {
                let trouble = Trouble::of_first_bytes(line.first_words());
                self.finding_of(trouble).and(port)
            }
            lost => self.refused(lost, software).and(port),
        }
    }

    /// Whether it expects TLS is tried rather than guessed.
    async fn closed_at_once(&self) -> Finding {
        match (&self.config.server, &self.place) {
            (Server::Tcp { .. }, Place::Tcp(address)) if lock::is_at(*address).await => self
                .finding_of(Trouble::ExpectsTls)
                .and("Its greeting was tried."),
            (Server::Tcp { .. }, Place::Tcp(_)) => Finding::fail(
                format!(
                    "{} closed the connection without a word, and does not speak TLS either",
                    self.config.server
                ),
                "It may be the port of another service, or a server that is just stopping.",
            ),
            _ => self.finding_of(Trouble::ClosedAtOnce),
        }
    }

    fn finding_of(&self, trouble: Trouble) -> Finding {
        let (domain, server) = (&self.config.domain, self.config.server.clone());
        Finding::of_error(&Unreachable::new(domain, server, trouble))
    }

    /// A refusal in the words of the framework, which knows the cure.
    fn refused(&self, lost: &Lost, software: Option<Software>) -> Finding {
        match lost {
            Lost::Refused(error) => {
                let server = self.config.server.clone();
                let text = error.text.as_deref();
                let rejected = Rejected::new(&self.config.domain, server, &error.condition, text);
                Finding::of_error(&rejected.by(software))
            }
            lost => Finding::fail(lost.to_string(), "The server's own log may tell why."),
        }
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        match (&self.lock, &self.place) {
            (Some(lock), Place::Tcp(address)) => Ok(Box::new(lock.open(*address).await?)),
            (_, place) => place.connect().await,
        }
    }

    fn unreachable(&self, error: &io::Error) -> Finding {
        let server = self.config.server.clone();
        Finding::of_error(&Unreachable::from_io(&self.config.domain, server, error))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='4711'>";

    /// A server that says this to each handshake.
    async fn opens_with(answer: &'static str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (wanted, words) in [("stream:stream", HEADER), ("</handshake>", answer)] {
                let mut heard = Vec::new();
                while !String::from_utf8_lossy(&heard).contains(wanted) {
                    stream.read_buf(&mut heard).await.unwrap();
                }
                stream.write_all(words.as_bytes()).await.unwrap();
            }
            stream
        };
        let config = Config::new("echo.test", "secret");
        let door = Door {
            config: &config,
            domain: Jid::new("echo.test").unwrap(),
            place: Place::Tcp(address),
            lock: None,
        };
        let (opens, _still_open) = tokio::join!(door.takes_any_domain(), serving);
        opens
    }

    #[tokio::test]
    async fn a_secret_that_opens_any_domain_is_seen() {
        assert!(opens_with("<handshake/>").await);
        let refused = "<stream:error><not-authorized \
                       xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
        assert!(!opens_with(refused).await);
    }
}
