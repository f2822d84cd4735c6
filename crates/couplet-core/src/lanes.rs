//! Order within a conversation, and fairness between conversations and senders.
//!
//! A pure value: arriving items and finished handlers go in, items to start come out. The caller
//! runs the handlers and answers rejected items.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};

pub use self::{
    key::{Key, write_key},
    limits::{LaneLimits, Limit, Refused},
};

use self::senders::Senders;

mod budget;
mod key;
mod limits;
mod senders;

/// Below this number of entries, the capacity of a map or queue is not reduced.
const FEW: usize = 1024;

/// Decides which item starts next: one at a time in a conversation, senders in turn.
///
/// A lane is one conversation. It runs one item at a time, in order of arrival. Senders take turns,
/// and so do the lanes of one sender. A sender may use at most a quarter of the capacity, with any
/// number of lanes. The weight of an item is the memory it holds, and the sum of the weights is
/// limited. Use it like this:
///
/// 1. For each arriving item, call [`free`](Lanes::free). If it returns true, start the handler; if
///    the handler does not finish at once, call [`occupy`](Lanes::occupy). Otherwise call
///    [`wait`](Lanes::wait). If a handler drops part of its item, call [`lighten`](Lanes::lighten).
/// 2. When the handler of a busy lane has finished, call [`done`](Lanes::done).
/// 3. After `wait` and `done`, start the items that [`next`](Lanes::next) returns until it returns
///    `None`.
///
/// A lane that is neither busy nor has waiting items uses no memory.
///
/// # Examples
///
/// ```
/// use couplet_core::lanes::{LaneLimits, Lanes};
///
/// let mut lanes = Lanes::new(LaneLimits::default());
/// assert!(lanes.free("alice", 175));
/// let alice = lanes.occupy("alice", 175); // her first handler did not finish at once
///
/// assert!(!lanes.free("alice", 175));
/// assert!(lanes.free("bob", 175));
/// lanes.wait("alice", 175, "her second stanza")?;
/// assert_eq!(lanes.next(), None);
///
/// lanes.done(&alice);
/// assert_eq!(lanes.next(), Some((alice.clone(), "her second stanza")));
/// lanes.done(&alice);
/// assert!(lanes.free("alice", 175));
/// # Ok::<(), couplet_core::lanes::Refused<&str>>(())
/// ```
#[derive(Clone)]
pub struct Lanes<T> {
    limits: LaneLimits,
    /// The lanes that are busy or have waiting items.
    lanes: HashMap<Key, Lane<T>>,
    senders: Senders,
    arrived: u64,
}

#[derive(Clone)]
struct Lane<T> {
    busy: bool,
    /// The weight of the running item while the lane is busy.
    weight: usize,
    waiting: VecDeque<Waiting<T>>,
}

#[derive(Clone)]
struct Waiting<T> {
    number: u64,
    weight: usize,
    item: T,
}

impl<T> Lanes<T> {
    /// Creates lanes without items.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let lanes: Lanes<String> = Lanes::new(LaneLimits::default());
    /// assert!(lanes.free("carol", 175));
    /// ```
    pub fn new(limits: LaneLimits) -> Lanes<T> {
        let limits = LaneLimits {
            at_once: limits.at_once.max(1),
            ..limits
        };
        Lanes {
            limits,
            lanes: HashMap::new(),
            senders: Senders::new(limits),
            arrived: 0,
        }
    }

    /// Returns whether an item of this lane and weight may start at once, without waiting.
    ///
    /// It may if the lane is idle, fewer than `at_once` lanes are busy, the weight fits, the sender
    /// is below its share, and no waiting item that could start has priority. Nothing is stored for
    /// an item whose handler finishes at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes: Lanes<()> = Lanes::new(LaneLimits { at_once: 1, ..LaneLimits::default() });
    /// assert!(lanes.free("alice", 175));
    /// lanes.occupy("alice", 175);
    /// assert!(!lanes.free("bob", 175));
    /// ```
    pub fn free(&self, key: &str, weight: usize) -> bool {
        !self.lanes.contains_key(key) && self.senders.is_free(key, weight)
    }

