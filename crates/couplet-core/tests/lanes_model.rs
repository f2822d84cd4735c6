//! Compares the lanes with one searched list, and drives them while counting.

use std::collections::{HashMap, HashSet, VecDeque};

use couplet_core::lanes::{Key, LaneLimits, Lanes, Limit};
use proptest::{prelude::*, sample::Index, test_runner::Config};

const KEYS: [&str; 7] = ["a\0x", "b\0x", "a\0y", "c\0x", "d\0x", "a\0z", "b\0y"];
const LIMITS: LaneLimits = LaneLimits {
    at_once: 6,
    busy_bytes: 100_000,
    waiting_per_lane: 4,
    waiting_bytes: 100_000,
};
/// As documented: the weight of small items, and the share of a sender.
const SMALL: usize = 4096;
const SHARE: usize = 4;

type Name = &'static str;

#[derive(Clone, Debug)]
enum Step {
    /// An item arrives. With whether its handler, if it may start, finishes at once.
    Arrive(Name, usize, AtOnce),
    /// The handler of a busy lane finishes.
    Finish(Index),
    /// The handler of a busy lane reduces its weight by this much.
    Lighten(Index, usize),
    Start,
    Drain,
    /// A caller's mistake: the lane may not be busy.
    Done(Name),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum AtOnce {
    Finishes,
    Pending,
}

fn key() -> impl Strategy<Value = Name> {
    proptest::sample::select(&KEYS)
}

fn arrival() -> impl Strategy<Value = Step> {
    let at_once = prop_oneof![Just(AtOnce::Finishes), Just(AtOnce::Pending)];
    let weight = prop_oneof![3 => 0..SMALL + 1, 2 => SMALL + 1..30_000];
    (key(), weight, at_once).prop_map(|(key, weight, a)| Step::Arrive(key, weight, a))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => arrival(),
        12 => any::<Index>().prop_map(Step::Finish),
        2 => (any::<Index>(), 0..10_000_usize).prop_map(|(which, weight)| Step::Lighten(which, weight)),
        10 => Just(Step::Start),
        1 => Just(Step::Drain),
        1 => key().prop_map(Step::Done),
    ]
}

/// A model that keeps everything in lists and searches them completely each time.
#[derive(Default)]
struct Naive {
    busy: Vec<(Name, usize)>,
    /// In the order of arrival.
    waiting: Vec<(Name, usize, usize)>,
    /// Idle lanes with waiting items, in the order in which they became idle.
    idle: Vec<Name>,
    /// Senders in the order of their turns, and those whose item did not fit in its turn.
    turns: Vec<&'static str>,
    short: Vec<&'static str>,
    turns_first: bool,
}

fn sender(key: Name) -> &'static str {
    key.split('\0').next().unwrap_or_default()
}

fn total(weights: impl Iterator<Item = usize> + Clone, large_only: bool) -> usize {
    weights
        .filter(|weight| !large_only || *weight > SMALL)
        .sum()
}

/// Returns whether one more item fits: large ones leave a quarter to small ones.
fn fits(weights: impl Iterator<Item = usize> + Clone, weight: usize, limit: usize) -> bool {
    let (all, large) = (total(weights.clone(), false), total(weights, true));
    let most = limit / 4 * 3;
    if weight <= SMALL {
        return all - large + large.min(most) + weight <= limit;
    }
    all + weight <= limit && large + weight <= most
}

/// Like `fits`, but always admits the first item of its kind, or one beside items without weight.
fn admits(weights: impl Iterator<Item = usize> + Clone, weight: usize, limit: usize) -> bool {
    let small = weight <= SMALL;
    let alike = weights.clone().filter(|other| (*other <= SMALL) == small);
    alike.sum::<usize>() == 0 || fits(weights, weight, limit)
}

impl Naive {
    fn bytes(&self) -> usize {
        self.waiting.iter().map(|(_, weight, _)| weight).sum()
    }

