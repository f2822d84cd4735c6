//! The clock of the rig: the current time, and sleeping. A benchmark measures real time, and its
//! threads may block.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Returns the current time of a monotonic clock.
#[allow(
    clippy::disallowed_methods,
    reason = "the rig measures real time; no test of it asserts any"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Blocks this thread; there is no runtime that it could block.
#[allow(
    clippy::disallowed_methods,
    reason = "plain threads, no runtime to block"
)]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}

/// Asks the kernel to wake **this thread** on time: its default of 50 us late would be added to
/// every latency at a fixed rate. Only this thread, because children inherit the setting of the
/// thread that starts them, and components are measured with the default.
pub(crate) fn wake_me_on_time() {
    let Ok(me) = fs::read_link("/proc/thread-self") else {
        return;
    };
    let Some(id) = me.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    // Without the permission the figures are later, but not wrong: the rig reports its own
    // lateness.
    let _default_slack_otherwise = fs::write(format!("/proc/{id}/timerslack_ns"), "1");
}
