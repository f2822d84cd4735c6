//! Turning the log on: text or JSON, to standard error.
//!
//! Deliberately absent: files and rotation, which the supervisor of the process does better.

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use crate::config::{Config, ConfigError, LogFormat};

/// Sends what is traced to standard error, as `config.log` asks.
///
/// [`crate::launch`] does it for you; call it in a program that has a `main` of its own. A
/// subscriber that the program has installed already stays.
///
/// # Examples
///
/// ```
/// let config = couplet::config::Config::new("echo.localhost", "x");
/// couplet::logging::start(&config)?;
/// tracing::info!("this is seen");
/// # Ok::<(), couplet::config::ConfigError>(())
/// ```
///
/// # Errors
///
/// `log.filter` (or `RUST_LOG`) is no list of directives.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    start_reloadable(config).map(drop)
}

/// What changes the filter of a log that has begun.
pub(crate) type Filter = reload::Handle<EnvFilter, Registry>;

/// Like [`start`], and the filter can be changed afterwards.
pub(crate) fn start_reloadable(config: &Config) -> Result<Filter, ConfigError> {
    let (filter, handle) = reload::Layer::new(filter(config)?);
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(filter);
    let _the_program_may_bring_its_own = match config.log.format {
        LogFormat::Text => log.with(lines).try_init(),
        LogFormat::Json => log.with(lines.json()).try_init(),
    };
    Ok(handle)
}

/// The filter that the configuration asks for.
pub(crate) fn filter(config: &Config) -> Result<EnvFilter, ConfigError> {
    let directives = &config.log.filter;
    EnvFilter::builder().parse(directives).map_err(|error| {
        let what = format!("log.filter = {directives:?} is no filter: {error}");
        ConfigError::new(config.origin("log.filter"), what)
            .help("accepted: tracing directives such as \"info,couplet=debug\"")
    })
}

#[cfg(test)]
mod tests {
    use super::filter;
    use crate::config::Sources;

    #[test]
    fn a_bad_filter_is_told_with_its_source() {
        let load = |directives: &str| {
            let sources = Sources::none().variable("COUPLET_DOMAIN", "echo.localhost");
            let sources = sources.variable("COUPLET_SECRET", "x");
            sources.variable("RUST_LOG", directives).load().unwrap()
        };
        assert!(filter(&load("warn,couplet=debug")).is_ok());
        let error = filter(&load("couplet=loud")).unwrap_err().to_string();
        assert!(
            error.starts_with("RUST_LOG: log.filter = \"couplet=loud\" is no filter: "),
            "{error}"
        );
    }
}
