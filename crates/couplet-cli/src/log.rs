//! The log of the command.

use couplet::config::Config;

use crate::failure::Failure;

/// Returns the log filter: `RUST_LOG`, or else one for the number of `-v`.
pub(crate) fn filter(verbose: u8) -> String {
    let variable = std::env::var("RUST_LOG").ok();
    let variable = variable.filter(|filter| !filter.is_empty());
    variable.unwrap_or_else(|| {
        match verbose {
            0 => "error",
            1 => "info",
            _ => "debug",
        }
        .to_owned()
    })
}

/// Starts logging with the configuration of the component and this filter.
pub(crate) fn start(mut config: Config, filter: &str) -> Result<(), Failure> {
    config.log.filter = filter.to_owned();
    Ok(couplet::logging::start(&config)?)
}
