use std::hint::black_box;

use super::*;
use crate::store::suite::{Shared, at, create, run, subscribe, suite};

async fn open() -> (Shared, ()) {
    (super::store(), ())
}

suite!(open());

/// Returns a subscription with a bare JID and a subid of the usual length.
fn subscriber(number: u32) -> crate::change::Change {
    // Neither in ascending nor in descending order.
    let number = number.wrapping_mul(2_654_435_761);
    subscribe(
        &format!("user{number}@example.org"),
        &Subscription::new_subid(),
    )
}

#[test]
fn a_subscription_takes_200_bytes_at_most() {
    const MANY: u32 = 20_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = super::store();
    runtime.block_on(create(&store, "news"));
    let measured = allocation_counter::measure(|| {
        for number in 0..MANY {
            runtime.block_on(run(&store, "news", vec![subscriber(number)]));
        }
    });
    let each = measured.bytes_current / i64::from(MANY);
    assert!((50..=200).contains(&each), "{each} bytes each");
    black_box(store);
}

#[tokio::test]
async fn recipients_are_read_without_the_whole_list() {
    let store = super::store();
    create(&store, "news").await;
    let mut changes: Vec<_> = (0..20_000).map(subscriber).collect();
    changes.push(crate::store::suite::announce_to_subscribers());
    run(&store, "news", changes).await;
    let job = crate::store::suite::claim(&store, "a", 0).await.remove(0);
    let after = Cursor {
        jid: "user3@example.org".to_owned(),
        subid: String::new(),
    };
    let slice = allocation_counter::measure(|| {
        let found = store.recipients(&job, Some(&after), 100);
        let found = futures_util::FutureExt::now_or_never(found).unwrap();
        assert_eq!(found.unwrap().len(), 100);
    });
    // Two strings each, and the list that holds them as it grows.
    assert!(slice.count_total < 250, "{} allocations", slice.count_total);
    let snapshot = store.snapshot(at("news")).await.unwrap();
    assert_eq!(snapshot.node.unwrap().subscribers, 20_000);
}
