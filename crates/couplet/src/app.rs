//! The `main` function of a component: flags, configuration, log, runtime, signals, exit code.
//!
//! Nothing here depends on XMPP; a program with its own `main` does not need this module.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::config::{Config, ConfigError, Sources};
use crate::error::Error;
use crate::logging;
use crate::shutdown::Shutdown;

mod flags;
#[cfg(feature = "ops")]
mod health;
mod reload;
mod signals;
mod subcommand;

use reload::Reload;
use subcommand::Work;
pub use subcommand::{Arguments, Subcommand};

/// Runs a component as a program; short for [`App::new`] and [`App::run`].
///
/// # Examples
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     couplet::app::main(async |config, shutdown| {
///         println!("{} would now be served", config.domain);
///         shutdown.requested().await;
///         Ok(())
///     })
/// }
/// ```
pub fn main<F>(run: F) -> ExitCode
where
    F: AsyncFnOnce(Config, Shutdown) -> Result<(), Error>,
{
    App::new().run(run)
}

/// A program that runs a component.
///
/// Its flags are `--config`, `--domain`, `--server`, `--secret-file`, `--log-format`, `--threads`,
/// `--ops-listen`, `--check-config`, `--version` and `--help`, which also lists the variables. With
/// the cargo feature `ops` it has the subcommand `health`, which asks the running component at
/// `ops.listen` (or `--url`) whether it is ready. [`App::subcommand`] adds others.
///
/// On SIGHUP it reloads the configuration and applies `log.filter`; it logs which other changes
/// need a restart. The secret file is read at each attempt to connect.
///
/// | exit code | when |
/// |---|---|
/// | 0 | `run` returned `Ok`, also after SIGTERM or SIGINT; `--check-config` found no error; the component is ready (`health`) |
/// | 1, 2, 3 | see [`Error::exit_code`]; 2 also for an unknown flag; 1 also for `health` if the component is not ready |
/// | 130 | a second signal arrived before `run` returned |
///
/// # Examples
///
/// ```
/// use std::process::ExitCode;
/// use couplet::config::Sources;
/// use couplet::app::App;
///
/// let code = App::new()
///     .version("1.2.0")
///     .arguments(["echo", "--domain", "echo.localhost"])
///     .sources(Sources::none().variable("COUPLET_SECRET", "the same secret"))
///     .run(async |config, _stop| {
///         assert_eq!(config.domain, "echo.localhost");
///         Ok(())
///     });
/// assert_eq!(code, ExitCode::SUCCESS);
/// ```
pub struct App {
    arguments: Vec<OsString>,
    sources: Sources,
    version: Option<&'static str>,
    check: Option<Check>,
    subcommands: Vec<Subcommand>,
    /// The actions of the subcommands, in the same order.
    actions: Vec<Work>,
}

/// Checks the program's own part of a configuration.
type Check = fn(&Config) -> Result<(), ConfigError>;

impl App {
    /// Creates a program with the arguments and the environment of the process.
    ///
    /// # Examples
    ///
    /// ```
    /// let app = couplet::app::App::new();
    /// ```
    pub fn new() -> App {
        App {
            arguments: std::env::args_os().collect(),
            sources: Sources::process(),
            version: None,
            check: None,
            subcommands: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Sets the version that `--version` prints beside that of Couplet:
    /// `env!("CARGO_PKG_VERSION")`.
    ///
    /// # Examples
    ///
    /// ```
    /// let app = couplet::app::App::new().version(env!("CARGO_PKG_VERSION"));
    /// ```
    #[must_use]
    pub fn version(mut self, version: &'static str) -> App {
        self.version = Some(version);
        self
    }

    /// Replaces the arguments of the process, the program name first. Use it in tests and in
    /// programs with subcommands of their own.
    ///
    /// # Examples
    ///
    /// ```
    /// let app = couplet::app::App::new().arguments(["echo", "--threads", "2"]);
    /// ```
    #[must_use]
    pub fn arguments<T: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = T>) -> App {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Replaces the sources of the configuration, by default the environment of the process. Use it
    /// to announce sections.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Sources;
    ///
    /// #[derive(serde::Deserialize, serde::Serialize)]
    /// struct News { max_items: u32 }
    ///
    /// impl couplet::config::Section for News {
    ///     const NAME: &'static str = "news";
    /// }
    ///
    /// let sources = Sources::process().with_section::<News>();
    /// let app = couplet::app::App::new().sources(sources);
    /// ```
    #[must_use]
    pub fn sources(mut self, sources: Sources) -> App {
        self.sources = sources;
        self
    }

    /// Adds a check of the program's sections beyond what their types express. It runs before the
    /// component starts, and for `--check-config`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{config::{ConfigError, Sources}, app::App};
    ///
    /// let code = App::new()
    ///     .arguments(["news", "--check-config", "--domain", "news.localhost"])
    ///     .sources(Sources::none().variable("COUPLET_SECRET", "x"))
    ///     .check(|config| match config.domain.starts_with("echo.") {
    ///         true => Ok(()),
    ///         false => Err(ConfigError::because("domain has to begin with echo.")),
    ///     })
    ///     .run(async |_config, _stop| Ok(()));
    /// assert_ne!(code, std::process::ExitCode::SUCCESS);
    /// ```
    #[must_use]
    pub fn check(mut self, check: fn(&Config) -> Result<(), ConfigError>) -> App {
        self.check = Some(check);
        self
    }

    /// Adds a subcommand, which `--help` lists and which runs `work` instead of the component. It
    /// has the configuration and the signals of the program, and does not log in, so domain and
    /// secret may be unset. Flags of the component go before it: `news --config FILE count`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::{config::Sources, app::{App, Subcommand}};
    ///
    /// let code = App::new()
    ///     .arguments(["news", "count"])
    ///     .sources(Sources::none())
    ///     .subcommand(
    ///         Subcommand::new("count", "say how many news there are"),
    ///         async |_config, _asked, _stop| Ok(println!("none")),
    ///     )
    ///     .run(async |_config, _stop| Ok(()));
    /// assert_eq!(code, std::process::ExitCode::SUCCESS);
    /// ```
    #[must_use]
    pub fn subcommand<F>(mut self, subcommand: Subcommand, work: F) -> App
    where
        F: AsyncFnOnce(Config, Arguments, Shutdown) -> Result<(), Error> + 'static,
    {
        self.subcommands.push(subcommand);
        self.actions.push(Box::new(|config, arguments, shutdown| {
            Box::pin(async move { work(config, arguments, shutdown).await })
        }));
        self
    }

    /// Reads the configuration, starts the log and runs the component until it ends.
    ///
    /// The [`Shutdown`] given to `run` is requested by the first SIGTERM or SIGINT; `run` should
    /// then finish its work and return. A second signal ends the process at once, even if a handler
    /// blocks the runtime. With `runtime.threads = 1` everything runs on the calling thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::app::App;
    ///
    /// let code = App::new().arguments(["echo", "--version"]).run(async |_, _| Ok(()));
    /// assert_eq!(code, std::process::ExitCode::SUCCESS);
    /// ```
    pub fn run<F>(self, run: F) -> ExitCode
    where
        F: AsyncFnOnce(Config, Shutdown) -> Result<(), Error>,
    {
        ExitCode::from(self.code(run))
    }

    fn code<F>(self, run: F) -> u8
    where
        F: AsyncFnOnce(Config, Shutdown) -> Result<(), Error>,
    {
        let given = match flags::parse(&self.arguments, self.sources, &self.subcommands) {
            Ok(given) => given,
            Err(refused) => {
                let _nobody_reads_it_then = refused.print();
                return u8::try_from(refused.exit_code()).unwrap_or(2);
            }
        };
        if given.wants_version {
            let version = self.version.map(|version| format!("{version} "));
            let version = version.unwrap_or_default();
            show(&format!("{} {version}({COUPLET})\n", given.program));
            return 0;
        }
        #[cfg(feature = "ops")]
        if let Some(arguments) = given.wants_health {
            return health::check(&given.program, arguments.url, given.sources);
        }
        let loaded = given.sources.clone().load().and_then(checked);
        let own = |config: Config| match self.check {
            Some(check) => check(&config).map(|()| config),
            None => Ok(config),
        };
        let config = match loaded.and_then(own) {
            Ok(config) => config,
            Err(error) => {
                // The log is not set up yet, so the error goes to standard error.
                print_error(&given.program, &error);
                return Error::from(error).exit_code();
            }
        };
        if given.wants_check {
            show(&config.to_string());
            for warning in config.warnings() {
                print_error(&given.program, &format_args!("warning: {warning}"));
            }
            return 0;
        }
        let filter = match logging::start_reloadable(&config) {
            Ok(filter) => filter,
            Err(error) => {
                print_error(&given.program, &error);
                return Error::from(error).exit_code();
            }
        };
        let reload = Reload::new(given.sources, config.clone(), filter);
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        let as_json = config.log.format == crate::config::LogFormat::Json;
        let is_subcommand = given.wants.is_some();
        let ended = match given.wants {
            Some((name, arguments)) => {
                let named = |(one, _): &(Subcommand, Work)| one.name == name;
                let mut actions = self.subcommands.into_iter().zip(self.actions);
                let work = actions.find(named).map(|(_, work)| work);
                block(&config.clone(), reload, async |stop| match work {
                    Some(work) => work(config, arguments, stop).await,
                    None => Ok(()),
                })
            }
            None => live(config, reload, run),
        };
        match ended {
            Ok(()) if is_subcommand => 0,
            Ok(()) => {
                tracing::info!("stopped");
                0
            }
            Err(error) => {
                let exit_code = error.exit_code();
                if as_json {
                    tracing::error!(exit_code, %error, "stopped by an error");
                } else {
                    // Printed regardless of the log filter, for the user.
                    print_error(&given.program, &error);
                    tracing::error!(exit_code, "stopped by an error");
                }
                exit_code
            }
        }
    }
}

impl Default for App {
    fn default() -> App {
        App::new()
    }
}

const COUPLET: &str = concat!("couplet ", env!("CARGO_PKG_VERSION"));

/// Writes to standard output; unlike `print!`, it does not panic if a pager has closed the pipe.
fn show(text: &str) {
    let _nobody_reads_it_then = std::io::stdout().write_all(text.as_bytes());
}

/// Writes to standard error. `eprintln!` would panic if that fails, for example on a full disk, and
/// change the exit code.
fn print_error(program: &str, what: &dyn Display) {
    let _nobody_reads_it_then = writeln!(std::io::stderr(), "{program}: {what}");
}

fn checked(config: Config) -> Result<Config, ConfigError> {
    logging::filter(&config).map(|_| config)
}

fn live<F>(mut config: Config, reload: Reload, run: F) -> Result<(), Error>
where
    F: AsyncFnOnce(Config, Shutdown) -> Result<(), Error>,
{
    #[cfg(feature = "ops")]
    let ops = crate::ops::Ops::prepare(&config)?;
    config.is_program = true;
    block(&config.clone(), reload, async |shutdown| {
        // Runs until the component ends.
        #[cfg(feature = "ops")]
        let _beside_it = ops.start(shutdown.clone())?;
        run(config, shutdown).await
    })
}

/// Runs `work` in a runtime with the configured number of threads, with signal handling.
fn block<F>(config: &Config, reload: Reload, work: F) -> Result<(), Error>
where
    F: AsyncFnOnce(Shutdown) -> Result<(), Error>,
{
    let failed = |doing: &str| {
        let doing = doing.to_owned();
        |cause| Error::Io { doing, cause }
    };
    let shutdown = signals::listen(reload).map_err(failed("listening for signals"))?;
    let mut builder = match config.runtime.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(failed("starting the runtime"))?;
    let ended = runtime.block_on(work(shutdown));
    // A blocking call that is still running must not delay the exit.
    runtime.shutdown_background();
    ended
}

#[cfg(test)]
mod tests;
