//! [`Stage`]: one server for one scenario, in memory or real, with the same words for all three.
//!
//! What goes wrong with a stage ends the test: a server that is not installed too, with the line
//! that installs it.

use std::fmt;

use couplet::{Component, Config};

use crate::actor::User;
use crate::ejabberd::Ejabberd;
use crate::memory::Server;
use crate::prosody::Prosody;
use crate::root::Packages;
use crate::running::Running;
use crate::setup::Setup;
use crate::verdict::{fail, good};

/// Which server a stage has.
///
/// # Examples
///
/// ```
/// use couplet_test::{On, Stage};
///
/// assert_eq!(Stage::memory().on(), On::Memory);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// [`Server`], with a paused clock.
    Memory,
    /// [`Prosody`].
    Prosody,
    /// [`Ejabberd`].
    Ejabberd,
}

/// A server for one scenario; it starts when the scenario first needs it.
///
/// It hosts `localhost`, and expects the components `echo.localhost` and `news.localhost`.
///
/// # Examples
///
/// ```
/// use couplet::Component;
/// use couplet_test::Stage;
///
/// async fn a_component_answers_pings(stage: &mut Stage) {
///     let _component = stage.run(Component::new).await;
///     let mut alice = stage.user("alice").await;
///     alice.ping("echo.localhost").await;
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// a_component_answers_pings(&mut Stage::memory()).await;
/// # }
/// ```
pub struct Stage {
    on: On,
    setup: Setup,
    house: Option<House>,
}

enum House {
    Memory(Server),
    Prosody(Prosody),
    Ejabberd(Ejabberd),
}

impl Stage {
    /// The domain of a stage's first component.
    pub const DOMAIN: &'static str = "echo.localhost";

    /// The domain of a stage's second component.
    pub const OTHER: &'static str = "news.localhost";

    /// A stage with a server in memory; for tests with a paused clock.
    pub fn memory() -> Stage {
        Stage::new(On::Memory, Packages::Installed)
    }

    /// A stage with the Prosody that is installed.
    pub fn prosody() -> Stage {
        Stage::new(On::Prosody, Packages::Installed)
    }

    /// A stage with the ejabberd that is installed.
    pub fn ejabberd() -> Stage {
        Stage::new(On::Ejabberd, Packages::Installed)
    }

    /// A stage with Prosody 13.0 of Debian 13.
    pub fn prosody_13() -> Stage {
        Stage::new(On::Prosody, Packages::Debian13)
    }

    /// A stage with ejabberd 24.12 of Debian 13.
    pub fn ejabberd_24() -> Stage {
        Stage::new(On::Ejabberd, Packages::Debian13)
    }

    fn new(on: On, packages: Packages) -> Stage {
        let setup = Setup::component(Stage::DOMAIN, "s3cret")
            .and_component(Stage::OTHER, "other")
            .packages(packages);
        Stage {
            on,
            setup,
            house: None,
        }
    }

    /// Which server it has.
    pub fn on(&self) -> On {
        self.on
    }

    /// Whose packages its server comes from.
    pub fn packages(&self) -> Packages {
        self.setup.packages
    }

