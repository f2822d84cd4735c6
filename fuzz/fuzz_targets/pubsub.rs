//! A whole pubsub service under a handful of stanzas from three users: every get and set gets
//! exactly one answer, and nothing is sent that a server would reject or close the stream for.
//!
//! The input is split at NUL. The first byte of each piece selects the sender and the stanza; the
//! rest is its content.

#![no_main]

use couplet::Component;
use couplet_core::element::{Scope, Tree};
use couplet_pubsub::{Pubsub, policy::DefaultPolicy};
use couplet_test::{Server, TestUser};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

/// The domain of the component on the server in memory.
const DOMAIN: &str = "echo.test";
const PEOPLE: [&str; 3] = ["alice@x.test/a", "bob@x.test/b", "carol@x.test/c"];
const KINDS: [(&str, &str); 5] = [
    ("iq", "get"),
    ("iq", "set"),
    ("message", "normal"),
    ("message", "error"),
    ("presence", "subscribe"),
];
const ID: &str = "fuzzed";

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
}

fuzz_target!(|data: &[u8]| {
    let asks: Vec<Ask> = data
        .split(|byte| *byte == 0)
        .take(16)
        .filter_map(Ask::of)
        .collect();
    if !asks.is_empty() {
        RUNTIME.with(|runtime| runtime.block_on(serve(&asks)));
    }
});

struct Ask {
    who: usize,
    kind: &'static str,
    xml: String,
}

impl Ask {
    /// Returns `None` if the piece is not one stanza, which a server would not forward.
    fn of(piece: &[u8]) -> Option<Ask> {
        let (&choice, inside) = piece.split_first()?;
        let choice = usize::from(choice);
        let (kind, type_) = KINDS[choice % KINDS.len()];
        let inside = str::from_utf8(inside).ok()?;
        let xml = format!("<{kind} type='{type_}' to='{DOMAIN}' id='{ID}'>{inside}</{kind}>");
        Tree::parse(xml.clone(), &Scope::client()).ok()?;
        let who = choice / KINDS.len() % PEOPLE.len();
        Some(Ask { who, kind, xml })
    }
}

async fn serve(asks: &[Ask]) {
    let pubsub = Pubsub::memory().policy(DefaultPolicy);
    let mut server = Server::start(|config| Component::new(config).extend(&pubsub)).await;
    let mut people = PEOPLE.map(|address| server.user(address));
    for ask in asks {
        let answers = answers(&mut people[ask.who], ask).await;
        assert_eq!(answers, usize::from(ask.kind == "iq"), "{}", ask.xml);
    }
    assert_eq!(server.faults(), 0, "{}", server.journal());
    assert_eq!(server.component().sessions(), 1, "{}", server.journal());
    pubsub.close().await.unwrap();
}

/// Sends the request and a ping, and counts the stanzas before the ping's response: the component
/// has answered the request by then.
async fn answers(person: &mut TestUser, ask: &Ask) -> usize {
    person.send_raw(&ask.xml).await;
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let ping = person.send_request("get", DOMAIN, ping).await;
    let mut answers = 0;
    loop {
        let heard = person.next().await;
        if heard.name() != "iq" {
            continue;
        }
        assert!(matches!(heard.type_(), "result" | "error"), "{heard}");
        if heard.id() == ping {
            return answers;
        }
        assert_eq!(heard.id(), ID, "{heard}");
        answers += 1;
    }
}
