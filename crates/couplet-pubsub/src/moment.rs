//! A point in time, as stores keep it and XEP-0082 writes it.
//!
//! Deliberately absent: a clock. Whoever decides is told what time it is.

/// Milliseconds since 1970-01-01 in UTC.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub(crate) struct Moment(pub(crate) i64);