    /// Changes the setup; possible before the server has started.
    ///
    /// # Panics
    ///
    /// The server has started.
    pub fn set_up(&mut self, change: impl FnOnce(Setup) -> Setup) {
        if self.house.is_some() {
            fail("a stage is set up before its server starts");
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
    /// A dropped future takes the component with it.
    pub async fn run(&mut self, build: impl FnOnce(Config) -> Component) -> Running {
        let mut running = self.launch(Stage::DOMAIN, build).await;
        running.online().await;
        running
    }

    /// Starts a component for one of the domains, and does not wait.
    ///
    /// # Panics
    ///
    /// The server does not start.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the server unstarted.
    pub async fn launch(
        &mut self,
        domain: &str,
        build: impl FnOnce(Config) -> Component,
    ) -> Running {
        let config = self.config(domain).await;
        let component = build(config);
        Running::start(match self.house().await {
            House::Memory(server) => component.connect_through(server.connector()),
            House::Prosody(_) | House::Ejabberd(_) => component,
        })
    }

    /// The configuration of a component for one of the domains.
    ///
    /// # Panics
    ///
    /// The server does not start, or expects no such component.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the server unstarted.
    pub async fn config(&mut self, domain: &str) -> Config {
        let Some(secret) = self.setup.secret(domain).map(str::to_owned) else {
            fail(&format!("the setup has no component {domain}"))
        };
        let config = Config::new(domain, secret.as_str());
        let address = match self.house().await {
            House::Memory(_) => return config,
            House::Prosody(prosody) => prosody.component_addr(),
            House::Ejabberd(ejabberd) => ejabberd.component_addr(),
        };
        config.with_server(good(address.parse()))
    }

    /// Logs a user of `localhost` in: `alice` is `alice@localhost/desk` everywhere.
    ///
    /// # Panics
    ///
    /// The server does not start, or will not have the user.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the server unstarted.
    pub async fn user(&mut self, name: &str) -> User {
        let name = match name.contains('/') {
            true => name.to_owned(),
            false => format!("{name}/desk"),
        };
        match self.house().await {
            House::Memory(server) => server.user(&name.replacen('/', "@localhost/", 1)),
            House::Prosody(prosody) => User::real(good(prosody.user(&name).await)),
            House::Ejabberd(ejabberd) => User::real(good(ejabberd.user(&name).await)),
        }
    }

    /// The server dies: SIGKILL, or the end in the middle of a stanza.
    ///
    /// # Panics
    ///
    /// The server does not start in the first place.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the server unstarted.
    pub async fn kill(&mut self) {
        match self.house().await {
            House::Memory(server) => server.kill(),
            House::Prosody(prosody) => prosody.kill(),
            House::Ejabberd(ejabberd) => ejabberd.kill(),
        }
    }

    /// The server stops politely.
    ///
    /// # Panics
    ///
    /// It does not.
    ///
    /// # Cancel safety
    ///
    /// A dropped future kills a real server.
    pub async fn stop(&mut self) {
        match self.house().await {
            House::Memory(server) => server.stop(),
            House::Prosody(prosody) => good(prosody.stop().await),
            House::Ejabberd(ejabberd) => good(ejabberd.stop().await),
        }
    }

    /// The server comes back, on the same address.
    ///
    /// # Panics
    ///
    /// It does not.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves a real server dead.
    pub async fn restart(&mut self) {
        match self.house().await {
            House::Memory(server) => server.restart(),
            House::Prosody(prosody) => good(prosody.restart().await),
            House::Ejabberd(ejabberd) => good(ejabberd.restart().await),
        }
    }

    /// The server keeps the connection of `echo.localhost` and forgets who is behind it.
    ///
    /// # Panics
    ///
    /// On ejabberd, which has no such state (servers.md, 6).
    ///
    /// # Cancel safety
    ///
    /// It may or may not have happened when the future is dropped.
    pub async fn forget_component(&mut self) {
        match self.house().await {
            House::Memory(server) => server.forget_component(),
            House::Prosody(prosody) => good(prosody.reload_component(Stage::DOMAIN).await),
            House::Ejabberd(_) => fail("ejabberd forgets no component"),
        }
    }

    /// The server in memory, for faults that no real one has.
    ///
    /// # Panics
    ///
    /// It is a real one.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the server unstarted.
    pub async fn in_memory(&mut self) -> &mut Server {
        match self.house().await {
            House::Memory(server) => server,
            House::Prosody(_) | House::Ejabberd(_) => fail("this server is a real one"),
        }
    }

    /// The real ejabberd, for its other ways to connect.
    ///
    /// # Panics
    ///
    /// It is another server.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the server unstarted.
    pub async fn real_ejabberd(&mut self) -> &mut Ejabberd {
        match self.house().await {
            House::Ejabberd(ejabberd) => ejabberd,
            House::Memory(_) | House::Prosody(_) => fail("this server is no ejabberd"),
        }
    }

    async fn house(&mut self) -> &mut House {
        if self.house.is_none() {
            let setup = self.setup.clone();
            self.house = Some(match self.on {
                On::Memory => House::Memory(Server::empty(setup)),
                On::Prosody => House::Prosody(good(Prosody::start(setup).await)),
                On::Ejabberd => House::Ejabberd(good(Ejabberd::start(setup).await)),
            });
        }
        match &mut self.house {
            Some(house) => house,
            None => fail("the server has just been started"),
        }
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("on", &self.on)
            .finish_non_exhaustive()
    }
}
