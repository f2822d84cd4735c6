//! Compares the framer and the tree with rxml: they accept the same streams, split at the same
//! bytes, with the same content. Stanzas before a fault are delivered.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;

#[path = "readings/readings.rs"]
mod readings;

use readings::compare;

/// Tokens with a meaning in XML, and tokens without.
const TOKENS: &[&[u8]] = &[
    b"a",
    b"b",
    b"p:a",
    b"q:a",
    b"xml:lang",
    b"xmlns",
    b"xmlns:q",
    b"xmlns:p",
    b"xmlns:xml",
    b":",
    b"-",
    b".",
    b"1",
    b"_",
    b" ",
    b"  ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\t",
    b"=",
    b"'",
    b"\"",
    b"<",
    b">",
    b"/",
    b"/>",
    b"</",
    b"</a>",
    b"</b>",
    b"<a>",
    b"<b>",
    b"<a/>",
    b"<q:a xmlns:q='urn:q'>",
    b"</q:a>",
    b"<a b='",
    b"' b='",
    b"' p:b='",
    b"' xmlns:q='urn:p' q:b='",
    b" xmlns=''",
    b" xmlns='urn:x'",
    b" xmlns='urn:x' xmlns='urn:y'",
    b" xmlns:x=''",
    b" xmlns:x='urn:p'",
    b"&",
    b";",
    b"&amp;",
    b"&lt;",
    b"&gt;",
    b"&quot;",
    b"&apos;",
    b"&nbsp;",
    b"&#",
    b"&#x",
    b"&#65;",
    b"&#x41;",
    b"&#X41;",
    b"&#00000065;",
    b"&#000000065;",
    b"&#x0010FFFF;",
    b"&#x110000;",
    b"&#0;",
    b"&#9;",
    b"&#10;",
    b"&#13;",
    b"&#xD800;",
    b"&#xFFFE;",
    b"&#xfffd;",
    b"&#12",
    b"]",
    b"]]",
    b"]]>",
    b"]]]>",
    b"<![CDATA[",
    b"<![CDATA[]]>",
    b"<![CDATA[ ",
    b"<![",
    b"<!",
    b"<!--",
    b"-->",
    b"<?",
    b"<?xml version='1.0'?>",
    b"?>",
    b"<!DOCTYPE a>",
    b"\0",
    b"\x01",
    b"\x0B",
    b"\x0C",
    b"\x1F",
    b"\x7F",
    b"\x80",
    b"\xFF",
    b"\xC0\x80",
    b"\xC3",
    b"\xC3\xA9",
    b"\xE2\x82\xAC",
    b"\xED\xA0\x80",
    b"\xEF\xBF\xBD",
    b"\xEF\xBF\xBE",
    b"\xEF\xBF\xBF",
    b"\xEF\xBF",
    b"\xF0\x9F\x98\x80",
    b"\xF4\x90\x80\x80",
    b"\xC3\x97",
    b"\xCD\xBE",
    b"\xC2\xB7",
    b"http://www.w3.org/XML/1998/namespace",
    b"http://www.w3.org/2000/xmlns/",
    b"urn:p",
    b"jabber:client",
    b"jabber:component:accept",
];

/// The places for tokens, so that each state of a parser gets them.
const PLACES: &[(&[u8], &[u8])] = &[
    (b"", b""),
    (b"<a>", b"</a>"),
    (b"<a/>", b"<b/>"),
    (b"<a b='", b"'/>"),
    (b"<a b=\"", b"\"></a>"),
    (b"<a ", b"/>"),
    (b"<a ", b"='1'/>"),
    (b"<a><![CDATA[", b"]]></a>"),
    (b"<![CDATA[", b"]]>"),
    (b"<a", b"></a>"),
    (b"<", b"/>"),
    (b"<a></a", b">"),
    (b"<a xmlns='", b"'><b/></a>"),
    (b"<a xmlns:q='", b"' q:b='1' p:b='2'><q:b/></a>"),
    (b"<a xmlns:", b"='urn:q'><q:b/></a>"),
    (b"<a xmlns:q='urn:q'><q:b>", b"</q:b></a>"),
    (b"<a>&", b";</a>"),
    (b"<a>&#", b";</a>"),
    (b"<a b='&#x", b";'/>"),
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let part = (select(PLACES), vec(select(TOKENS), 0..5)).prop_map(|((before, after), tokens)| {
        let mut part = before.to_vec();
        tokens
            .iter()
            .for_each(|token| part.extend_from_slice(token));
        part.extend_from_slice(after);
        part
    });
    vec(part, 1..4).prop_map(|parts| parts.concat())
}