    /// Marks a lane as busy whose handler was started because [`free`](Lanes::free) returned true.
    ///
    /// Returns the key for [`done`](Lanes::done). Call it at most once after each `free`, before
    /// any other change; occupying a busy lane has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes: Lanes<()> = Lanes::new(LaneLimits::default());
    /// let alice = lanes.occupy("alice", 175);
    /// assert_eq!((lanes.busy(), lanes.busy_bytes()), (1, 175));
    /// lanes.done(&alice);
    /// assert_eq!((lanes.busy(), lanes.busy_bytes()), (0, 0));
    /// ```
    pub fn occupy(&mut self, key: &str, weight: usize) -> Key {
        let key = self.key(key);
        let lane = self.lanes.entry(Arc::clone(&key)).or_insert(Lane::IDLE);
        if lane.busy {
            return key;
        }
        (lane.busy, lane.weight) = (true, weight);
        // The lane was not free: its waiting items stay where they are.
        if !lane.waiting.is_empty() {
            self.senders.is_not_ready(&key);
        }
        self.senders.occupied(&key, weight);
        key
    }

    /// Reduces the weight of a busy lane to what its handler still holds. Never increases it.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes: Lanes<()> = Lanes::new(LaneLimits::default());
    /// let alice = lanes.occupy("alice", 100_000);
    /// lanes.lighten(&alice, 2_000); // the tree is dropped, a few fields of it are kept
    /// assert_eq!(lanes.busy_bytes(), 2_000);
    /// ```
    pub fn lighten(&mut self, key: &str, weight: usize) {
        let lane = self.lanes.get_mut(key);
        let Some(lane) = lane.filter(|lane| lane.busy && lane.weight > weight) else {
            return;
        };
        let before = std::mem::replace(&mut lane.weight, weight);
        self.senders.lightened(key, before, weight);
    }

    /// Adds an item behind the waiting items of its lane.
    ///
    /// The weight is the memory that the item holds, in bytes; a lane that exists only because the
    /// item waits takes another 500 bytes or so. If the lane was idle, [`next`](Lanes::next) may
    /// return the item.
    ///
    /// # Errors
    ///
    /// Returns the item, with [`Limit::Lane`] if `waiting_per_lane` items wait in this lane,
    /// [`Limit::Sender`] if its sender has used its share of `waiting_bytes`, or [`Limit::Total`]
    /// if more than `waiting_bytes` would wait in total.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes, Limit};
    ///
    /// let limits = LaneLimits { waiting_per_lane: 1, ..LaneLimits::default() };
    /// let mut lanes = Lanes::new(limits);
    /// assert!(lanes.wait("alice", 175, "one").is_ok());
    /// let refused = lanes.wait("alice", 175, "two").expect_err("one is the limit");
    /// assert_eq!((refused.limit, refused.item), (Limit::Lane, "two"));
    /// ```
    pub fn wait(&mut self, key: &str, weight: usize, item: T) -> Result<(), Refused<T>> {
        let lane = self.lanes.get_mut(key);
        let in_lane = lane.as_ref().map_or(0, |lane| lane.waiting.len());
        if in_lane >= self.limits.waiting_per_lane {
            let limit = Limit::Lane;
            return Err(Refused { limit, item });
        }
        if let Some(limit) = self.senders.refuses(key, weight) {
            return Err(Refused { limit, item });
        }
        let waiting = Waiting {
            number: self.arrived,
            weight,
            item,
        };
        self.arrived += 1;
        self.senders.waits(key, weight);
        if let Some(lane) = self.lanes.get_mut(key) {
            // The lane is busy, or already queued to start.
            lane.waiting.push_back(waiting);
            return Ok(());
        }
        let key = Key::from(key);
        // Capacity for one: most lanes with waiting items have a single one.
        let mut lane = Lane::IDLE;
        lane.waiting.reserve_exact(1);
        lane.waiting.push_back(waiting);
        self.lanes.insert(Arc::clone(&key), lane);
        self.senders.is_ready(key, weight);
        Ok(())
    }

    /// Marks a busy lane as idle after its handler has finished.
    ///
    /// If it has waiting items, the lane is queued behind the other lanes of its sender, and the
    /// sender behind the other senders. A lane that is not busy does not change.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes: Lanes<()> = Lanes::new(LaneLimits::default());
    /// let alice = lanes.occupy("alice", 175);
    /// lanes.done(&alice);
    /// assert!(lanes.free("alice", 175));
    /// ```
    pub fn done(&mut self, key: &str) {
        let Some(lane) = self.lanes.get_mut(key).filter(|lane| lane.busy) else {
            return;
        };
        lane.busy = false;
        let weight = lane.weight;
        let first = lane.waiting.front().map(|first| first.weight);
        self.senders.done(key, weight);
        match first {
            Some(weight) => self.senders.is_ready(self.key(key), weight),
            None => {
                self.lanes.remove(key);
                self.give_room_back();
            }
        }
    }

