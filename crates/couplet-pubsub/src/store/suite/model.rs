//! Two stores with the same history have the same state.

use std::collections::BTreeSet;

use couplet::{BareJid, Jid};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};

use crate::{
    change::{Audience, Change},
    node::{Affiliation, NodeConfig},
    page::{Page, Start},
    request::Wanted,
    snapshot::{Query, Snapshot, SubscriptionRange},
    store::{Cursor, Job, StoreError},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

use super::{Shared, affiliate, announce, at, bare, claim_some, creation, page};

const NODES: [&str; 3] = ["news", "News", "\u{1f980}"];
const PEOPLE: [&str; 4] = ["a@x", "a@x-y", "b@x", "x"];
const SUBIDS: [&str; 5] = ["s1", "s2", "s3", "s4", "s5"];
const ITEMS: [&str; 4] = ["1", "2", "I", "i"];

/// A step on both stores.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Change(&'static str, Vec<Change>),
    Panic(&'static str),
    Claim {
        by: &'static str,
        now: i64,
        max: u32,
    },
    Advance {
        by: &'static str,
        until: i64,
    },
    Finish {
        by: &'static str,
    },
    Release {
        by: &'static str,
    },
}

/// Generates a history for two stores.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let by = || select(vec!["a", "b"]);
    let node = || select(NODES.to_vec());
    let step = prop_oneof![
        12 => (node(), vec(change(), 1..5)).prop_map(|(node, changes)| {
            Step::Change(node, changes)
        }),
        4 => node().prop_map(|node| Step::Change(node, vec![creation(node)])),
        1 => node().prop_map(Step::Panic),
        3 => (by(), 0..400_i64, 1..4_u32).prop_map(|(by, now, max)| {
            Step::Claim { by, now, max }
        }),
        1 => (by(), 0..400_i64).prop_map(|(by, until)| Step::Advance { by, until }),
        3 => by().prop_map(|by| Step::Finish { by }),
        1 => by().prop_map(|by| Step::Release { by }),
    ];
    vec(step, 1..40)
}

fn change() -> impl Strategy<Value = Change> {
    let affiliation = select(vec![
        Affiliation::Owner,
        Affiliation::PublishOnly,
        Affiliation::None,
        Affiliation::Outcast,
    ]);
    let person = || select(PEOPLE.to_vec());
    let ids = vec(select(ITEMS.to_vec()), 0..3);
    prop_oneof![
        6 => subscription().prop_map(Change::Subscribe),
        3 => (jid(), select(SUBIDS.to_vec())).prop_map(|(jid, subid)| Change::Unsubscribe {
            jid,
            subid: subid.to_owned(),
        }),
        3 => (person(), affiliation).prop_map(|(who, what)| affiliate(who, what)),
        6 => (select(ITEMS.to_vec()), person(), expiry()).prop_map(|(id, who, expires)| {
            Change::Publish {
                id: id.to_owned(),
                publisher: bare(who),
                payload: expires.map(|at| format!("<p xmlns='u'>{at:?}</p>")),
                at: Timestamp(7),
                expires,
            }
        }),
        2 => ids.prop_map(|ids| Change::Retract {
            ids: ids.into_iter().map(str::to_owned).collect(),
        }),
        1 => Just(Change::Purge),
        1 => Just(Change::MarkUnapplied),
        1 => (0..9_u64).prop_map(Change::MarkApplied),
        5 => audience().prop_map(announce),
        1 => any::<Option<u32>>().prop_map(|max_items| {
            Change::Configure(Box::new(NodeConfig {
                max_items,
                ..NodeConfig::default()
            }))
        }),
        1 => any::<bool>().prop_map(|there| Change::Delete {
            redirect: there.then(|| "xmpp:there".to_owned()),
        }),
        1 => select(NODES.to_vec()).prop_map(creation),
    ]
}

fn audience() -> impl Strategy<Value = Audience> {
    prop_oneof![
        Just(Audience::Subscribers),
        Just(Audience::SubscribersAndPending),
        vec(jid(), 0..4).prop_map(Audience::Named),
    ]
}

fn jid() -> impl Strategy<Value = Jid> {
    (select(PEOPLE.to_vec()), select(vec!["", "/r", "/0"]))
        .prop_map(|(bare, resource)| Jid::new(&format!("{bare}{resource}")).unwrap())
}

fn expiry() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of((-3..9_i64).prop_map(Timestamp))
}

fn subscription() -> impl Strategy<Value = Subscription> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (jid(), select(SUBIDS.to_vec()), flags, expiry(), 0..3_u32).prop_map(
        |(jid, subid, (pending, deliver, include_body), expires, bounces)| Subscription {
            jid,
            subid: subid.to_owned(),
            state: match pending {
                true => SubscriptionState::Pending,
                false => SubscriptionState::Subscribed,
            },
            options: SubscribeOptions {
                deliver,
                include_body,
            },
            expires,
            bounces,
            since: 99,
        },
    )
}

/// Runs a step on both stores, and compares results and states.
pub(crate) async fn agree(one: &Shared, other: &Shared, steps: Vec<Step>) {
    let mut claimed: Vec<(Job, Job)> = Vec::new();
    for step in steps {
        let name = format!("{step:?}");
        let took = (
            take(one, &step, &claimed, |pair| &pair.0).await,
            take(other, &step, &claimed, |pair| &pair.1).await,
        );
        assert_eq!(took.0.told, took.1.told, "{name}");
        for pair in took.0.jobs.into_iter().zip(took.1.jobs) {
            same_job(&pair);
            same_recipients(one, other, &pair).await;
            claimed.retain(|(job, _)| job.id != pair.0.id);
            claimed.push(pair);
        }
        if matches!(step, Step::Finish { .. }) && !claimed.is_empty() {
            claimed.rotate_left(1);
        }
        look_the_same(one, other).await;
    }
}

