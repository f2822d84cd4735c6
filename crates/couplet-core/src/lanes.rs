//! Who goes next: order within a conversation, room for all conversations.
//!
//! Pure: items and the news that a handler has finished go in, items that may start come out.
//! Absent: tasks, futures and a clock; who runs a handler, and what a refused item is answered.

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

/// Below this many entries, empty room in a map or queue is not worth giving back.
const FEW: usize = 1024;

/// The conversations that are busy or have something waiting, and whose turn it is.
///
/// A lane runs one item at a time, in the order of arrival. Senders take turns, and so do the lanes
/// of a sender; one sender, however many lanes it opens, has at most a quarter of everything.
/// Items have a weight, what they keep in memory, and together they do not pass a limit.
/// Drive it like this:
///
/// 1. For each arriving item, ask [`free`](Lanes::free). If so, start its handler on the spot; if
///    that has not finished at once, [`occupy`](Lanes::occupy) the lane. If not, let the item
///    [`wait`](Lanes::wait).
///    A handler that keeps less than it was given makes its lane [`lighter`](Lanes::lighten).
/// 2. When a handler of an occupied lane has finished, say [`done`](Lanes::done).
/// 3. After either, start what [`next`](Lanes::next) returns until it returns `None`.
///
/// A conversation that is neither busy nor waiting costs no memory.
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
    /// Only lanes that are busy or have something waiting.
    lanes: HashMap<Key, Lane<T>>,
    senders: Senders,
    arrived: u64,
}

#[derive(Clone)]
struct Lane<T> {
    busy: bool,
    /// Of what its handler has, while it is busy.
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
    /// Creates lanes without waiting items.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let lanes: Lanes<String> = Lanes::new(LaneLimits::default());
    /// assert!(lanes.free("anybody", 175));
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

    /// Whether an item of this lane and weight may start at once, without having waited.
    ///
    /// It may if the lane is idle, fewer than `at_once` lanes are busy, there is room for the bytes,
    /// its sender has not its share already, and nothing that could start waits before it. If the
    /// handler finishes on the spot, nothing was ever stored.
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

    /// Makes a lane busy whose handler was started because it was [`free`](Lanes::free).
    ///
    /// Returns the key to say [`done`](Lanes::done) with. To be called at most once after each
    /// `free`, before anything else changes; a lane that is busy already stays busy once.
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
        // It was not free: what waits there keeps waiting.
        if !lane.waiting.is_empty() {
            self.senders.is_not_ready(&key);
        }
        self.senders.occupied(&key, weight);
        key
    }

    /// Says how much the handler of a busy lane keeps of what it was given, if that is less.
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

    /// Lets an item wait in its lane, behind those that wait there.
    ///
    /// The weight is what the item keeps in memory, in bytes; a lane that is there only because
    /// the item waits costs some 500 bytes more. If the lane was idle, it may be what
    /// [`next`](Lanes::next) returns.
    ///
    /// # Errors
    ///
    /// Gives the item back, with [`Limit::Lane`] if `waiting_per_lane` items wait in this lane,
    /// [`Limit::Sender`] if its sender has its share of `waiting_bytes` already, or [`Limit::Total`]
    /// if more than `waiting_bytes` would wait in all.
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
            // Busy, or ready already.
            lane.waiting.push_back(waiting);
            return Ok(());
        }
        let key = Key::from(key);
        // Room for one only: of many lanes that wait at all, most have a single item waiting.
        let mut lane = Lane::IDLE;
        lane.waiting.reserve_exact(1);
        lane.waiting.push_back(waiting);
        self.lanes.insert(Arc::clone(&key), lane);
        self.senders.is_ready(key, weight);
        Ok(())
    }

    /// Says that the handler of a busy lane has finished.
    ///
    /// If more waits in the lane, it takes its turn behind the lanes of its sender that wait already,
    /// and its sender behind the other senders. A lane that is not busy stays as it is.
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

    /// Takes out one item that may start now; its lane is busy until [`done`](Lanes::done).
    ///
    /// Call it until it returns `None`, which says that nothing waits in an idle lane, that
    /// `at_once` lanes are busy, or that there is no room for the bytes of what is next.
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
        reason = "None means not yet: an iterator's adapters would take it for the end"
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

    /// Takes out everything that waits, in the order of arrival; busy lanes stay busy.
    ///
    /// Use it to stop: each item can still be answered. They are out even if the iterator is not
    /// used up.
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

    /// How many lanes are busy.
    pub fn busy(&self) -> usize {
        self.senders.busy.items
    }

    /// The weight of what all busy lanes have, in bytes.
    pub fn busy_bytes(&self) -> usize {
        self.senders.busy.bytes.total()
    }

    /// How many items wait in all lanes.
    pub fn waiting(&self) -> usize {
        self.senders.waiting.items
    }

    /// What waits in all lanes, in bytes, as told to [`wait`](Lanes::wait).
    pub fn waiting_bytes(&self) -> usize {
        self.senders.waiting.bytes.total()
    }

    fn key(&self, key: &str) -> Key {
        match self.lanes.get_key_value(key) {
            Some((known, _)) => Arc::clone(known),
            None => Key::from(key),
        }
    }

    /// A burst of conversations must not hold its room for ever. Three quarters are free when it
    /// is given back, so that the removals before have paid for the copying.
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

/// Its items need no `Debug`, and addresses stay out of logs: only the numbers are shown.
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
    fn nobody_overtakes_a_lane_that_waits_for_room() {
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
    fn a_full_house_takes_what_fits_to_the_last_byte() {
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
    fn a_sender_has_a_quarter_of_what_may_wait_however_many_lanes_it_opens() {
        let mut lanes = lanes(1);
        lanes.wait("a\0x", 20, 1).unwrap();
        let (limit, item) = (Limit::Sender, 2);
        assert_eq!(lanes.wait("a\0y", 6, 2), Err(Refused { limit, item }));
        lanes.wait("a\0z", 5, 3).unwrap();
        lanes.wait("b\0x", 25, 4).unwrap();
    }

    #[test]
    fn a_sender_has_a_quarter_of_what_may_be_busy_and_goes_on_when_it_has_less() {
        let mut lanes = lanes(8);
        let first = lanes.occupy("a\0x", 1);
        lanes.occupy("a\0y", 1);
        assert!(!lanes.free("a\0z", 1) && lanes.free("b\0z", 1));
        lanes.wait("a\0z", 1, 1).unwrap();
        assert_eq!(lanes.next(), None);
        assert!(
            lanes.free("b\0z", 1),
            "nobody waits for what one sender may not"
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
            "the first that was short"
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
    fn a_house_for_nobody_is_a_house_for_one() {
        let mut lanes = lanes(0);
        lanes.wait("a", 1, 1).unwrap();
        assert!(lanes.next().is_some());
    }

    #[test]
    fn news_about_lanes_that_are_not_busy_changes_nothing() {
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
