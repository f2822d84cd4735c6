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

mod key;
mod limits;

/// Below this many entries, empty room in a map or queue is not worth giving back.
const SMALL: usize = 1024;

/// The conversations that are busy or have something waiting, and whose turn it is.
///
/// A lane runs one item at a time, in the order of arrival; lanes take turns. Drive it like this:
///
/// 1. For each arriving item, ask [`free`](Lanes::free). If so, start its handler on the spot; if
///    that has not finished at once, [`occupy`](Lanes::occupy) the lane. If not, let the item
///    [`wait`](Lanes::wait).
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
/// assert!(lanes.free("alice"));
/// let alice = lanes.occupy("alice"); // her first handler did not finish at once
///
/// assert!(!lanes.free("alice"));
/// assert!(lanes.free("bob"));
/// lanes.wait("alice", 175, "her second stanza")?;
/// assert_eq!(lanes.next(), None);
///
/// lanes.done(&alice);
/// assert_eq!(lanes.next(), Some((alice.clone(), "her second stanza")));
/// lanes.done(&alice);
/// assert!(lanes.free("alice"));
/// # Ok::<(), couplet_core::lanes::Refused<&str>>(())
/// ```
#[derive(Clone)]
pub struct Lanes<T> {
    limits: LaneLimits,
    /// Only lanes that are busy or have something waiting.
    lanes: HashMap<Key, Lane<T>>,
    /// The lanes that are idle and have something waiting, each once, the next to start in front.
    ready: VecDeque<Key>,
    busy: usize,
    waiting: usize,
    waiting_bytes: usize,
    arrived: u64,
}

#[derive(Clone)]
struct Lane<T> {
    busy: bool,
    waiting: VecDeque<Waiting<T>>,
}

#[derive(Clone)]
struct Waiting<T> {
    number: u64,
    weight: usize,
    item: T,
}

impl<T> Lanes<T> {
    /// An empty house.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let lanes: Lanes<String> = Lanes::new(LaneLimits::default());
    /// assert!(lanes.free("anybody"));
    /// ```
    pub fn new(limits: LaneLimits) -> Lanes<T> {
        Lanes {
            limits: LaneLimits {
                at_once: limits.at_once.max(1),
                ..limits
            },
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            busy: 0,
            waiting: 0,
            waiting_bytes: 0,
            arrived: 0,
        }
    }

    /// Whether an item of this lane may start at once, without having waited.
    ///
    /// It may if the lane is idle, fewer than `at_once` lanes are busy, and no lane that could
    /// start waits before it. If the handler finishes on the spot, nothing was ever stored.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes: Lanes<()> = Lanes::new(LaneLimits { at_once: 1, ..LaneLimits::default() });
    /// assert!(lanes.free("alice"));
    /// lanes.occupy("alice");
    /// assert!(!lanes.free("bob"));
    /// ```
    pub fn free(&self, key: &str) -> bool {
        self.busy < self.limits.at_once && self.ready.is_empty() && !self.lanes.contains_key(key)
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
    /// let alice = lanes.occupy("alice");
    /// assert_eq!(lanes.busy(), 1);
    /// lanes.done(&alice);
    /// assert_eq!(lanes.busy(), 0);
    /// ```
    pub fn occupy(&mut self, key: &str) -> Key {
        let key = self.key(key);
        let lane = self.lanes.entry(Arc::clone(&key)).or_insert(Lane::IDLE);
        if lane.busy {
            return key;
        }
        lane.busy = true;
        self.busy += 1;
        if !lane.waiting.is_empty() {
            // It was not free: whoever waits there keeps waiting.
            self.ready.retain(|ready| *ready != key);
        }
        key
    }

    /// Lets an item wait in its lane, behind those that wait there.
    ///
    /// The weight is what the item keeps in memory, in bytes; a lane that is there only because
    /// the item waits costs some 250 bytes more. If the lane was idle, it may be what
    /// [`next`](Lanes::next) returns.
    ///
    /// # Errors
    ///
    /// Gives the item back, with [`Limit::Lane`] if `waiting_per_lane` items wait in this lane, or
    /// [`Limit::House`] if more than `waiting_bytes` would wait in all.
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
        if weight > self.limits.waiting_bytes - self.waiting_bytes {
            let limit = Limit::House;
            return Err(Refused { limit, item });
        }
        let waiting = Waiting {
            number: self.arrived,
            weight,
            item,
        };
        self.arrived += 1;
        self.waiting += 1;
        self.waiting_bytes += weight;
        if let Some(lane) = lane {
            // Busy, or in the ready queue already.
            lane.waiting.push_back(waiting);
            return Ok(());
        }
        let key = Key::from(key);
        self.ready.push_back(Arc::clone(&key));
        // Room for one only: of many lanes that wait at all, most have a single item waiting.
        let mut lane = Lane::IDLE;
        lane.waiting.reserve_exact(1);
        lane.waiting.push_back(waiting);
        self.lanes.insert(key, lane);
        Ok(())
    }

    /// Says that the handler of a busy lane has finished.
    ///
    /// If more waits in the lane, it takes its turn behind the lanes that wait already. A lane that
    /// is not busy stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes: Lanes<()> = Lanes::new(LaneLimits::default());
    /// let alice = lanes.occupy("alice");
    /// lanes.done(&alice);
    /// assert!(lanes.free("alice"));
    /// ```
    pub fn done(&mut self, key: &str) {
        let Some(lane) = self.lanes.get_mut(key).filter(|lane| lane.busy) else {
            return;
        };
        lane.busy = false;
        self.busy -= 1;
        if lane.waiting.is_empty() {
            self.lanes.remove(key);
            self.give_room_back();
        } else {
            self.ready.push_back(self.key(key));
        }
    }

