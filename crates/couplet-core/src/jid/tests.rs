use std::{
    collections::{BTreeSet, HashSet},
    iter,
};

use proptest::prelude::*;

use super::{BareJid, InvalidJid, Jid, domain_of, hosted_domain, plain_domain};

fn jid(text: &str) -> Jid {
    Jid::new(text).unwrap()
}

fn unchanged(address: &str) -> bool {
    let parts = super::parse::parts(address).unwrap();
    super::prepare::prepare(parts) == address
}

#[test]
fn usual_addresses_are_plain() {
    for address in [
        "localhost",
        "alice@localhost/phone",
        "bot@echo.example.org",
        "a.b-c_d+e@x1.example/Conversations.aB/c@d",
    ] {
        assert!(plain_domain(address).is_some(), "{address}");
    }
}

#[test]
fn what_needs_preparing_or_refusing_is_not_plain() {
    for address in [
        "",
        "@",
        "/",
        "a@",
        "@b",
        "a/",
        "A@b",
        "a@B",
        "a b@c",
        "é@b",
        "a@é",
        "a@b/é",
        "a@b@c",
        "a@-b",
        "a@b-",
        "a@b..c",
        "a@.",
        "a@xn--a",
        "a@b/ c",
        "a&b@c",
        "a@1.2.3.4",
        "a@[::1]",
    ] {
        assert!(plain_domain(address).is_none(), "{address}");
    }
    assert!(plain_domain(&format!("{}@b", "x".repeat(1024))).is_none());
    assert!(plain_domain(&format!("a@{}", "x".repeat(64))).is_none());
}

#[test]
fn the_domain_stands_between_the_first_at_and_the_first_slash() {
    for (text, domain) in [
        ("a@b/c", "b"),
        ("b", "b"),
        ("b/c@d", "b"),
        ("a@b/c@d/e", "b"),
    ] {
        assert_eq!(domain_of(text), domain);
        assert_eq!(jid(text).domain(), domain);
    }
}

#[test]
fn an_address_that_our_tables_cannot_prepare_keeps_its_characters() {
    for text in [
        "room@chat.localhost/🐎",
        "ⵉⵎⴰⵣ@localhost/r",
        "ߒߞߏ@localhost",
        "ൻ@localhost/ൻ",
        "😀@localhost",
        "u@localhost/Anna's iPhone 😀",
        "room@chat.localhost/പ്രവീണ്\u{200d}",
        "room@chat.localhost/x² ﬁ",
        "user@straße.example/r",
        "u@my--app.example",
        "u@localhost/👩\u{200d}💻 🥹",
        "𞤀@localhost",
    ] {
        let jid = jid(text);
        assert_eq!(jid.as_str(), text);
        assert_eq!(jid.to_string(), text);
        assert_eq!(Jid::new(jid.prepared()).unwrap(), jid, "{text}");
    }
}

#[test]
fn one_entity_is_equal_however_it_is_written() {
    for (one, other) in [
        ("Alice@Example.ORG/Phone", "alice@example.org/Phone"),
        ("u@xn--bdk.example", "u@ツ.example"),
        ("u@XN--BDK.example/r", "u@ツ.example/r"),
        ("u@ツ。example", "u@ツ.example"),
        ("Ärger@example.org", "ärger@example.org"),
        ("ａｂ@example.org", "ab@example.org"),
        ("u@example.org/e\u{301}", "u@example.org/é"),
        ("u@example.org/a\u{a0}ü", "u@example.org/a ü"),
        ("a@b.", "a@b"),
        ("A@b./c.", "a@b/c."),
        ("a@[::1]", "a@[0:0::1]"),
    ] {
        assert_eq!(jid(one), jid(other));
        assert_eq!(jid(one).to_bare(), jid(other).to_bare());
        assert_eq!(jid(one).to_domain(), jid(other).to_domain());
        let both = || [jid(one), jid(other)].into_iter();
        assert_eq!(both().collect::<HashSet<_>>().len(), 1, "{one}");
        assert_eq!(both().collect::<BTreeSet<_>>().len(), 1, "{one}");
    }
}

