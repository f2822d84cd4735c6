//! The outstanding requests: every response is counted once, for the request that it answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::fault::Fault;
use crate::scan::Seen;
use crate::stanzas::Ring;

/// The expected responses of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A component's: addresses swapped, the same body, a result.
    Given,
    /// The floor's: the request itself.
    CopiedBack,
}

/// The classification of a stanza from the component.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The response to the request in this slot, which is now closed.
    Slot(usize),
    /// No response to us: a request or presence of the component's own.
    Aside,
}

/// The outstanding requests of one run over a ring.
///
/// A slot is used again after its response, so a surplus response is detected in any case: either
/// its slot is closed when it arrives, or it closes the slot before the true response arrives.
pub(crate) struct Tally<'r> {
    pub(crate) ring: &'r Ring,
    answers: Answers,
    open: Vec<AtomicBool>,
    asked: AtomicU64,
    answered: AtomicU64,
    bytes: AtomicU64,
}

impl<'r> Tally<'r> {
    pub(crate) fn new(ring: &'r Ring, answers: Answers) -> Tally<'r> {
        let open = (0..ring.slots()).map(|_| AtomicBool::new(false)).collect();
        let zero = || AtomicU64::new(0);
        Tally {
            ring,
            answers,
            open,
            asked: zero(),
            answered: zero(),
            bytes: zero(),
        }
    }

    /// Opens up to `count` slots from the next one on, as many as are in one slice and closed.
    pub(crate) fn ask(&self, count: usize) -> &'r [u8] {
        let asked = self.asked.load(Ordering::Relaxed);
        let first = self.slot_of(asked);
        let reach = count.min(self.ring.slots() - first);
        let mut opened = 0;
        for slot in self.open.iter().skip(first).take(reach) {
            if slot.load(Ordering::Acquire) {
                break;
            }
            slot.store(true, Ordering::Release);
            opened += 1;
        }
        self.asked.store(asked + opened as u64, Ordering::Release);
        self.ring.run(first, opened)
    }

