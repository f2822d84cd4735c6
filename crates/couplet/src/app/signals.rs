//! Handles signals. The first SIGTERM or SIGINT requests a graceful shutdown, the second ends the
//! process. SIGHUP reloads the configuration.
//!
//! A separate thread waits for signals, so that a handler that blocks the runtime cannot keep the
//! process alive.

use std::io;

use super::reload::Reload;
use crate::shutdown::Shutdown;

/// The action that a signal requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    End,
    #[cfg_attr(not(unix), expect(dead_code, reason = "SIGHUP is a signal of unix"))]
    Reload,
}

/// Starts the signal thread.
pub(super) fn listen(mut reload: Reload) -> io::Result<Shutdown> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let (stop, shutdown) = Shutdown::new();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                while signals.next().await == Action::Reload {
                    reload.reload();
                }
                tracing::info!("stopping; a second signal ends the process at once");
                stop.send_replace(true);
                while signals.next().await == Action::Reload {}
            });
            // By convention 128 plus the number of SIGINT.
            std::process::exit(130);
        })?;
    Ok(shutdown)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Action {
        tokio::select! {
            _ = self.terminate.recv() => Action::End,
            _ = self.interrupt.recv() => Action::End,
            _ = self.hangup.recv() => Action::Reload,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> Action {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Action::End
    }
}
