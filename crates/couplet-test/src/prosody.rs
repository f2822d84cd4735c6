//! [`Prosody`]: a real Prosody as a child process that ends when the value is dropped.
//!
//! It has no server-to-server connections, archives, offline storage or stream management.

mod config;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::certificate;
use crate::client::Client;
use crate::error::{TestServerError, doing};
use crate::process::{self, Process};
use crate::root::Root;
use crate::setup::Setup;

const ATTEMPTS: usize = 5;
const CLASH: &str = "Failed to open server port";
const RELOADED_WITHIN: Duration = Duration::from_secs(10);

/// A private Prosody on free loopback ports, with its data in a temporary directory.
///
/// Use it where a server in memory does not prove enough. The host is `localhost`, registration is
/// open, and passwords are sent unencrypted. The server is killed when the value is dropped, and
/// when the process that holds the value is killed.
///
/// It needs the real clock: do not use it in a test that pauses time.
///
/// # Examples
///
/// ```
/// # async fn example() -> Result<(), couplet_test::TestServerError> {
/// use couplet_test::{Prosody, Setup};
///
/// let prosody = Prosody::start(Setup::component("echo.localhost", "s3cret")).await?;
/// println!("components connect to {}", prosody.component_addr());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Prosody {
    // Declared before the folder: fields drop in order, and a stopped server writes no more files.
    process: Option<Process>,
    root: Root,
    program: PathBuf,
    setup: Setup,
    client_port: u16,
    component_port: u16,
    authority: PathBuf,
    certificate: PathBuf,
    launches: u32,
    folder: TempDir,
}