fn element() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        select(
            &[
                "hello ",
                "\n",
                "5 &lt; 6",
                "&#x20AC;",
                "é",
                "<![CDATA[<x>&amp;]]>",
                "a]]b",
                "\r\n",
                " ' \" "
            ][..]
        )
        .prop_map(str::to_owned),
        "[ -%'-;=-~]{0,80}".prop_map(|text| text.replace("]]>", "")),
    ];
    let attrs = vec(
        (
            select(&["to", "from", "id", "type", "xml:lang", "p:id", "é"][..]),
            select(&["", "a@b/c", "&apos;", "\t", "\"", "x > y", "€"][..]),
        ),
        0..5,
    );
    let declared = select(
        &[
            "",
            "",
            " xmlns='urn:x'",
            " xmlns=''",
            " xmlns:q='urn:q'",
            " xmlns:p='urn:q'",
        ][..],
    );
    let name = select(&["message", "body", "p:x", "x", "q:x", "ü"][..]);
    let open = (name, declared, attrs).prop_map(|(name, declared, attrs)| {
        let attrs: BTreeMap<_, _> = attrs.into_iter().collect();
        let attrs = attrs
            .into_iter()
            .map(|(name, value)| format!(" {name}='{value}'"));
        (
            name,
            format!("<{name}{declared}{}", attrs.collect::<String>()),
        )
    });
    let leaf =
        (open.clone(), text.clone(), any::<bool>()).prop_map(|((name, open), text, empty)| {
            if empty {
                format!("{open}/>")
            } else {
                format!("{open}>{text}</{name}>")
            }
        });
    leaf.prop_recursive(5, 40, 6, move |inner| {
        (open.clone(), vec(prop_oneof![text.clone(), inner], 0..6))
            .prop_map(|((name, open), inner)| format!("{open} >{}</{name} >", inner.concat()))
    })
}

fn stanzas() -> impl Strategy<Value = Vec<u8>> {
    let between = select(&["", "", " ", "\n\n", "text", "&amp;", "<![CDATA[x]]>", "]]"][..]);
    vec((element(), between), 0..6).prop_map(|parts| {
        parts
            .iter()
            .flat_map(|(element, between)| [element.as_str(), between])
            .collect::<String>()
            .into()
    })
}

#[derive(Clone, Debug)]
enum Fault {
    Flip(u8),
    Cut(usize),
    Insert(&'static [u8]),
}

fn fault() -> impl Strategy<Value = (usize, Fault)> {
    let fault = prop_oneof![
        (0..8_u8).prop_map(Fault::Flip),
        (1..20_usize).prop_map(Fault::Cut),
        select(TOKENS).prop_map(Fault::Insert),
        Just(Fault::Insert(b" ")),
    ];
    (any::<usize>(), fault)
}

fn break_it(document: &mut Vec<u8>, faults: &[(usize, Fault)]) {
    for (place, fault) in faults {
        let at = place % (document.len() + 1);
        match fault {
            Fault::Flip(bit) => {
                if let Some(byte) = document.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Fault::Cut(length) => {
                document.drain(at..(at + length).min(document.len()));
            }
            Fault::Insert(token) => {
                document.splice(at..at, token.iter().copied());
            }
        }
    }
}

fn chunks() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        Just(vec![usize::MAX]),
        vec(1..40_usize, 1..10)
    ]
}

