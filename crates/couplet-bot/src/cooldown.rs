//! When a person may run a command again: `#[command(every = ..)]`.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::spec::CommandSpec;

/// With as many entries those that have ended go.
const ENTRIES: usize = 4_096;

/// The commands that rest, by person and name.
#[derive(Default)]
pub(crate) struct Cooldowns(Mutex<HashMap<(String, &'static str), Instant>>);

impl Cooldowns {
    /// Begins the pause of a command.
    ///
    /// # Errors
    ///
    /// How long it still lasts since the last time.
    pub(crate) fn begin(&self, person: &str, command: &CommandSpec) -> Result<(), Duration> {
        let Some(pause) = command.cooldown() else {
            return Ok(());
        };
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (person.to_owned(), command.name());
        if let Some(end) = all.get(&key).filter(|end| **end > now) {
            return Err(*end - now);
        }
        if all.len() >= ENTRIES {
            all.retain(|_, end| *end > now);
        }
        // Where very many rest, one more is not noted.
        if all.len() < ENTRIES {
            all.insert(key, now + pause);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    /// B14
    #[tokio::test(start_paused = true)]
    async fn a_person_waits_and_another_does_not() {
        let readers = CommandSpec::new("readers", "Who reads").every(Duration::from_secs(10));
        let cooldowns = Cooldowns::default();
        assert_eq!(cooldowns.begin("alice", &readers), Ok(()));
        advance(Duration::from_secs(4)).await;
        assert_eq!(
            cooldowns.begin("alice", &readers),
            Err(Duration::from_secs(6))
        );
        assert_eq!(cooldowns.begin("bob", &readers), Ok(()));
        advance(Duration::from_secs(7)).await;
        assert_eq!(cooldowns.begin("alice", &readers), Ok(()));
    }
}
