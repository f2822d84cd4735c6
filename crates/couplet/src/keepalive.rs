//! Whether the server is still there, and whether it still routes to this component.
//!
//! A pure value: time is an argument. Self-pings go through the server's router, so their answers
//! also show a connection that is open but that the server no longer routes to (docs/servers.md, 6).

use std::time::Duration;

use tokio::time::Instant;

/// When something was last sent, received, asked and answered on one connection.
#[derive(Debug)]
pub(crate) struct Keepalive {
    keepalive: Duration,
    dead_after: Duration,
    last_received: Instant,
    /// Whether anything was received on this connection at all.
    has_received: bool,
    last_sent: Instant,
    last_ping: Instant,
    /// The number of the last self-ping while it has no answer.
    open_ping: Option<u64>,
    /// When a self-ping was last answered on this connection.
    answered: Option<Instant>,
    /// Whether another instance shares the domain: the server then gives it some of our self-pings
    /// and some of their answers (docs/servers.md, 4), so that missing answers prove nothing.
    is_shared: bool,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// A space between stanzas, so that no box on the way forgets the connection. (RFC 6120, 4.6.1)
    Whitespace,
    /// A self-ping.
    Ping,
    /// Nothing was received for too long.
    Dead,
    /// Bytes were received, but no answer to a self-ping for too long.
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

    /// Bytes came in.
    pub(crate) fn received(&mut self, now: Instant) {
        self.last_received = now;
        self.has_received = true;
    }

    /// Whether bytes came in since the login.
    pub(crate) fn has_received(&self) -> bool {
        self.has_received
    }

    /// Bytes went out.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// The self-ping with this number is on its way.
    pub(crate) fn pinged(&mut self, number: u64, now: Instant) {
        self.open_ping = Some(number);
        self.last_ping = now;
    }

    /// A self-ping came back or was answered: the keepalive's with this number, or any other of
    /// this component. Returns when it was sent, if it is the last of the keepalive.
    pub(crate) fn answered(&mut self, number: Option<u64>, now: Instant) -> Option<Instant> {
        let is_last = number.is_some() && self.open_ping == number;
        if is_last {
            self.open_ping = None;
        }
        self.answered = Some(now);
        is_last.then_some(self.last_ping)
    }

    /// Another instance of the component answered a self-ping or sent one.
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

    /// When to ask [`Keepalive::due`] again.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        let next = (self.last_received + self.dead_after)
            .min(self.last_ping + self.ping_every(now))
            .min(self.last_sent + self.keepalive / 2);
        self.unanswered_at().map_or(next, |at| next.min(at))
    }

    /// When a missing answer counts as the end. Never where none was ever seen: the server may
    /// answer no self-pings at all.
    fn unanswered_at(&self) -> Option<Instant> {
        let counts = self.open_ping.is_some() && !self.is_shared;
        let answered = self.answered.filter(|_| counts)?;
        Some(answered + self.dead_after)
    }

    /// Where an answer is late, self-pings are sent more often: of several ejabberd connections
    /// for one domain each gets only some of its own back (docs/servers.md, 4).
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

    /// Does what is due for `seconds` and returns when it did what; `receives` may change
    /// something at each step.
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

    /// Bytes each second, and no answers.
    fn blanks(keepalive: &mut Keepalive, now: Instant) {
        keepalive.received(now);
    }

    /// A connection on which one self-ping was answered.
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
    async fn a_server_that_sends_bytes_but_answers_no_more_self_pings_is_left() {
        let did = does(once_answered(), 130, blanks);
        assert_eq!(did.last(), Some(&(45, Due::Unanswered)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answered_a_self_ping_is_kept_while_it_sends_bytes() {
        let did = does(keepalive(Instant::now()), 600, blanks);
        assert_ne!(did.last().unwrap().1, Due::Unanswered);
        let pings = did.iter().filter(|(_, due)| *due == Due::Ping).count();
        assert_eq!(pings, 40, "they stay rare: {did:?}");
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
            // Answers come, but always after the next ping was sent.
            keepalive.answered(Some(0), now);
        };
        let did = does(once_answered(), 600, late);
        assert_ne!(did.last().unwrap().1, Due::Unanswered);
    }

    #[tokio::test(start_paused = true)]
    async fn self_pings_are_sent_even_while_others_talk() {
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
