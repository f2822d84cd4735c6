//! The lamps themselves. No XMPP in here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Strangers may name rooms, so there is a limit.
const ROOMS: usize = 1000;

/// The rooms in which somebody has switched.
#[derive(Debug, Default)]
pub struct Lamps(Mutex<BTreeMap<String, bool>>);

impl Lamps {
    /// Whether the lamp of a room is lit; it is dark until somebody switches it.
    pub fn lit(&self, room: &str) -> bool {
        self.all().get(room).copied().unwrap_or_default()
    }

    /// Switches; `false` when there are too many rooms already.
    pub fn switch(&self, room: &str, lit: bool) -> bool {
        let mut all = self.all();
        let fits = all.len() < ROOMS || all.contains_key(room);
        if fits {
            all.insert(room.to_owned(), lit);
        }
        fits
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lamps, ROOMS};

    #[test]
    fn there_is_an_end_to_rooms() {
        let lamps = Lamps::default();
        assert!((0..ROOMS).all(|room| lamps.switch(&room.to_string(), true)));
        assert!(!lamps.switch("one more", true));
        assert!(lamps.switch("0", false) && !lamps.lit("0"));
    }
}
