//! [`Server`]: an XMPP server in memory, for tests without sockets and without waiting.
//!
//! It implements the component protocol over a pipe and routes between components and users. It has no
//! rooms, storage or other servers; use a real server for those.

use std::fmt;
use std::io;
use std::sync::Arc;

use couplet::{Component, Config, Connect, Handle, Stream};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::exchange::{Exchange, Terminal, serve};
use crate::running::Running;
use crate::setup::Setup;
use crate::test_user::TestUser;
use crate::verdict::{fail, good};

/// The domain of the component by default.
const DOMAIN: &str = "echo.test";
const SECRET: &str = "secret";

/// Number of connections that may wait to be accepted.
const BACKLOG: usize = 16;

/// A server in memory, with a component connected to it.
///
/// Use it in `cargo test`: with `#[tokio::test(start_paused = true)]` no timer waits for real time,
/// and an hour of silence takes less than a second. It rejects stanzas for which Prosody or
/// ejabberd would close the stream, such as those with a foreign `from` (servers.md, 3).
///
/// # Examples
///
/// ```
/// use couplet::{Component, Config, Incoming, Message};
///
/// fn echo(config: Config) -> Component {
///     Component::new(config).on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = couplet_test::Server::start(echo).await;
/// let mut alice = server.user("alice@example.org/phone");
/// alice.chat("bot@echo.test", "hi").await;
/// assert_eq!(alice.next_chat().await.text(), "hi");
/// # }
/// ```
pub struct Server {
    exchange: Arc<Exchange>,
    waiting: mpsc::Sender<(DuplexStream, u64)>,
    /// What the component was built from, for the next one.
    config: Option<Box<Config>>,
    running: Option<Running>,
    /// Serves the connections until it is dropped.
    _acceptor: JoinSet<()>,
}

impl Server {
    /// Starts a server and a component for the domain `echo.test`, and waits until the component is
    /// online.
    ///
    /// # Panics
    ///
    /// The component does not come online.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the server and the component.
    pub async fn start(build: impl FnOnce(Config) -> Component) -> Server {
        let mut server = Server::empty(Setup::component(DOMAIN, SECRET));
        server.run(build).await;
        server
    }

    /// Stops the component gracefully and starts the one that `build` returns, from a clone of the same
    /// configuration. Waits until it is online.
    ///
    /// What extensions [keep](Config::keep) with the configuration, such as a store in memory, is still
    /// there: as after a restart of a program that has a store on disk.
    ///
    /// # Panics
    ///
    /// The server was started without a component, the component ends with an error, or the new one does
    /// not come online.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Component;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let mut server = couplet_test::Server::start(Component::new).await;
    /// server.restart_component(Component::new).await;
    /// # }
    /// ```
    pub async fn restart_component(&mut self, build: impl FnOnce(Config) -> Component) {
        match self.running.take() {
            Some(running) => good(running.stop().await),
            None => fail("this server was started without a component"),
        }
        self.run(build).await;
    }

    async fn run(&mut self, build: impl FnOnce(Config) -> Component) {
        let config = match &self.config {
            Some(config) => Config::clone(config),
            None => self.config(DOMAIN),
        };
        self.config = Some(Box::new(config.clone()));
        let mut running = Running::start(build(config).connect_through(self.connector()));
        running.online().await;
        self.running = Some(running);
    }

    /// Starts a server for the components of a setup, without starting any of them.
    ///
    /// Use it to run several components, or one that is meant to stay offline; each needs the
    /// server's [`connector`](Server::connector).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Component;
    /// use couplet_test::{Running, Server, Setup};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = Server::empty(Setup::component("a.test", "1").and_component("b.test", "2"));
    /// for domain in ["a.test", "b.test"] {
    ///     let component = Component::new(server.config(domain));
    ///     let mut running = Running::start(component.connect_through(server.connector()));
    ///     running.online().await;
    ///     running.stop().await.unwrap();
    /// }
    /// # }
    /// ```
    pub fn empty(setup: Setup) -> Server {
        let exchange = Exchange::new(setup);
        let (waiting, arrivals) = mpsc::channel(BACKLOG);
        let mut acceptor = JoinSet::new();
        acceptor.spawn(keep_the_door(Arc::clone(&exchange), arrivals));
        Server {
            exchange,
            waiting,
            config: None,
            running: None,
            _acceptor: acceptor,
        }
    }

    /// Returns the configuration of a component in the setup.
    ///
    /// # Panics
    ///
    /// The setup has no such domain.
    pub fn config(&self, domain: &str) -> Config {
        let secret = self
            .exchange
            .look(|state| state.setup().secret(domain).map(str::to_owned));
        match secret {
            Some(secret) => Config::new(domain, secret.as_str()),
            None => fail(&format!("the setup has no component {domain}")),
        }
    }

    /// Returns the connector with which a component [connects](Component::connect_through) to this
    /// server.
    pub fn connector(&self) -> impl Connect + use<> {
        Connector {
            exchange: Arc::clone(&self.exchange),
            waiting: self.waiting.clone(),
        }
    }

    /// Logs in a user with this address, full or bare, of any domain except the component's.
    pub fn user(&self, address: &str) -> TestUser {
        TestUser::in_memory(Terminal::open(&self.exchange, address))
    }

