//! Measures our service behind real servers, compared with the server's best routing rate and with
//! its own service.

use std::{
    io::{self, Write},
    path::Path,
    thread,
    time::Duration,
};

use couplet_pubsub::settings::StoreLocation;
use couplet_test::{Ejabberd, Prosody, Setup};
use tokio::runtime::Runtime;

use crate::{
    Cli, clock,
    raw_stream::RawStream,
    service::{Place, Service},
    table::{Goal, Table},
    workload::{Throughput, Workload, payload},
};

const SECRET: &str = "secret";
const OURS: &str = "pubsub.localhost";
const OWN: &str = "own.localhost";
/// The domain of all publishers and subscribers.
const USERS: &str = "users.localhost";
/// The domain of a component whose messages are only routed.
const RAW: &str = "raw.localhost";

/// The timeout until our service is online.
const ONLINE: Duration = Duration::from_secs(10);

fn setup() -> Setup {
    Setup::component(OURS, SECRET)
        .and_component(USERS, SECRET)
        .and_component(RAW, SECRET)
        .own_pubsub(OWN, &format!("owner@{USERS}"))
}

pub(crate) fn prosody(cli: &Cli, folder: &Path, table: &mut Table) -> io::Result<()> {
    let runtime = Runtime::new()?;
    let server = runtime
        .block_on(Prosody::start(setup()))
        .map_err(io::Error::other)?;
    let place = (server.component_addr(), folder.join("prosody.db"));
    measure(cli, "Prosody", place, 2, table)
}

pub(crate) fn ejabberd(cli: &Cli, folder: &Path, table: &mut Table) -> io::Result<()> {
    let runtime = Runtime::new()?;
    let server = runtime
        .block_on(Ejabberd::start(setup()))
        .map_err(io::Error::other)?;
    let place = (server.component_addr(), folder.join("ejabberd.db"));
    measure(cli, "ejabberd", place, 5, table)
}

fn measure(
    cli: &Cli,
    server: &'static str,
    (address, file): (String, std::path::PathBuf),
    items: u64,
    table: &mut Table,
) -> io::Result<()> {
    let mut users = RawStream::connect(&address, USERS, SECRET)?;
    let raw = RawStream::connect(&address, RAW, SECRET)?;
    let service = Service::start(Place {
        server: address,
        domain: OURS,
        secret: SECRET,
        store: StoreLocation::Sqlite(file),
        threads: cli.threads,
    });
    ours(cli, server, items, (&mut users, &raw, &service), table)?;
    service.stop()?;
    its_own(cli, server, items, &mut users, table)
}

fn ours(
    cli: &Cli,
    server: &str,
    items: u64,
    (users, raw, service): (&mut RawStream, &RawStream, &Service),
    table: &mut Table,
) -> io::Result<()> {
    let block = fan_out(server);
    let payload = payload(cli.payload);
    let readers = cli.subscribers as u64;
    let items = cli.items(items);
    online(users, service)?;
    let parts = table.quietly(|| workload(users, OURS).subscribe("told", cli.subscribers))?;
    table.subscribed(&format!("ours behind {server}"), &parts);
    let (mut routed, mut rounds) = (Vec::new(), Vec::new());
    for _ in 0..cli.rounds() {
        routed.push(table.quietly(|| route(raw, users, readers, items, &payload))?);
        rounds.push(
            table.quietly(|| workload(users, OURS).fan_out("told", readers, items, &payload))?,
        );
    }
    let routed = Throughput {
        count: routed.iter().map(|done| done.count).sum(),
        took: routed.iter().map(|done| done.took).sum(),
    };
    table.add(block, "routed, no service", "messages", routed.rate(), "/s");
    let fanout = table.fanout(block, "ours, SQLite", &rounds);
    let share = fanout.rate() / routed.rate();
    table.add(block, "ours, SQLite", "of what is routed", share, "x");
    table.goal(Goal::AtLeast(0.9));
    table.waited(block, "ours, SQLite", &rounds);
    workload(users, OURS).create("published")?;
    let done = table.quietly(|| {
        workload(users, OURS).publish("published", cli.publishers, cli.time(), &payload)
    })?;
    table.add(block, "ours, SQLite", "publishes", done.rate(), "/s");
    Ok(())
}

/// Measures the server's own service, with fewer subscribers: in Prosody each costs more than the
/// one before.
fn its_own(
    cli: &Cli,
    server: &str,
    items: u64,
    users: &mut RawStream,
    table: &mut Table,
) -> io::Result<()> {
    let block = fan_out(server);
    let payload = payload(cli.payload);
    let readers = cli.own_subscribers as u64;
    // As many notifications as our service sends in a round.
    let items = cli.items(items) * (cli.subscribers as u64 / readers.max(1)).max(1);
    let mut own = workload(users, OWN);
    own.create("told")?;
    let parts = table.quietly(|| own.subscribe("told", cli.own_subscribers))?;
    let who = format!("mod_pubsub of {server}");
    table.subscribed(&who, &parts);
    let mut rounds = Vec::new();
    for _ in 0..cli.rounds() {
        rounds.push(table.quietly(|| own.fan_out("told", readers, items, &payload))?);
    }
    let who = format!("mod_pubsub, {readers} only");
    table.fanout(block, &who, &rounds);
    table.waited(block, &who, &rounds);
    own.create("published")?;
    let done = table.quietly(|| own.publish("published", cli.publishers, cli.time(), &payload))?;
    table.add(block, "mod_pubsub", "publishes", done.rate(), "/s");
    Ok(())
}

fn workload<'w>(stream: &'w mut RawStream, service: &'static str) -> Workload<'w> {
    Workload {
        stream,
        service,
        users: USERS,
    }
}

fn fan_out(server: &str) -> &'static str {
    match server {
        "Prosody" => "fan-out and publish through Prosody",
        _ => "fan-out and publish through ejabberd",
    }
}

/// Creates our node as soon as the service is online.
fn online(users: &mut RawStream, service: &Service) -> io::Result<()> {
    let since = clock::now();
    loop {
        match workload(users, OURS).create("told") {
            Err(why) if since.elapsed() > ONLINE || service.has_ended() => return Err(why),
            Err(_not_yet) => clock::pause(Duration::from_millis(100)),
            Ok(()) => return Ok(()),
        }
    }
}

/// Sends messages like our notifications from a component that does nothing else.
fn route(
    raw: &RawStream,
    users: &mut RawStream,
    readers: u64,
    items: u64,
    payload: &str,
) -> io::Result<Throughput> {
    users.quiet()?;
    let all = readers * items;
    let written: String = (0..readers)
        .map(|reader| {
            format!("<message from='{RAW}' to='reader{reader}@{USERS}' type='headline' id='1-5-{reader:016x}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='told'><item id='i5'>{payload}</item></items></event></message>")
        })
        .collect();
    let mut writer = raw.writer()?;
    let begun = clock::now();
    let writing =
        thread::spawn(move || (0..items).try_for_each(|_| writer.write_all(written.as_bytes())));
    while users.messages < all {
        users.read_responses()?;
    }
    let took = begun.elapsed();
    writing
        .join()
        .map_err(|_| io::Error::other("the writer panicked"))??;
    Ok(Throughput { count: all, took })
}
