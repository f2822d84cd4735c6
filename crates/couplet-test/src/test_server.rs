//! [`TestServer`]: one server for one scenario, in memory or real, with the same methods for all.
//!
//! Any failure of the server panics, including a server that is not installed, with the command
//! that installs it.

use std::fmt;

use couplet::{Component, Config};

use crate::ejabberd::Ejabberd;
use crate::memory::Server;
use crate::prosody::Prosody;
use crate::root::Packages;
use crate::running::Running;
use crate::setup::Setup;
use crate::test_user::TestUser;
use crate::verdict::{fail, good};

/// The kind of a [`TestServer`].
///
/// # Examples
///
/// ```
/// use couplet_test::{Backend, TestServer};
///
/// assert_eq!(TestServer::memory().backend(), Backend::Memory);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// [`Server`], for tests with a paused clock.
    Memory,
    /// [`Prosody`].
    Prosody,
    /// [`Ejabberd`].
    Ejabberd,
}

/// A server for one scenario. It starts on its first use.
///
/// It hosts `localhost`, and has the components `echo.localhost` and `news.localhost`.
///
/// # Examples
///
/// ```
/// use couplet::Component;
/// use couplet_test::TestServer;
///
/// async fn a_component_answers_pings(server: &mut TestServer) {
///     let _component = server.run(Component::new).await;
///     let mut alice = server.user("alice").await;
///     alice.ping("echo.localhost").await;
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// a_component_answers_pings(&mut TestServer::memory()).await;
/// # }
/// ```
pub struct TestServer {
    backend: Backend,
    setup: Setup,
    started: Option<Started>,
}

enum Started {
    Memory(Server),
    Prosody(Prosody),
    Ejabberd(Ejabberd),
}

impl TestServer {
    /// The domain of the first component.
    pub const DOMAIN: &'static str = "echo.localhost";

    /// The domain of the second component.
    pub const OTHER: &'static str = "news.localhost";

    /// Creates a server in memory, for tests with a paused clock.
    pub fn memory() -> TestServer {
        TestServer::new(Backend::Memory, Packages::Installed)
    }

    /// Creates a server that runs the installed Prosody.
    pub fn prosody() -> TestServer {
        TestServer::new(Backend::Prosody, Packages::Installed)
    }

    /// Creates a server that runs the installed ejabberd.
    pub fn ejabberd() -> TestServer {
        TestServer::new(Backend::Ejabberd, Packages::Installed)
    }

    /// Creates a server that runs Prosody 13.0 of Debian 13.
    pub fn prosody_13() -> TestServer {
        TestServer::new(Backend::Prosody, Packages::Debian13)
    }

    /// Creates a server that runs ejabberd 24.12 of Debian 13.
    pub fn ejabberd_24() -> TestServer {
        TestServer::new(Backend::Ejabberd, Packages::Debian13)
    }

    fn new(backend: Backend, packages: Packages) -> TestServer {
        let setup = Setup::component(TestServer::DOMAIN, "s3cret")
            .and_component(TestServer::OTHER, "other")
            .packages(packages);
        TestServer {
            backend,
            setup,
            started: None,
        }
    }

    /// Returns the kind of the server.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Returns which packages the server comes from.
    pub fn packages(&self) -> Packages {
        self.setup.packages
    }

    /// Changes the setup. Call it before the server has started.
    ///
    /// # Panics
    ///
    /// The server has started already.
    pub fn set_up(&mut self, change: impl FnOnce(Setup) -> Setup) {
        if self.started.is_some() {
            fail("the setup cannot change after the server has started");
        }
        self.setup = change(self.setup.clone());
    }

    /// Runs a component for `echo.localhost`, and waits until it is online.
    ///
    /// # Panics
    ///
    /// The server does not start, or the component does not come online.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the component.
    pub async fn run(&mut self, build: impl FnOnce(Config) -> Component) -> Running {
        let mut running = self.launch(TestServer::DOMAIN, build).await;
        running.online().await;
        running
    }

    /// Starts a component for one of the domains without waiting for it to come online.
    ///
    /// # Panics
    ///
    /// The server does not start.
    ///
    /// # Cancel safety
    ///
    /// The server may not be started after the future was dropped.
    pub async fn launch(
        &mut self,
        domain: &str,
        build: impl FnOnce(Config) -> Component,
    ) -> Running {
        let config = self.config(domain).await;
        let component = build(config);
        Running::start(match self.started().await {
            Started::Memory(server) => component.connect_through(server.connector()),
            Started::Prosody(_) | Started::Ejabberd(_) => component,
        })
    }