    fn is_busy(&self, key: Name) -> bool {
        self.busy.iter().any(|(busy, _)| *busy == key)
    }

    fn waits(&self, key: Name) -> usize {
        self.waiting.iter().filter(|(k, _, _)| *k == key).count()
    }

    fn within_share(&self, sender_: &str, weight: usize) -> bool {
        let own = self.busy.iter().filter(|(key, _)| sender(key) == sender_);
        let most = LIMITS.busy_bytes / SHARE;
        own.clone().count() < LIMITS.at_once.div_ceil(SHARE)
            && admits(own.map(|(_, weight)| *weight), weight, most)
    }

    fn has_room(&self, weight: usize) -> bool {
        let busy = self.busy.iter().map(|(_, weight)| *weight);
        admits(busy, weight, LIMITS.busy_bytes)
    }

    fn free(&self, key: Name, weight: usize) -> bool {
        self.busy.len() < LIMITS.at_once
            && self.turns.is_empty()
            && (self.short.is_empty() || weight <= SMALL)
            && !self.is_busy(key)
            && self.waits(key) == 0
            && self.has_room(weight)
            && self.within_share(sender(key), weight)
    }

    /// Returns the first lane of a sender, and the weight of its next item.
    fn first(&self, sender_: &str) -> Option<(Name, usize)> {
        let lane = *self.idle.iter().find(|key| sender(key) == sender_)?;
        let first = self.waiting.iter().find(|(key, _, _)| *key == lane)?;
        Some((lane, first.1))
    }

    fn queue(&mut self, sender_: &'static str) {
        let queued = self.turns.contains(&sender_) || self.short.contains(&sender_);
        let first = self.first(sender_);
        if !queued && first.is_some_and(|(_, weight)| self.within_share(sender_, weight)) {
            self.turns.push(sender_);
        }
    }

    fn note_idle(&mut self, key: Name) {
        if !self.is_busy(key) && self.waits(key) > 0 && !self.idle.contains(&key) {
            self.idle.push(key);
        }
        self.queue(sender(key));
    }

    fn wait(&mut self, key: Name, weight: usize, item: usize) -> Result<(), Limit> {
        if self.waits(key) == LIMITS.waiting_per_lane {
            return Err(Limit::Lane);
        }
        let all = self.waiting.iter().map(|(_, weight, _)| *weight);
        if !fits(all, weight, LIMITS.waiting_bytes) {
            return Err(Limit::Total);
        }
        let own = self
            .waiting
            .iter()
            .filter(|(k, _, _)| sender(k) == sender(key));
        if !fits(
            own.map(|(_, weight, _)| *weight),
            weight,
            LIMITS.waiting_bytes / SHARE,
        ) {
            return Err(Limit::Sender);
        }
        self.waiting.push((key, weight, item));
        self.note_idle(key);
        Ok(())
    }

    fn done(&mut self, key: Name) {
        if self.is_busy(key) {
            self.busy.retain(|(busy, _)| *busy != key);
            // The sender's share may suffice for another of its lanes, which comes before this one.
            self.queue(sender(key));
            self.note_idle(key);
        }
    }

    fn lighten(&mut self, which: Index, weight: usize) -> Option<Name> {
        let at = which.index(self.busy.len());
        let (key, before) = self.busy.get_mut(at)?;
        let key = *key;
        if *before > weight {
            *before = weight;
            self.queue(sender(key));
        }
        Some(key)
    }

    fn next(&mut self) -> Option<(Key, usize)> {
        if self.busy.len() == LIMITS.at_once {
            return None;
        }
        self.turns_first = !self.turns_first;
        let found = if self.turns_first {
            self.next_by_turn().or_else(|| self.next_short())
        } else {
            self.next_short().or_else(|| self.next_by_turn())
        };
        let (key, weight) = found?;
        self.idle.retain(|idle| *idle != key);
        let at = self.waiting.iter().position(|(k, _, _)| *k == key)?;
        let (_, _, item) = self.waiting.remove(at);
        self.busy.push((key, weight));
        self.queue(sender(key));
        Some((Key::from(key), item))
    }