    /// Returns an item that may start now; its lane is busy until [`done`](Lanes::done).
    ///
    /// Call it until it returns `None`: then no idle lane has waiting items, `at_once` lanes are
    /// busy, or the weight of the next item does not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes = Lanes::new(LaneLimits::default());
    /// lanes.wait("alice", 175, "hers")?;
    /// lanes.wait("bob", 175, "his")?;
    /// let mut started = Vec::new();
    /// while let Some((_, item)) = lanes.next() {
    ///     started.push(item);
    /// }
    /// assert_eq!(started, ["hers", "his"]);
    /// # Ok::<(), couplet_core::lanes::Refused<&str>>(())
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "`None` means `not yet`, which iterator adapters would take for the end"
    )]
    pub fn next(&mut self) -> Option<(Key, T)> {
        let key = self.senders.next()?;
        let lane = self.lanes.get_mut(&key)?;
        let Waiting { weight, item, .. } = lane.waiting.pop_front()?;
        if lane.waiting.is_empty() {
            lane.waiting = VecDeque::new();
        }
        (lane.busy, lane.weight) = (true, weight);
        Some((key, item))
    }

    /// Removes and returns all waiting items in order of arrival; busy lanes stay busy.
    ///
    /// Use it during shutdown to answer each of them. All are removed, even if the iterator is
    /// dropped early.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes = Lanes::new(LaneLimits::default());
    /// lanes.occupy("alice", 175);
    /// lanes.wait("alice", 175, "hers")?;
    /// assert!(lanes.drain().eq(["hers"]));
    /// assert_eq!((lanes.waiting(), lanes.busy()), (0, 1));
    /// # Ok::<(), couplet_core::lanes::Refused<&str>>(())
    /// ```
    pub fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        let queues = self.lanes.values_mut();
        let mut all: Vec<Waiting<T>> = queues
            .flat_map(|lane| std::mem::take(&mut lane.waiting))
            .collect();
        all.sort_unstable_by_key(|waiting| waiting.number);
        self.lanes.retain(|_, lane| lane.busy);
        self.senders.are_drained();
        self.give_room_back();
        all.into_iter().map(|waiting| waiting.item)
    }

    /// Returns the number of busy lanes.
    pub fn busy(&self) -> usize {
        self.senders.busy.items
    }

    /// Returns the weight of the running items of all busy lanes, in bytes.
    pub fn busy_bytes(&self) -> usize {
        self.senders.busy.bytes.total()
    }

    /// Returns the number of items that wait in all lanes.
    pub fn waiting(&self) -> usize {
        self.senders.waiting.items
    }

    /// Returns the weight of the items that wait in all lanes, in bytes, as passed to
    /// [`wait`](Lanes::wait).
    pub fn waiting_bytes(&self) -> usize {
        self.senders.waiting.bytes.total()
    }

    fn key(&self, key: &str) -> Key {
        match self.lanes.get_key_value(key) {
            Some((known, _)) => Arc::clone(known),
            None => Key::from(key),
        }
    }

    /// Releases memory after a burst of conversations. Shrinks at a quarter of the capacity, so
    /// that the removals since the last time outweigh the copying.
    fn give_room_back(&mut self) {
        let used = self.lanes.len();
        if self.lanes.capacity() > FEW.max(used.saturating_mul(8)) {
            self.lanes.shrink_to(used.saturating_mul(2));
            self.senders.shrink_to(used.saturating_mul(2));
        }
    }
}

impl<T> Lane<T> {
    const IDLE: Lane<T> = Lane {
        busy: false,
        weight: 0,
        waiting: VecDeque::new(),
    };
}