/// The result of a step.
struct Took {
    told: String,
    jobs: Vec<Job>,
}

async fn take(
    store: &Shared,
    step: &Step,
    claimed: &[(Job, Job)],
    side: fn(&(Job, Job)) -> &Job,
) -> Took {
    let oldest = claimed.first().map(side);
    let mut jobs = Vec::new();
    let told = match step {
        Step::Change(node, changes) => {
            let changes = changes.clone();
            outcome(&store.change(at(node), Box::new(|_| changes)).await)
        }
        Step::Panic(node) => {
            let decide = Box::new(|_: &Snapshot| panic!("a decision that panics, on purpose"));
            outcome(&store.change(at(node), decide).await)
        }
        Step::Claim { by, now, max } => {
            jobs = claim_some(store, by, *now, *max).await;
            jobs.len().to_string()
        }
        Step::Advance { by, until } => match oldest {
            Some(job) => {
                let after = Cursor {
                    jid: "a@x/r".to_owned(),
                    subid: "s2".to_owned(),
                };
                let advanced = store.advance(job.id, by, after, Timestamp(*until)).await;
                advanced.unwrap().to_string()
            }
            None => String::new(),
        },
        Step::Finish { by } => match oldest {
            Some(job) => outcome(&store.finish(job.id, by).await),
            None => String::new(),
        },
        Step::Release { by } => outcome(&store.release(by).await),
    };
    Took { told, jobs }
}

fn outcome(outcome: &Result<(), StoreError>) -> String {
    match outcome {
        Ok(()) => "done",
        Err(StoreError::Contended(_)) => "contended",
        Err(StoreError::Busy(_)) => "busy",
        Err(StoreError::Broken(_)) => "broken",
        Err(StoreError::UnknownCursor | StoreError::FarIndex) => "no cursor",
    }
    .to_owned()
}

fn same_job((one, other): &(Job, Job)) {
    assert_eq!((one.node, one.seq), (other.node, other.seq));
    assert_eq!(one.announcement, other.announcement);
    assert_eq!(one.after, other.after);
}

async fn same_recipients(one: &Shared, other: &Shared, jobs: &(Job, Job)) {
    let somewhere = Cursor {
        jid: "a@x/r".to_owned(),
        subid: "s1".to_owned(),
    };
    for after in [None, Some(&somewhere)] {
        for max in [1, 2, 99] {
            let first = one.recipients(&jobs.0, after, max).await.unwrap();
            let second = other.recipients(&jobs.1, after, max).await.unwrap();
            assert_eq!(first, second, "{max} after {after:?}");
        }
    }
}

/// Compares the results of all queries.
pub(crate) async fn look_the_same(one: &Shared, other: &Shared) {
    let pair = (one, other);
    macro_rules! same {
        ($($question:tt)+) => {{
            let (one, other) = pair;
            let first = one.$($question)+.await;
            let second = other.$($question)+.await;
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
            first
        }};
    }
    same!(statistics()).unwrap();
    same!(expired(Timestamp(3), 2)).unwrap();
    let nodes = same!(nodes(Page::default())).unwrap().entries;
    let mut names: BTreeSet<String> = NODES.into_iter().map(str::to_owned).collect();
    names.extend(nodes.iter().map(|node| node.name.clone()));
    for name in names {
        same!(snapshot(everything(&name))).unwrap();
    }
    for node in nodes {
        for wanted in pages(&["a@x", "b@x"]) {
            let _either = same!(affiliates(node.id, wanted.clone()));
        }
        same!(node_named(node.id)).unwrap();
        for wanted in pages(&ITEMS) {
            let _either = same!(items(node.id, Wanted::Page(wanted.clone())));
        }
        for wanted in pages(&["s1 a@x", "s3 b@x/r"]) {
            let _either = same!(subscribers(node.id, wanted.clone()));
        }
    }
    for who in PEOPLE.map(bare) {
        same!(nodes_with_pending(who.clone(), 2)).unwrap();
        same!(unapplied(9)).unwrap();
        for wanted in pages(&["news", "s2"]) {
            let _either = same!(affiliations_of(who.clone(), None, wanted.clone()));
            let _either = same!(subscriptions_of(who.clone(), None, wanted.clone()));
        }
    }
}

fn everything(node: &str) -> Query {
    let mut others: Vec<BareJid> = PEOPLE.map(bare).to_vec();
    Query {
        entity: others.pop(),
        others,
        items: ITEMS.map(str::to_owned).to_vec(),
        oldest: 2,
        newest: 2,
        affiliations: true,
        owners: true,
        pending: 99,
        subscriber_range: Some(SubscriptionRange {
            after: None,
            max: 99,
        }),
        usage: true,
        ..at(node)
    }
}

fn pages(cursors: &[&str]) -> Vec<Page> {
    let mut pages = vec![
        Page::default(),
        page(2, Start::Last),
        page(1, Start::Index(1)),
    ];
    for cursor in cursors {
        pages.push(page(1, super::after(cursor)));
        pages.push(page(2, super::before(cursor)));
    }
    pages
}
