//! [`Ejabberd`]: a real ejabberd as a child process that ends when the value is dropped.
//!
//! It has no server-to-server connections, archives or offline storage, and no node name, so that
//! several run side by side without epmd.

mod config;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::certificate;
use crate::client::Client;
use crate::error::{TestServerError, doing};
use crate::process::{self, Process};
use crate::root::Root;
use crate::setup::{Setup, quoted};

const ATTEMPTS: usize = 5;
const CLASH: &str = "eaddrinuse";

/// Short, because ejabberd 24.12 encodes the path in another one of at most 107 bytes
/// (docs/servers.md, 10).
const SOCKET: &str = "c.sock";

/// A private ejabberd on free loopback ports, with its data in a temporary directory.
///
/// Use it where a server in memory does not prove enough. Share one between tests, because it needs
/// about a second to start. The host is `localhost`, registration is open, and passwords are sent
/// unencrypted. The server is killed when the value is dropped, and when the process that holds the
/// value is killed.
///
/// It needs the real clock: do not use it in a test that pauses time.
///
/// # Examples
///
/// ```
/// # async fn example() -> Result<(), couplet_test::TestServerError> {
/// use couplet_test::{Ejabberd, Setup};
///
/// let ejabberd = Ejabberd::start(Setup::component("echo.localhost", "s3cret").tls()).await?;
/// println!("components connect to {}", ejabberd.component_addr());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Ejabberd {
    // Declared before the folder: fields drop in order, and a stopped server writes no more files.
    process: Option<Process>,
    root: Root,
    erl: PathBuf,
    libraries: String,
    setup: Setup,
    client_port: u16,
    component_port: u16,
    tls_port: u16,
    authority: PathBuf,
    certificate: PathBuf,
    launches: u32,
    folder: TempDir,
}

