//! From a request to its response through a whole component, with few handlers and with many.
//!
//! The router has no public API, so this measures the whole way: 64 requests are written to a
//! connection in memory, and 64 results are read from it.

#![expect(
    clippy::expect_used,
    reason = "what cannot begin has nothing to measure"
)]

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use couplet::{Component, Config, Connect, Empty, Incoming, Stream, async_trait};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use micro::HEADER;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::{Builder, Runtime},
};
use xmpp_parsers::{iq::IqGetPayload, minidom::Element, ping::Ping};
use xso::{
    Context, FromEventsBuilder, FromXml,
    error::{Error, FromEventsError},
    exports::rxml::{AttrMap, Event, Namespace, NcName, QName},
    fromxml::XmlNameMatcher,
};

const AT_ONCE: usize = 64;
const ASKED: &str = "urn:example:asked:0";

/// The number of the type that a `Numbered` stands for: ten thousand real types would take an hour
/// to compile.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

struct Numbered;

impl IqGetPayload for Numbered {}

impl From<Numbered> for Element {
    fn from(_: Numbered) -> Element {
        Ping.into()
    }
}

impl TryFrom<Element> for Numbered {
    type Error = <Ping as TryFrom<Element>>::Error;

    fn try_from(element: Element) -> Result<Numbered, Self::Error> {
        Ping::try_from(element).map(|Ping| Numbered)
    }
}

impl FromXml for Numbered {
    type Builder = Reading;

    fn from_events(
        _: QName,
        _: AttrMap,
        context: &Context<'_>,
    ) -> Result<Reading, FromEventsError> {
        let name = (
            Namespace::from("urn:xmpp:ping".to_owned()),
            NcName::try_from("ping").expect("a name"),
        );
        Ping::from_events(name, AttrMap::new(), context).map(Reading)
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        let ns = format!("urn:example:asked:{}", NUMBER.load(Ordering::Relaxed));
        XmlNameMatcher::Specific(ns.leak(), "asked")
    }
}

struct Reading(<Ping as FromXml>::Builder);

impl FromEventsBuilder for Reading {
    type Output = Numbered;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Numbered>, Error> {
        Ok(self.0.feed(event, context)?.map(|Ping| Numbered))
    }
}

struct Memory(Option<DuplexStream>);

#[async_trait]
impl Connect for Memory {
    async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        let ours = self.0.take().ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(ours))
    }
}

fn component(handlers: usize, ours: DuplexStream) -> Component {
    let mut component =
        Component::new(Config::new("echo.localhost", "secret")).connect_through(Memory(Some(ours)));
    for number in (0..handlers).rev() {
        NUMBER.store(number, Ordering::Relaxed);
        component = component.on_get(|_: Incoming<Numbered>| async { Ok(Empty) });
    }
    component
}

/// Acts as the server until the component is online (XEP-0114, 3).
async fn welcome(server: &mut DuplexStream) {
    let mut read = Vec::new();
    server.write_all(HEADER.as_bytes()).await.expect("an end");
    while !read.ends_with(b"</handshake>") {
        assert!(server.read_buf(&mut read).await.expect("an end") > 0);
    }
    server.write_all(b"<handshake/>").await.expect("an end");
}

async fn answered(server: &mut DuplexStream, requests: &[u8], read: &mut Vec<u8>) {
    server.write_all(requests).await.expect("an end");
    read.clear();
    let mut results = 0;
    while results < AT_ONCE {
        let before = read.len();
        assert!(server.read_buf(read).await.expect("an end") > 0);
        let new = read.get(before.saturating_sub(7)..).unwrap_or_default();
        results += new.windows(8).filter(|word| *word == b"'result'").count();
    }
}

fn runtime() -> Runtime {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all().build().expect("a runtime")
}

fn routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routes");
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    let request = format!(
        "<iq from='u0000007@localhost/x' to='echo.localhost' id='m0000042' type='get'>\
         <asked xmlns='{ASKED}'/></iq>"
    );
    let requests = request.repeat(AT_ONCE);
    for handlers in [1, 100, 10_000] {
        let (ours, mut server) = duplex(1024 * 1024);
        let component = component(handlers, ours);
        let runtime = runtime();
        let running = runtime.spawn(component.run(std::future::pending()));
        runtime.block_on(welcome(&mut server));
        let mut read = Vec::new();
        group.bench_function(format!("{handlers} handlers"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(answered(&mut server, requests.as_bytes(), &mut read));
            });
        });
        running.abort();
    }
}

criterion_group!(benches, routes);
criterion_main!(benches);
