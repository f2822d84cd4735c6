//! The table of settings: name, variable, flag, default, meaning, accepted values.
//!
//! Loading, `--help`, the manual and error messages all use this table.

use std::time::Duration;

use super::Config;
use super::kind::{Field, Kind, Range};

/// The prefix of all variables.
pub(super) const PREFIX: &str = "COUPLET_";

/// One setting of a component.
///
/// # Examples
///
/// ```
/// let setting = couplet::config::settings().iter().find(|s| s.name() == "limits.depth").unwrap();
/// assert_eq!(setting.variable(), "COUPLET_LIMITS_DEPTH");
/// assert_eq!(setting.default(), "128");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    name: &'static str,
    variable: Option<&'static str>,
    flag: Option<&'static str>,
    meaning: &'static str,
    pub(super) kind: Kind,
}

impl Setting {
    const fn new(name: &'static str, meaning: &'static str, kind: Kind) -> Setting {
        Setting {
            name,
            variable: None,
            flag: None,
            meaning,
            kind,
        }
    }

    const fn with_flag(mut self, flag: &'static str) -> Setting {
        self.flag = Some(flag);
        self
    }

    const fn with_variable(mut self, variable: &'static str) -> Setting {
        self.variable = Some(variable);
        self
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_))
    }

    /// Returns the key in the file, with its table before a dot: `limits.depth`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::config::settings()[0].name(), "domain");
    /// ```
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the table that contains the key, if any.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::config::settings()[0].table(), None);
    /// ```
    pub fn table(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(table, _)| table)
    }

    /// Returns the key without its table.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::config::settings()[0].key(), "domain");
    /// ```
    pub fn key(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, key)| key)
    }

    /// Returns the name of the environment variable.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::config::settings()[0].variable(), "COUPLET_DOMAIN");
    /// ```
    pub fn variable(&self) -> String {
        match self.variable {
            Some(variable) => variable.to_owned(),
            None => format!("{PREFIX}{}", self.name.replace('.', "_").to_uppercase()),
        }
    }

    /// Returns the command-line flag without its dashes, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::config::settings()[0].flag(), Some("domain"));
    /// ```
    pub fn flag(&self) -> Option<&'static str> {
        self.flag
    }

    /// Returns the default as it would be written in the file; empty if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(couplet::config::settings()[0].default(), "");
    /// ```
    pub fn default(&self) -> String {
        let shown = match self.kind {
            Kind::Domain(_) | Kind::Secret(_) => None,
            kind => kind.show(&Config::new("", "")),
        };
        shown.unwrap_or_default().trim_matches('"').to_owned()
    }

    /// Returns what the setting does, in one sentence without a full stop.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(couplet::config::settings().iter().all(|s| !s.meaning().is_empty()));
    /// ```
    pub fn meaning(&self) -> &'static str {
        self.meaning
    }

    /// Describes the accepted values.
    ///
    /// # Examples
    ///
    /// ```
    /// let setting = couplet::config::settings().iter().find(|s| s.name() == "limits.depth").unwrap();
    /// assert_eq!(setting.accepted(), "a whole number from 8 to 256");
    /// ```
    pub fn accepted(&self) -> String {
        self.kind.accepted()
    }
}

/// Returns all settings in the order of the documentation.
///
/// # Examples
///
/// ```
/// for setting in couplet::config::settings() {
///     println!("{:30} {:40} {}", setting.name(), setting.variable(), setting.default());
/// }
/// ```
pub fn settings() -> &'static [Setting] {
    &SETTINGS
}

macro_rules! field {
    ($($part:ident).+) => {
        Field { read: |config| &config.$($part).+, write: |config| &mut config.$($part).+ }
    };
}

const fn range<T>(least: T, most: T, why_least: &'static str, why_most: &'static str) -> Range<T> {
    Range {
        least,
        most,
        why_least,
        why_most,
    }
}

const MEMORY: &str = "peers could fill the memory";
const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);
const NO_TIME: &str = "it would end at once";
const TOO_LATE: &str = "faults would stay unnoticed";

const fn time(name: &'static str, meaning: &'static str, field: Field<Duration>) -> Setting {
    let range = range(MILLISECOND, DAY, NO_TIME, TOO_LATE);
    Setting::new(name, meaning, Kind::Time(range, field))
}

const fn count(
    name: &'static str,
    meaning: &'static str,
    why_not_zero: &'static str,
    field: Field<usize>,
) -> Setting {
    let range = range(1, 1_000_000, why_not_zero, MEMORY);
    Setting::new(name, meaning, Kind::Count(range, field))
}

// RFC 6120, 13.12: the limit must not be below 10000 bytes.
const STANZA: Range<usize> = range(
    10_000,
    64 << 20,
    "ordinary stanzas would be rejected (RFC 6120, 13.12)",
    MEMORY,
);
const QUEUE: Range<usize> = range(10_000, 4 << 30, "one stanza would not fit", MEMORY);