#[test]
fn different_entities_are_not_equal() {
    for (one, other) in [
        ("user@straße.example", "user@strasse.example"),
        ("user@ﬁn.example/ﬁ", "user@ﬁn.example/fi"),
        ("u@example.org/x²", "u@example.org/x2"),
        ("u@example.org/R", "u@example.org/r"),
        ("u@example.org/a\u{200d}b", "u@example.org/ab"),
        ("😀A@example.org", "😀a@example.org"),
        // Fullwidth forms of separators do not separate.
        ("a／b@example.org", "a/b@example.org"),
        ("u＠a@example.org", "u@a"),
        ("a／b.example", "a/b.example"),
    ] {
        assert_ne!(jid(one), jid(other));
    }
}

#[test]
fn what_is_not_an_address_is_refused_with_the_reason() {
    for (text, why) in [
        ("", InvalidJid::EmptyDomain),
        ("a@", InvalidJid::EmptyDomain),
        (".", InvalidJid::EmptyDomain),
        ("a@.", InvalidJid::EmptyDomain),
        ("b..", InvalidJid::EmptyDomain),
        ("a@b../c", InvalidJid::EmptyDomain),
        ("a@b..c", InvalidJid::EmptyDomain),
        ("@b", InvalidJid::EmptyLocalpart),
        ("@@", InvalidJid::EmptyLocalpart),
        ("b/", InvalidJid::EmptyResource),
        ("a@b@c", InvalidJid::Domain('@')),
        ("a@b c", InvalidJid::Domain(' ')),
        ("a b@c", InvalidJid::Localpart(' ')),
        ("a&b@c", InvalidJid::Localpart('&')),
        ("a\"@c", InvalidJid::Localpart('"')),
        ("\"c\"", InvalidJid::Domain('"')),
        ("a@[::g]", InvalidJid::Domain('[')),
        ("a@b/\n", InvalidJid::ControlCharacter('\n')),
    ] {
        assert_eq!(Jid::new(text), Err(why), "{text:?}");
        assert!(!why.to_string().contains('\n'));
    }
    let long = "x".repeat(1024);
    for text in [
        format!("{long}@b"),
        format!("a@{long}"),
        format!("a@b/{long}"),
    ] {
        assert_eq!(Jid::new(&text), Err(InvalidJid::TooLong));
    }
    assert_eq!(BareJid::new("a@b/c"), Err(InvalidJid::Resource));
}

#[test]
fn a_normalized_address_keeps_its_a_labels() {
    for (text, normalized) in [
        ("U@XN--bdk.Example./R", "u@xn--bdk.example/R"),
        ("U@ツ.Example/e\u{301}", "u@ツ.example/é"),
        ("u@example.org/🐎", "u@example.org/🐎"),
        ("Example.org", "example.org"),
    ] {
        let jid = jid(text);
        assert_eq!(jid.normalized().as_str(), normalized);
        assert_eq!(jid.normalized(), jid);
    }
}

#[test]
fn own_domains_take_the_form_of_the_servers() {
    for (typed, hosted) in [
        ("Echo.LocalHost", "echo.localhost"),
        ("echo.localhost.", "echo.localhost"),
        ("straße.localhost", "strasse.localhost"),
        ("ツ.example", "ツ.example"),
        ("XN--bdk.example", "xn--bdk.example"),
        ("my--bot.example.org", "my--bot.example.org"),
    ] {
        assert_eq!(hosted_domain(typed), hosted);
    }
}

#[test]
fn addresses_of_xmpp_parsers_are_converted_where_that_crate_can_hold_them() {
    let theirs = ::jid::Jid::new("Alice@Example.org/x").unwrap();
    assert_eq!(Jid::from(&theirs).as_str(), "alice@example.org/x");
    assert_eq!(
        ::jid::Jid::try_from(&jid("alice@example.org/x")),
        Ok(theirs)
    );
    assert!(::jid::Jid::try_from(&jid("a@b/🐎")).is_err());
}

