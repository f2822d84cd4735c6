//! The metrics of a component, recorded through the facade `metrics`.
//!
//! Names are looked up once, when a component starts. Without a recorder every handle is empty and
//! costs one comparison.

use std::sync::LazyLock;

use couplet_core::{framer::LimitKind, stanza::Kind, stanza_error::Condition};
use metrics::{Counter, Gauge, Histogram};

mod table;

pub(crate) use table::Metric;
#[cfg(feature = "ops")]
pub(crate) use table::{BUILD, PROCESS, STARTED};

/// The metric handles of one component.
#[derive(Debug)]
pub(crate) struct Metrics {
    received: [[Counter; OUTCOMES.len()]; KINDS.len()],
    refusals: Vec<Counter>,
    handling: [Histogram; KINDS.len()],
    rejected: Family,
    unsent: Family,
    requests: Family,
    lost: Family,
    failed: Family,
    pub(crate) sessions: Counter,
    pub(crate) busy: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) open: Gauge,
    pub(crate) up: Gauge,
    pub(crate) round_trip: Gauge,
}

/// The outcome of a received stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A request got a result.
    Answered,
    /// A handler handled the message or presence.
    Handled,
    /// A handler rejected it, or it was rejected before any handler.
    Refused,
    /// No handler takes such messages or presence.
    Ignored,
    /// It was the response to a pending request.
    Resolved,
    /// It was a response without a pending request.
    Unmatched,
    /// It was a self-ping, or the response to one.
    OwnPing,
}

