//! Counts bytes so that large items always leave capacity for small ones.

/// Maximum weight of a small item in bytes, such as a ping or a chat message.
pub(super) const SMALL: usize = 4096;
/// Large items may not use one part in this many of a limit; small items may use all of it.
const KEPT_FOR_SMALL: usize = 4;

/// The summed weights of a set of items, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bytes {
    small: usize,
    large: usize,
}

impl Bytes {
    pub(super) fn total(self) -> usize {
        self.small + self.large
    }

    pub(super) fn add(&mut self, weight: usize) {
        *self.of(weight) += weight;
    }

    pub(super) fn remove(&mut self, weight: usize) {
        let bytes = self.of(weight);
        *bytes = bytes.saturating_sub(weight);
    }

    /// Returns whether an item of this weight also fits within the limit.
    pub(super) fn fits(self, weight: usize, limit: usize) -> bool {
        let most = limit - limit / KEPT_FOR_SMALL;
        let within = |used: usize, limit: usize| used.saturating_add(weight) <= limit;
        if weight <= SMALL {
            // An item that was admitted although it exceeds the limit counts as the limit.
            return within(self.small + self.large.min(most), limit);
        }
        within(self.large, most) && within(self.total(), limit)
    }

    /// Returns the same as `fits`, but always admits the first item of its kind, which would wait for
    /// ever.
    pub(super) fn admits(self, weight: usize, limit: usize) -> bool {
        let first = if weight <= SMALL {
            self.small
        } else {
            self.large
        };
        first == 0 || self.fits(weight, limit)
    }

    fn of(&mut self, weight: usize) -> &mut usize {
        if weight <= SMALL {
            &mut self.small
        } else {
            &mut self.large
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100 * SMALL;

    #[test]
    fn large_items_leave_room_for_small_ones() {
        let mut bytes = Bytes::default();
        bytes.add(70 * SMALL);
        assert!(bytes.fits(5 * SMALL, LIMIT) && !bytes.fits(5 * SMALL + 1, LIMIT));
        bytes.add(5 * SMALL);
        assert!(!bytes.fits(SMALL + 1, LIMIT) && bytes.fits(SMALL, LIMIT));
        for _ in 0..25 {
            assert!(bytes.fits(SMALL, LIMIT));
            bytes.add(SMALL);
        }
        assert!(!bytes.fits(1, LIMIT));
        bytes.remove(75 * SMALL);
        assert!(bytes.fits(75 * SMALL, LIMIT) && !bytes.fits(75 * SMALL + 1, LIMIT));
    }

    #[test]
    fn the_first_of_its_kind_is_always_admitted() {
        let mut bytes = Bytes::default();
        bytes.add(SMALL);
        assert!(bytes.admits(usize::MAX, LIMIT) && !bytes.fits(usize::MAX, LIMIT));
        bytes.add(LIMIT);
        bytes.remove(SMALL);
        assert!(bytes.admits(SMALL, LIMIT) && !bytes.admits(SMALL + 1, LIMIT));
    }
}
