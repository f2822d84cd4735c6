//! Operations: health, readiness and metrics over HTTP, and notifications to systemd.
//!
//! They run in the runtime of the component, so that they fail if it hangs. There are no passwords
//! and no TLS; use a proxy for both.

use std::{io, net::TcpListener};

use tokio::task::JoinSet;

use crate::{
    config::{Config, ConfigError},
    error::Error,
    features::time,
    health::Health,
    metrics::{BUILD, PROCESS, STARTED},
    shutdown::Shutdown,
};

mod health_check;
mod page;
mod recorder;
mod serve;
mod systemd;

pub(crate) use health_check::{check_health, url};
pub(crate) use systemd::reloading;

use recorder::Recorder;

/// The operations of a program, prepared before it runs.
pub(crate) struct Ops {
    health: Health,
    served: Option<(TcpListener, Recorder)>,
}

impl Ops {
    /// Binds the port, if one is set, and starts recording metrics.
    ///
    /// # Errors
    ///
    /// The port is in use or not permitted.
    pub(crate) fn prepare(config: &Config) -> Result<Ops, ConfigError> {
        let health = config.health.clone();
        let Some(address) = config.ops.listen else {
            let served = None;
            return Ok(Ops { health, served });
        };
        let listener = TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|why| refused(config, &why))?;
        let recorder = Recorder::default();
        if metrics::set_global_recorder(recorder.clone()).is_err() {
            tracing::warn!(
                "the program has installed its own metrics recorder; /metrics stays empty"
            );
        }
        describe_the_process();
        let served = Some((listener, recorder));
        Ok(Ops { health, served })
    }

    /// Serves HTTP and notifies systemd until the tasks are dropped. Call it inside the runtime.
    ///
    /// # Errors
    ///
    /// A system call failed.
    pub(crate) fn start(self, shutdown: Shutdown) -> Result<JoinSet<()>, Error> {
        let mut tasks = JoinSet::new();
        if let Some((listener, recorder)) = self.served {
            let failed = |cause| Error::Io {
                doing: "listening at ops.listen".to_owned(),
                cause,
            };
            let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "health, readiness and metrics are served");
            }
            tasks.spawn(serve::serve(listener, self.health.clone(), recorder));
        }
        if systemd::is_supervised() {
            tasks.spawn(systemd::notify(self.health, shutdown));
        }
        Ok(tasks)
    }
}

fn describe_the_process() {
    for metric in PROCESS {
        metric.describe();
    }
    metrics::gauge!(BUILD.name, "version" => env!("CARGO_PKG_VERSION")).set(1);
    if let Ok(since) = time::now().duration_since(std::time::UNIX_EPOCH) {
        metrics::gauge!(STARTED.name).set(since);
    }
}

fn refused(config: &Config, why: &io::Error) -> ConfigError {
    let address = config.ops.listen.map(|at| at.to_string());
    let address = address.unwrap_or_default();
    let what = format!("ops.listen = {address:?} cannot be bound: {why}");
    let error = ConfigError::new(config.origin("ops.listen"), what);
    match why.kind() {
        io::ErrorKind::AddrInUse => error
            .help("another program uses this port, perhaps another component:")
            .help("use a different port for each, or remove the setting"),
        io::ErrorKind::AddrNotAvailable => {
            error.help("no interface of this machine has that address; 127.0.0.1 always is there")
        }
        io::ErrorKind::PermissionDenied => {
            error.help("ports below 1024 belong to root: choose a higher one")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests;
