//! Hostile input: its effect on the sender, and that it has none on others.
//!
//! Servers differ in what they forward (servers.md, 3); each scenario says what happens to its
//! stanza on which server.

use std::fmt::Write;

use couplet_test::{Backend, Packages, Setup, TestServer};

use crate::apps::{BOT, DOMAIN, echo};

use Fate::{Deadly, Echoed, Refused, Silence};

/// The result for the sender of a stanza.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// A reply: the stanza is an ordinary message.
    Echoed,
    /// An error with this condition, from the component or a server on the way.
    Refused(&'static str),
    /// Nothing, because none is due or because the server drops it.
    Silence,
    /// The server crashes. The component waits for its return.
    Deadly,
}

/// Returns a result that comes from the component, on every server.
fn everywhere(fate: Fate) -> [Fate; 3] {
    [fate; 3]
}

/// Deep nesting: between 2,000 and 4,000 levels the runtime of ejabberd 23.01 overflows the stack
/// of a scheduler and crashes (SIGSEGV).
const NESTED: [Fate; 3] = [
    Refused("policy-violation"),
    Refused("policy-violation"),
    Deadly,
];

/// Available presence with a `<show/>` that RFC 6121 does not define. A component must not answer
/// it with an error, which would remove an occupant from its room; ejabberd answers by itself.
const BOGUS_SHOW: [Fate; 3] = [Silence, Silence, Refused("bad-request")];

/// The servers' answers to an invalid address (servers.md, 3).
const MALFORMED: [Fate; 3] = [
    Refused("jid-malformed"),
    Refused("jid-malformed"),
    Refused("bad-request"),
];

/// Returns a setup in which the servers forward as much as they can.
pub(crate) fn open_to_everything(setup: Setup) -> Setup {
    setup.client_stanza_limit(128 << 20).send_chunk(256 << 20)
}

/// Returns white space to send after a stanza with a large start tag: expat, from 2.6 on, parses a
/// tag that arrived in parts only when twice as much has arrived (docs/servers.md, 3).
fn padding(stanza: &str) -> String {
    const LARGEST_START_TAG: usize = 8 << 20;
    match stanza.len() < LARGEST_START_TAG {
        true => " ".repeat(stanza.len()),
        false => String::new(),
    }
}

/// Sends a stanza, checks the result for its sender on memory, Prosody and ejabberd, and that the
/// component still works for others.
async fn throw(server: &mut TestServer, stanza: String, fates: [Fate; 3]) {
    server.set_up(open_to_everything);
    let mut component = server.run(echo).await;
    let mut alice = server.user("alice").await;
    let mut bob = server.user("bob").await;
    let _the_fate_tells = alice.try_send_raw(&stanza).await;
    if server.packages() == Packages::Debian13 {
        let _the_fate_tells = alice.try_send_raw(padding(&stanza)).await;
    }
    drop(stanza);
    let fate = of(server.backend(), fates);
    match fate {
        Echoed => assert_eq!(alice.next().await.text(), TEXT),
        Refused(condition) => {
            let refused = alice.next().await;
            assert_eq!(
                (refused.type_(), refused.condition()),
                ("error", condition),
                "{refused}"
            );
        }
        Deadly => {}
        Silence => {}
    }
    if matches!(fate, Deadly) {
        assert!(alice.is_cut_off().await);
        server.kill().await;
        server.restart().await;
        component.online().await;
        bob = server.user("bob").await;
    } else {
        alice.hears_only_a_pong_from(BOT).await;
        assert_eq!(component.sessions(), 1, "the stream has never ended");
    }
    bob.chat(BOT, "and me?").await;
    assert_eq!(bob.next_chat().await.text(), "and me?");
    component.stop().await.unwrap();
}

fn of(backend: Backend, [memory, prosody, ejabberd]: [Fate; 3]) -> Fate {
    match backend {
        Backend::Memory => memory,
        Backend::Prosody => prosody,
        Backend::Ejabberd => ejabberd,
    }
}

const TEXT: &str = "as usual";

