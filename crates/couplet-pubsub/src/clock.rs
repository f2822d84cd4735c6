//! The wall clock: the only place of this crate that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::timestamp::Timestamp;

/// Returns the current time by the wall clock: leases and items outlive the process.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "stored times are times of day")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}
