//! How often a stanza allocates on its way: the same on every machine, and not a matter of time.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, and so may what prepares it"
)]

use allocation_counter::measure;
use bytes::Bytes;
use couplet_core::{
    element::{NS_CLIENT, NS_XML, Scope, Tree},
    framer::{Frame, Framer, Limits},
    gate::Gate,
    outgoing::Outgoing,
    reply::Asked,
    stanza::Stanza,
    wire::Wire,
};
use micro::{DISCO, HEADER, PING, PLAIN, RICH};
use xmpp_parsers::{disco::DiscoInfoQuery, ping::Ping};

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

/// A framer that has room for the stanza, as it has in a running session.
fn framer_before(xml: &str) -> Framer {
    let mut framer = Framer::new(Limits::default());
    framer.space().extend_from_slice(HEADER.as_bytes());
    assert!(matches!(framer.next(), Ok(Some(Frame::Opened(_)))));
    framer.space().extend_from_slice(xml.as_bytes());
    framer
}

fn stanza(xml: &'static str) -> Stanza {
    let bytes = Bytes::from_static(xml.as_bytes());
    Stanza::read(Tree::parse(bytes, &Scope::component()).unwrap()).unwrap()
}

#[test]
fn a_stanza_is_cut_and_read_with_three_allocations() {
    for xml in [PLAIN, PING, RICH] {
        let mut framer = framer_before(xml);
        let scope = framer.scope().clone();
        let mut tree = None;
        let counted = allocations(|| {
            if let Ok(Some(Frame::Stanza(bytes))) = framer.next() {
                tree = Some(Tree::parse(bytes, &scope));
            }
        });
        assert!(matches!(tree, Some(Ok(_))));
        assert!(counted <= 3, "{counted} for {xml}");
    }
}

#[test]
fn looking_at_a_stanza_allocates_nothing() {
    let stanza = stanza(PLAIN);
    let root = stanza.root();
    let counted = allocations(|| {
        assert!(root.attr("id").is_some());
        assert!(root.attr_ns(NS_XML, "lang").is_none());
        assert!(
            root.child("body", NS_CLIENT)
                .is_some_and(|body| !body.text().is_empty())
        );
    });
    assert_eq!(counted, 0);
}

#[test]
fn a_small_typed_payload_allocates_nothing() {
    let (ping, disco) = (stanza(PING), stanza(DISCO));
    let counted = allocations(|| {
        assert!(matches!(ping.payload_as::<Ping>(), Some(Ok(_))));
        assert!(matches!(disco.payload_as::<DiscoInfoQuery>(), Some(Ok(_))));
    });
    assert_eq!(counted, 0);
}

#[test]
fn writing_into_a_warm_buffer_allocates_nothing() {
    let (message, ping) = (stanza(PLAIN), stanza(PING));
    let gate = Gate::new("echo.localhost".parse().unwrap(), 512 * 1024);
    let mut out = Vec::with_capacity(4096);
    let counted = allocations(|| {
        let mut wire = Wire::new(&mut out);
        wire.attribute("to", "o'hara@localhost");
        wire.text("1 < 2 & \u{1} \u{FFFE} what users say, more or less");
        Outgoing::pass_reply(&message, "1 < 2", &gate, &mut out).unwrap();
        Asked::of(&ping, |asked| {
            asked.result(&gate, &mut out, |_| Ok(())).unwrap()
        });
    });
    assert_eq!(counted, 0);
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(String::from("counted"))), 1);
}
