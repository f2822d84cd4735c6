//! The wall clock of the rig: what time it is, and waiting.
//! Deliberately the machine's own clock: a benchmark has none to pause, and its threads may block.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Now, monotonic.
#[allow(
    clippy::disallowed_methods,
    reason = "the rig measures real time; no test of it asserts any"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Blocks this thread; the rig has no runtime that it could hold up.
#[allow(
    clippy::disallowed_methods,
    reason = "plain threads, no runtime to block"
)]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}

/// Asks the kernel to wake **this thread** on time: its default of 50 us late would be added to
/// every latency at a fixed rate. Only this thread, because children inherit the setting of the
/// thread that starts them and components are measured with the default.
pub(crate) fn wake_me_on_time() {
    let Ok(me) = fs::read_link("/proc/thread-self") else {
        return;
    };
    let Some(id) = me.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    // Without the permission the figures are later, not wrong: the rig reports its own lateness.
    let _default_slack_otherwise = fs::write(format!("/proc/{id}/timerslack_ns"), "1");
}
