//! State between two stanzas: lanes and pending IQs, nearly empty and very full.

#![expect(
    clippy::expect_used,
    reason = "what cannot begin has nothing to measure"
)]

use std::hint::black_box;

use couplet_core::jid::Jid;
use couplet_core::{
    lanes::{LaneLimits, Lanes},
    pending_iqs::PendingIqs,
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const MANY: usize = 1_000_000;

fn conversation(number: usize) -> String {
    format!("u{number:07}@localhost\0echo.localhost")
}

/// Returns lanes after this number of conversations, of which `busy` are still busy.
fn lanes(known: usize, busy: usize) -> Lanes<()> {
    let mut lanes = Lanes::new(LaneLimits {
        at_once: 8 * MANY,
        busy_bytes: usize::MAX,
        ..LaneLimits::default()
    });
    for number in 0..known {
        let key = lanes.occupy(&conversation(number), 175);
        if number >= busy {
            lanes.done(&key);
        }
    }
    lanes
}

fn conversations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lanes");
    let key = conversation(MANY + 1);
    for (name, known, busy) in [
        ("1 known", 1, 0),
        ("1,000,000 known", MANY, 0),
        ("1,000,000 busy", MANY, MANY),
    ] {
        let mut lanes = lanes(known, busy);
        group.bench_function(format!("ready at once, {name}"), |bencher| {
            bencher.iter(|| black_box(&lanes).free(black_box(&key), 175));
        });
        group.bench_function(format!("occupied and done, {name}"), |bencher| {
            bencher.iter(|| {
                let key = lanes.occupy(&key, 175);
                lanes.done(&key);
            });
        });
        group.bench_function(format!("waiting for its turn, {name}"), |bencher| {
            bencher.iter(|| {
                let key = lanes.occupy(&key, 175);
                lanes.wait(&key, 175, ()).expect("there is room");
                lanes.done(&key);
                let next = lanes.next();
                lanes.done(&key);
                next
            });
        });
    }
}

fn pending_iqs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pending_iqs");
    let ours: Jid = "echo.localhost".parse().expect("a domain");
    let peer: Jid = "u0000007@localhost/x".parse().expect("an address");
    for open in [1, 10_000] {
        let mut pending_iqs = PendingIqs::new(2 * open);
        for number in 0..open {
            let asked = pending_iqs.add(&peer, &ours, &format!("open{number}"), ());
            asked.expect("there is room");
        }
        group.bench_function(format!("asked and settled, {open} open"), |bencher| {
            bencher.iter(|| {
                pending_iqs
                    .add(&peer, &ours, "0f3a", ())
                    .expect("there is room");
                pending_iqs.resolve(&peer, &ours, "0f3a")
            });
        });
        group.bench_function(
            format!("an answer nobody asked for, {open} open"),
            |bencher| {
                bencher.iter(|| pending_iqs.resolve(&peer, &ours, "0f3b"));
            },
        );
    }
    group.bench_function("disconnected, 10,000 open", |bencher| {
        let mut pending_iqs = PendingIqs::new(10_000);
        for number in 0..10_000 {
            let asked = pending_iqs.add(&peer, &ours, &format!("open{number}"), ());
            asked.expect("there is room");
        }
        bencher.iter_batched_ref(
            || pending_iqs.clone(),
            PendingIqs::disconnect,
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, conversations, pending_iqs);
criterion_main!(benches);