    /// Returns the slot of the request with this number, counted from the start.
    pub(crate) fn slot_of(&self, number: u64) -> usize {
        usize::try_from(number % self.ring.slots() as u64).unwrap_or_default()
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Acquire)
    }

    pub(crate) fn outstanding(&self) -> u64 {
        // In this order: in the other one, the difference could be negative.
        let answered = self.answered();
        self.asked().saturating_sub(answered)
    }

    /// Returns the bytes of all responses so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts a stanza from the component.
    pub(crate) fn settle(&self, seen: &Seen<'_>) -> Result<Settled, Fault> {
        let Some(slot) = self.slot(seen)? else {
            return Ok(Settled::Aside);
        };
        let open = self
            .open
            .get(slot)
            .is_some_and(|open| open.swap(false, Ordering::AcqRel));
        if !open {
            return Err(Fault::quoting("answered twice, or never asked", seen.whole));
        }
        self.bytes
            .fetch_add(seen.whole.len() as u64, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Release);
        Ok(Settled::Slot(slot))
    }

    /// Returns the slot that a stanza answers, after checking that it is the right response.
    fn slot(&self, seen: &Seen<'_>) -> Result<Option<usize>, Fault> {
        let ring = self.ring;
        let copied = self.answers == Answers::CopiedBack;
        let domain = ring.domain.as_bytes();
        if !copied && (seen.to == domain || self.is_request(seen)) {
            return Ok(None);
        }
        let name: &[u8] = if ring.kind.is_message() {
            b"message"
        } else {
            b"iq"
        };
        if seen.name != name {
            return Err(Fault::quoting("not an answer", seen.whole));
        }
        let number = match seen.body {
            Some(body) if ring.kind.is_message() => ring.slot(body),
            // The component may give a message an id of its own; an IQ has the request's id.
            _ => seen.id.strip_prefix(b"m").and_then(|id| ring.slot(id)),
        };
        let slot = number.ok_or_else(|| Fault::quoting("a wrong id", seen.whole))?;
        if copied {
            return Ok(Some(slot));
        }
        let good = match ring.body(slot) {
            Some(body) => seen.body == Some(body) && seen.type_ != b"error",
            None => seen.type_ == b"result",
        };
        if !good || !self.says_enough(seen) {
            return Err(Fault::quoting(
                "not the response to its request",
                seen.whole,
            ));
        }
        if seen.to != ring.sender(slot) || seen.from != domain {
            return Err(Fault::quoting(
                "an answer from or to somebody else",
                seen.whole,
            ));
        }
        Ok(Some(slot))
    }

    fn is_request(&self, seen: &Seen<'_>) -> bool {
        seen.name == b"presence" || (seen.name == b"iq" && matches!(seen.type_, b"get" | b"set"))
    }

    fn says_enough(&self, seen: &Seen<'_>) -> bool {
        self.ring.kind != crate::stanzas::Kind::Disco
            || (seen.holds("http://jabber.org/protocol/disco#info") && seen.holds("<identity"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Cut, cut};
    use crate::stanzas::Kind;

    const DOMAIN: &str = "echo.localhost";

    fn settle(tally: &Tally<'_>, text: &str) -> Result<Settled, Fault> {
        let Cut::Stanza(seen) = cut(text.as_bytes()).unwrap() else {
            panic!("{text}")
        };
        tally.settle(&seen)
    }

    fn pong(slot: usize, sender: usize) -> String {
        format!("<iq from='{DOMAIN}' to='u{sender:07}@localhost/x' id='m{slot:07}' type='result'/>")
    }

    #[test]
    fn an_answer_counts_once() {
        let ring = Ring::new(Kind::Pings, 10, 5, DOMAIN);
        let tally = Tally::new(&ring, Answers::Given);
        assert_eq!(tally.ask(7).len(), 7 * ring.run(0, 1).len());
        assert_eq!(settle(&tally, &pong(6, 1)), Ok(Settled::Slot(6)));
        assert!(settle(&tally, &pong(6, 1)).is_err());
        assert!(settle(&tally, &pong(7, 2)).is_err(), "never asked");
        assert_eq!(tally.outstanding(), 6);
    }

    #[test]
    fn answers_to_or_from_other_addresses_and_errors_fail_the_run() {
        let ring = Ring::new(Kind::Pings, 10, 5, DOMAIN);
        let tally = Tally::new(&ring, Answers::Given);
        tally.ask(10);
        assert!(settle(&tally, &pong(3, 4)).is_err());
        assert!(settle(&tally, &pong(3, 3).replace("echo.", "")).is_err());
        assert!(settle(&tally, &pong(3, 3).replace("result", "error")).is_err());
        assert!(settle(&tally, &pong(3, 3).replace("m0000003", "m0000010")).is_err());
        assert_eq!(settle(&tally, &pong(3, 3)), Ok(Settled::Slot(3)));
    }

    #[test]
    fn an_echo_is_known_by_its_whole_body() {
        let ring = Ring::new(Kind::Messages, 4, 4, DOMAIN);
        let tally = Tally::new(&ring, Answers::Given);
        tally.ask(4);
        let body = std::str::from_utf8(ring.body(2).unwrap()).unwrap();
        let echo = format!(
            "<message to='u0000002@localhost/laptop' from='{DOMAIN}'><body>{body}</body></message>"
        );
        assert!(settle(&tally, &echo.replace("says", "said")).is_err());
        assert_eq!(settle(&tally, &echo), Ok(Settled::Slot(2)));
    }

    #[test]
    fn requests_of_the_component_are_no_responses() {
        let ring = Ring::new(Kind::Messages, 4, 4, DOMAIN);
        let tally = Tally::new(&ring, Answers::Given);
        tally.ask(4);
        for aside in [
            format!("<iq from='{DOMAIN}' to='{DOMAIN}' id='p' type='get'><ping/></iq>"),
            format!("<iq from='{DOMAIN}' to='{DOMAIN}' id='p' type='result'/>"),
            format!("<presence from='{DOMAIN}' to='a@localhost'/>"),
        ] {
            assert_eq!(settle(&tally, &aside), Ok(Settled::Aside));
        }
        assert_eq!(tally.answered(), 0);
    }

    #[test]
    fn a_slot_is_used_again_only_after_its_response() {
        let ring = Ring::new(Kind::Pings, 4, 4, DOMAIN);
        let tally = Tally::new(&ring, Answers::Given);
        tally.ask(4);
        assert!(tally.ask(1).is_empty());
        settle(&tally, &pong(1, 1)).unwrap();
        assert!(tally.ask(1).is_empty(), "slot 0 comes first");
        settle(&tally, &pong(0, 0)).unwrap();
        assert_eq!(tally.ask(4).len(), 2 * ring.run(0, 1).len());
    }
}
