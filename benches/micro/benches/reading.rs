//! Receiving: framer, tree, attributes, stanza, typed payloads.

#![expect(
    clippy::expect_used,
    reason = "what cannot begin has nothing to measure"
)]

use std::hint::black_box;

use couplet_core::{
    element::{NS_CLIENT, NS_XML, Scope, Tree},
    framer::{Frame, Framer, Limits},
    stanza::Stanza,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use micro::{DELAYED, DISCO, HEADER, PING, PLAIN, RICH};
use xmpp_parsers::{delay::Delay, disco::DiscoInfoQuery, message::Message, ping::Ping};

const STANZAS: [(&str, &str); 3] = [("plain", PLAIN), ("ping", PING), ("rich", RICH)];
const AT_ONCE: usize = 64;

fn tree(xml: &'static str) -> Tree {
    Tree::parse(xml.as_bytes(), &Scope::component()).expect("well-formed")
}

/// Measures 64 stanzas that arrived in one read.
fn framer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("framer");
    for (name, xml) in STANZAS {
        let read = xml.repeat(AT_ONCE);
        let mut framer = Framer::new(Limits::default());
        framer.push(HEADER.as_bytes());
        assert!(matches!(framer.next(), Ok(Some(Frame::Opened(_)))));
        group.throughput(Throughput::Elements(AT_ONCE as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                framer.space().extend_from_slice(read.as_bytes());
                while let Some(frame) = framer.next().expect("well-formed") {
                    black_box(frame);
                }
            });
        });
    }
}

fn trees(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    let scope = Scope::component();
    for (name, xml) in STANZAS {
        group.throughput(Throughput::Bytes(xml.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| Tree::parse(xml.as_bytes(), &scope));
        });
    }
}

fn stanzas(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stanza");
    for (name, xml) in STANZAS {
        let tree = tree(xml);
        group.bench_function(name, |bencher| {
            bencher.iter(|| Stanza::read(tree.clone()));
        });
    }
}

fn attributes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("element");
    let tree = tree(RICH);
    let root = tree.root();
    group.bench_function("attribute", |bencher| {
        bencher.iter(|| black_box(root).attr("id"));
    });
    group.bench_function("attribute that is absent", |bencher| {
        bencher.iter(|| black_box(root).attr_ns(NS_XML, "lang"));
    });
    group.bench_function("ninth child", |bencher| {
        bencher.iter(|| black_box(root).child("body", NS_CLIENT));
    });
    group.bench_function("all children", |bencher| {
        bencher.iter(|| black_box(root).children().count());
    });
}

fn typed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("typed");
    let (ping, disco, delayed, rich) = (tree(PING), tree(DISCO), tree(DELAYED), tree(RICH));
    let payload = |tree: &'static Tree| tree.root().children().next().expect("a payload");
    let kept = |tree: Tree| -> &'static Tree { Box::leak(Box::new(tree)) };
    let (ping, disco, delayed) = (kept(ping), kept(disco), kept(delayed));
    group.bench_function("ping", |bencher| {
        bencher.iter(|| payload(ping).parse::<Ping>());
    });
    group.bench_function("disco", |bencher| {
        bencher.iter(|| payload(disco).parse::<DiscoInfoQuery>());
    });
    group.bench_function("delay", |bencher| {
        bencher.iter(|| payload(delayed).parse::<Delay>());
    });
    group.bench_function("whole rich message", |bencher| {
        bencher.iter(|| rich.root().parse::<Message>());
    });
}

criterion_group!(benches, framer, trees, stanzas, attributes, typed);
criterion_main!(benches);
