//! The table of metrics: name, type, labels, meaning.
//!
//! Registration, the manual and the dashboard all use this table.

use metrics::{Counter, Gauge, Histogram, Label, Unit};

/// A metric of every component.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) type_: Type,
    /// The labels, in addition to `domain`, which all metrics have except those of the process.
    pub(crate) labels: &'static [&'static str],
    /// One sentence without a full stop.
    pub(crate) meaning: &'static str,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Metric {
    const fn new(
        type_: Type,
        name: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Metric {
        Metric {
            name,
            type_,
            labels,
            meaning,
        }
    }

    /// Describes the metric to the recorder.
    pub(crate) fn describe(&self) {
        let unit = match self.name {
            name if name.ends_with("_seconds") => Unit::Seconds,
            name if name.ends_with("_bytes") => Unit::Bytes,
            _ => Unit::Count,
        };
        match self.type_ {
            Type::Counter => metrics::describe_counter!(self.name, unit, self.meaning),
            Type::Gauge => metrics::describe_gauge!(self.name, unit, self.meaning),
            Type::Histogram => metrics::describe_histogram!(self.name, unit, self.meaning),
        }
    }

    /// Returns one counter of the metric; `values` are those of its labels, in order.
    pub(crate) fn counter(&self, domain: &str, values: &[&'static str]) -> Counter {
        metrics::counter!(self.name, self.labels(domain, values))
    }

    pub(crate) fn gauge(&self, domain: &str) -> Gauge {
        metrics::gauge!(self.name, self.labels(domain, &[]))
    }

    pub(crate) fn histogram(&self, domain: &str, values: &[&'static str]) -> Histogram {
        metrics::histogram!(self.name, self.labels(domain, values))
    }

    fn labels(&self, domain: &str, values: &[&'static str]) -> Vec<Label> {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        let more = self.labels.iter().zip(values);
        let mut labels = vec![Label::new("domain", domain.to_owned())];
        labels.extend(more.map(|(name, value)| Label::from_static_parts(name, value)));
        labels
    }
}

use Type::{Counter as Counts, Gauge as Moves, Histogram as Gathers};

macro_rules! metrics_table {
    ($($const:ident = $type:ident $name:literal [$($label:literal),*] $meaning:literal;)*) => {
        $(pub(crate) const $const: Metric = Metric::new($type, $name, &[$($label),*], $meaning);)*

        /// All metrics, in the order of the manual.
        pub(crate) const TABLE: &[Metric] = &[$($const),*];
    };
}

metrics_table! {
    RECEIVED = Counts "couplet_stanzas_received_total" ["kind", "outcome"]
        "stanzas received, by outcome";
    REJECTED = Counts "couplet_stanzas_rejected_total" ["reason"]
        "stanzas rejected before routing: over a limit, unreadable, or for another domain";
    SENT = Counts "couplet_stanzas_sent_total" ["kind"]
        "stanzas written to the socket completely";
    UNSENT = Counts "couplet_stanzas_unsent_total" ["reason"]
        "stanzas whose sending failed";
    REFUSALS = Counts "couplet_refusals_sent_total" ["condition"]
        "errors sent to peers";
    REQUESTS = Counts "couplet_requests_total" ["outcome"]
        "requests to peers, by outcome";
    HANDLING = Gathers "couplet_handler_duration_seconds" ["kind"]
        "time from the start of a handler to its end";
    BUSY = Moves "couplet_busy_handlers" []
        "handlers that are waiting, each in a task";
    WAITING = Moves "couplet_waiting_stanzas" []
        "stanzas that wait for a handler";
    OPEN = Moves "couplet_pending_iqs" []
        "requests to peers without a response yet";
    OUTBOX = Moves "couplet_outbox_bytes" []
        "bytes that wait for the socket";
    UP = Moves "couplet_connection_up" []
        "whether the component is online: 1 or 0";
    SESSIONS = Counts "couplet_sessions_total" []
        "times the component came online";
    LOST = Counts "couplet_connections_lost_total" ["reason"]
        "sessions that ended unexpectedly";
    FAILED = Counts "couplet_connect_failures_total" ["reason"]
        "attempts to come online that failed";
    ROUND_TRIP = Moves "couplet_self_ping_round_trip_seconds" []
        "round-trip time of the last self-ping through the server";
}

/// Metrics of the process instead of a component.
#[cfg(any(feature = "ops", test))]
pub(crate) const PROCESS: &[Metric] = &[BUILD, STARTED];

#[cfg(any(feature = "ops", test))]
pub(crate) const BUILD: Metric = Metric::new(
    Moves,
    "couplet_build_info",
    &["version"],
    "always 1; the label is the version of Couplet",
);

/// Without the prefix, because dashboards know this name.
#[cfg(any(feature = "ops", test))]
pub(crate) const STARTED: Metric = Metric::new(
    Moves,
    "process_start_time_seconds",
    &[],
    "when the process started, in seconds since 1970",
);