fn config() -> ProptestConfig {
    let cases = ProptestConfig::default().cases.max(2_000);
    ProptestConfig {
        failure_persistence: None,
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn documents_are_read_as_rxml_reads_them(
        mut inside in stanzas(),
        faults in prop_oneof![Just(Vec::new()), vec(fault(), 1..4)],
        chunks in chunks(),
    ) {
        break_it(&mut inside, &faults);
        compare(&inside, &chunks);
    }

    #[test]
    fn token_soup_is_read_as_rxml_reads_it(inside in soup(), chunks in chunks()) {
        compare(&inside, &chunks);
    }
}

#[test]
fn every_token_is_read_as_rxml_reads_it_in_every_place() {
    let mut accepted = 0;
    for (offset, (before, after)) in PLACES.iter().enumerate() {
        for first in TOKENS {
            // A third of all pairs, another third in each place, because all of them take a minute.
            let seconds = TOKENS.iter().skip(offset % 3).step_by(3);
            for second in seconds.chain([&&b""[..]]) {
                let inside = [before, *first, second, after].concat();
                accepted += usize::from(compare(&inside, &[usize::MAX]).closed);
            }
        }
    }
    assert!(
        accepted > 3_000,
        "only {accepted} were well-formed, so this compared little"
    );
}

#[test]
fn deviations_of_rxml_from_xml_are_kept() {
    let accepted = |inside: &str| compare(inside.as_bytes(), &[usize::MAX]).closed;
    for oddity in [
        "<a><![CDATA[x]\r\ny]]\r]\r\r]]></a>",
        "<a><![CDATA[\r]\r\n\r\r\n]]></a>",
        "<a b='\r' c='x\r\n\r\r\t' d='\r&amp;'/>",
        "<a xmlns='urn:x' xmlns='urn:y'/>",
        "<a b='&#00000065;&#x00000041;&#13;&#10;&#9;'/>",
        "<a b='&#x1FFFE;'/>",
        "]]<![CDATA[]]>><a/>",
        "<p:a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:b='1'/>",
    ] {
        assert!(accepted(oddity), "{oddity:?}");
    }
    for oddity in [
        "<a b='\rx'/>",
        "<a b='\r\"'/>",
        "<a b='&#000000065;'/>",
        "<a b='&#X41;'/>",
        "<a>]]]></a>",
    ] {
        assert!(!accepted(oddity), "{oddity:?}");
    }
}

#[test]
fn every_character_is_accepted_where_rxml_accepts_it() {
    for code in (0..=0x3100)
        .chain(0xD700..=0x1_0100)
        .chain([0xE_FFFF, 0xF_0000, 0x10_FFFF])
    {
        let reference = format!("<a b='&#{code};'>&#x{code:x};</a>");
        compare(reference.as_bytes(), &[usize::MAX]);
        let Some(character) = char::from_u32(code) else {
            continue;
        };
        for (before, after) in [
            ("<a>", "</a>"),
            ("<a b='", "'/>"),
            ("<a", "/>"),
            ("<", "/>"),
        ] {
            compare(
                format!("{before}{character}{after}").as_bytes(),
                &[usize::MAX],
            );
        }
    }
}

#[test]
fn many_declarations_and_attributes_are_read_as_rxml_reads_them() {
    let declare = |range: std::ops::Range<usize>| {
        range
            .map(|n| format!(" xmlns:n{n}='urn:{}'", n % 7))
            .collect::<String>()
    };
    let attrs = |range: std::ops::Range<usize>| {
        range
            .map(|n| format!(" n{n}:a{n}='{n}'"))
            .collect::<String>()
    };
    let doubles = [
        format!(
            "<a{}><n3:b{}><n3:c n20:d='1'/></n3:b><n9:d/></a>",
            declare(0..40),
            declare(3..30)
        ),
        format!("<a{}{}/>", declare(0..40), attrs(0..40)),
        format!("<a{}{} n1:z='1' n8:z='2'/>", declare(0..40), attrs(0..40)),
        format!("<a{} n1:z='1' n8:z='2'/>", declare(0..10)),
        format!("<a{} n1:z='1' n2:z='2'/>", declare(0..10)),
        format!("<a{}{}/>", declare(0..20), declare(19..20)),
        format!("<a{}><n19:b><n19:c/></n19:b></a><n19:b/>", declare(0..20)),
        format!("<a{}><b{}/><n25:c/></a>", declare(0..20), declare(20..30)),
    ];
    let accepted: Vec<_> = doubles
        .iter()
        .map(|d| compare(d.as_bytes(), &[7]).closed)
        .collect();
    assert_eq!(
        accepted,
        [true, true, false, false, true, false, false, false]
    );
}
