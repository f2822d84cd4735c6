//! Notifies systemd: ready, reloading, stopping, a status line, and the watchdog. (sd_notify(3))
//!
//! Does nothing without `NOTIFY_SOCKET`. The variable stays set, so a child process must not
//! inherit the environment.

use std::{
    env,
    future::pending,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::time::{self, Interval, MissedTickBehavior};

use crate::{health::Health, shutdown::Shutdown};

/// Lower bound of the watchdog interval; a shorter one is a mistake.
const SHORTEST: Duration = Duration::from_millis(10);

/// Whether the supervisor of this process was notified of readiness.
static IS_READY: AtomicBool = AtomicBool::new(false);

/// Returns whether a supervisor expects notifications.
pub(super) fn is_supervised() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty())
}

/// Sends notifications until it is dropped.
pub(super) async fn notify(health: Health, shutdown: Shutdown) {
    let mut changes = health.changes();
    // Also reports changes from before this task ran.
    changes.mark_changed();
    let mut watchdog = watchdog();
    let mut is_stopping = false;
    loop {
        tokio::select! {
            () = shutdown.requested(), if !is_stopping => {
                is_stopping = true;
                send(&[NotifyState::Stopping]);
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                let status = health.status();
                if health.is_online() && !IS_READY.swap(true, Ordering::Relaxed) {
                    send(&[NotifyState::Ready, NotifyState::Status(&status)]);
                } else if !status.is_empty() {
                    send(&[NotifyState::Status(&status)]);
                }
            }
            () = tick(&mut watchdog) => send(&[NotifyState::Watchdog]),
        }
    }
}

/// Notifies systemd of a reload, runs it, and notifies systemd of its end.
pub(crate) fn reloading(reload: impl FnOnce()) {
    // A process that is not ready must not become ready by a reload.
    if !is_supervised() || !IS_READY.load(Ordering::Relaxed) {
        return reload();
    }
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
    reload();
    send(&[NotifyState::Ready]);
}

/// Returns an interval of half the watchdog timeout, as sd_watchdog_enabled(3) recommends.
fn watchdog() -> Option<Interval> {
    let period = sd_notify::watchdog_enabled()? / 2;
    let mut interval = time::interval(period.max(SHORTEST));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(interval)
}

async fn tick(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}

fn send(what: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(what) {
        tracing::debug!(error = %why, "the supervisor could not be notified");
    }
}
