//! Computes the delay before the next attempt to connect.
//!
//! A pure value without clock or timer: the duration of each session goes in, delays come out. The
//! supervisor decides whether to reconnect at all, and logs.

use std::time::Duration;

/// Upper bound of the delays early in an outage, see [`Backoff::next`].
const EAGER: Duration = Duration::from_secs(4);

/// An outage counts as early until its delays add up to this. A restart of ejabberd takes 3.5 s, a
/// reboot of a machine less than a minute (servers.md, 7).
const YOUNG: Duration = Duration::from_secs(60);

/// Lower bound of the delay after a `conflict`.
const CONFLICT_SHORTEST: Duration = Duration::from_secs(5);

/// Upper bound of the delay after a `conflict`.
const CONFLICT_LONGEST: Duration = Duration::from_secs(30);

/// Bounds of a [`Backoff`]. The defaults suit a component on the same host or network as its
/// server.
///
/// # Examples
///
/// ```
/// use couplet_core::backoff::BackoffLimits;
/// use std::time::Duration;
///
/// let limits = BackoffLimits { longest: Duration::from_secs(10), ..BackoffLimits::default() };
/// assert_eq!(limits.first, Duration::from_millis(100));
/// assert_eq!(limits.steady, Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffLimits {
    /// Upper bound of the first delay; 100 ms by default.
    pub first: Duration,
    /// Upper bound of all delays except those after a `conflict`; 30 s by default.
    pub longest: Duration,
    /// A session that lasted at least this long resets the backoff; 60 s by default.
    pub steady: Duration,
}

impl Default for BackoffLimits {
    fn default() -> BackoffLimits {
        BackoffLimits {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(30),
            steady: Duration::from_secs(60),
        }
    }
}

/// Computes the delays between attempts to connect: exponential backoff with full jitter.
///
/// Keep one per domain for the life of the process. Call [`next`](Self::next) before each attempt
/// and [`was_online`](Self::was_online) at the end of each session. The same seed gives the
/// same delays.
///
/// # Examples
///
/// ```
/// use couplet_core::backoff::{Backoff, BackoffLimits};
/// use std::time::Duration;
///
/// let mut backoff = Backoff::new(BackoffLimits::default(), 7);
/// assert!(backoff.next() <= Duration::from_millis(100));
/// assert!(backoff.next() <= Duration::from_millis(200));
///
/// backoff.was_online(Duration::from_secs(3600));
/// assert!(backoff.next() <= Duration::from_millis(100));
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    limits: BackoffLimits,
    cap: Duration,
    /// Sum of the delays since the last session.
    waited: Duration,
    random: SplitMix64,
}

impl Backoff {
    /// Creates a backoff without failures. Use a different seed in each process.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::backoff::{Backoff, BackoffLimits};
    ///
    /// let mut one = Backoff::new(BackoffLimits::default(), 1);
    /// let mut two = Backoff::new(BackoffLimits::default(), 2);
    /// assert_ne!(one.next(), two.next());
    /// ```
    pub fn new(limits: BackoffLimits, seed: u64) -> Backoff {
        Backoff {
            limits,
            cap: limits.first,
            waited: Duration::ZERO,
            random: SplitMix64(seed),
        }
    }

    /// Returns the delay before the next attempt, uniformly distributed between zero and a cap.
    ///
    /// The cap starts at `first` and doubles up to `longest`. In the first minute of an outage it
    /// stays below 5 s, so that a component reconnects soon after a restart of its server.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::backoff::{Backoff, BackoffLimits};
    ///
    /// let limits = BackoffLimits::default();
    /// let mut backoff = Backoff::new(limits, 7);
    /// assert!((0..50).all(|_| backoff.next() <= limits.longest));
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "there is always a next delay, so no Option is returned"
    )]
    pub fn next(&mut self) -> Duration {
        let longest = if self.waited < YOUNG {
            EAGER.min(self.limits.longest)
        } else {
            self.limits.longest
        };
        let cap = self.cap.min(longest);
        let delay = self.random.between(Duration::ZERO, cap);
        self.cap = self.cap.saturating_mul(2).min(self.limits.longest);
        self.waited = self.waited.saturating_add(delay);
        delay
    }

    /// Returns the delay before the next attempt after a `conflict`, uniformly distributed between
    /// 5 s and 30 s.
    ///
    /// Use it whenever the server ended or rejected the session with `conflict`, and log it as an
    /// error. A `conflict` is not fatal: Prosody sends it for as long as it holds a half-open
    /// connection of this component (servers.md, 2). The delay is long because two instances with
    /// one domain that replace each other would otherwise do so many times a second. Does not
    /// change the delays of [`next`](Self::next), and is not changed by them.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::backoff::{Backoff, BackoffLimits};
    /// use std::time::Duration;
    ///
    /// let mut backoff = Backoff::new(BackoffLimits::default(), 7);
    /// assert!(backoff.after_conflict() >= Duration::from_secs(5));
    /// ```
    pub fn after_conflict(&mut self) -> Duration {
        self.random.between(CONFLICT_SHORTEST, CONFLICT_LONGEST)
    }

    /// Records how long a session lasted, counted from the accepted handshake.
    ///
    /// Call it at the end of every session. A session of at least `steady` resets the backoff.
    /// After a shorter one the cap keeps its value, so that a server which accepts and drops the
    /// connection at once is not contacted ten times a second.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::backoff::{Backoff, BackoffLimits};
    ///
    /// let limits = BackoffLimits::default();
    /// let mut backoff = Backoff::new(limits, 7);
    /// for _ in 0..10 {
    ///     let _nobody_waits = backoff.next();
    /// }
    /// backoff.was_online(limits.steady);
    /// assert!(backoff.next() <= limits.first);
    /// ```
    pub fn was_online(&mut self, lasted: Duration) {
        self.waited = Duration::ZERO;
        if lasted >= self.limits.steady {
            self.cap = self.limits.first;
        }
    }
}