macro_rules! hostile {
    ($($(#[$doc:meta])* $name:ident: $stanza:expr, $fates:expr;)*) => {
        $(
            $(#[$doc])*
            pub async fn $name(server: &mut TestServer) {
                throw(server, $stanza, $fates).await;
            }
        )*

        /// Returns all stanzas of the scenarios in this file, except those that crash the server.
        pub(crate) fn stanzas(backend: Backend) -> impl Iterator<Item = String> {
            let stanzas: Vec<(fn() -> String, [Fate; 3])> = vec![$((|| $stanza, $fates)),*];
            let all = stanzas.into_iter();
            let harmless = all.filter(move |(_, fates)| !matches!(of(backend, *fates), Deadly));
            harmless.map(|(stanza, _)| stanza())
        }
    };
}

hostile! {
    /// RFC 6121, 4.7.2.3: from -128 to 127.
    a_priority_of_999_is_ignored:
        presence("", "<priority>999</priority>"), everywhere(Silence);
    /// RFC 6121, 4.7.2.1.
    a_bogus_show_is_ignored:
        presence("", "<show>bogus</show>"), BOGUS_SHOW;
    /// RFC 6121, 4.7.1.
    a_presence_of_unknown_type_is_a_bad_request:
        presence("type='bogus'", ""), everywhere(Refused("bad-request"));
    /// RFC 6121, 5.2.2: it is taken as `normal`.
    a_message_of_unknown_type_is_a_normal_one:
        message("type='bogus'", &body(TEXT)), everywhere(Echoed);
    /// RFC 6121, 5.2.5: one at most; the first counts.
    a_message_with_two_threads_is_read:
        message("", &format!("<thread>a</thread><thread>b</thread>{}", body(TEXT))), everywhere(Echoed);
    /// RFC 6120, 8.3.1: errors are never answered.
    an_error_with_an_unknown_condition_is_not_answered:
        iq("type='error' id='h1'", UNKNOWN), everywhere(Silence);
    /// RFC 6120, 8.2.3: exactly one child.
    a_get_without_payload_is_a_bad_request:
        iq("type='get' id='h2'", ""), everywhere(Refused("bad-request"));
    /// RFC 6120, 8.2.3: exactly one child.
    a_get_with_two_payloads_is_a_bad_request:
        iq("type='get' id='h3'", "<a xmlns='u:a'/><b xmlns='u:b'/>"), everywhere(Refused("bad-request"));
    /// RFC 6120, 8.1.3.
    an_iq_without_id_is_a_bad_request:
        iq("type='get'", "<a xmlns='u:a'/>"), everywhere(Refused("bad-request"));
    /// RFC 6120, 8.2.3.
    an_iq_of_unknown_type_is_a_bad_request:
        iq("type='bogus' id='h4'", "<a xmlns='u:a'/>"), everywhere(Refused("bad-request"));
    /// RFC 6120, 8.3.3.8. No server forwards it.
    an_address_that_does_not_parse_is_malformed:
        format!("<message to='a b@{DOMAIN}'><body>x</body></message>"), MALFORMED;
    /// 28 KB of them abort a component that parses by recursion.
    four_thousand_levels_are_refused:
        nested(4_000), NESTED;
    /// Prosody forwards as many.
    thirty_thousand_levels_are_refused:
        nested(30_000), NESTED;
    /// Never entirely in memory.
    a_body_of_64_mebibytes_is_refused:
        message("", &body(&"x".repeat(64 << 20))), everywhere(Refused("policy-violation"));
    /// Small elements, whose tree takes several times their bytes.
    thirty_thousand_elements_are_refused:
        message("", &format!("<x xmlns='u:x'>{}</x>", "<a/>".repeat(30_000))), everywhere(Refused("policy-violation"));
    /// As clients send pictures in XHTML-IM.
    a_picture_in_an_attribute_is_no_reason_to_refuse_a_message:
        message("", &format!("<img xmlns='u:x' src='data:image/jpeg;base64,{}'/>{}", "A".repeat(100_000), body(TEXT))), everywhere(Echoed);
    /// As clients quote in XHTML.
    sixty_quotations_in_each_other_are_no_reason_to_refuse_a_message:
        message("", &format!("<x xmlns='u:x'>{}{}</x>{}", "<blockquote>".repeat(60), "</blockquote>".repeat(60), body(TEXT))), everywhere(Echoed);
    /// More than any payload of a XEP has, but harmless.
    two_hundred_attributes_are_no_reason_to_refuse_a_message:
        message("", &format!("<a xmlns='u:a'{}/>{}", attributes(200), body(TEXT))), everywhere(Echoed);
    /// Longer than a stanza may be.
    an_attribute_of_5_mebibytes_is_refused:
        message("", &format!("<a xmlns='u:a' b='{}'/>", "x".repeat(5 << 20))), everywhere(Refused("policy-violation"));
    /// More than any payload has.
    ten_thousand_attributes_are_refused:
        message("", &format!("<a xmlns='u:a'{}/>", attributes(10_000))), everywhere(Refused("policy-violation"));
}

const UNKNOWN: &str =
    "<error type='cancel'><gone-fishing xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

fn presence(attributes: &str, children: &str) -> String {
    format!("<presence {attributes} to='{BOT}'>{children}</presence>")
}

fn message(attributes: &str, children: &str) -> String {
    format!("<message {attributes} to='{BOT}'>{children}</message>")
}

fn iq(attributes: &str, children: &str) -> String {
    format!("<iq {attributes} to='{BOT}'>{children}</iq>")
}

fn body(text: &str) -> String {
    format!("<body>{text}</body>")
}

fn nested(levels: usize) -> String {
    let (open, close) = ("<x xmlns='u:x'>".repeat(levels), "</x>".repeat(levels));
    message("type='chat'", &format!("{open}{close}"))
}

fn attributes(count: usize) -> String {
    (0..count).fold(String::new(), |mut written, n| {
        let _strings_take_everything = write!(written, " a{n}=''");
        written
    })
}