impl Prosody {
    /// Starts a server and waits until it listens (about 0.1 s).
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example() -> Result<(), couplet_test::TestServerError> {
    /// use couplet_test::{Prosody, Setup};
    /// let _prosody = Prosody::start(Setup::component("echo.localhost", "s3cret")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Prosody or the root directory of Debian 13 is not installed, its files cannot be written, or
    /// it did not start; see [`TestServerError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the server.
    pub async fn start(setup: Setup) -> Result<Prosody, TestServerError> {
        let root = Root::of(setup.packages)?;
        let program = root.find("prosody", "prosody")?;
        let mut attempt = 1;
        loop {
            let mut server = Prosody::prepare(root.clone(), program.clone(), setup.clone())?;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(TestServerError::PortTaken { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns where components connect: `127.0.0.1:port`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(prosody: &couplet_test::Prosody) {
    /// assert!(prosody.component_addr().starts_with("127.0.0.1:"));
    /// # }
    /// ```
    pub fn component_addr(&self) -> String {
        format!("127.0.0.1:{}", self.component_port)
    }

    /// Returns where users connect: `127.0.0.1:port`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(prosody: &couplet_test::Prosody) {
    /// assert!(prosody.client_addr().starts_with("127.0.0.1:"));
    /// # }
    /// ```
    pub fn client_addr(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// Returns the PEM file of the authority that signed the server's certificate (for
    /// `localhost`), which the server uses for users with [`Setup::client_tls`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(prosody: &couplet_test::Prosody) {
    /// assert!(prosody.authority().ends_with("ca.pem"));
    /// # }
    /// ```
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// Returns the setup that the server was started with.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(prosody: &couplet_test::Prosody) {
    /// assert_eq!(prosody.setup().domains().next(), Some("echo.localhost"));
    /// # }
    /// ```
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Logs in a user of `localhost`, and registers the account first if it does not exist.
    ///
    /// The password is the user's name. `name` may have a resource: `alice/phone`.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(prosody: &couplet_test::Prosody) -> Result<(), couplet_test::TestServerError> {
    /// let alice = prosody.user("alice/phone").await?;
    /// assert_eq!(alice.jid(), "alice@localhost/phone");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The server is not running or rejects the user.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the account behind.
    pub async fn user(&self, name: &str) -> Result<Client, TestServerError> {
        Client::of_localhost(&self.client_addr(), name)
            .await
            .map_err(TestServerError::User)
    }

    /// Kills the server with SIGKILL, as in a crash. [`restart`](Prosody::restart) starts it again.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(prosody: &mut couplet_test::Prosody) -> Result<(), couplet_test::TestServerError> {
    /// prosody.kill();
    /// prosody.restart().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the server with SIGTERM. It closes the streams of its users and ends.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(prosody: &mut couplet_test::Prosody) -> Result<(), couplet_test::TestServerError> {
    /// prosody.stop().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// It did not end in time and was killed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the server.
    pub async fn stop(&mut self) -> Result<(), TestServerError> {
        match self.process.take() {
            Some(mut process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Starts the server again on the same ports and data; stops it gracefully first if it still
    /// runs.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(prosody: &mut couplet_test::Prosody) -> Result<(), couplet_test::TestServerError> {
    /// prosody.restart().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`start`](Prosody::start). Another program may have taken a port in the meantime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the server stopped.
    pub async fn restart(&mut self) -> Result<(), TestServerError> {
        self.stop().await?;
        self.launch().await
    }

    /// Reloads Prosody's component module for one domain, after which its connections are zombies:
    /// open, but no user's stanza arrives any more (servers.md, 6).
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(prosody: &couplet_test::Prosody) -> Result<(), couplet_test::TestServerError> {
    /// prosody.reload_component("echo.localhost").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The server is not running, or has no such component.
    ///
    /// # Cancel safety
    ///
    /// The reload may or may not have happened when the future is dropped.
    pub async fn reload_component(&self, domain: &str) -> Result<(), TestServerError> {
        let answer = self.folder.path().join("reloaded");
        // The module looks for the finished file only, hence the rename.
        let (draft, order) = (
            self.folder.path().join("draft"),
            self.folder.path().join("reload"),
        );
        process::write(&draft, domain)?;
        fs::rename(&draft, &order).map_err(doing("asking for a reload"))?;
        let deadline = Instant::now() + RELOADED_WITHIN;
        while !answer.exists() {
            match &self.process {
                Some(process) if Instant::now() >= deadline => {
                    return Err(process.too_slow("reloading a component", RELOADED_WITHIN));
                }
                Some(_) => sleep(Duration::from_millis(10)).await,
                None => {
                    let (status, log) = ("killed or stopped".to_owned(), self.log());
                    return Err(TestServerError::Ended {
                        server: "Prosody",
                        status,
                        log,
                    });
                }
            }
        }
        let outcome = fs::read_to_string(&answer).map_err(doing("reading the reload's outcome"))?;
        fs::remove_file(&answer).map_err(doing("removing the reload's outcome"))?;
        if outcome == "reloaded" {
            return Ok(());
        }
        Err(doing(format!("reloading the component {domain}"))(
            std::io::Error::other(outcome),
        ))
    }

    /// Returns the last lines of the server's log since its last start.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(prosody: &couplet_test::Prosody) {
    /// eprintln!("{}", prosody.log());
    /// # }
    /// ```
    pub fn log(&self) -> String {
        process::tail(&self.log_file())
    }

    fn prepare(root: Root, program: PathBuf, setup: Setup) -> Result<Prosody, TestServerError> {
        let folder = root.temporary("couplet-prosody-")?;
        let [client_port, component_port] = process::free_ports()?;
        let (authority, certificate) = certificate::issue(folder.path())?;
        let modules = folder.path().join("modules");
        for folder in [&modules, &folder.path().join("data")] {
            fs::create_dir(folder).map_err(doing("making the server's folders"))?;
        }
        process::write(&modules.join("mod_reload.lua"), config::MOD_RELOAD)?;
        let server = Prosody {
            process: None,
            root,
            program,
            setup,
            client_port,
            component_port,
            authority,
            certificate,
            launches: 0,
            folder,
        };
        process::write(&server.config_file(), &config::text(&server))?;
        Ok(server)
    }

    async fn launch(&mut self) -> Result<(), TestServerError> {
        self.launches += 1;
        let mut command = self.root.command(&self.program);
        let config = self.root.inside(&self.config_file());
        command.arg("-F").arg("--config").arg(config);
        let process = Process::spawn(
            "Prosody",
            &mut command,
            self.folder.path(),
            &self.log_file(),
        )?;
        let signs = ["c2s", "component"].map(|name| format!("Activated service '{name}' on ["));
        self.process
            .insert(process)
            .ready(&[self.client_port, self.component_port], &signs, CLASH)
            .await
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("prosody.cfg.lua")
    }

    fn log_file(&self) -> PathBuf {
        self.folder
            .path()
            .join(format!("prosody-{}.log", self.launches))
    }
}
