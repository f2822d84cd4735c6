//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends the process. SIGHUP: read
//! the configuration anew.
//!
//! A thread of its own waits for them, so that a handler which blocks the runtime cannot keep the
//! process alive.

use std::io;

use tokio::sync::watch;

use super::reload::Reload;

/// Fulfilled when the process was asked to stop; clones are fulfilled together.
///
/// # Examples
///
/// ```no_run
/// # use couplet::{config::Config, error::Error, launch::Stop};
/// async fn run(config: Config, stop: Stop) -> Result<(), Error> {
///     stop.wait().await;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Whether the process was asked to stop, for loops that end at a good place of their own.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use couplet::launch::Stop;
    /// fn copy(lines: impl Iterator<Item = String>, stop: &Stop) {
    ///     for line in lines.take_while(|_| !stop.is_asked()) {
    ///         println!("{line}");
    ///     }
    /// }
    /// ```
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the process is asked to stop.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use couplet::{config::Config, error::Error, launch::Stop};
    /// async fn run(config: Config, stop: Stop) -> Result<(), Error> {
    ///     let another = stop.clone();
    ///     stop.wait().await;
    ///     another.wait().await;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wait(mut self) {
        if self.0.wait_for(|told| *told).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }

    /// Does something only until the process is asked to stop; `None` when that came first. Use it
    /// for what has to be done before the component runs, such as opening a store.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use couplet::{Component, config::Config, error::Error, launch::Stop};
    /// # async fn open() -> Result<(), Error> { Ok(()) }
    /// async fn run(config: Config, stop: Stop) -> Result<(), Error> {
    ///     let Some(opened) = stop.unless_asked(open()).await else {
    ///         return Ok(());
    ///     };
    ///     opened?;
    ///     Component::new(config).run(stop.wait()).await
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// That of the work, which is dropped when the process is asked to stop.
    pub async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.clone().wait() => None,
            done = work => Some(done),
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    End,
    #[cfg_attr(not(unix), expect(dead_code, reason = "SIGHUP is a signal of unix"))]
    Reload,
}

/// Listens from now on.
pub(super) fn listen(mut reload: Reload) -> io::Result<Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let (tell, told) = watch::channel(false);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                while signals.next().await == Wish::Reload {
                    reload.reload();
                }
                tracing::info!("stopping; a second signal ends the process at once");
                tell.send_replace(true);
                while signals.next().await == Wish::Reload {}
            });
            // By convention 128 and the number of SIGINT.
            std::process::exit(130);
        })?;
    Ok(Stop(told))
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

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
            _ = self.hangup.recv() => Wish::Reload,
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

    async fn next(&mut self) -> Wish {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Wish::End
    }
}