impl Ejabberd {
    /// Starts a server and waits until it listens (about 1 s).
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example() -> Result<(), couplet_test::TestServerError> {
    /// use couplet_test::{Ejabberd, Setup};
    /// let _ejabberd = Ejabberd::start(Setup::component("echo.localhost", "s3cret")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// ejabberd or the root directory of Debian 13 is not installed, its files cannot be written,
    /// or it did not start; see [`TestServerError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the server.
    pub async fn start(setup: Setup) -> Result<Ejabberd, TestServerError> {
        let root = Root::of(setup.packages)?;
        let libraries = libraries(&root.find("ejabberdctl", "ejabberd")?)?;
        let erl = root.find("erl", "erlang-base")?;
        let mut attempt = 1;
        loop {
            let mut server = Ejabberd::prepare(&root, &erl, &libraries, setup.clone())?;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(TestServerError::PortTaken { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns where components connect without encryption: `127.0.0.1:port`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(ejabberd: &couplet_test::Ejabberd) {
    /// assert!(ejabberd.component_addr().starts_with("127.0.0.1:"));
    /// # }
    /// ```
    pub fn component_addr(&self) -> String {
        format!("127.0.0.1:{}", self.component_port)
    }

    /// Returns where components connect with TLS from the first byte: `localhost:port`, the name in
    /// the certificate. `None` without [`Setup::tls`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(ejabberd: &couplet_test::Ejabberd) {
    /// assert!(ejabberd.tls_addr().is_some_and(|addr| addr.starts_with("localhost:")));
    /// # }
    /// ```
    pub fn tls_addr(&self) -> Option<String> {
        self.setup
            .tls
            .then(|| format!("{}:{}", certificate::NAME, self.tls_port))
    }

    /// Returns the PEM file of the authority that signed the server's certificate (for
    /// `localhost`).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(ejabberd: &couplet_test::Ejabberd) {
    /// assert!(ejabberd.authority().ends_with("ca.pem"));
    /// # }
    /// ```
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// Returns the path of the unix socket for components. `None` without [`Setup::unix_socket`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(ejabberd: &couplet_test::Ejabberd) {
    /// assert!(ejabberd.unix_path().is_some());
    /// # }
    /// ```
    pub fn unix_path(&self) -> Option<PathBuf> {
        self.setup
            .unix_socket
            .then(|| self.folder.path().join(SOCKET))
    }

    /// Returns where users connect: `127.0.0.1:port`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(ejabberd: &couplet_test::Ejabberd) {
    /// assert!(ejabberd.client_addr().starts_with("127.0.0.1:"));
    /// # }
    /// ```
    pub fn client_addr(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// Returns the setup that the server was started with.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(ejabberd: &couplet_test::Ejabberd) {
    /// assert_eq!(ejabberd.setup().domains().next(), Some("echo.localhost"));
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
    /// # async fn example(ejabberd: &couplet_test::Ejabberd) -> Result<(), couplet_test::TestServerError> {
    /// let alice = ejabberd.user("alice/phone").await?;
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

    /// Kills the server with SIGKILL, as in a crash. [`restart`](Ejabberd::restart) starts it
    /// again; what Mnesia had not written yet is lost, including accounts.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(ejabberd: &mut couplet_test::Ejabberd) -> Result<(), couplet_test::TestServerError> {
    /// ejabberd.kill();
    /// ejabberd.restart().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the server with SIGTERM. It closes the streams of its users, though not always of all,
    /// and ends (about 2 s).
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(ejabberd: &mut couplet_test::Ejabberd) -> Result<(), couplet_test::TestServerError> {
    /// ejabberd.stop().await?;
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
    /// # async fn example(ejabberd: &mut couplet_test::Ejabberd) -> Result<(), couplet_test::TestServerError> {
    /// ejabberd.restart().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`start`](Ejabberd::start). Another program may have taken a port in the meantime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the server stopped.
    pub async fn restart(&mut self) -> Result<(), TestServerError> {
        self.stop().await?;
        self.launch().await
    }

    /// Returns the last lines of the server's log since its last start.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(ejabberd: &couplet_test::Ejabberd) {
    /// eprintln!("{}", ejabberd.log());
    /// # }
    /// ```
    pub fn log(&self) -> String {
        process::tail(&self.log_file())
    }

    fn prepare(
        root: &Root,
        erl: &Path,
        libraries: &str,
        setup: Setup,
    ) -> Result<Ejabberd, TestServerError> {
        let folder = root.temporary("couplet-ejabberd-")?;
        let [client_port, component_port, tls_port] = process::free_ports()?;
        let (authority, certificate) = certificate::issue(folder.path())?;
        let server = Ejabberd {
            process: None,
            root: root.clone(),
            erl: erl.to_owned(),
            libraries: libraries.to_owned(),
            setup,
            client_port,
            component_port,
            tls_port,
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
        if let Some(socket) = self.unix_path() {
            // A killed server leaves its socket behind, and binding to an existing one fails.
            let _none_at_first = fs::remove_file(socket);
        }
        let folder = self.root.inside(self.folder.path());
        let mut command = self.root.command(&self.erl);
        // servers.md, 1: not ejabberdctl, which requires a node name, a user and a single spool.
        command
            .args(["-noinput", "+sbwt", "none", "-mnesia", "dir"])
            .arg(quoted(&folder.join("spool").to_string_lossy()))
            .args(["-s", "ejabberd"])
            .env("ERL_LIBS", &self.libraries)
            .env("EJABBERD_CONFIG_PATH", folder.join("ejabberd.yml"))
            .env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"))
            // A folder without translations: reading them takes a quarter of the start.
            .env("EJABBERD_MSGS_PATH", &folder)
            .env("ERL_CRASH_DUMP", folder.join("erl_crash.dump"))
            .env("HOME", &folder);
        for flags in ["ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS"] {
            command.env_remove(flags);
        }
        let mut ports = vec![self.client_port, self.component_port];
        ports.extend(self.setup.tls.then_some(self.tls_port));
        let mut signs: Vec<_> = ports
            .iter()
            .map(|port| format!("at 127.0.0.1:{port} for"))
            .collect();
        signs.extend(
            self.unix_path()
                .map(|socket| format!("at unix:{} for", self.root.inside(&socket).display())),
        );
        let process = Process::spawn(
            "ejabberd",
            &mut command,
            self.folder.path(),
            &self.log_file(),
        )?;
        self.process
            .insert(process)
            .ready(&ports, &signs, CLASH)
            .await
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("ejabberd.yml")
    }

    fn log_file(&self) -> PathBuf {
        self.folder
            .path()
            .join(format!("console-{}.log", self.launches))
    }
}

/// Returns the folder of ejabberd's own Erlang code, according to its control script.
fn libraries(script: &Path) -> Result<String, TestServerError> {
    let text = fs::read_to_string(script).map_err(doing("reading ejabberdctl"))?;
    text.lines()
        .find_map(|line| {
            line.trim()
                .trim_start_matches("export ")
                .strip_prefix("ERL_LIBS=")
        })
        .map(|value| value.trim_matches(['\'', '"']).to_owned())
        .ok_or_else(|| TestServerError::Io {
            doing: format!("looking for ERL_LIBS in {}", script.display()),
            source: std::io::Error::other(
                "not there; use the distribution's own ejabberd package (apt-get install ejabberd)",
            ),
        })
}
