//! What systemd is told: ready, reloading, stopping, a line of status, and that the runtime turns.
//! (sd_notify(3))
//!
//! Without `NOTIFY_SOCKET` nobody is told anything. Deliberately absent: changing the environment,
//! so children of the program are not to be started with it.

use std::{
    env,
    future::pending,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::time::{self, Interval, MissedTickBehavior};

use crate::{health::Health, shutdown::Shutdown};

/// A watchdog of no time at all is a mistake.
const SHORTEST: Duration = Duration::from_millis(10);

/// Whether the supervisor of this process was told that it is ready.
static IS_READY: AtomicBool = AtomicBool::new(false);

/// Whether a supervisor wants to be told.
pub(super) fn is_supervised() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty())
}

/// Tells until it is dropped.
pub(super) async fn notify(health: Health, shutdown: Shutdown) {
    let mut changes = health.changes();
    // What has happened before this task ran is told too.
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

/// Tells that a reload has begun, does it, and tells that it has ended.
pub(crate) fn reloading(reload: impl FnOnce()) {
    // Who is not ready yet must not become so by a reload.
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

/// Twice in the time after which systemd gives up, as sd_watchdog_enabled(3) wants it.
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
        tracing::debug!(%why, "the supervisor could not be told");
    }
}