/// Shows only numbers, so that `T` needs no `Debug` and addresses stay out of logs.
impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("limits", &self.limits)
            .field("busy", &self.busy())
            .field("busy_bytes", &self.busy_bytes())
            .field("waiting", &self.waiting())
            .field("waiting_bytes", &self.waiting_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, LaneLimits, Lanes, Limit, Refused};

    const LARGE: usize = 4097;

    fn lanes(at_once: usize) -> Lanes<u32> {
        Lanes::new(LaneLimits {
            at_once,
            busy_bytes: 100 * LARGE,
            waiting_per_lane: 3,
            waiting_bytes: 100,
        })
    }

    #[test]
    fn an_idle_conversation_costs_nothing() {
        let mut lanes = lanes(2);
        let a = lanes.occupy("a", 1);
        lanes.done(&a);
        assert!(lanes.lanes.is_empty());
        lanes.wait("b", 1, 1).unwrap();
        let (b, _) = lanes.next().unwrap();
        lanes.done(&b);
        assert!(lanes.lanes.is_empty());
    }

    #[test]
    fn a_burst_of_conversations_gives_its_room_back() {
        let mut lanes: Lanes<u32> = Lanes::new(LaneLimits::default());
        for n in 0..20_000 {
            lanes.wait(&n.to_string(), 1, n).unwrap();
        }
        while let Some((key, _)) = lanes.next() {
            lanes.done(&key);
        }
        assert!(lanes.lanes.capacity() <= FEW * 2);
        for n in 0..20_000 {
            lanes.wait(&n.to_string(), 1, n).unwrap();
        }
        assert_eq!(lanes.drain().count(), 20_000);
        assert!(lanes.lanes.capacity() <= FEW * 2);
    }

    #[test]
    fn no_lane_overtakes_one_that_waits_for_capacity() {
        let mut lanes = lanes(1);
        let a = lanes.occupy("a", 1);
        lanes.wait("b", 1, 1).unwrap();
        lanes.done(&a);
        assert!(!lanes.free("a", 1) && !lanes.free("b", 1) && !lanes.free("c", 1));
        assert_eq!(lanes.next().map(|(key, _)| key).as_deref(), Some("b"));
    }

    #[test]
    fn a_lane_with_more_waiting_goes_behind_the_others() {
        let mut lanes = lanes(1);
        for (key, item) in [("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)] {
            lanes.wait(key, 1, item).unwrap();
        }
        let mut order = Vec::new();
        while let Some((key, item)) = lanes.next() {
            assert_eq!(lanes.next(), None);
            order.push(item);
            lanes.done(&key);
        }
        assert_eq!(order, [1, 3, 2, 5, 4]);
    }

    #[test]
    fn a_full_lane_refuses_and_leaves_room_for_others() {
        let mut lanes = lanes(1);
        lanes.occupy("a", 1);
        for item in 1..=3 {
            lanes.wait("a", 1, item).unwrap();
        }
        let (limit, item) = (Limit::Lane, 4);
        assert_eq!(lanes.wait("a", 1, 4), Err(Refused { limit, item }));
        assert_eq!(lanes.wait("b", 1, 5), Ok(()));
        assert_eq!((lanes.waiting(), lanes.waiting_bytes()), (4, 4));
    }

    #[test]
    fn waiting_bytes_are_used_to_the_last_byte() {
        let mut lanes = lanes(1);
        for key in ["a", "b", "c"] {
            lanes.wait(key, 25, 1).unwrap();
        }
        lanes.wait("d", 24, 2).unwrap();
        let (limit, item) = (Limit::Total, 3);
        assert_eq!(lanes.wait("e", 2, 3), Err(Refused { limit, item }));
        assert_eq!(lanes.wait("e", usize::MAX, 3), Err(Refused { limit, item }));
        lanes.wait("e", 1, 4).unwrap();
        assert_eq!(lanes.waiting_bytes(), 100);
        let _started = lanes.next();
        lanes.wait("f", 25, 5).unwrap();
    }

    #[test]
    fn a_sender_has_a_quarter_of_the_waiting_bytes_however_many_lanes_it_opens() {
        let mut lanes = lanes(1);
        lanes.wait("a\0x", 20, 1).unwrap();
        let (limit, item) = (Limit::Sender, 2);
        assert_eq!(lanes.wait("a\0y", 6, 2), Err(Refused { limit, item }));
        lanes.wait("a\0z", 5, 3).unwrap();
        lanes.wait("b\0x", 25, 4).unwrap();
    }

    #[test]
    fn a_sender_has_a_quarter_of_the_busy_lanes_and_continues_when_it_has_fewer() {
        let mut lanes = lanes(8);
        let first = lanes.occupy("a\0x", 1);
        lanes.occupy("a\0y", 1);
        assert!(!lanes.free("a\0z", 1) && lanes.free("b\0z", 1));
        lanes.wait("a\0z", 1, 1).unwrap();
        assert_eq!(lanes.next(), None);
        assert!(
            lanes.free("b\0z", 1),
            "other senders do not wait for one that has used its share"
        );
        lanes.done(&first);
        assert_eq!(lanes.next().map(|(_, item)| item), Some(1));
    }

    #[test]
    fn senders_take_turns_however_many_lanes_one_has() {
        let mut lanes = lanes(1);
        for (key, item) in [
            ("a\0x", 1),
            ("a\0y", 2),
            ("a\0z", 3),
            ("b\0x", 4),
            ("c\0x", 5),
        ] {
            lanes.wait(key, 1, item).unwrap();
        }
        let mut order = Vec::new();
        while let Some((key, item)) = lanes.next() {
            order.push(item);
            lanes.done(&key);
        }
        assert_eq!(order, [1, 4, 5, 2, 3]);
    }

    fn wide() -> Lanes<u32> {
        Lanes::new(LaneLimits {
            at_once: 1_000,
            busy_bytes: 40 * LARGE,
            ..LaneLimits::default()
        })
    }

    #[test]
    fn large_items_wait_for_room_and_small_ones_pass_them() {
        let mut lanes = wide();
        let first = lanes.occupy("a", 10 * LARGE);
        lanes.occupy("b", 10 * LARGE);
        lanes.occupy("c", 10 * LARGE);
        assert!(!lanes.free("d", LARGE) && lanes.free("d", 1));
        lanes.wait("d", 5 * LARGE, 1).unwrap();
        lanes.wait("e", LARGE, 2).unwrap();
        lanes.wait("f", 1, 3).unwrap();
        assert_eq!(lanes.next().map(|(_, item)| item), Some(3));
        assert_eq!(lanes.next(), None);
        assert!(lanes.free("g", 1) && !lanes.free("g", LARGE));
        lanes.done(&first);
        assert_eq!(
            lanes.next().map(|(_, item)| item),
            Some(1),
            "the item that has waited longest for capacity"
        );
        assert_eq!(lanes.next().map(|(_, item)| item), Some(2));
        assert_eq!(lanes.busy_bytes(), 26 * LARGE + 1);
    }

    #[test]
    fn one_item_larger_than_all_room_runs_alone() {
        let mut lanes = wide();
        let first = lanes.occupy("a", LARGE);
        lanes.wait("b", 50 * LARGE, 1).unwrap();
        assert_eq!(lanes.next(), None);
        lanes.occupy("s", 1);
        lanes.done(&first);
        assert_eq!(lanes.next().map(|(_, item)| item), Some(1));
        assert!(!lanes.free("c", LARGE) && lanes.free("c", 1));
    }

    #[test]
    fn a_handler_that_keeps_less_makes_room() {
        let mut lanes = wide();
        let a = lanes.occupy("a\0x", 10 * LARGE);
        assert!(!lanes.free("a\0y", LARGE));
        lanes.wait("a\0y", LARGE, 1).unwrap();
        assert_eq!(lanes.next(), None);
        lanes.lighten(&a, 20 * LARGE);
        assert_eq!(lanes.next(), None, "never heavier");
        lanes.lighten(&a, 7);
        assert_eq!(lanes.next().map(|(_, item)| item), Some(1));
        lanes.done(&a);
        assert_eq!(lanes.busy_bytes(), LARGE);
    }

    #[test]
    fn a_refused_item_of_an_unknown_lane_leaves_nothing_behind() {
        let mut lanes = lanes(1);
        assert!(lanes.wait("a", 101, 1).is_err());
        assert!(lanes.lanes.is_empty() && lanes.free("a", 1));
    }

    #[test]
    fn a_limit_of_zero_lanes_counts_as_one() {
        let mut lanes = lanes(0);
        lanes.wait("a", 1, 1).unwrap();
        assert!(lanes.next().is_some());
    }

    #[test]
    fn done_for_lanes_that_are_not_busy_changes_nothing() {
        let mut lanes = lanes(2);
        lanes.done("nobody");
        lanes.wait("a", 1, 1).unwrap();
        lanes.done("a");
        let (a, _) = lanes.next().unwrap();
        assert_eq!(lanes.occupy("a", 1), a);
        assert_eq!(lanes.busy(), 1);
        lanes.done("a");
        lanes.done("a");
        assert_eq!((lanes.busy(), lanes.next()), (0, None));
    }

    #[test]
    fn a_lane_occupied_out_of_turn_still_runs_one_at_a_time() {
        let mut lanes = lanes(5);
        lanes.wait("a", 1, 1).unwrap();
        lanes.wait("b", 1, 2).unwrap();
        lanes.occupy("a", 1);
        assert_eq!(lanes.next().map(|(_, item)| item), Some(2));
        assert_eq!(lanes.next(), None);
        lanes.done("a");
        assert_eq!(lanes.next().map(|(_, item)| item), Some(1));
    }

    #[test]
    fn what_was_drained_does_not_start_later() {
        let mut lanes = lanes(1);
        let a = lanes.occupy("a", 1);
        for (key, item) in [("b", 1), ("a", 2), ("c", 3), ("b", 4)] {
            lanes.wait(key, 1, item).unwrap();
        }
        assert!(lanes.drain().eq([1, 2, 3, 4]));
        assert_eq!((lanes.waiting(), lanes.waiting_bytes()), (0, 0));
        lanes.done(&a);
        assert_eq!(lanes.next(), None);
        assert!(lanes.free("a", 1) && lanes.lanes.is_empty());
    }
}