    /// Returns the component that [`Server::start`] started.
    ///
    /// # Panics
    ///
    /// The server was started without a component.
    pub fn component(&mut self) -> &mut Running {
        match &mut self.running {
            Some(running) => running,
            None => fail("this server was started without a component"),
        }
    }

    /// Returns a handle of the component, with its domain as the address.
    ///
    /// # Panics
    ///
    /// The server was started without a component.
    pub fn handle(&self) -> Handle {
        match &self.running {
            Some(running) => running.handle().clone(),
            None => fail("this server was started without a component"),
        }
    }

    /// Returns how many connections the component of a domain has.
    pub fn connections(&self, domain: &str) -> usize {
        self.exchange.look(|state| state.connections(domain))
    }

    /// Simulates a crash: every connection ends in the middle of a stanza, and none is accepted
    /// until [`Server::restart`].
    pub fn kill(&self) {
        self.exchange
            .change(|state| state.end(b"<message from='alice@exam"));
    }

    /// Stops the server: every connection ends without a stream error, as with Prosody and ejabberd
    /// (servers.md, 7).
    pub fn stop(&self) {
        self.exchange.change(|state| state.end(b""));
    }

    /// Starts the server again, with its setup and its users only.
    pub fn restart(&self) {
        self.exchange.change(crate::exchange::State::start);
    }

    /// Keeps the connection of the component open but stops routing to it, like a Prosody whose
    /// component module was reloaded (servers.md, 6).
    pub fn forget_component(&self) {
        self.exchange
            .change(crate::exchange::State::forget_components);
    }

    /// Stops reading from components; still writes to them.
    pub fn stop_reading(&self) {
        self.exchange.change(|state| state.set_reading(false));
    }

    /// Resumes reading.
    pub fn read_on(&self) {
        self.exchange.change(|state| state.set_reading(true));
    }

    /// Sends bytes to the component unchanged.
    pub fn send_bytes(&self, bytes: impl AsRef<[u8]>) {
        self.exchange
            .change(|state| state.send_bytes(bytes.as_ref()));
    }

    /// Writes at most this many bytes at a time from now on.
    pub fn send_in_pieces_of(&self, bytes: usize) {
        self.exchange.change(|state| state.piece = bytes);
    }

    /// Rejects the next logins with this stream error, such as `not-authorized`, until
    /// [`Server::restart`].
    pub fn refuse_with(&self, condition: &str) {
        self.exchange
            .change(|state| state.refusal = Some(condition.to_owned()));
    }

    /// Ends the stream of each later component that sends a stanza containing `text`, with
    /// this stream error, such as `invalid-xml`, or without one.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use couplet::{Jid, Outgoing};
    ///
    /// let server = couplet_test::Server::start(couplet::Component::new).await;
    /// server.end_streams_on("poison", Some("invalid-xml"));
    /// let alice = Jid::new("alice@example.org").unwrap();
    /// let sent = server.handle().send(Outgoing::chat(&alice, "poison")).await;
    /// assert!(sent.is_ok());
    /// # }
    /// ```
    pub fn end_streams_on(&self, text: &str, condition: Option<&str>) {
        let on = (text.to_owned(), condition.map(str::to_owned));
        self.exchange
            .change(|state| state.ends_streams_on = Some(on));
    }

    /// Stops reading and writing, as if the network were down, until [`Server::restart`].
    pub fn silence(&self) {
        self.exchange.change(|state| state.silent = true);
    }

    /// Drops stanzas that components send to addresses of their own domain, such as self-pings,
    /// until [`Server::restart`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = couplet_test::Server::start(couplet::Component::new).await;
    /// server.lose_self_pings();
    /// server.user("alice@example.org/phone").ping("echo.test").await;
    /// # }
    /// ```
    pub fn lose_self_pings(&self) {
        self.exchange.change(|state| state.loses_self_pings = true);
    }

    /// Returns how many stanzas components have sent that Prosody or ejabberd would reject or close
    /// the stream for; [`Server::journal`] lists them.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let server = couplet_test::Server::start(couplet::Component::new).await;
    /// server.user("alice@example.org/phone").ping("echo.test").await;
    /// assert_eq!(server.faults(), 0, "{}", server.journal());
    /// # }
    /// ```
    pub fn faults(&self) -> usize {
        self.exchange.look(crate::exchange::State::faults)
    }

    /// Returns the last faults and other events of the server.
    pub fn journal(&self) -> String {
        self.exchange.look(crate::exchange::State::journal)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("component", &self.running)
            .finish_non_exhaustive()
    }
}

async fn keep_the_door(exchange: Arc<Exchange>, mut arrivals: mpsc::Receiver<(DuplexStream, u64)>) {
    let mut lines = JoinSet::new();
    loop {
        tokio::select! {
            arrived = arrivals.recv() => match arrived {
                Some((stream, id)) => {
                    lines.spawn(serve(stream, id, Arc::clone(&exchange)));
                }
                None => return,
            },
            Some(_ended) = lines.join_next() => {}
        }
    }
}

struct Connector {
    exchange: Arc<Exchange>,
    waiting: mpsc::Sender<(DuplexStream, u64)>,
}

#[couplet::async_trait]
impl Connect for Connector {
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let accepted = self.exchange.change(crate::exchange::State::accept);
        let (theirs, ours, id) = accepted.ok_or_else(refused)?;
        self.waiting.send((ours, id)).await.map_err(|_| refused())?;
        Ok(Box::new(theirs))
    }
}
