//! What the command itself logs.

use couplet::config::Config;

use crate::failure::Failure;

/// What is logged: nearly nothing, unless somebody asked for more.
pub(crate) fn filter(verbose: u8) -> String {
    let asked = std::env::var("RUST_LOG")
        .ok()
        .filter(|asked| !asked.is_empty());
    asked.unwrap_or_else(|| {
        match verbose {
            0 => "error",
            1 => "info",
            _ => "debug",
        }
        .to_owned()
    })
}

/// Turns the log on, once the configuration is known.
pub(crate) fn start(mut config: Config, filter: &str) -> Result<(), Failure> {
    config.log.filter = filter.to_owned();
    Ok(couplet::logging::start(&config)?)
}
