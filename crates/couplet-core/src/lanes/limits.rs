//! What lanes let run and wait, and how they refuse more.
//!
//! Absent: the words of the answer to whoever is refused.

use std::{error::Error, fmt};

/// How much [`Lanes`](super::Lanes) let run and wait; the defaults suit a service open to strangers.
///
/// One sender may have a quarter of `at_once`, `busy_bytes` and `waiting_bytes`. Items of more than
/// 4 KiB may have three quarters of the bytes, so that small ones find room beside them.
///
/// # Examples
///
/// ```
/// use couplet_core::lanes::LaneLimits;
///
/// let limits = LaneLimits { at_once: 16, ..LaneLimits::default() };
/// assert_eq!(limits.waiting_per_lane, 64);
/// assert_eq!(limits.waiting_bytes, 16 * 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// How many lanes may be busy at once; 1024 by default. 0 counts as 1, as nothing would ever
    /// start otherwise.
    pub at_once: usize,
    /// The weight, in bytes, of the items of busy lanes together; 32 MiB by default. The first
    /// item starts whatever it weighs.
    pub busy_bytes: usize,
    /// How many items may wait in one lane; 64 by default.
    pub waiting_per_lane: usize,
    /// The weight, in bytes, that may wait in all lanes together; 16 MiB by default.
    pub waiting_bytes: usize,
}

impl Default for LaneLimits {
    fn default() -> LaneLimits {
        LaneLimits {
            at_once: 1024,
            busy_bytes: 32 * 1024 * 1024,
            waiting_per_lane: 64,
            waiting_bytes: 16 * 1024 * 1024,
        }
    }
}

/// An item that [`Lanes::wait`](super::Lanes::wait) did not take.
///
/// Its sender is told to come again: `resource-constraint`, type `wait` (RFC 6120, 8.3.3.18).
///
/// # Examples
///
/// ```
/// use couplet_core::lanes::{Limit, Refused};
///
/// let refused = Refused { limit: Limit::Total, item: () };
/// assert_eq!(refused.to_string(), "too many bytes wait in all conversations");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused<T> {
    /// Which limit is reached.
    pub limit: Limit,
    /// The item, for its sender's answer.
    pub item: T,
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.limit {
            Limit::Lane => "too many stanzas wait in this conversation",
            Limit::Sender => "too many bytes of this sender wait",
            Limit::Total => "too many bytes wait in all conversations",
        })
    }
}

impl<T> Error for Refused<T> {}

/// The limit that an item would have passed.
///
/// # Examples
///
/// ```
/// use couplet_core::lanes::Limit;
///
/// assert_ne!(Limit::Lane, Limit::Total);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As many items wait in this lane as may: one sender is too fast.
    Lane,
    /// More bytes of this sender would wait, in all its lanes, than one sender's may.
    Sender,
    /// More bytes would wait than may wait in all lanes together.
    Total,
}