    fn next_by_turn(&mut self) -> Option<(Name, usize)> {
        while !self.turns.is_empty() {
            let sender = self.turns.remove(0);
            match self.first(sender) {
                Some((_, weight)) if !self.within_share(sender, weight) => {}
                Some((_, weight)) if !self.has_room(weight) => self.short.push(sender),
                first => return first,
            }
        }
        None
    }

    fn next_short(&mut self) -> Option<(Name, usize)> {
        while let Some(sender) = self.short.first() {
            let first = self.first(sender);
            let (_, weight) = first?;
            let share = self.within_share(sender, weight);
            if share && !self.has_room(weight) {
                return None;
            }
            self.short.remove(0);
            if share {
                return first;
            }
        }
        None
    }

    fn drain(&mut self) -> Vec<usize> {
        let all = std::mem::take(&mut self.waiting);
        self.idle.clear();
        self.turns.clear();
        self.short.clear();
        all.into_iter().map(|(_, _, item)| item).collect()
    }
}

proptest! {
    #![proptest_config(Config { cases: 1024, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_lanes_do_what_a_searched_list_does(steps in prop::collection::vec(step(), 1..200)) {
        let mut lanes = Lanes::new(LIMITS);
        let mut naive = Naive::default();
        for (item, step) in steps.into_iter().enumerate() {
            match step {
                Step::Arrive(key, weight, at_once) => {
                    let free = lanes.free(key, weight);
                    prop_assert_eq!(free, naive.free(key, weight));
                    if !free {
                        let waits = lanes.wait(key, weight, item).map_err(|refused| {
                            assert_eq!(refused.item, item, "the item comes back");
                            refused.limit
                        });
                        prop_assert_eq!(waits, naive.wait(key, weight, item));
                    } else if at_once == AtOnce::Pending {
                        prop_assert_eq!(&*lanes.occupy(key, weight), key);
                        naive.busy.push((key, weight));
                    }
                }
                Step::Finish(which) if !naive.busy.is_empty() => {
                    let (key, _) = *which.get(&naive.busy);
                    lanes.done(key);
                    naive.done(key);
                }
                Step::Finish(_) => {}
                Step::Lighten(which, weight) if !naive.busy.is_empty() => {
                    if let Some(key) = naive.lighten(which, weight) {
                        lanes.lighten(key, weight);
                    }
                }
                Step::Lighten(..) => {}
                Step::Start => prop_assert_eq!(lanes.next(), naive.next()),
                Step::Drain => {
                    prop_assert!(lanes.drain().eq(naive.drain()));
                }
                Step::Done(key) => {
                    lanes.done(key);
                    naive.done(key);
                }
            }
            prop_assert_eq!(lanes.busy(), naive.busy.len());
            let busy_bytes: usize = naive.busy.iter().map(|(_, weight)| weight).sum();
            prop_assert_eq!(lanes.busy_bytes(), busy_bytes);
            prop_assert_eq!(lanes.waiting(), naive.waiting.len());
            prop_assert_eq!(lanes.waiting_bytes(), naive.bytes());
        }
    }

    #[test]
    fn every_item_runs_once_in_order_and_no_lane_starves(
        arrivals in prop::collection::vec((0..40_usize, any::<Chance>()), 1..400),
        at_once in 1..6_usize,
    ) {
        let mut house = House::new(at_once);
        for (item, (lane, chance)) in arrivals.iter().enumerate() {
            house.arrive(*lane, item, chance.pending);
            if chance.finish {
                house.finish(chance.which);
            }
            house.check()?;
        }
        while !house.running.is_empty() {
            house.finish(0);
            house.check()?;
        }
        prop_assert_eq!(house.lanes.waiting(), 0);
        let ran: HashSet<usize> = house.started.iter().map(|(_, item)| *item).collect();
        prop_assert_eq!(ran.len(), house.started.len());
        prop_assert_eq!(ran.len(), arrivals.len());
        let mut last: HashMap<usize, usize> = HashMap::new();
        for (lane, item) in house.started {
            let before = last.insert(lane, item);
            prop_assert!(before < Some(item), "lane {}: {:?}, {}", lane, before, item);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Chance {
    pending: bool,
    finish: bool,
    which: usize,
}

impl Arbitrary for Chance {
    type Parameters = ();
    type Strategy = BoxedStrategy<Chance>;

    fn arbitrary_with((): ()) -> BoxedStrategy<Chance> {
        (
            proptest::bool::weighted(0.8),
            proptest::bool::weighted(0.6),
            any::<usize>(),
        )
            .prop_map(|(pending, finish, which)| Chance {
                pending,
                finish,
                which,
            })
            .boxed()
    }
}

/// Drives lanes as documented, without knowing their decisions.
struct House {
    lanes: Lanes<usize>,
    at_once: usize,
    running: Vec<Key>,
    started: Vec<(usize, usize)>,
    finished: usize,
    /// For each idle lane with waiting items: the number of completions by which it must have
    /// started.
    due: HashMap<usize, usize>,
    queued: HashMap<usize, VecDeque<usize>>,
}

impl House {
    fn new(at_once: usize) -> House {
        let limits = LaneLimits {
            at_once,
            busy_bytes: usize::MAX,
            waiting_per_lane: usize::MAX,
            waiting_bytes: usize::MAX,
        };
        House {
            lanes: Lanes::new(limits),
            at_once,
            running: Vec::new(),
            started: Vec::new(),
            finished: 0,
            due: HashMap::new(),
            queued: HashMap::new(),
        }
    }

    fn arrive(&mut self, lane: usize, item: usize, pending: bool) {
        let key = lane.to_string();
        if self.lanes.free(&key, 1) {
            self.started.push((lane, item));
            if pending {
                self.running.push(self.lanes.occupy(&key, 1));
            }
        } else {
            assert_eq!(self.lanes.wait(&key, 1, item), Ok(()));
            self.queued.entry(lane).or_default().push_back(item);
            self.note_ready(lane);
        }
        self.start();
    }

    fn finish(&mut self, which: usize) {
        let Some(at) = which.checked_rem(self.running.len()) else {
            return;
        };
        let key = self.running.remove(at);
        self.lanes.done(&key);
        self.finished += 1;
        self.note_ready(number(&key));
        self.start();
    }

    fn note_ready(&mut self, lane: usize) {
        let runs = self.running.iter().any(|key| number(key) == lane);
        let waits = self
            .queued
            .get(&lane)
            .is_some_and(|queue| !queue.is_empty());
        if waits && !runs {
            let ready = self.due.len() + 1;
            self.due.entry(lane).or_insert(self.finished + ready);
        }
    }

    fn start(&mut self) {
        while let Some((key, item)) = self.lanes.next() {
            let lane = number(&key);
            let first = self.queued.get_mut(&lane).and_then(VecDeque::pop_front);
            assert_eq!(first, Some(item), "the first of its lane");
            self.due.remove(&lane);
            self.started.push((lane, item));
            self.running.push(key);
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.running.len() <= self.at_once);
        let lanes: HashSet<&Key> = self.running.iter().collect();
        prop_assert_eq!(
            lanes.len(),
            self.running.len(),
            "one at a time in each lane"
        );
        prop_assert_eq!(self.lanes.busy(), self.running.len());
        for (lane, due) in &self.due {
            prop_assert!(self.finished < *due, "lane {} starves", lane);
            prop_assert_eq!(
                self.running.len(),
                self.at_once,
                "lane {} waits without need",
                lane
            );
        }
        Ok(())
    }
}

fn number(key: &str) -> usize {
    key.parse().unwrap_or(usize::MAX)
}
