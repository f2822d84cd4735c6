//! Compares the pending IQs with a searched list.

#![expect(clippy::expect_used, reason = "a test may fail where it stands")]

use couplet_core::jid::Jid;
use couplet_core::pending_iqs::{Ids, PendingIqs, Reason};
use proptest::{prelude::*, test_runner::Config};

const PEERS: [&str; 5] = [
    "alice@localhost/a",
    "alice@localhost",
    "localhost",
    "ALICE@LOCALHOST/a",
    "alice@localhost/A",
];
const OURS: [&str; 3] = ["echo.localhost", "x@echo.localhost", "x@echo.localhost/1"];
const IDS: [&str; 4] = ["1", "2", "", "a/+="];
const CAPACITY: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Add(Names),
    Resolve(Names),
    Remove(Names),
    Disconnect,
}

#[derive(Clone, Debug, PartialEq)]
struct Names {
    peer: Jid,
    ours: Jid,
    id: &'static str,
}

fn names() -> impl Strategy<Value = Names> {
    let jid = |text| Jid::new(text).expect("a constant address");
    let peer = proptest::sample::select(&PEERS).prop_map(jid);
    let ours = proptest::sample::select(&OURS).prop_map(jid);
    let id = proptest::sample::select(&IDS);
    (peer, ours, id).prop_map(|(peer, ours, id)| Names { peer, ours, id })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => names().prop_map(Step::Add),
        6 => names().prop_map(Step::Resolve),
        2 => names().prop_map(Step::Remove),
        1 => Just(Step::Disconnect),
    ]
}

/// Every pending request, in the order in which they were added.
#[derive(Default)]
struct Naive(Vec<(Names, usize)>);

impl Naive {
    fn add(&mut self, names: &Names, waiter: usize) -> Result<(), Reason> {
        if self.0.iter().any(|(waiting, _)| waiting == names) {
            return Err(Reason::IdInUse);
        }
        if self.0.len() == CAPACITY {
            return Err(Reason::Full);
        }
        self.0.push((names.clone(), waiter));
        Ok(())
    }

    fn take(&mut self, names: &Names) -> Option<usize> {
        let at = self.0.iter().position(|(waiting, _)| waiting == names)?;
        Some(self.0.remove(at).1)
    }
}

proptest! {
    #![proptest_config(Config { cases: 512, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_table_does_what_a_searched_list_does(steps in prop::collection::vec(step(), 1..120)) {
        let mut pending_iqs = PendingIqs::new(CAPACITY);
        let mut naive = Naive::default();
        for (waiter, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(n) => {
                    let asked = pending_iqs.add(&n.peer, &n.ours, n.id, waiter);
                    let asked = asked.map_err(|refused| {
                        assert_eq!(refused.waiter, waiter, "the waiter comes back");
                        refused.reason
                    });
                    prop_assert_eq!(asked, naive.add(&n, waiter));
                }
                Step::Resolve(n) => {
                    prop_assert_eq!(pending_iqs.resolve(&n.peer, &n.ours, n.id), naive.take(&n));
                }
                Step::Remove(n) => {
                    prop_assert_eq!(pending_iqs.remove(&n.peer, &n.ours, n.id), naive.take(&n));
                }
                Step::Disconnect => {
                    let all: Vec<usize> = naive.0.drain(..).map(|(_, waiter)| waiter).collect();
                    prop_assert_eq!(pending_iqs.disconnect(), all);
                }
            }
            prop_assert_eq!(pending_iqs.len(), naive.0.len());
            prop_assert_eq!(pending_iqs.is_empty(), naive.0.is_empty());
        }
    }

    #[test]
    fn ids_of_different_seeds_have_nothing_in_common(one in any::<(u64, u64)>(), two in any::<(u64, u64)>()) {
        prop_assume!(one != two);
        let (mut left, mut right) = (Ids::new(one.0, one.1), Ids::new(two.0, two.1));
        let left: Vec<String> = (0..20).map(|_| left.next()).collect();
        prop_assert!((0..20).all(|_| !left.contains(&right.next())));
    }
}