    /// Takes out one item that may start now; its lane is busy until [`done`](Lanes::done).
    ///
    /// Call it until it returns `None`, which says that nothing waits in an idle lane, or that
    /// `at_once` lanes are busy.
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
        if self.busy >= self.limits.at_once {
            return None;
        }
        let key = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        let Waiting { weight, item, .. } = lane.waiting.pop_front()?;
        if lane.waiting.is_empty() {
            lane.waiting = VecDeque::new();
        }
        lane.busy = true;
        self.busy += 1;
        self.waiting -= 1;
        self.waiting_bytes -= weight;
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
    /// lanes.occupy("alice");
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
        self.ready.clear();
        self.waiting = 0;
        self.waiting_bytes = 0;
        self.give_room_back();
        all.into_iter().map(|waiting| waiting.item)
    }

    /// How many lanes are busy.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes: Lanes<()> = Lanes::new(LaneLimits::default());
    /// lanes.occupy("alice");
    /// assert_eq!(lanes.busy(), 1);
    /// ```
    pub fn busy(&self) -> usize {
        self.busy
    }

    /// How many items wait in all lanes.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes = Lanes::new(LaneLimits::default());
    /// lanes.wait("alice", 175, "hers")?;
    /// assert_eq!(lanes.waiting(), 1);
    /// # Ok::<(), couplet_core::lanes::Refused<&str>>(())
    /// ```
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// What waits in all lanes, in bytes, as told to [`wait`](Lanes::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_core::lanes::{LaneLimits, Lanes};
    ///
    /// let mut lanes = Lanes::new(LaneLimits::default());
    /// lanes.wait("alice", 175, "hers")?;
    /// assert_eq!(lanes.waiting_bytes(), 175);
    /// # Ok::<(), couplet_core::lanes::Refused<&str>>(())
    /// ```
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
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
        if self.lanes.capacity() > SMALL.max(used.saturating_mul(8)) {
            self.lanes.shrink_to(used.saturating_mul(2));
            self.ready.shrink_to(used.saturating_mul(2));
        }
    }
}

impl<T> Lane<T> {
    const IDLE: Lane<T> = Lane {
        busy: false,
        waiting: VecDeque::new(),
    };
}

/// Its items need no `Debug`, and addresses stay out of logs: only the numbers are shown.
impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("limits", &self.limits)
            .field("busy", &self.busy)
            .field("waiting", &self.waiting)
            .field("waiting_bytes", &self.waiting_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{LaneLimits, Lanes, Limit, Refused, SMALL};

    fn lanes(at_once: usize) -> Lanes<u32> {
        Lanes::new(LaneLimits {
            at_once,
            waiting_per_lane: 3,
            waiting_bytes: 100,
        })
    }

    #[test]
    fn an_idle_conversation_costs_nothing() {
        let mut lanes = lanes(2);
        let a = lanes.occupy("a");
        lanes.done(&a);
        assert!(lanes.lanes.is_empty());
        lanes.wait("b", 1, 1).unwrap();
        let (b, _) = lanes.next().unwrap();
        lanes.done(&b);
        assert!(lanes.lanes.is_empty() && lanes.ready.is_empty());
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
        assert!(lanes.lanes.capacity() <= SMALL * 2 && lanes.ready.capacity() <= SMALL * 2);
        for n in 0..20_000 {
            lanes.wait(&n.to_string(), 1, n).unwrap();
        }
        assert_eq!(lanes.drain().count(), 20_000);
        assert!(lanes.lanes.capacity() <= SMALL * 2 && lanes.ready.capacity() <= SMALL * 2);
    }

    #[test]
    fn nobody_overtakes_a_lane_that_waits_for_room() {
        let mut lanes = lanes(1);
        let a = lanes.occupy("a");
        lanes.wait("b", 1, 1).unwrap();
        lanes.done(&a);
        assert!(!lanes.free("a") && !lanes.free("b") && !lanes.free("c"));
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
        lanes.occupy("a");
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
        lanes.wait("a", 60, 1).unwrap();
        let (limit, item) = (Limit::House, 2);
        assert_eq!(lanes.wait("b", 41, 2), Err(Refused { limit, item }));
        assert_eq!(lanes.wait("b", usize::MAX, 2), Err(Refused { limit, item }));
        lanes.wait("b", 40, 3).unwrap();
        assert_eq!(lanes.waiting_bytes(), 100);
        let _started = lanes.next();
        lanes.wait("b", 60, 4).unwrap();
    }

    #[test]
    fn a_refused_item_of_an_unknown_lane_leaves_nothing_behind() {
        let mut lanes = lanes(1);
        assert!(lanes.wait("a", 101, 1).is_err());
        assert!(lanes.lanes.is_empty() && lanes.free("a"));
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
        assert_eq!(lanes.occupy("a"), a);
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
        lanes.occupy("a");
        assert_eq!(lanes.next().map(|(_, item)| item), Some(2));
        assert_eq!(lanes.next(), None);
        lanes.done("a");
        assert_eq!(lanes.next().map(|(_, item)| item), Some(1));
    }

    #[test]
    fn what_was_drained_does_not_start_later() {
        let mut lanes = lanes(1);
        let a = lanes.occupy("a");
        for (key, item) in [("b", 1), ("a", 2), ("c", 3), ("b", 4)] {
            lanes.wait(key, 1, item).unwrap();
        }
        assert!(lanes.drain().eq([1, 2, 3, 4]));
        assert_eq!((lanes.waiting(), lanes.waiting_bytes()), (0, 0));
        lanes.done(&a);
        assert_eq!(lanes.next(), None);
        assert!(lanes.free("a") && lanes.lanes.is_empty());
    }
}
