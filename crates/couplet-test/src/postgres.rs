//! [`Postgres`]: a real PostgreSQL as a child process that ends when the value is dropped.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use crate::certificate;
use crate::error::{TestServerError, doing};
use crate::process::{self, Process};

mod owner;

use owner::Owner;

const ATTEMPTS: usize = 5;
const CLASH: &str = "could not bind";
const READY: &str = "database system is ready to accept connections";

/// What a server logs while the processes of its killed predecessor are still running.
const LINGERING: &str = "is still in use";
const LINGERS: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// The password.
const PASSWORD: &str = "s3cret";

/// A private PostgreSQL on a free loopback port, with its data in a temporary directory and `fsync`
/// on, as in production.
///
/// The user is `postgres`, and so is the database. The server is killed when the value is dropped,
/// and when the process that holds the value is killed. PostgreSQL refuses to run as root; if the
/// test does, the server runs as `postgres`, or as `nobody`.
///
/// It needs the real clock: do not use it in a test that pauses time.
///
/// # Examples
///
/// ```
/// # async fn example() -> Result<(), couplet_test::TestServerError> {
/// use couplet_test::Postgres;
///
/// let postgres = Postgres::start().await?;
/// println!("COUPLET_PUBSUB_STORE={}", postgres.url());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Postgres {
    // Declared before the folder: fields drop in order, and a stopped server writes no more files.
    process: Option<Process>,
    programs: PathBuf,
    owner: Option<Owner>,
    port: u16,
    launches: u32,
    authority: PathBuf,
    /// The certificate chain and the key.
    certificate: PathBuf,
    folder: TempDir,
}