    /// Returns the configuration of a component for one of the domains.
    ///
    /// # Panics
    ///
    /// The server does not start, or has no such component.
    ///
    /// # Cancel safety
    ///
    /// The server may not be started after the future was dropped.
    pub async fn config(&mut self, domain: &str) -> Config {
        let Some(secret) = self.setup.secret(domain).map(str::to_owned) else {
            fail(&format!("the setup has no component {domain}"))
        };
        let config = Config::new(domain, secret.as_str());
        let address = match self.started().await {
            Started::Memory(_) => return config,
            Started::Prosody(prosody) => prosody.component_addr(),
            Started::Ejabberd(ejabberd) => ejabberd.component_addr(),
        };
        config.with_server(good(address.parse()))
    }

    /// Logs in a user of `localhost`: `alice` is `alice@localhost/desk` on every server.
    ///
    /// # Panics
    ///
    /// The server does not start, or rejects the user.
    ///
    /// # Cancel safety
    ///
    /// The server may not be started after the future was dropped.
    pub async fn user(&mut self, name: &str) -> TestUser {
        let name = match name.contains('/') {
            true => name.to_owned(),
            false => format!("{name}/desk"),
        };
        match self.started().await {
            Started::Memory(server) => server.user(&name.replacen('/', "@localhost/", 1)),
            Started::Prosody(prosody) => TestUser::real(good(prosody.user(&name).await)),
            Started::Ejabberd(ejabberd) => TestUser::real(good(ejabberd.user(&name).await)),
        }
    }

    /// Kills the server: by SIGKILL, or in memory by an end in the middle of a stanza.
    ///
    /// # Panics
    ///
    /// The server does not start.
    ///
    /// # Cancel safety
    ///
    /// The server may not be started after the future was dropped.
    pub async fn kill(&mut self) {
        match self.started().await {
            Started::Memory(server) => server.kill(),
            Started::Prosody(prosody) => prosody.kill(),
            Started::Ejabberd(ejabberd) => ejabberd.kill(),
        }
    }

    /// Stops the server gracefully.
    ///
    /// # Panics
    ///
    /// The server does not stop.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills a real server.
    pub async fn stop(&mut self) {
        match self.started().await {
            Started::Memory(server) => server.stop(),
            Started::Prosody(prosody) => good(prosody.stop().await),
            Started::Ejabberd(ejabberd) => good(ejabberd.stop().await),
        }
    }

    /// Starts the server again, at the same address.
    ///
    /// # Panics
    ///
    /// The server does not start.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves a real server stopped.
    pub async fn restart(&mut self) {
        match self.started().await {
            Started::Memory(server) => server.restart(),
            Started::Prosody(prosody) => good(prosody.restart().await),
            Started::Ejabberd(ejabberd) => good(ejabberd.restart().await),
        }
    }

    /// Makes the server keep the connection of `echo.localhost` open without routing to it.
    ///
    /// # Panics
    ///
    /// On ejabberd, which has no such state (servers.md, 6).
    ///
    /// # Cancel safety
    ///
    /// It may or may not happen if the future is dropped.
    pub async fn forget_component(&mut self) {
        match self.started().await {
            Started::Memory(server) => server.forget_component(),
            Started::Prosody(prosody) => good(prosody.reload_component(TestServer::DOMAIN).await),
            Started::Ejabberd(_) => fail("ejabberd cannot forget a component"),
        }
    }

    /// Returns the server in memory, for faults that real servers do not have.
    ///
    /// # Panics
    ///
    /// The server is a real one.
    ///
    /// # Cancel safety
    ///
    /// The server may not be started after the future was dropped.
    pub async fn in_memory(&mut self) -> &mut Server {
        match self.started().await {
            Started::Memory(server) => server,
            Started::Prosody(_) | Started::Ejabberd(_) => fail("this server is a real one"),
        }
    }

    /// Returns the real ejabberd, for its TLS port and unix socket.
    ///
    /// # Panics
    ///
    /// The server is not a real ejabberd.
    ///
    /// # Cancel safety
    ///
    /// The server may not be started after the future was dropped.
    pub async fn real_ejabberd(&mut self) -> &mut Ejabberd {
        match self.started().await {
            Started::Ejabberd(ejabberd) => ejabberd,
            Started::Memory(_) | Started::Prosody(_) => fail("this server is not ejabberd"),
        }
    }

    async fn started(&mut self) -> &mut Started {
        if self.started.is_none() {
            let setup = self.setup.clone();
            self.started = Some(match self.backend {
                Backend::Memory => Started::Memory(Server::empty(setup)),
                Backend::Prosody => Started::Prosody(good(Prosody::start(setup).await)),
                Backend::Ejabberd => Started::Ejabberd(good(Ejabberd::start(setup).await)),
            });
        }
        match &mut self.started {
            Some(started) => started,
            None => fail("the server is not started"),
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer")
            .field("on", &self.backend)
            .finish_non_exhaustive()
    }
}
