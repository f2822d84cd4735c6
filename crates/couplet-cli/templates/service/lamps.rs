//! The state of the lamps, without XMPP.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests name the rooms, so their number is limited.
const ROOMS: usize = 1000;

/// The rooms in which a lamp was switched.
#[derive(Debug, Default)]
pub struct Lamps(Mutex<BTreeMap<String, bool>>);

impl Lamps {
    /// Returns whether the lamp of a room is lit; at first it is not.
    pub fn is_lit(&self, room: &str) -> bool {
        self.all().get(room).copied().unwrap_or_default()
    }

    /// Switches the lamp of a room. Returns false if there are too many rooms.
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
    fn the_number_of_rooms_is_limited() {
        let lamps = Lamps::default();
        assert!((0..ROOMS).all(|room| lamps.switch(&room.to_string(), true)));
        assert!(!lamps.switch("one more", true));
        assert!(lamps.switch("0", false) && !lamps.is_lit("0"));
    }
}
