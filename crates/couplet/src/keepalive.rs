//! Detects a dead connection, and a server that no longer routes to this component.
//!
//! A pure value: time is an argument. Self-pings go through the server's router, so missing
//! responses reveal a connection that is open but no longer routed to (docs/servers.md, 6).

use std::time::Duration;

use tokio::time::Instant;

/// The times of the last sent and received bytes, self-ping and response on one connection.
#[derive(Debug)]
pub(crate) struct Keepalive {
    keepalive: Duration,
    dead_after: Duration,
    last_received: Instant,
    /// Whether anything was received on this connection.
    has_received: bool,
    last_sent: Instant,
    last_ping: Instant,
    /// The number of the last self-ping while it has no response.
    open_ping: Option<u64>,
    /// The time of the last response to a self-ping on this connection.
    answered: Option<Instant>,
    /// Whether another instance shares the domain: the server then routes some of our self-pings
    /// and their responses to it (docs/servers.md, 4), so that missing responses prove nothing.
    is_shared: bool,
}

/// The action that is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Send a space between stanzas, so that no middlebox drops the connection. (RFC 6120, 4.6.1)
    Whitespace,
    /// Send a self-ping.
    Ping,
    /// End the session: nothing was received for too long.
    Dead,
    /// End the session: bytes were received, but no response to a self-ping for too long.
    Unanswered,
}

impl Keepalive {
    pub(crate) fn new(keepalive: Duration, dead_after: Duration, now: Instant) -> Keepalive {
        Keepalive {
            keepalive,
            dead_after,
            last_received: now,
            has_received: false,
            last_sent: now,
            last_ping: now,
            open_ping: None,
            answered: None,
            is_shared: false,
        }
    }

    /// Records received bytes.
    pub(crate) fn received(&mut self, now: Instant) {
        self.last_received = now;
        self.has_received = true;
    }

    /// Returns whether bytes were received since the login.
    pub(crate) fn has_received(&self) -> bool {
        self.has_received
    }

    /// Records sent bytes.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Records a sent self-ping.
    pub(crate) fn pinged(&mut self, number: u64, now: Instant) {
        self.open_ping = Some(number);
        self.last_ping = now;
    }

    /// Records that a self-ping came back or was answered: the keepalive's with this number, or any
    /// other of this component. Returns its time of sending if it is the keepalive's last one.
    pub(crate) fn answered(&mut self, number: Option<u64>, now: Instant) -> Option<Instant> {
        let is_last = number.is_some() && self.open_ping == number;
        if is_last {
            self.open_ping = None;
        }
        self.answered = Some(now);
        is_last.then_some(self.last_ping)
    }

    /// Records that another instance of the component answered or sent a self-ping.
    pub(crate) fn seen_other_instance(&mut self) {
        self.is_shared = true;
    }

    pub(crate) fn due(&self, now: Instant) -> Due {
        let is_unanswered = self.unanswered_at().is_some_and(|at| now >= at);
        if now.duration_since(self.last_received) >= self.dead_after {
            Due::Dead
        } else if is_unanswered {
            Due::Unanswered
        } else if now.duration_since(self.last_ping) >= self.ping_every(now) {
            Due::Ping
        } else if now.duration_since(self.last_sent) >= self.keepalive / 2 {
            Due::Whitespace
        } else {
            Due::Nothing
        }
    }