impl Postgres {
    /// Creates a database and starts a server on it (about 1 s).
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example() -> Result<(), couplet_test::TestServerError> {
    /// use couplet_test::Postgres;
    /// let _postgres = Postgres::start().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// PostgreSQL is not installed, its files cannot be written, or it did not start; see
    /// [`TestServerError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the server.
    pub async fn start() -> Result<Postgres, TestServerError> {
        let programs = programs()?;
        let mut attempt = 1;
        loop {
            let mut server = Postgres::prepare(&programs)?;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(TestServerError::PortTaken { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the URL of the database over TCP, with the password.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(postgres: &couplet_test::Postgres) {
    /// assert!(postgres.url().starts_with("postgres://postgres:"));
    /// # }
    /// ```
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres:{PASSWORD}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    /// Returns the URL without the password, and the password.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(postgres: &couplet_test::Postgres) {
    /// let (url, password) = postgres.url_and_password();
    /// assert!(!url.contains(password));
    /// # }
    /// ```
    pub fn url_and_password(&self) -> (String, &'static str) {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        (url, PASSWORD)
    }

    /// Returns the URL of the database over a Unix socket, which needs no password.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(postgres: &couplet_test::Postgres) {
    /// assert!(postgres.socket_url().contains("%2F"));
    /// # }
    /// ```
    pub fn socket_url(&self) -> String {
        let folder = self.folder.path().display().to_string();
        let folder = folder.replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/postgres", self.port)
    }

    /// Returns the URL of the database over TCP and TLS, with the password and the CA file of the
    /// server.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(postgres: &couplet_test::Postgres) {
    /// assert!(postgres.tls_url().contains("sslrootcert="));
    /// # }
    /// ```
    pub fn tls_url(&self) -> String {
        format!(
            "postgres://postgres:{PASSWORD}@{}:{}/postgres?sslmode=verify-full&sslrootcert={}",
            certificate::NAME,
            self.port,
            self.authority.display()
        )
    }

    /// Kills the server with SIGKILL, as in a crash. [`restart`](Postgres::restart) starts it again
    /// with everything that it acknowledged.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(postgres: &mut couplet_test::Postgres) -> Result<(), couplet_test::TestServerError> {
    /// postgres.kill();
    /// postgres.restart().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the server with SIGTERM: it accepts no more connections and ends after its open ones
    /// are closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(postgres: &mut couplet_test::Postgres) -> Result<(), couplet_test::TestServerError> {
    /// postgres.stop().await?;
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

    /// Starts the server again on the same port and data; kills it first if it still runs.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(postgres: &mut couplet_test::Postgres) -> Result<(), couplet_test::TestServerError> {
    /// postgres.restart().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`start`](Postgres::start). Another program may have taken the port in the
    /// meantime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the server stopped.
    pub async fn restart(&mut self) -> Result<(), TestServerError> {
        self.kill();
        for _ in 0..LINGERS {
            match self.launch().await {
                Err(TestServerError::Ended { log, .. }) if log.contains(LINGERING) => {
                    self.process = None;
                    sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
        self.launch().await
    }

    /// Returns the last lines of the server's log since its last start.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(postgres: &couplet_test::Postgres) {
    /// eprintln!("{}", postgres.log());
    /// # }
    /// ```
    pub fn log(&self) -> String {
        process::tail(&self.log_file())
    }

    fn prepare(programs: &Path) -> Result<Postgres, TestServerError> {
        let folder = tempfile::Builder::new()
            .prefix("couplet-postgres-")
            .tempdir()
            .map_err(doing("creating a temporary directory"))?;
        let [port] = process::free_ports()?;
        let (authority, certificate) = certificate::issue(folder.path())?;
        let server = Postgres {
            process: None,
            programs: programs.to_owned(),
            owner: Owner::find()?,
            port,
            launches: 0,
            authority,
            certificate,
            folder,
        };
        let secret = server.folder.path().join("password");
        process::write(&secret, PASSWORD)?;
        // PostgreSQL rejects a key that other users can read.
        fs::set_permissions(&server.certificate, fs::Permissions::from_mode(0o600))
            .map_err(doing("setting the permissions of the server's key"))?;
        if let Some(owner) = server.owner {
            for path in [server.folder.path(), &secret, &server.certificate] {
                chown(path, Some(owner.user), Some(owner.group))
                    .map_err(doing("changing the owner of the server's folder"))?;
            }
        }
        server.make_cluster(&secret)?;
        Ok(server)
    }

    fn make_cluster(&self, secret: &Path) -> Result<(), TestServerError> {
        let mut command = self.command("initdb");
        command
            .current_dir(self.folder.path())
            .args(["--username=postgres", "--encoding=UTF8", "--locale=C"])
            .args([
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--no-sync",
            ])
            .arg("--pwfile")
            .arg(secret)
            .arg("--pgdata")
            .arg(self.data());
        let made = command.output().map_err(doing("starting initdb"))?;
        if made.status.success() {
            return Ok(());
        }
        Err(TestServerError::Ended {
            server: "initdb",
            status: made.status.to_string(),
            log: String::from_utf8_lossy(&made.stderr).into_owned(),
        })
    }

    async fn launch(&mut self) -> Result<(), TestServerError> {
        self.launches += 1;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        for setting in [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.path().display()),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", self.certificate.display()),
            format!("ssl_key_file={}", self.certificate.display()),
            "max_connections=300".to_owned(),
            "shared_buffers=64MB".to_owned(),
        ] {
            command.arg("-c").arg(setting);
        }
        let log = self.log_file();
        let process = Process::spawn("PostgreSQL", &mut command, self.folder.path(), &log)?;
        self.process
            .insert(process)
            .ready(&[self.port], &[READY.to_owned()], CLASH)
            .await
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        let name = format!("postgres-{}.log", self.launches);
        self.folder.path().join(name)
    }
}

/// Returns the folder of the server's programs, which Debian keeps outside of `PATH` for each
/// version.
fn programs() -> Result<PathBuf, TestServerError> {
    let here =
        |folder: &PathBuf| folder.join("postgres").is_file() && folder.join("initdb").is_file();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| here(folder))
        .collect();
    versions.sort_unstable();
    if let Some((_, newest)) = versions.pop() {
        return Ok(newest);
    }
    let found = process::find("initdb", "postgresql")?;
    Ok(found.parent().map(Path::to_owned).unwrap_or_default())
}