/// Sebastiano Vigna's SplitMix64. It distributes delays and protects no secret.
#[derive(Clone, Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let span = u64::try_from(longest.saturating_sub(shortest).as_nanos()).unwrap_or(u64::MAX);
        // The upper half of the product is uniform over 0 to `span`, up to one part in 2^64.
        let drawn = (u128::from(self.draw()) * (u128::from(span) + 1)) >> 64;
        shortest.saturating_add(Duration::from_nanos(
            u64::try_from(drawn).unwrap_or(u64::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, BackoffLimits, EAGER, SplitMix64};

    fn many() -> impl Iterator<Item = Backoff> {
        (0..2_000).map(|seed| Backoff::new(BackoffLimits::default(), seed))
    }

    #[test]
    fn the_cap_doubles_from_the_first_delay() {
        for n in 0..5_u32 {
            let cap = Duration::from_millis(100 << n);
            let longest = many()
                .map(|mut backoff| (0..=n).map(|_| backoff.next()).last().unwrap())
                .max()
                .unwrap();
            assert!(longest <= cap, "attempt {n}: {longest:?}");
            assert!(longest > cap.mul_f64(0.98), "attempt {n}: {longest:?}");
        }
    }

    #[test]
    fn the_jitter_is_full() {
        let mut eighths = [0; 8];
        for mut backoff in many() {
            let share = backoff.next().as_secs_f64() / 0.1;
            eighths[((share * 8.0) as usize).min(7)] += 1;
        }
        // 2,000 draws in 8 ranges: 250 expected in each.
        assert!(
            eighths.iter().all(|n| (180..320).contains(n)),
            "{eighths:?}"
        );
    }

    #[test]
    fn a_long_outage_reaches_the_longest_delay_and_never_passes_it() {
        let mut backoff = Backoff::new(BackoffLimits::default(), 3);
        let delays: Vec<Duration> = (0..10_000).map(|_| backoff.next()).collect();
        assert!(delays.iter().all(|d| *d <= Duration::from_secs(30)));
        assert!(delays.iter().any(|d| *d > Duration::from_secs(29)));
    }

    #[test]
    fn a_server_that_was_away_for_less_than_a_minute_is_met_within_five_seconds() {
        for away in (0..110).map(|halves| Duration::from_millis(500) * halves) {
            for mut backoff in many().take(200) {
                let mut waited = Duration::ZERO;
                while waited < away {
                    waited += backoff.next();
                }
                assert!(waited - away < Duration::from_secs(5));
            }
        }
    }

    #[test]
    fn a_server_that_restarts_ten_times_in_a_row_is_met_within_five_seconds() {
        for mut backoff in many() {
            for _ in 0..10 {
                let mut waited = Duration::ZERO;
                while waited < Duration::from_secs(20) {
                    let delay = backoff.next();
                    assert!(delay <= EAGER);
                    waited += delay;
                }
                backoff.was_online(Duration::from_secs(1));
            }
        }
    }

    #[test]
    fn only_a_steady_session_ends_the_series() {
        let limits = BackoffLimits::default();
        let mut after_short = Vec::new();
        for mut backoff in many() {
            let _nobody_waits = (0..12).map(|_| backoff.next()).count();
            let mut steady = backoff.clone();
            backoff.was_online(limits.steady - Duration::from_nanos(1));
            after_short.push(backoff.next());
            steady.was_online(limits.steady);
            assert!(steady.next() <= limits.first);
            assert!(steady.next() <= limits.first * 2);
        }
        assert!(after_short.iter().any(|d| *d > limits.first * 20));
    }

    #[test]
    fn after_a_conflict_attempts_are_slow_and_spread() {
        let delays: Vec<Duration> = many().map(|mut b| b.after_conflict()).collect();
        assert!(
            delays
                .iter()
                .all(|d| (5.0..=30.0).contains(&d.as_secs_f64()))
        );
        assert!(delays.iter().any(|d| d.as_secs_f64() < 5.5));
        assert!(delays.iter().any(|d| d.as_secs_f64() > 29.5));
    }

    #[test]
    fn a_conflict_leaves_the_ordinary_series_where_it_was() {
        for mut backoff in many().take(100) {
            let _nobody_waits = backoff.after_conflict();
            assert!(backoff.next() <= BackoffLimits::default().first);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let delays = |seed| {
            let mut backoff = Backoff::new(BackoffLimits::default(), seed);
            (0..20).map(|_| backoff.next()).collect::<Vec<_>>()
        };
        assert_eq!(delays(9), delays(9));
        assert_ne!(delays(9), delays(10));
    }

    #[test]
    fn unusual_limits_are_respected_too() {
        let zero = BackoffLimits {
            first: Duration::from_secs(9),
            longest: Duration::ZERO,
            steady: Duration::ZERO,
        };
        assert_eq!(Backoff::new(zero, 1).next(), Duration::ZERO);
        let endless = BackoffLimits {
            first: Duration::MAX,
            longest: Duration::MAX,
            steady: Duration::MAX,
        };
        let mut backoff = Backoff::new(endless, 1);
        for _ in 0..200 {
            assert!(backoff.next() < Duration::MAX);
        }
    }

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs for seed 1234567, as in the test vectors of other implementations.
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.draw(), 6_457_827_717_110_365_317);
        assert_eq!(random.draw(), 3_203_168_211_198_807_973);
    }
}
