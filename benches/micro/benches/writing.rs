//! Sending: text, attributes, payloads, whole responses.

#![expect(
    clippy::expect_used,
    reason = "what cannot begin has nothing to measure"
)]

use couplet_core::{
    element::{Scope, Tree},
    outgoing::Outgoing,
    reply::ReplyToRef,
    stanza::Stanza,
    stanza_writer::StanzaWriter,
    xml_writer::XmlWriter,
};
use criterion::{Criterion, criterion_group, criterion_main};
use micro::{PING, PLAIN};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};

const ID: &str = "9a1f2b58-7c66-4ad1-8a61-0c8dd37f21aa";
const BODY: &str = "0000042 says what users say, more or less ----------------------";
const MARKUP: &str = "if a < b && b < c then \"a\" < 'c': what users say, more or less";

fn xml(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("xml");
    let mut out = Vec::with_capacity(4096);
    let mut bench = |name: &str, write: &dyn Fn(&mut XmlWriter<'_>)| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                write(&mut XmlWriter::new(&mut out));
                out.len()
            });
        });
    };
    bench("text", &|xml| xml.text(BODY));
    bench("text with markup", &|xml| xml.text(MARKUP));
    bench("attribute", &|xml| {
        xml.attribute("to", "u0000007@localhost/laptop");
    });
    let features = ["http://jabber.org/protocol/disco#info", "urn:xmpp:ping"];
    let info = DiscoInfoResult {
        node: None,
        identities: vec![Identity::new("component", "generic", "en", "Echo")],
        features: features.map(String::from).into(),
        extensions: Vec::new(),
    };
    bench("payload", &|xml| {
        xml.payload(&info).expect("it can be written");
    });
}

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    let read = |xml: &'static str| {
        Stanza::read(Tree::parse(xml, &Scope::component()).expect("well-formed")).expect("a stanza")
    };
    let (message, ping) = (read(PLAIN), read(PING));
    let stanza_writer = StanzaWriter::new("echo.localhost".parse().expect("a domain"), 512 * 1024);
    let mut out = Vec::with_capacity(4096);
    group.bench_function("reply to a message", |bencher| {
        bencher.iter(|| {
            out.clear();
            Outgoing::write_reply(&message, ID, BODY, &stanza_writer, &mut out)
        });
    });
    group.bench_function("empty result", |bencher| {
        bencher.iter(|| {
            out.clear();
            ReplyToRef::of(&ping, |reply_to| {
                reply_to.result(&stanza_writer, &mut out, |_| Ok(()))
            })
        });
    });
}

criterion_group!(benches, xml, answers);
criterion_main!(benches);
