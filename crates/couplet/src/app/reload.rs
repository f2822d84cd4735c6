//! SIGHUP: the configuration is read anew, and what can change while running does.
//!
//! Deliberately absent: changing limits and times under the feet of a session; the log says that
//! they wait for a restart.

use crate::config::{Config, Sources};
use crate::logging::{self, Filter};

/// The settings that a reload takes up.
const TAKEN_UP: [&str; 1] = ["log.filter"];

/// How the configuration is read again, and what holds.
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

    /// Reads everything again; what is wrong changes nothing.
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
                tracing::error!("the configuration is not taken up: {error}");
                return;
            }
        };
        for name in self.config.differences(&config) {
            if TAKEN_UP.contains(&name.as_str()) {
                tracing::info!(setting = name, "changed and taken up");
            } else {
                tracing::warn!(setting = name, "changed, and waits for a restart");
            }
        }
        if self.config.log.filter != config.log.filter {
            if let Err(why) = self.filter.reload(filter) {
                tracing::warn!(%why, "the filter of the log stays as it is");
            }
            self.config.log.filter = config.log.filter;
        }
        tracing::info!(
            "the configuration was read anew; the secret's file is read at each connect"
        );
    }
}
