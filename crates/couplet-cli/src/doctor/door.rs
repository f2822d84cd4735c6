//! Getting in: a connection, the server's greeting, the login.
//!
//! What the servers say in which case was observed (servers.md, 2).

use std::io;
use std::time::Duration;

use couplet::config::{Config, Server};
use couplet::error::{Rejected, Trouble, Unreachable};
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
    /// Opens a stream and closes it again before the login.
    pub(super) async fn knock(&self) -> (Finding, Option<()>) {
        match self.greeted().await {
            Ok((mut line, id)) => {
                if let Ok(Err(lost)) = timeout(SECOND_THOUGHT, line.heard(&[])).await {
                    return (self.no_greeting(&line, &lost).await, None);
                }
                line.leave().await;
                // servers.md, 2: ejabberd counts, Prosody draws a UUID.
                let who = match id.bytes().all(|byte| byte.is_ascii_digit()) {
                    true => "a server for components answers, by its words ejabberd",
                    false if id.len() == 36 => {
                        "a server for components answers, by its words Prosody"
                    }
                    false => "a server for components answers",
                };
                (Finding::pass(who), Some(()))
            }
            Err(finding) => (finding, None),
        }
    }

    /// Logs in.
    pub(super) async fn enter(&self) -> Result<Line, Finding> {
        let (mut line, id) = self.greeted().await?;
        match line.login(&id, self.config.secret.expose()).await {
            Ok(()) => Ok(line),
            Err(lost) => Err(self.refused(&lost)),
        }
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
            Err(lost) => Err(self.no_greeting(&line, &lost).await),
        }
    }

    async fn no_greeting(&self, line: &Line, lost: &Lost) -> Finding {
        let port = stranger::by_port(self.config.server.port());
        match lost {
            Lost::Closed if line.first_words().is_empty() => self.closed_at_once().await.and(port),
            Lost::Strange | Lost::Malformed(_) | Lost::Closed if !line.has_header() => {
                let who = stranger::by_words(line.first_words());
                let told = format!("{} does not speak XMPP: {who}", self.config.server);
                Finding::fail(told, port)
                    .and("Set `server` (COUPLET_SERVER) to the port for components, usually 5347.")
            }
            lost => self.refused(lost).and(port),
        }
    }

    async fn closed_at_once(&self) -> Finding {
        let (domain, server) = (&self.config.domain, self.config.server.clone());
        let closed = Finding::of_error(&Unreachable::new(domain, server, Trouble::ClosedAtOnce));
        match (&self.config.server, &self.place) {
            (Server::Tcp { .. }, Place::Tcp(address)) if lock::is_at(*address).await => {
                closed.and("It does expect TLS: its greeting was tried.")
            }
            _ => closed,
        }
    }

    /// A refusal in the words of the framework, which knows the cure.
    fn refused(&self, lost: &Lost) -> Finding {
        match lost {
            Lost::Refused(error) => Finding::of_error(&Rejected::new(
                &self.config.domain,
                self.config.server.clone(),
                &error.condition,
                error.text.as_deref(),
            )),
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