#[rustfmt::skip]
static SETTINGS: [Setting; 32] = [
    Setting::new("domain", "the domain of the component; sent in lower case, as servers name it", Kind::Domain(field!(domain))).with_flag("domain"),
    Setting::new("server", "the address of the server's component listener", Kind::Server(field!(server))).with_flag("server"),
    Setting::new("secret", "the secret shared with the server", Kind::Secret(field!(secret))),
    Setting::new("secret_file", "a file that holds the secret", Kind::File(field!(secret_file))).with_flag("secret-file"),

    Setting::new("tls.name", "the name to verify in the server's certificate; by default the host", Kind::Name(field!(tls.name))),
    Setting::new("tls.ca_file", "a PEM file with an additional certificate authority to trust", Kind::File(field!(tls.ca_file))),

    Setting::new("limits.stanza_bytes", "the largest stanza accepted", Kind::Size(STANZA, field!(limits.stanza_bytes))),
    Setting::new("limits.elements", "how many elements a stanza may have", Kind::Count(range(100, 10_000_000, "ordinary stanzas would be rejected", MEMORY), field!(limits.elements))),
    Setting::new("limits.depth", "how deep elements may be nested in a stanza", Kind::Count(range(8, 256, "ordinary stanzas would be rejected", "parsed payloads are freed recursively, so the stack could overflow"), field!(limits.depth))),
    Setting::new("limits.attributes", "how many attributes an element may have", Kind::Count(range(16, 4096, "ordinary stanzas would be rejected", "comparing so many takes long"), field!(limits.attributes))),
    count("limits.handlers", "how many handlers run at once", "no handler could run", field!(limits.handlers)),
    Setting::new("limits.handler_bytes", "how many bytes the stanzas of running handlers may take", Kind::Size(QUEUE, field!(limits.handler_bytes))),
    count("limits.waiting_per_conversation", "how many stanzas of one conversation (a pair of bare addresses) may wait for a handler", "nothing could wait while a handler runs", field!(limits.waiting_per_conversation)),
    Setting::new("limits.waiting_bytes", "how many bytes of stanzas may wait for handlers in total", Kind::Size(QUEUE, field!(limits.waiting_bytes))),
    Setting::new("limits.outgoing_bytes", "how many bytes may wait for the socket", Kind::Size(QUEUE, field!(limits.outgoing_bytes))),
    Setting::new("limits.outgoing_stanza_bytes", "the largest stanza sent; Prosody closes the stream above 512KiB", Kind::Size(STANZA, field!(limits.outgoing_stanza_bytes))),
    count("limits.pending_iqs", "how many requests may be pending at once", "no request could be sent", field!(limits.pending_iqs)),

    time("timing.handler", "how long a handler may take before the peer gets an error", field!(timing.handler)),
    time("timing.request", "how long a request waits for its response", field!(timing.request)),
    time("timing.send", "how long sending waits while the outgoing queue is full", field!(timing.send)),
    time("timing.connect", "how long connecting and logging in may take", field!(timing.connect)),
    time("timing.keepalive", "how often a self-ping checks an idle connection", field!(timing.keepalive)),
    time("timing.dead_after", "how long a connection may be silent, or self-pings unanswered, before it counts as dead", field!(timing.dead_after)),
    Setting::new("timing.grace", "how long handlers may continue when the component stops", Kind::Time(range(Duration::ZERO, DAY, NO_TIME, TOO_LATE), field!(timing.grace))),
    time("timing.reconnect_first", "the longest delay before the first attempt to reconnect", field!(timing.reconnect_first)),
    time("timing.reconnect_longest", "the longest delay between two attempts to reconnect", field!(timing.reconnect_longest)),
    time("timing.steady", "how long a session must last to reset the delays", field!(timing.steady)),

    Setting::new("log.format", "the format of the log", Kind::Format(field!(log.format))).with_flag("log-format"),
    Setting::new("log.filter", "the log filter, as tracing directives; RUST_LOG overrides it", Kind::Filter(field!(log.filter))),

    Setting::new("runtime.threads", "how many threads run handlers; 1 uses the calling thread only", Kind::Count(range(1, 1024, "nothing could run", "no machine has so many cores"), field!(runtime.threads))).with_variable("COUPLET_THREADS").with_flag("threads"),

    Setting::new("ops.listen", "the address that serves health, readiness and metrics over HTTP; needs the cargo feature `ops`", Kind::Listen(field!(ops.listen))).with_flag("ops-listen"),
    Setting::new("ops.send_socket", "the unix socket for `couplet send`, or \"off\"; the domain with .sock in $RUNTIME_DIRECTORY or $XDG_RUNTIME_DIR/couplet when not set", Kind::File(field!(ops.send_socket))),
];
