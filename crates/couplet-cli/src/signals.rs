//! The runtime of a command, and [`Signals`]: SIGINT, SIGTERM and SIGHUP as events.

use std::future::Future;
use std::io;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Failure, context};

/// Runs a future on a new runtime until it ends or a signal interrupts it.
pub(crate) fn run_until_signal<T>(
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(context("listening for signals"))?;
        tokio::select! {
            biased;
            () = signals.next() => Err(Failure::interrupted()),
            result = Box::pin(future) => result,
        }
    });
    // A lookup or a terminal read that is still running must not keep the process alive.
    runtime.shutdown_background();
    result
}

pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(context("starting the runtime"))
}

/// The signals received since [`Signals::listen`]; they no longer end the process.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal; cancel safe.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