/// The counters of one metric, one for each value of its label.
#[derive(Debug, Default)]
struct Family(Vec<(&'static str, Counter)>);

/// In the order of [`Kind`].
const KINDS: [&str; 3] = ["message", "presence", "iq"];

const OUTCOMES: [&str; 7] = [
    "answered",
    "handled",
    "refused",
    "ignored",
    "resolved",
    "unmatched",
    "own_ping",
];

const REJECTED: [&str; 8] = [
    "stanza_bytes",
    "elements",
    "depth",
    "attributes",
    "unreadable_from",
    "unreadable_to",
    "other_domain",
    "stream_closed",
];
const UNSENT: [&str; 3] = ["refused", "full", "stopped"];
const REQUESTS: [&str; 6] = [
    "answered",
    "refused",
    "malformed",
    "timed_out",
    "disconnected",
    "forgotten",
];
const LOST: [&str; 8] = [
    "closed",
    "stream_error",
    "conflict",
    "malformed",
    "silent",
    "unanswered",
    "forgotten",
    "io",
];
const FAILED: [&str; 6] = [
    "unreachable",
    "timed_out",
    "closed",
    "refused",
    "conflict",
    "malformed",
];

impl Metrics {
    /// Looks up all metrics in the installed recorder.
    pub(crate) fn of(domain: &str) -> Metrics {
        for metric in table::TABLE {
            metric.describe();
        }
        let received = |kind| {
            OUTCOMES.map(|outcome| match can_happen(kind, outcome) {
                true => table::RECEIVED.counter(domain, &[kind, outcome]),
                false => Counter::noop(),
            })
        };
        let error = |of: &Condition| table::REFUSALS.counter(domain, &[of.as_str()]);
        Metrics {
            received: KINDS.map(received),
            refusals: Condition::ALL.iter().map(error).collect(),
            handling: KINDS.map(|kind| table::HANDLING.histogram(domain, &[kind])),
            rejected: Family::of(&table::REJECTED, domain, &REJECTED),
            unsent: Family::of(&table::UNSENT, domain, &UNSENT),
            requests: Family::of(&table::REQUESTS, domain, &REQUESTS),
            lost: Family::of(&table::LOST, domain, &LOST),
            failed: Family::of(&table::FAILED, domain, &FAILED),
            sessions: table::SESSIONS.counter(domain, &[]),
            busy: table::BUSY.gauge(domain),
            waiting: table::WAITING.gauge(domain),
            open: table::OPEN.gauge(domain),
            up: table::UP.gauge(domain),
            round_trip: table::ROUND_TRIP.gauge(domain),
        }
    }

    /// Returns handles that record nothing, for a component that does not run yet.
    pub(crate) fn none() -> &'static Metrics {
        static NONE: LazyLock<Metrics> = LazyLock::new(|| Metrics {
            received: KINDS.map(|_| OUTCOMES.map(|_| Counter::noop())),
            refusals: Vec::new(),
            handling: KINDS.map(|_| Histogram::noop()),
            rejected: Family::default(),
            unsent: Family::default(),
            requests: Family::default(),
            lost: Family::default(),
            failed: Family::default(),
            sessions: Counter::noop(),
            busy: Gauge::noop(),
            waiting: Gauge::noop(),
            open: Gauge::noop(),
            up: Gauge::noop(),
            round_trip: Gauge::noop(),
        });
        &NONE
    }

    pub(crate) fn received(&self, kind: Kind, outcome: Outcome) {
        let of_kind = self.received.get(kind as usize);
        if let Some(counter) = of_kind.and_then(|of_kind| of_kind.get(outcome as usize)) {
            counter.increment(1);
        }
    }

    pub(crate) fn handled(&self, kind: Kind, took: std::time::Duration) {
        if let Some(histogram) = self.handling.get(kind as usize) {
            histogram.record(took);
        }
    }

    pub(crate) fn refused(&self, condition: Condition) {
        if let Some(counter) = self.refusals.get(condition as usize) {
            counter.increment(1);
        }
    }

    /// Counts a stanza that was skipped because it exceeded this limit.
    pub(crate) fn skipped(&self, limit: LimitKind) {
        self.rejected(match limit {
            LimitKind::Depth => "depth",
            LimitKind::Attributes => "attributes",
            LimitKind::Elements => "elements",
            _ => "stanza_bytes",
        });
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.count(reason);
    }

    pub(crate) fn unsent(&self, reason: &'static str) {
        self.unsent.count(reason);
    }

    pub(crate) fn request(&self, outcome: &'static str) {
        self.requests.count(outcome);
    }

    pub(crate) fn lost(&self, reason: &'static str) {
        self.lost.count(reason);
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        self.failed.count(reason);
    }
}

/// The metrics of the outbox.
#[derive(Debug)]
pub(crate) struct Leaving {
    sent: [Counter; KINDS.len()],
    pub(crate) bytes: Gauge,
}

impl Leaving {
    pub(crate) fn of(domain: &str) -> Leaving {
        Leaving {
            sent: KINDS.map(|kind| table::SENT.counter(domain, &[kind])),
            bytes: table::OUTBOX.gauge(domain),
        }
    }

    /// Counts sent stanzas of each kind, in the order of [`Kind`].
    pub(crate) fn sent(&self, kinds: [u64; KINDS.len()]) {
        for (counter, kind) in self.sent.iter().zip(kinds) {
            if kind > 0 {
                counter.increment(kind);
            }
        }
    }
}

impl Family {
    fn of(metric: &Metric, domain: &str, values: &[&'static str]) -> Family {
        let counter = |&value: &&'static str| (value, metric.counter(domain, &[value]));
        Family(values.iter().map(counter).collect())
    }

    fn count(&self, value: &str) {
        let found = self.0.iter().find(|(known, _)| *known == value);
        debug_assert!(
            self.0.is_empty() || found.is_some(),
            "{value} is not listed"
        );
        if let Some((_, counter)) = found {
            counter.increment(1);
        }
    }
}

/// Excludes combinations that cannot occur, so that there are no series that are always zero.
fn can_happen(kind: &str, outcome: &str) -> bool {
    let only_iq = matches!(outcome, "answered" | "resolved" | "unmatched" | "own_ping");
    let never_iq = matches!(outcome, "handled" | "ignored");
    match kind {
        "iq" => !never_iq,
        _ => !only_iq,
    }
}

#[cfg(test)]
mod tests;
