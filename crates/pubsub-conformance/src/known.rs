//! [`KnownFailures`]: the cases that a service is known to fail, with reasons.
//!
//! Each has a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// The cases that a service is known to fail, each with the reason.
///
/// One line for each case: its number, `#`, the reason. A number with `?` fails sometimes, for
/// example by a race. Empty lines and lines that begin with `#` are ignored.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::KnownFailures;
///
/// let known: KnownFailures = "# Prosody 0.12.3\n8 # not offered\n99? # a race\n".parse()?;
/// assert_eq!(known.reason(8), Some("not offered"));
/// assert_eq!(known.reason(9), None);
/// # Ok::<(), pubsub_conformance::BadList>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailures {
    reasons: BTreeMap<u16, String>,
    sometimes: BTreeSet<u16>,
}

impl KnownFailures {
    /// Returns the reason if this case is known to fail.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(pubsub_conformance::KnownFailures::default().reason(1), None);
    /// ```
    #[must_use]
    pub fn reason(&self, number: u16) -> Option<&str> {
        self.reasons.get(&number).map(String::as_str)
    }

    /// Returns whether this case may pass although it is listed.
    ///
    /// # Examples
    ///
    /// ```
    /// let known: pubsub_conformance::KnownFailures = "99? # a race".parse()?;
    /// assert!(known.passes_sometimes(99));
    /// # Ok::<(), pubsub_conformance::BadList>(())
    /// ```
    #[must_use]
    pub fn passes_sometimes(&self, number: u16) -> bool {
        self.sometimes.contains(&number)
    }
}

impl FromStr for KnownFailures {
    type Err = BadList;

    fn from_str(text: &str) -> Result<KnownFailures, BadList> {
        let mut known = KnownFailures::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.split_once('#').and_then(|(number, reason)| {
                let (number, reason) = (number.trim(), reason.trim());
                let sure = number.strip_suffix('?');
                let read: u16 = sure.unwrap_or(number).parse().ok()?;
                (!reason.is_empty()).then(|| (read, sure.is_some(), reason.to_owned()))
            });
            let (number, sometimes, reason) = entry.ok_or(BadList { line: index + 1 })?;
            known.reasons.insert(number, reason);
            known.sometimes.extend(sometimes.then_some(number));
        }
        Ok(known)
    }
}

/// The error of a malformed list of known failures.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::KnownFailures;
///
/// let error = "8".parse::<KnownFailures>().unwrap_err();
/// assert_eq!(error.to_string(), "line 1: write a number, # and the reason");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadList {
    /// The line number, from 1.
    pub line: usize,
}

impl fmt::Display for BadList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: write a number, # and the reason", self.line)
    }
}

impl std::error::Error for BadList {}
