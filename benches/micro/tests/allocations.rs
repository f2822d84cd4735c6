//! Counts the allocations per stanza: the same on every machine, and independent of time.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, and so may what prepares it"
)]

use allocation_counter::measure;
use couplet::{Component, Config, Connect, Incoming, Message, Stream, async_trait};
use couplet_core::{
    element::{NS_CLIENT, NS_XML, Scope, Tree},
    framer::{Frame, Framer, Limits},
    outgoing::Outgoing,
    reply::ReplyToRef,
    stanza::Stanza,
    stanza_writer::StanzaWriter,
    xml_writer::XmlWriter,
};
use micro::{DISCO, HEADER, PING, PLAIN, RICH};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use xmpp_parsers::{disco::DiscoInfoQuery, ping::Ping};

/// Number of stanzas that go through a whole component together.
const AT_ONCE: usize = 64;

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

/// Returns a framer with enough capacity for the stanza, as in a running session.
fn framer_before(xml: &str) -> Framer {
    let mut framer = Framer::new(Limits::default());
    framer.space().extend_from_slice(HEADER.as_bytes());
    assert!(matches!(framer.next(), Ok(Some(Frame::Opened(_)))));
    framer.space().extend_from_slice(xml.as_bytes());
    framer
}

fn stanza(xml: &'static str) -> Stanza {
    Stanza::read(Tree::parse(xml, &Scope::component()).unwrap()).unwrap()
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
    let stanza_writer = StanzaWriter::new("echo.localhost".parse().unwrap(), 512 * 1024);
    let mut out = Vec::with_capacity(4096);
    let counted = allocations(|| {
        let mut xml = XmlWriter::new(&mut out);
        xml.attribute("to", "o'hara@localhost");
        xml.text("1 < 2 & \u{1} \u{FFFE} what users say, more or less");
        Outgoing::write_reply(&message, "r1", "1 < 2", &stanza_writer, &mut out).unwrap();
        ReplyToRef::of(&ping, |reply_to| {
            reply_to
                .result(&stanza_writer, &mut out, |_| Ok(()))
                .unwrap()
        });
    });
    assert_eq!(counted, 0);
}

struct Memory(Option<DuplexStream>);

#[async_trait]
impl Connect for Memory {
    async fn connect(&mut self) -> std::io::Result<Box<dyn Stream>> {
        let ours = self.0.take().ok_or(std::io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(ours))
    }
}

/// Acts as the server (XEP-0114, 3) until the stanzas before `end` are answered.
async fn answered(server: &mut DuplexStream, xml: &str, end: &str, read: &mut Vec<u8>) {
    server.write_all(xml.as_bytes()).await.unwrap();
    read.clear();
    let mut seen = 0_usize;
    loop {
        let new = read.get(seen.saturating_sub(end.len())..).unwrap();
        if new.windows(end.len()).any(|bytes| bytes == end.as_bytes()) {
            return;
        }
        seen = read.len();
        assert!(server.read_buf(read).await.unwrap() > 0);
    }
}

#[test]
fn a_component_answers_with_at_most_six_allocations() {
    let (ours, mut server) = duplex(1024 * 1024);
    let component = Component::new(Config::new("echo.localhost", "secret"))
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
        .connect_through(Memory(Some(ours)));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let running = runtime.spawn(component.run(std::future::pending()));
    let mut read = Vec::with_capacity(1024 * 1024);
    runtime.block_on(answered(&mut server, HEADER, "</handshake>", &mut read));
    runtime.block_on(answered(&mut server, "<handshake/>", " ", &mut read));
    for xml in [PLAIN, PING, DISCO] {
        // The id of the last response or, if the response has its own id, its text.
        let last = xml.replace("0000042", "the last");
        let all = xml.repeat(AT_ONCE) + &last;
        let mut counted = 0;
        // Buffers that the first ones grow keep their capacity.
        for _ in 0..3 {
            counted = allocations(|| {
                runtime.block_on(answered(&mut server, &all, "the last", &mut read));
            });
        }
        let each = counted.div_ceil(AT_ONCE as u64);
        assert!((1..=6).contains(&each), "{each} for {xml}");
    }
    running.abort();
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(String::from("counted"))), 1);
}
