//! Sets up the log: text or JSON, to standard error.
//!
//! There are no files and no rotation; the supervisor of the process handles both.

use std::io::IsTerminal;

use tracing_subscriber::{
    Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use crate::config::{Config, ConfigError, LogFormat};

mod lines;

use lines::Lines;

/// Installs a tracing subscriber that writes to standard error, as `config.log` says.
///
/// `log.filter` is a list of `target=level`, `target` and `level`, separated by commas; the most
/// specific one wins. Filters by span or field (`[...]`) are rejected.
///
/// [`crate::app`] calls it; a program with its own `main` calls it directly. It does not replace a
/// subscriber that is already installed.
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
/// `log.filter` (or `RUST_LOG`) is not a list of directives.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    start_reloadable(config).map(drop)
}

/// What changes the filter of a log that has begun.
pub(crate) type Filter = reload::Handle<Targets, Registry>;

/// Starts the log like [`start`], with a filter that can be changed afterwards.
pub(crate) fn start_reloadable(config: &Config) -> Result<Filter, ConfigError> {
    let (filter, handle) = reload::Layer::new(filter(config)?);
    let layer = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(filter);
    let _the_program_may_bring_its_own = match config.log.format {
        LogFormat::Text => log.with(layer.fmt_fields(Lines)).try_init(),
        LogFormat::Json => log.with(layer.json()).try_init(),
    };
    Ok(handle)
}

/// Parses the filter of the configuration.
pub(crate) fn filter(config: &Config) -> Result<Targets, ConfigError> {
    let text = &config.log.filter;
    directives(text).map_err(|error| {
        let what = format!("log.filter = {text:?} is not a filter: {error}");
        ConfigError::new(config.origin("log.filter"), what)
            .help("accepted: tracing directives such as \"info,couplet=debug\"")
    })
}

/// Parses a filter. It is not an `EnvFilter`, because filtering by span and field needs a regex engine, a tenth of a component's
/// binary and memory.
fn directives(text: &str) -> Result<Targets, String> {
    let given: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .collect();
    if given.is_empty() {
        return Ok(Targets::new().with_default(LevelFilter::ERROR));
    }
    if let Some(by_span) = given.iter().find(|directive| directive.contains('[')) {
        return Err(format!("{by_span:?} filters by span or field"));
    }
    let targets = given.join(",").parse::<Targets>();
    targets.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::filter::LevelFilter;

    use super::{directives, filter};
    use crate::config::Sources;

    #[test]
    fn the_most_specific_directive_decides() {
        let targets = directives("info, couplet=debug,couplet::tls=off,,noisy").unwrap();
        let enabled = |target, level| targets.would_enable(target, &level);
        assert_eq!(targets.default_level(), Some(LevelFilter::INFO));
        assert!(!enabled("somebody", Level::DEBUG));
        assert!(enabled("couplet::session", Level::DEBUG));
        assert!(!enabled("couplet::session", Level::TRACE));
        assert!(!enabled("couplet::tls", Level::ERROR));
        assert!(enabled("noisy", Level::TRACE));
    }

    #[test]
    fn a_filter_by_span_is_refused_instead_of_matching_nothing() {
        assert!(directives("couplet[stanza]=debug").is_err());
        assert!(directives("[{from=alice}]=debug,info").is_err());
    }

    #[test]
    fn a_bad_filter_is_reported_with_its_source() {
        let load = |directives: &str| {
            let sources = Sources::none().variable("COUPLET_DOMAIN", "echo.localhost");
            let sources = sources.variable("COUPLET_SECRET", "x");
            sources.variable("RUST_LOG", directives).load().unwrap()
        };
        assert!(filter(&load("warn,couplet=debug")).is_ok());
        let error = filter(&load("couplet=loud")).unwrap_err().to_string();
        assert!(
            error.starts_with("RUST_LOG: log.filter = \"couplet=loud\" is not a filter: "),
            "{error}"
        );
    }
}
