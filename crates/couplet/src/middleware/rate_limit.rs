//! [`RateLimit`].

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use couplet_core::{
    stanza::Stanza,
    stanza_error::{Condition, StanzaError},
};
use tokio::time::Instant;

use super::{Handled, Middleware, Next};
use crate::incoming::Incoming;

/// Maximum number of senders that are counted in one period; further ones are not limited.
const SENDERS: usize = 100_000;

/// Limits how many stanzas of one sender (a bare address) reach the handlers in each period;
/// further ones get `resource-constraint`, type `wait`.
///
/// It counts up to 100,000 senders in each period and does not limit further ones.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use couplet::{Component, Config, Incoming, Message, middleware::RateLimit};
///
/// let bot = Component::new(Config::new("bot.localhost", "secret"))
///     .layer(RateLimit::new(20, Duration::from_secs(60)))
///     .on_chat(|chat: Incoming<Message>| async move { chat.reply("Thank you").await });
/// ```
#[derive(Debug)]
pub struct RateLimit {
    stanzas: u32,
    period: Duration,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    since: Instant,
    by_sender: HashMap<String, u32>,
}

impl RateLimit {
    /// Creates a limit of this number of stanzas per sender in each period.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let limit = couplet::middleware::RateLimit::new(20, Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn new(stanzas: u32, period: Duration) -> RateLimit {
        RateLimit {
            stanzas,
            period,
            counted: Mutex::new(Counted {
                since: Instant::now(),
                by_sender: HashMap::new(),
            }),
        }
    }

    /// Counts one stanza of this sender. Returns whether it is within the limit.
    fn admits(&self, sender: &str) -> bool {
        let now = Instant::now();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(counted.since) >= self.period {
            counted.since = now;
            counted.by_sender.clear();
        }
        let is_full = counted.by_sender.len() >= SENDERS;
        let count = match counted.by_sender.get_mut(sender) {
            Some(count) => {
                *count = count.saturating_add(1);
                *count
            }
            None if is_full => return true,
            None => {
                counted.by_sender.insert(sender.to_owned(), 1);
                1
            }
        };
        count <= self.stanzas
    }
}

#[async_trait]
impl Middleware for RateLimit {
    async fn handle(&self, stanza: Incoming<Stanza>, next: Next) -> Result<Handled, StanzaError> {
        if !self.admits(stanza.from().to_bare().prepared()) {
            return Err(StanzaError::new(Condition::ResourceConstraint)
                .text("Too many stanzas, please wait"));
        }
        next.run(stanza).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sender_is_limited_until_the_period_is_over() {
        let limit = RateLimit::new(2, Duration::from_secs(60));
        let admitted: Vec<bool> = (0..3).map(|_| limit.admits("alice@example.org")).collect();
        assert_eq!(admitted, [true, true, false]);
        assert!(limit.admits("bob@example.org"));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(limit.admits("alice@example.org"));
    }

    #[tokio::test(start_paused = true)]
    async fn senders_beyond_the_bound_are_let_through() {
        let limit = RateLimit::new(1, Duration::from_secs(60));
        for sender in 0..SENDERS {
            assert!(limit.admits(&sender.to_string()));
        }
        assert!(limit.admits("another") && limit.admits("another"));
        assert!(!limit.admits("0"));
    }
}
