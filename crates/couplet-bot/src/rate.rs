//! How many turns one person may begin: a token bucket each, on the clock that tests can pause.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::settings::Limits;

/// With as many buckets the full ones go, at most once a second: a new one is full too.
const BUCKETS: usize = 16_384;

const SWEEP: Duration = Duration::from_secs(1);

pub(crate) struct Rate {
    burst: f64,
    per_second: f64,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    of: HashMap<String, Bucket>,
    swept: Option<Instant>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
    is_warned: bool,
}

/// Whether a turn may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    Go,
    /// No, and the person gets a warning with the time until the next turn.
    Slower(Duration),
    /// No, and the person has had the warning.
    Silence,
}

impl Rate {
    pub(crate) fn new(limits: &Limits) -> Rate {
        Rate {
            burst: f64::from(limits.burst.max(1)),
            per_second: f64::from(limits.turns_per_minute.max(1)) / 60.0,
            buckets: Mutex::default(),
        }
    }

    pub(crate) fn take(&self, person: &str) -> Permit {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.of.len() >= BUCKETS && !buckets.of.contains_key(person) {
            if buckets.swept.is_none_or(|swept| now - swept >= SWEEP) {
                buckets.swept = Some(now);
                buckets
                    .of
                    .retain(|_, bucket| self.filled(bucket, now) < self.burst);
            }
            // Of very many at once, none is refused.
            if buckets.of.len() >= BUCKETS {
                return Permit::Go;
            }
        }
        let bucket = buckets.of.entry(person.to_owned()).or_insert(Bucket {
            tokens: self.burst,
            at: now,
            is_warned: false,
        });
        (bucket.tokens, bucket.at) = (self.filled(bucket, now), now);
        // After a warning the announced time has to pass.
        let half = (self.burst / 2.0).max(1.0);
        let enough = if bucket.is_warned { half } else { 1.0 };
        if bucket.tokens >= enough {
            bucket.tokens -= 1.0;
            bucket.is_warned = false;
            return Permit::Go;
        }
        if bucket.is_warned {
            return Permit::Silence;
        }
        bucket.is_warned = true;
        let missing = half - bucket.tokens;
        Permit::Slower(Duration::from_secs_f64(missing / self.per_second))
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let elapsed = now.duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + elapsed * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn rate() -> Rate {
        Rate::new(&Limits::default())
    }

    /// B99
    #[tokio::test(start_paused = true)]
    async fn after_a_burst_a_person_is_warned_once_and_then_ignored() {
        let rate = rate();
        let permits: Vec<Permit> = (0..30).map(|_| rate.take("alice")).collect();
        assert!(permits[..10].iter().all(|permit| *permit == Permit::Go));
        assert_eq!(permits[10], Permit::Slower(Duration::from_secs(15)));
        assert!(
            permits[11..]
                .iter()
                .all(|permit| *permit == Permit::Silence)
        );
        assert_eq!(rate.take("bob"), Permit::Go);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_begin_again_after_the_announced_time() {
        let rate = rate();
        for _ in 0..11 {
            rate.take("alice");
        }
        advance(Duration::from_secs(14)).await;
        assert_eq!(rate.take("alice"), Permit::Silence);
        advance(Duration::from_secs(2)).await;
        let permits: Vec<Permit> = (0..6).map(|_| rate.take("alice")).collect();
        assert!(permits[..5].iter().all(|permit| *permit == Permit::Go));
        assert_ne!(permits[5], Permit::Go);
    }

    #[tokio::test(start_paused = true)]
    async fn a_million_senders_leave_memory_flat() {
        let rate = rate();
        for person in 0..1_000_000 {
            rate.take(&person.to_string());
        }
        assert!(rate.buckets.lock().unwrap().of.len() <= BUCKETS);
    }
}
