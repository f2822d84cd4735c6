//! The lanes beside one list in which everything waits, and under a driver that keeps count.

use std::collections::{HashMap, HashSet, VecDeque};

use couplet_core::lanes::{Key, LaneLimits, Lanes, Limit};
use proptest::{prelude::*, sample::Index, test_runner::Config};

const KEYS: [&str; 6] = ["a\0x", "b\0x", "a\0y", "c\0x", "d\0x", "e\0x"];
const LIMITS: LaneLimits = LaneLimits {
    at_once: 3,
    waiting_per_lane: 4,
    waiting_bytes: 60,
};

type Name = &'static str;

#[derive(Clone, Debug)]
enum Step {
    /// An item arrives; whether its handler, if it may start, finishes at once.
    Arrive(Name, usize, AtOnce),
    /// The handler of some busy lane finishes.
    Finish(Index),
    Start,
    Drain,
    /// A mistake of the caller's: the lane may not be busy.
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
    (key(), 0..25_usize, at_once).prop_map(|(key, weight, a)| Step::Arrive(key, weight, a))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => arrival(),
        12 => any::<Index>().prop_map(Step::Finish),
        10 => Just(Step::Start),
        1 => Just(Step::Drain),
        1 => key().prop_map(Step::Done),
    ]
}

/// Everything in lists, searched from end to end each time.
#[derive(Default)]
struct Naive {
    busy: Vec<Name>,
    /// In the order of arrival.
    waiting: Vec<(Name, usize, usize)>,
    /// When each idle lane with something waiting became one.
    ready_since: HashMap<Name, usize>,
    clock: usize,
}

impl Naive {
    fn bytes(&self) -> usize {
        self.waiting.iter().map(|(_, weight, _)| weight).sum()
    }

    fn waits(&self, key: Name) -> usize {
        self.waiting.iter().filter(|(k, _, _)| *k == key).count()
    }

    fn free(&self, key: Name) -> bool {
        let turn = self.waiting.iter().all(|(k, _, _)| self.busy.contains(k));
        turn && !self.busy.contains(&key) && self.busy.len() < LIMITS.at_once
    }

    fn note_ready(&mut self, key: Name) {
        self.clock += 1;
        if !self.busy.contains(&key) && self.waits(key) > 0 {
            self.ready_since.entry(key).or_insert(self.clock);
        }
    }

    fn wait(&mut self, key: Name, weight: usize, item: usize) -> Result<(), Limit> {
        if self.waits(key) == LIMITS.waiting_per_lane {
            return Err(Limit::Lane);
        }
        if self.bytes() + weight > LIMITS.waiting_bytes {
            return Err(Limit::House);
        }
        self.waiting.push((key, weight, item));
        self.note_ready(key);
        Ok(())
    }

    fn done(&mut self, key: Name) {
        if self.busy.contains(&key) {
            self.busy.retain(|busy| *busy != key);
            self.note_ready(key);
        }
    }

    fn next(&mut self) -> Option<(Key, usize)> {
        if self.busy.len() == LIMITS.at_once {
            return None;
        }
        let (&key, _) = self.ready_since.iter().min_by_key(|(_, since)| **since)?;
        self.ready_since.remove(key);
        let at = self.waiting.iter().position(|(k, _, _)| *k == key)?;
        self.busy.push(key);
        Some((Key::from(key), self.waiting.remove(at).2))
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
                    let free = lanes.free(key);
                    prop_assert_eq!(free, naive.free(key));
                    if !free {
                        let waits = lanes.wait(key, weight, item).map_err(|refused| {
                            assert_eq!(refused.item, item, "the item comes back");
                            refused.limit
                        });
                        prop_assert_eq!(waits, naive.wait(key, weight, item));
                    } else if at_once == AtOnce::Pending {
                        prop_assert_eq!(&*lanes.occupy(key), key);
                        naive.busy.push(key);
                    }
                }
                Step::Finish(which) if !naive.busy.is_empty() => {
                    let key = *which.get(&naive.busy);
                    lanes.done(key);
                    naive.done(key);
                }
                Step::Finish(_) => {}
                Step::Start => prop_assert_eq!(lanes.next(), naive.next()),
                Step::Drain => {
                    let all = naive.waiting.drain(..).map(|(_, _, item)| item);
                    prop_assert!(lanes.drain().eq(all));
                    naive.ready_since.clear();
                }
                Step::Done(key) => {
                    lanes.done(key);
                    naive.done(key);
                }
            }
            prop_assert_eq!(lanes.busy(), naive.busy.len());
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

/// Drives lanes as their documentation says, and knows nothing of what they decide.
struct House {
    lanes: Lanes<usize>,
    at_once: usize,
    running: Vec<Key>,
    started: Vec<(usize, usize)>,
    finished: usize,
    /// For each idle lane with work: the completions by which it must have started.
    due: HashMap<usize, usize>,
    queued: HashMap<usize, VecDeque<usize>>,
}

impl House {
    fn new(at_once: usize) -> House {
        let limits = LaneLimits {
            at_once,
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
        if self.lanes.free(&key) {
            self.started.push((lane, item));
            if pending {
                self.running.push(self.lanes.occupy(&key));
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
