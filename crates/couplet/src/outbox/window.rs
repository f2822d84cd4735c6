//! How much may be under way in bulk: so much that the server never runs dry, and no more than it
//! takes in a moment, because an answer written later stands behind it in the same stream.
//!
//! A pure value: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// How long a byte of bulk may be under way; longer, and answers wait for too much.
const LONG: Duration = Duration::from_millis(40);
const SMALLEST: usize = 32 * 1024;
const LARGEST: usize = 8 * 1024 * 1024;
const FIRST: usize = 128 * 1024;

/// Bytes that may be under way and not yet confirmed.
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

    /// `bytes` that were written at `written` are confirmed at `now`; as many as `used` were under
    /// way meanwhile.
    pub(super) fn confirmed(&mut self, bytes: usize, used: usize, written: Instant, now: Instant) {
        let took = now.duration_since(written);
        // What was written before the window was narrowed says nothing of how it is now.
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

    /// A server that takes `rate` bytes a second, always offered as much as the window allows.
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
    async fn who_sends_little_learns_nothing_of_the_limit() {
        let mut window = Window::new();
        let now = Instant::now();
        for _ in 0..1000 {
            window.confirmed(100, 100, now, now);
        }
        assert_eq!(window.bytes(), FIRST);
    }
}
