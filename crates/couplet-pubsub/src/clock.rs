//! What time it is: the one place of this crate that knows.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::timestamp::Timestamp;

/// Now, by the wall clock: leases and items outlive the process.
pub(crate) fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "what is kept in a store bears the time of day"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}
