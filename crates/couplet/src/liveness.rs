//! Is the server still there, and does it still know us?
//!
//! A pure value: time is an argument. What makes it special is the ping to our own domain: it
//! goes through the server's router, so it also tells a link that is open but forgotten
//! (servers.md, 6: "zombie").

use std::time::Duration;

use tokio::time::Instant;

/// When something was last said and heard.
#[derive(Debug)]
pub(crate) struct Liveness {
    keepalive: Duration,
    dead_after: Duration,
    heard: Instant,
    said: Instant,
    asked: Instant,
    open_ping: Option<String>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// A space between stanzas, so that no box on the way forgets the connection. (RFC 6120, 4.6.1)
    Whitespace,
    /// A ping to our own domain.
    Ping,
    /// Nothing was heard for too long.
    Dead,
}

impl Liveness {
    pub(crate) fn new(keepalive: Duration, dead_after: Duration, now: Instant) -> Liveness {
        Liveness {
            keepalive,
            dead_after,
            heard: now,
            said: now,
            asked: now,
            open_ping: None,
        }
    }

    /// Bytes came in.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Bytes went out.
    pub(crate) fn said(&mut self, now: Instant) {
        self.said = now;
    }

    /// A ping with this id is on its way.
    pub(crate) fn pinged(&mut self, id: String, now: Instant) {
        self.open_ping = Some(id);
        self.asked = now;
    }

    /// When we asked, if `id` is that of our last ping; it then counts as answered.
    pub(crate) fn settle(&mut self, id: &str) -> Option<Instant> {
        if self.open_ping.as_deref() != Some(id) {
            return None;
        }
        self.open_ping = None;
        Some(self.asked)
    }

    pub(crate) fn due(&self, now: Instant) -> Due {
        if now.duration_since(self.heard) >= self.dead_after {
            Due::Dead
        } else if now.duration_since(self.asked) >= self.ping_every(now) {
            Due::Ping
        } else if now.duration_since(self.said) >= self.keepalive / 2 {
            Due::Whitespace
        } else {
            Due::Nothing
        }
    }

    /// When to ask [`Liveness::due`] again.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        (self.heard + self.dead_after)
            .min(self.asked + self.ping_every(now))
            .min(self.said + self.keepalive / 2)
    }

    /// Of several ejabberd connections for one domain each gets only some of its own pings back
    /// (servers.md, 4): who hears nothing asks more often before it gives up.
    fn ping_every(&self, now: Instant) -> Duration {
        let quiet = now.duration_since(self.heard) >= self.keepalive;
        if self.open_ping.is_some() && quiet {
            self.keepalive / 5
        } else {
            self.keepalive
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: Duration = Duration::from_secs(15);
    const DEAD_AFTER: Duration = Duration::from_secs(45);

    /// Lives through `seconds` of silence, and tells when it did what.
    fn silence(seconds: u64) -> Vec<(u64, Due)> {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEPALIVE, DEAD_AFTER, start);
        let (mut now, mut did) = (start, Vec::new());
        while now - start <= Duration::from_secs(seconds) {
            let due = liveness.due(now);
            match due {
                Due::Nothing => {}
                Due::Whitespace => liveness.said(now),
                Due::Ping => {
                    liveness.pinged("p".to_owned(), now);
                    liveness.said(now);
                }
                Due::Dead => {
                    did.push(((now - start).as_secs(), due));
                    break;
                }
            }
            if due != Due::Nothing {
                did.push(((now - start).as_secs(), due));
            }
            now = liveness.next(now).max(now + Duration::from_millis(1));
        }
        did
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_dead_within_a_minute() {
        assert_eq!(silence(60).last(), Some(&(45, Due::Dead)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_hears_nothing_asks_more_often() {
        let pings = silence(60)
            .iter()
            .filter(|(_, due)| *due == Due::Ping)
            .count();
        assert!(pings >= 8, "{pings}");
    }

    #[tokio::test(start_paused = true)]
    async fn our_own_domain_is_pinged_even_when_others_talk() {
        let start = Instant::now();
        let mut liveness = Liveness::new(KEEPALIVE, DEAD_AFTER, start);
        liveness.heard(start + KEEPALIVE);
        assert_eq!(liveness.due(start + KEEPALIVE), Due::Ping);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_last_ping_counts() {
        let mut liveness = Liveness::new(KEEPALIVE, DEAD_AFTER, Instant::now());
        liveness.pinged("a".to_owned(), Instant::now());
        liveness.pinged("b".to_owned(), Instant::now());
        assert_eq!(liveness.settle("a"), None);
        assert_eq!(liveness.settle("b"), Some(Instant::now()));
        assert_eq!(liveness.settle("b"), None);
    }
}
