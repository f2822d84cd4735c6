//! The configuration of a component: one value, filled from a file, the environment and flags.
//!
//! There is no global state, and nothing is read after loading, except the secret file.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use couplet_core::jid::hosted_domain;
use serde::de::DeserializeOwned;

use crate::health::Health;
use crate::secret::Secret;

mod check;
mod credential;
mod document;
mod fault;
mod kind;
mod kept;
mod provider;
mod units;
mod reader;
mod sections;
mod server;
mod settings;
mod sources;
mod tables;
mod unknown;

pub use fault::{ConfigError, Origin};
pub use sections::Section;
pub use server::{DEFAULT_PORT, Server, ServerError};
pub use settings::{Setting, settings};
pub use sources::Sources;
pub use tables::{Limits, Log, LogFormat, Ops, Runtime, Timing, Tls};

use kept::Kept;
use sections::{Entry, Sections};

/// The configuration of a component.
///
/// [`Config::load`] reads `couplet.toml`, then `COUPLET_*` variables; a later source wins.
/// [`Config::new`] fills in the defaults, for a test or a program that brings its own
/// configuration; set the other fields directly. [`settings`] lists all settings.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let mut config = couplet::config::Config::new("echo.localhost", "the same secret");
/// config.timing.grace = Duration::from_secs(2);
/// config.check()?;
/// # Ok::<(), couplet::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The domain of the component, sent to the server exactly as written here.
    pub domain: String,
    /// The address of the server's component listener.
    pub server: Server,
    /// The secret shared with the server.
    pub secret: Secret,
    /// How the server's certificate is verified.
    pub tls: Tls,
    /// Limits of sizes and numbers.
    pub limits: Limits,
    /// Timeouts and intervals.
    pub timing: Timing,
    /// The filter and format of the log.
    pub log: Log,
    /// Settings of the tokio runtime.
    pub runtime: Runtime,
    /// Settings for operators: metrics, health, the send socket.
    pub ops: Ops,
    /// The health of the components made from this configuration; clones share it.
    pub(crate) health: Health,
    /// What extensions keep beyond the life of a component; clones share it.
    kept: Kept,
    /// Whether [`crate::app`] runs it: without `app`, a component opens no ops sockets.
    #[cfg(feature = "app")]
    pub(crate) is_program: bool,
    secret_file: Option<PathBuf>,
    /// The file that the secret was read from, whatever setting named it, and its content at
    /// loading.
    secret_from: Option<(PathBuf, Secret)>,
    origins: BTreeMap<&'static str, Origin>,
    warnings: Vec<String>,
    sections: Sections,
}

impl Config {
    /// Creates a configuration with the default of every setting but these two.
    ///
    /// Use it if no file and no variable should be read. The fields are public; [`Config::check`]
    /// checks that they fit together.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = couplet::config::Config::new("echo.localhost", "the same secret");
    /// assert_eq!(config.server.to_string(), "localhost:5347");
    /// ```
    pub fn new(domain: impl Into<String>, secret: impl Into<Secret>) -> Config {
        Config {
            domain: hosted_domain(&domain.into()).into_owned(),
            server: Server::default(),
            secret: secret.into(),
            tls: Tls::default(),
            limits: Limits::default(),
            timing: Timing::default(),
            log: Log::default(),
            runtime: Runtime::default(),
            ops: Ops::default(),
            health: Health::default(),
            kept: Kept::default(),
            #[cfg(feature = "app")]
            is_program: false,
            secret_file: None,
            secret_from: None,
            origins: BTreeMap::new(),
            warnings: Vec::new(),
            sections: Sections::default(),
        }
    }

    /// Reads `couplet.toml` if it exists (or the file that `COUPLET_CONFIG` names), then the
    /// environment of the process; short for [`Sources::process`] and [`Sources::load`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let config = couplet::config::Config::load()?;
    /// # Ok::<(), couplet::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The file cannot be read, a key or variable is unknown, a value is not accepted, or domain or
    /// secret is missing.
    pub fn load() -> Result<Config, ConfigError> {
        Sources::process().load()
    }

    /// Sets the server; use it after [`Config::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Config;
    ///
    /// let config = Config::new("echo.localhost", "x").with_server("[::1]:5347".parse()?);
    /// # Ok::<(), couplet::config::ServerError>(())
    /// ```
    #[must_use]
    pub fn with_server(mut self, server: Server) -> Config {
        self.server = server;
        self
    }

