//! The window of unconfirmed broadcast bytes: large enough to keep the server busy, and small
//! enough that it reads them in a moment, because a later response waits for them in the same
//! stream.
//!
//! A pure value: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Maximum time until broadcast bytes are confirmed; a longer one delays responses too much.
const LONG: Duration = Duration::from_millis(40);
const SMALLEST: usize = 32 * 1024;
const LARGEST: usize = 8 * 1024 * 1024;
const FIRST: usize = 128 * 1024;

/// The number of bytes that may be written and not yet confirmed.
#[derive(Debug)]
pub(super) struct Window {
    bytes: usize,
    narrowed: Option<Instant>,
}

impl Window {
    pub(super) fn new() -> Window {
        Window {
            bytes: FIRST,
            narrowed: None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Records that `bytes`, written at `written`, are confirmed at `now`; up to `used` bytes were
    /// unconfirmed in between.
    pub(super) fn confirmed(&mut self, bytes: usize, used: usize, written: Instant, now: Instant) {
        let took = now.duration_since(written);
        // Bytes written before the window was narrowed say nothing about the current one.
        let news = self.narrowed.is_none_or(|narrowed| written >= narrowed);
        if took > LONG && news {
            self.bytes = (self.bytes / 2).max(SMALLEST);
            self.narrowed = Some(now);
        } else if took < LONG / 2 && used >= self.bytes / 2 {
            self.bytes = (self.bytes + bytes).min(LARGEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 16 * 1024;

    /// Simulates a server that reads `rate` bytes a second, with as many bytes as the window
    /// allows.
    fn converged(rate: usize) -> usize {
        let mut window = Window::new();
        let mut now = Instant::now();
        for _ in 0..10_000 {
            let used = window.bytes();
            let took = Duration::from_secs_f64(used as f64 / rate as f64);
            now += Duration::from_secs_f64(PIECE as f64 / rate as f64);
            window.confirmed(PIECE, used, now.checked_sub(took).unwrap(), now);
        }
        window.bytes()
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_server_has_little_under_way_and_a_fast_one_much() {
        let in_a_moment = |rate: usize| rate / 50..rate / 15;
        let (prosody, ejabberd) = (3_000_000, 12_000_000);
        assert!(in_a_moment(prosody).contains(&converged(prosody)));
        assert!(in_a_moment(ejabberd).contains(&converged(ejabberd)));
        assert!(converged(1_000) == SMALLEST && converged(usize::MAX / 2) == LARGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn few_bytes_do_not_change_the_window() {
        let mut window = Window::new();
        let now = Instant::now();
        for _ in 0..1000 {
            window.confirmed(100, 100, now, now);
        }
        assert_eq!(window.bytes(), FIRST);
    }
}
