//! Limits of running and waiting items, and the error for items over a limit.

use std::{error::Error, fmt};

/// Limits of [`Lanes`](super::Lanes). The defaults suit a public service.
///
/// One sender may use a quarter of `at_once`, `busy_bytes` and `waiting_bytes`. Items of more than
/// 4 KiB may use three quarters of the bytes; the rest is reserved for smaller ones.
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
    /// Maximum number of busy lanes; 1024 by default. 0 counts as 1, because nothing could start
    /// otherwise.
    pub at_once: usize,
    /// Maximum weight of the running items, in bytes; 32 MiB by default. The first item always
    /// starts, even if it exceeds the limit.
    pub busy_bytes: usize,
    /// Maximum number of items that wait in one lane; 64 by default.
    pub waiting_per_lane: usize,
    /// Maximum weight of the items that wait in all lanes, in bytes; 16 MiB by default.
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

/// An item that [`Lanes::wait`](super::Lanes::wait) rejected.
///
/// Answer its sender with `resource-constraint`, type `wait` (RFC 6120, 8.3.3.18).
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
    /// The limit that is reached.
    pub limit: Limit,
    /// The item, so that its sender can be answered.
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

/// The limit that an item would have exceeded.
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
    /// The maximum number of items wait in this lane.
    Lane,
    /// The sender's share of waiting bytes is used up, over all its lanes.
    Sender,
    /// The waiting bytes of all lanes are used up.
    Total,
}
