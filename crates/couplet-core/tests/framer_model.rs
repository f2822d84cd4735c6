//! Compares the framer with a naive model that knows what it wrote, and so what must be returned,
//! whatever the size of the pieces.

use couplet_core::element::{Scope, Tree};
use couplet_core::framer::{Frame, Framer, LimitKind, Limits, Skipped};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};
use proptest::sample::select;

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1'>";
const LIMITS: Limits = Limits {
    stanza_bytes: 20_000,
    elements: 300,
    depth: 8,
    attributes: 10,
};

#[derive(Clone, Debug, PartialEq)]
enum Expected {
    Stanza(String),
    Skipped(Skipped),
}

/// The limit that a stanza exceeds, if any.
#[derive(Clone, Debug)]
enum Excess {
    None,
    Text(usize),
    Depth(usize),
    Attributes(usize),
    Elements(usize),
    OwnAttributes(usize),
}

fn write((kind, from, filler, excess): (&str, &str, &str, Excess)) -> (String, Option<Expected>) {
    let named = |range: std::ops::Range<usize>| -> String {
        range.map(|n| format!(" a{n}=\"'{n}>\"")).collect()
    };
    let (own, inner, limit) = match excess {
        Excess::None => (String::new(), String::new(), None),
        Excess::Text(length) => (
            String::new(),
            "x>".repeat(length),
            Some(LimitKind::StanzaBytes),
        ),
        Excess::Depth(depth) => {
            let deep = ["<a b='/'>".repeat(depth), "</a>".repeat(depth)].concat();
            (String::new(), deep, Some(LimitKind::Depth))
        }
        Excess::Attributes(count) => (
            String::new(),
            format!("<a{}/>", named(0..count)),
            Some(LimitKind::Attributes),
        ),
        Excess::Elements(count) => {
            let many = "<a b='/>'><c/></a>".repeat(count / 2);
            (String::new(), many, Some(LimitKind::Elements))
        }
        Excess::OwnAttributes(count) => {
            (named(0..count), String::new(), Some(LimitKind::Attributes))
        }
    };
    let text = format!("<{kind}{own} from='{from}' id = \"7\">{filler}{inner}</{kind}\n>");
    let expected = match limit {
        None => Expected::Stanza(text.clone()),
        Some(limit) => Expected::Skipped(Skipped {
            limit,
            kind: Some(kind.to_owned()),
            from: Some(from.replace("&gt;", ">")),
            to: None,
            id: Some("7".to_owned()),
            type_: None,
        }),
    };
    (text, Some(expected))
}

fn stanza() -> impl Strategy<Value = (String, Option<Expected>)> {
    let excess = prop_oneof![
        4 => Just(Excess::None),
        1 => (10_001..20_000_usize).prop_map(Excess::Text),
        1 => (8..200_usize).prop_map(Excess::Depth),
        1 => (11..60_usize).prop_map(Excess::Attributes),
        1 => (300..1_000_usize).prop_map(Excess::Elements),
        1 => (11..1_500_usize).prop_map(Excess::OwnAttributes),
    ];
    let kind = select(&["message", "iq", "presence"][..]);
    let from = select(&["a@b/c", "ü@b", "a@b/&gt;"][..]);
    let filler = select(
        &[
            "",
            "<body>hello</body>",
            "<x a='>' b='/'/>",
            "<x><![CDATA[</message>]]]]></x>",
            "]] >",
            "<x a=\"&lt;/iq>\"><y/></x>",
            "<x\n/>",
        ][..],
    );
    (kind, from, filler, excess).prop_map(write)
}

fn between() -> impl Strategy<Value = (String, Option<Expected>)> {
    select(&["", " ", "\r\n\t ", "text", "&lt;iq/>", "<![CDATA[<iq/>]]>"][..])
        .prop_map(|text| (text.to_owned(), None))
}

fn chunks() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        Just(vec![usize::MAX]),
        vec(1..3_000_usize, 1..10)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_written_stanza_is_returned_whole_or_as_skipped(
        parts in vec((stanza(), between()), 0..8),
        chunks in chunks(),
    ) {
        let parts: Vec<_> = parts.into_iter().flat_map(|(stanza, between)| [stanza, between]).collect();
        let inside: String = parts.iter().map(|(text, _)| text.as_str()).collect();
        let expected: Vec<_> = parts.into_iter().filter_map(|(_, expected)| expected).collect();
        let document = format!("{HEADER}{inside}</stream:stream>");
        let (mut framer, mut found, mut closed) = (Framer::new(LIMITS), Vec::new(), false);
        let (mut rest, mut sizes) = (document.as_bytes(), chunks.iter().cycle());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            rest = after;
            framer.push(chunk);
            while let Some(frame) = framer.next().unwrap() {
                assert!(!closed, "nothing comes behind the end");
                match frame {
                    Frame::Opened(opened) => assert_eq!(opened.id(), Some("1")),
                    Frame::Stanza(bytes) => {
                        assert!(Tree::parse(bytes.clone(), &Scope::component()).is_ok());
                        found.push(Expected::Stanza(String::from_utf8(bytes.to_vec()).unwrap()));
                    }
                    Frame::Skipped(skipped) => found.push(Expected::Skipped(skipped)),
                    Frame::Closed => closed = true,
                    other => panic!("{other:?}"),
                }
            }
            let held = framer.space().len();
            assert!(held <= LIMITS.stanza_bytes + chunk.len(), "{held} bytes are held");
        }
        assert!(closed);
        assert_eq!(found, expected);
    }
}
