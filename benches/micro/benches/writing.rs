//! The way out: text, attributes, payloads, whole answers.

#![expect(
    clippy::expect_used,
    reason = "what cannot begin has nothing to measure"
)]

use couplet_core::{
    element::{Scope, Tree},
    gate::Gate,
    outgoing::Outgoing,
    reply::Asked,
    stanza::Stanza,
    wire::Wire,
};
use criterion::{Criterion, criterion_group, criterion_main};
use micro::{PING, PLAIN};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};

const ID: &str = "9a1f2b58-7c66-4ad1-8a61-0c8dd37f21aa";
const BODY: &str = "0000042 says what users say, more or less ----------------------";
const MARKUP: &str = "if a < b && b < c then \"a\" < 'c': what users say, more or less";

fn wire(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire");
    let mut out = Vec::with_capacity(4096);
    let mut bench = |name: &str, write: &dyn Fn(&mut Wire<'_>)| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                write(&mut Wire::new(&mut out));
                out.len()
            });
        });
    };
    bench("text", &|wire| wire.text(BODY));
    bench("text with markup", &|wire| wire.text(MARKUP));
    bench("attribute", &|wire| {
        wire.attribute("to", "u0000007@localhost/laptop");
    });
    let features = ["http://jabber.org/protocol/disco#info", "urn:xmpp:ping"];
    let info = DiscoInfoResult {
        node: None,
        identities: vec![Identity::new("component", "generic", "en", "Echo")],
        features: features.map(String::from).into(),
        extensions: Vec::new(),
    };
    bench("payload", &|wire| {
        wire.payload(&info).expect("it can be written");
    });
}

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    let read = |xml: &'static str| {
        Stanza::read(Tree::parse(xml, &Scope::component()).expect("well-formed")).expect("a stanza")
    };
    let (message, ping) = (read(PLAIN), read(PING));
    let gate = Gate::new("echo.localhost".parse().expect("a domain"), 512 * 1024);
    let mut out = Vec::with_capacity(4096);
    group.bench_function("reply to a message", |bencher| {
        bencher.iter(|| {
            out.clear();
            Outgoing::pass_reply(&message, ID, BODY, &gate, &mut out)
        });
    });
    group.bench_function("empty result", |bencher| {
        bencher.iter(|| {
            out.clear();
            Asked::of(&ping, |asked| asked.result(&gate, &mut out, |_| Ok(())))
        });
    });
}

criterion_group!(benches, wire, answers);
criterion_main!(benches);