    /// Returns where the value of a setting comes from, by its [`Setting::name`].
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::{Config, Origin};
    ///
    /// assert_eq!(Config::new("echo.localhost", "x").origin("server"), Origin::Default);
    /// ```
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or(Origin::Default)
    }

    /// Returns warnings about values that are accepted but suspicious, such as a secret that all
    /// users of the machine can read. Log them once the log is set up.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(couplet::config::Config::new("echo.localhost", "x").warnings().is_empty());
    /// ```
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the secret from its file as of now, or the loaded one if there is no file.
    pub(crate) fn secret_now(&self) -> Result<Secret, ConfigError> {
        credential::now(self)
    }

    /// Returns the names of the settings that differ from another configuration. Does not compare
    /// secrets.
    #[cfg(feature = "app")]
    pub(crate) fn differences(&self, other: &Config) -> Vec<String> {
        let differs = |setting: &&Setting| setting.kind.show(self) != setting.kind.show(other);
        let names = settings().iter().filter(differs).map(Setting::name);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        let (ours, others) = (self.sections.entries(), other.sections.entries());
        for entry in ours.iter().chain(others) {
            let name = entry.name();
            let in_both = [ours, others].map(|all| all.iter().find(|one| one.name() == name));
            let values = in_both.map(|one| one.and_then(Entry::value));
            if values.first() != values.last() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Returns a section of the configuration that belongs to the application, announced by
    /// [`Sources::with_section`] or [`Sources::section`].
    ///
    /// Variables (`COUPLET_NEWS_MAX_ITEMS` for `max_items` in `[news]`) override the file. Common
    /// spellings of values are accepted, and unknown keys are errors; see [`Section`]. A missing
    /// table is read as an empty one.
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// struct News { max_items: usize }
    ///
    /// let config = couplet::config::Sources::none()
    ///     .variable("COUPLET_DOMAIN", "news.localhost")
    ///     .variable("COUPLET_SECRET", "x")
    ///     .variable("COUPLET_NEWS_MAX_ITEMS", "20")
    ///     .section("news")
    ///     .load()?;
    /// assert_eq!(config.section::<News>("news")?.max_items, 20);
    /// # Ok::<(), couplet::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A key that the type does not have, a missing key, a value that the type does not accept, or
    /// a section that was not announced.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        self.sections.read(name)
    }

    /// Returns a section like [`Config::section`], or the default where it is not announced.
    ///
    /// Use it in an [`Extension`](crate::Extension): a configuration that was made without
    /// [`Sources`] has no sections.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::Config;
    ///
    /// #[derive(Default, serde::Deserialize)]
    /// struct News { feeds: Vec<String> }
    ///
    /// let news: News = Config::new("news.localhost", "secret").section_or_default("news")?;
    /// assert!(news.feeds.is_empty());
    /// # Ok::<(), couplet::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Config::section`], if the section is announced.
    pub fn section_or_default<T>(&self, name: &str) -> Result<T, ConfigError>
    where
        T: DeserializeOwned + Default,
    {
        if self.sections.has(name) {
            self.section(name)
        } else {
            Ok(T::default())
        }
    }

    /// Returns the value of type `T` that the clones of this configuration share, made by `make` on the
    /// first call.
    ///
    /// An [`Extension`](crate::Extension) keeps here what has to outlive a component that is built again
    /// from the same configuration, for example a store in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use couplet::Config;
    ///
    /// let config = Config::new("bot.localhost", "secret");
    /// config.keep(|| Mutex::new(1));
    /// assert_eq!(*config.clone().keep(|| Mutex::new(2)).lock().unwrap(), 1);
    /// ```
    pub fn keep<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.kept.get(make)
    }
}

/// The effective configuration in the form of the file, including the application's sections. Each
/// value has a comment with its origin. The secret is left out.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = None;
        for setting in settings() {
            // Shown as its file, so that the output could be loaded again.
            if setting.is_secret() && self.secret_file.is_some() {
                continue;
            }
            let Some(value) = setting.kind.show(self) else {
                continue;
            };
            if setting.table() != table {
                table = setting.table();
                writeln!(f, "\n[{}]", table.unwrap_or_default())?;
            }
            let origin = self.origin(setting.name());
            writeln!(f, "{} = {value}  # {origin}", setting.key())?;
        }
        let mut table = "";
        for entry in self.sections.entries() {
            if entry.table != table {
                table = &entry.table;
                writeln!(f, "\n[{table}]")?;
            }
            writeln!(f, "{entry}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
