//! SIGHUP: reloads the configuration and applies the settings that can change at runtime.
//!
//! Limits and timeouts must not change within a session; the log says that they need a restart.

use crate::config::{Config, Sources};
use crate::logging::{self, Filter};

/// The settings that a reload applies.
const APPLIED: [&str; 1] = ["log.filter"];

/// The state for reloads: the sources, the configuration in use and the log filter.
pub(super) struct Reload {
    sources: Sources,
    config: Config,
    filter: Filter,
}

impl Reload {
    pub(super) fn new(sources: Sources, config: Config, filter: Filter) -> Reload {
        Reload {
            sources,
            config,
            filter,
        }
    }

    /// Reloads the configuration. An error changes nothing.
    pub(super) fn reload(&mut self) {
        #[cfg(feature = "ops")]
        crate::ops::reloading(|| self.read());
        #[cfg(not(feature = "ops"))]
        self.read();
    }

    fn read(&mut self) {
        let read = self.sources.clone().load();
        let read = read.and_then(|config| Ok((logging::filter(&config)?, config)));
        let (filter, config) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "the configuration was not reloaded");
                return;
            }
        };
        for name in self.config.differences(&config) {
            if APPLIED.contains(&name.as_str()) {
                tracing::info!(setting = name, "setting changed and applied");
            } else {
                tracing::warn!(
                    setting = name,
                    "setting changed; it takes effect after a restart"
                );
            }
        }
        if self.config.log.filter != config.log.filter {
            if let Err(why) = self.filter.reload(filter) {
                tracing::warn!(error = %why, "the new log filter was not applied");
            }
            self.config.log.filter = config.log.filter;
        }
        tracing::info!("configuration reloaded; the secret file is read at each connect");
    }
}