    /// Returns when to call [`Keepalive::due`] again.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        let next = (self.last_received + self.dead_after)
            .min(self.last_ping + self.ping_every(now))
            .min(self.last_sent + self.keepalive / 2);
        self.unanswered_at().map_or(next, |at| next.min(at))
    }

    /// Returns when missing responses end the session. `None` on a connection without any response
    /// so far, because the server may not answer self-pings at all.
    fn unanswered_at(&self) -> Option<Instant> {
        let counts = self.open_ping.is_some() && !self.is_shared;
        let answered = self.answered.filter(|_| counts)?;
        Some(answered + self.dead_after)
    }

    /// Returns the interval of self-pings. It is shorter while a response is late: of several
    /// ejabberd connections for one domain, each gets only some of its own pings back
    /// (docs/servers.md, 4).
    fn ping_every(&self, now: Instant) -> Duration {
        let is_quiet = now.duration_since(self.last_received) >= self.keepalive;
        let is_late = self.answered.is_some_and(|answered| {
            now.duration_since(answered) >= self.keepalive + self.keepalive / 5
        });
        if self.open_ping.is_some() && (is_quiet || is_late) {
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
    const SECOND: Duration = Duration::from_secs(1);

    fn keepalive(now: Instant) -> Keepalive {
        Keepalive::new(KEEPALIVE, DEAD_AFTER, now)
    }

    /// Performs the due actions for `seconds` and returns them with their times. `receives` may
    /// record events at each step.
    fn does(
        mut keepalive: Keepalive,
        seconds: u64,
        receives: impl Fn(&mut Keepalive, Instant),
    ) -> Vec<(u64, Due)> {
        let start = Instant::now();
        let (mut now, mut did) = (start, Vec::new());
        while now - start <= Duration::from_secs(seconds) {
            receives(&mut keepalive, now);
            let due = keepalive.due(now);
            let at = (now - start).as_secs();
            match due {
                Due::Nothing => {}
                Due::Whitespace => keepalive.sent(now),
                Due::Ping => {
                    keepalive.pinged(at, now);
                    keepalive.sent(now);
                }
                Due::Dead | Due::Unanswered => {
                    did.push((at, due));
                    break;
                }
            }
            if due != Due::Nothing {
                did.push((at, due));
            }
            let next = keepalive.next(now).max(now + Duration::from_millis(1));
            now = next.min(now + SECOND);
        }
        did
    }

    fn silence(_: &mut Keepalive, _: Instant) {}

    /// Records received bytes each second, and no responses.
    fn blanks(keepalive: &mut Keepalive, now: Instant) {
        keepalive.received(now);
    }

    /// Returns a keepalive for which one self-ping was answered.
    fn once_answered() -> Keepalive {
        let mut keepalive = keepalive(Instant::now());
        keepalive.pinged(1, Instant::now());
        assert!(keepalive.answered(Some(1), Instant::now()).is_some());
        keepalive
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_dead_within_a_minute() {
        let did = does(keepalive(Instant::now()), 60, silence);
        assert_eq!(did.last(), Some(&(45, Due::Dead)));
    }

    #[tokio::test(start_paused = true)]
    async fn self_pings_are_sent_more_often_while_an_answer_is_late() {
        for did in [
            does(keepalive(Instant::now()), 60, silence),
            does(once_answered(), 60, blanks),
        ] {
            let pings = did.iter().filter(|(_, due)| *due == Due::Ping).count();
            assert!(pings >= 8, "{did:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_sends_bytes_but_answers_no_more_self_pings_is_dead() {
        let did = does(once_answered(), 130, blanks);
        assert_eq!(did.last(), Some(&(45, Due::Unanswered)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answered_a_self_ping_is_kept_while_it_sends_bytes() {
        let did = does(keepalive(Instant::now()), 600, blanks);
        assert_ne!(did.last().unwrap().1, Due::Unanswered);
        let pings = did.iter().filter(|(_, due)| *due == Due::Ping).count();
        assert_eq!(pings, 40, "the interval stays long: {did:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn missing_answers_prove_nothing_where_another_instance_was_seen() {
        let mut shared = once_answered();
        shared.seen_other_instance();
        let did = does(shared, 600, blanks);
        assert_ne!(did.last().unwrap().1, Due::Unanswered);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_an_earlier_self_ping_counts() {
        let late = |keepalive: &mut Keepalive, now: Instant| {
            keepalive.received(now);
            // Each response arrives after the next ping was sent.
            keepalive.answered(Some(0), now);
        };
        let did = does(once_answered(), 600, late);
        assert_ne!(did.last().unwrap().1, Due::Unanswered);
    }

    #[tokio::test(start_paused = true)]
    async fn self_pings_are_sent_even_while_peers_send() {
        let start = Instant::now();
        let mut keepalive = keepalive(start);
        keepalive.received(start + KEEPALIVE);
        assert_eq!(keepalive.due(start + KEEPALIVE), Due::Ping);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_last_self_ping_is_timed() {
        let now = Instant::now();
        let mut keepalive = keepalive(now);
        keepalive.pinged(1, now);
        keepalive.pinged(2, now);
        assert_eq!(keepalive.answered(Some(1), now), None);
        assert_eq!(keepalive.answered(None, now), None);
        assert_eq!(keepalive.answered(Some(2), now), Some(now));
        assert_eq!(keepalive.answered(Some(2), now), None);
    }
}