/// Any character, with a preference for those that a rule mentions.
fn letter() -> impl Strategy<Value = char> {
    prop_oneof![
        3 => prop::char::range(' ', '~'),
        3 => prop::sample::select("@/.ßẞſKΩςİıǅéÄ\u{301}\u{327}\u{200d}\u{200c}\u{ad}ツﬁ²ａＢ／＠．。\u{3000}\u{a0}אبߒⵉൻ🐎🥹𞤀Å".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ]
}

fn text(max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(letter(), 0..max).prop_map(|letters| letters.into_iter().collect())
}

fn address() -> impl Strategy<Value = String> {
    (
        prop::option::of(text(6)),
        text(6),
        prop::option::of(text(6)),
    )
        .prop_map(|(node, domain, resource)| {
            let node = node.map(|node| node + "@").unwrap_or_default();
            let resource = resource
                .map(|resource| format!("/{resource}"))
                .unwrap_or_default();
            iter::once(node).chain([domain, resource]).collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_plain_address_is_a_jid_as_it_stands(
        address in "([a-z0-9._+-]{1,8}@)?[a-z0-9.-]{1,12}(/[!-~]{1,8})?"
    ) {
        prop_assert!(plain_domain(&address).is_none() || unchanged(&address), "{}", address);
    }

    #[test]
    fn an_address_of_any_characters_is_plain_only_if_it_is_a_jid_as_it_stands(address in "[ -~éß@/.]{0,12}") {
        prop_assert!(plain_domain(&address).is_none() || unchanged(&address), "{}", address);
    }

    #[test]
    fn preparing_twice_changes_nothing(text in address()) {
        if let Ok(jid) = Jid::new(&text) {
            let again = Jid::new(jid.prepared());
            prop_assert!(again.is_ok(), "{:?} became {:?}: {:?}", text, jid.prepared(), again);
            let again = again.unwrap();
            prop_assert_eq!(again.prepared(), jid.prepared(), "{:?}", text);
            let normalized = jid.normalized();
            prop_assert_eq!(&normalized, &jid, "{:?} became {:?}", text, normalized.as_str());
            let twice = normalized.normalized();
            prop_assert_eq!(twice.as_str(), normalized.as_str());
        }
    }

    #[test]
    fn the_parts_make_up_the_address(text in address()) {
        if let Ok(jid) = Jid::new(&text) {
            let mut whole = jid.node().map(|node| format!("{node}@")).unwrap_or_default();
            whole.push_str(jid.domain());
            if let Some(resource) = jid.resource() {
                whole.push('/');
                whole.push_str(resource);
            }
            prop_assert_eq!(&whole, &text);
            prop_assert_eq!(jid.as_str(), &text);
            for part in [jid.to_bare(), jid.to_domain()] {
                let read = BareJid::new(part.as_str()).unwrap();
                prop_assert_eq!(read.prepared(), part.prepared());
            }
        }
    }

    #[test]
    fn preparing_never_moves_a_border_between_parts(text in address()) {
        if let Ok(jid) = Jid::new(&text) {
            let prepared = Jid::new(jid.prepared()).unwrap();
            prop_assert_eq!(prepared.node().is_some(), jid.node().is_some());
            prop_assert_eq!(prepared.resource().is_some(), jid.resource().is_some());
        }
    }

    #[test]
    fn every_address_of_the_crate_jid_is_one_here(text in address()) {
        if let Ok(theirs) = ::jid::Jid::new(&text) {
            let jid = Jid::from(&theirs);
            prop_assert_eq!(jid.as_str(), theirs.as_str());
            prop_assert_eq!(jid.node(), theirs.node().map(|part| part.as_str()));
            // The crate `jid` removes a root dot (RFC 7622, 3.2) from the domain and then splits
            // the parts one byte late.
            if !jid.domain().ends_with('.') {
                prop_assert_eq!(jid.domain(), theirs.domain().as_str());
                prop_assert_eq!(jid.resource(), theirs.resource().map(|part| part.as_str()));
            }
        }
    }
}
